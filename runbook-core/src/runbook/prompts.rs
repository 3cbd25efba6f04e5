//! What stands before a command in text that was copied from a terminal.

/// A line as a terminal shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prompt<'a> {
    /// `$ `, `ana@web-1:~$ `: a command for this shell.
    Shell(&'a str),
    /// `root@web-1:~# `, and `# ` where `#` does not begin a comment: a command for root.
    Root(&'a str),
    /// `mysql> `, `>>> `, `postgres=# `: text for another program.
    Other,
    /// `λ `, `(venv) ls`: perhaps a prompt, and it is not known where it ends.
    Unclear,
}

/// Marks of prompts that output may begin with as well: they count where a session's first line has the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// `% `, as zsh and csh have it.
    Percent,
    /// `❯ `.
    Chevron,
    /// `➜  dir `, `➜  dir git:(main) ✗ `.
    Arrow,
}

/// Programs that a line of shell begins with, for blocks that do not say what they hold.
const PROGRAMS: &[&str] = &[
    "apt",
    "apt-get",
    "aws",
    "az",
    "blocks",
    "cat",
    "cd",
    "chmod",
    "chown",
    "cp",
    "curl",
    "dig",
    "docker",
    "echo",
    "etcdctl",
    "export",
    "gcloud",
    "gh",
    "git",
    "grep",
    "helm",
    "journalctl",
    "kubectl",
    "ls",
    "make",
    "mkdir",
    "mv",
    "mysql",
    "npm",
    "oc",
    "pip",
    "promtool",
    "psql",
    "python",
    "python3",
    "redis-cli",
    "rm",
    "rsync",
    "scp",
    "service",
    "ssh",
    "sudo",
    "systemctl",
    "tail",
    "tar",
    "terraform",
    "vault",
    "wget",
    "yum",
];

/// Words that follow when `make` or `service` begins a sentence.
const PROSE: &[&str] =
    &["sure", "the", "a", "an", "is", "are", "to", "this", "that", "into", "it", "your", "and"];

/// Programs whose prompt is their name and `>`.
const SPEAKERS: &[&str] = &[
    "mysql",
    "mariadb",
    "mongo",
    "mongos",
    "sqlite",
    "irb",
    "redis",
    "ftp",
    "sftp",
    "psql",
    "cqlsh",
    "influx",
    "spark-sql",
];

/// Whether a line begins with a well-known program and goes on like a command.
pub(crate) fn looks_like_command(line: &str) -> bool {
    let mut words = line.split_whitespace();
    words.next().is_some_and(|first| PROGRAMS.contains(&first))
        && words.next().is_some_and(|second| !PROSE.contains(&second))
}

/// The prompt that a line begins with. A lone `# ` counts only in a `console`, and only before a command.
pub(crate) fn read(line: &str, console: bool) -> Option<Prompt<'_>> {
    let line = line.trim_start();
    match line.as_bytes().first()? {
        b'$' if line == "$" => Some(Prompt::Shell("")),
        b'$' => line.strip_prefix(['$']).and_then(|rest| rest.strip_prefix([' ', '\t'])).map(Prompt::Shell),
        b'#' => {
            let command = line.strip_prefix("# ").filter(|command| console && looks_like_command(command))?;
            Some(Prompt::Root(command))
        }
        b'>' => (line == ">>>" || line.starts_with(">>> ")).then_some(Prompt::Other),
        b'/' | b'~' => folder(line, console),
        b'(' => environment(line, console).or_else(|| other(line)),
        _ => host(line).or_else(|| other(line)),
    }
}

/// The mark that a line begins with, and the command behind it.
pub(crate) fn marked(line: &str) -> Option<(Mark, &str)> {
    let line = line.trim_start();
    if let Some(command) = line.strip_prefix("% ") {
        // `% Total` is what curl writes
        let begins = |c: char| c.is_ascii_lowercase() || matches!(c, '.' | '/' | '~' | '_');
        return command.starts_with(begins).then_some((Mark::Percent, command));
    }
    if let Some(command) = line.strip_prefix('❯') {
        return (command.is_empty() || command.starts_with(' '))
            .then(|| (Mark::Chevron, command.trim_start()));
    }
    // one blank may stand before a command at once, and two stand before a folder
    let rest = line.strip_prefix("➜  ")?;
    let (_folder, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let rest = match rest.trim_start().strip_prefix("git:(") {
        Some(branch) => branch.split_once(')')?.1.trim_start(),
        None => rest.trim_start(),
    };
    Some((Mark::Arrow, rest.strip_prefix('✗').unwrap_or(rest).trim_start()))
}

/// Whether a line begins with what may be a prompt, and no command of this shell begins so.
pub(crate) fn is_unclear(line: &str) -> bool {
    let line = line.trim_start();
    if let Some(rest) = line.strip_prefix("> ") {
        // at the beginning of a command it would write a file named like the program
        return looks_like_command(rest);
    }
    if let Some(rest) = line.strip_prefix("-> ").or_else(|| line.strip_prefix("=> ")) {
        return rest.starts_with(|c: char| c.is_ascii_alphabetic());
    }
    if let Some((name, rest)) = line.strip_prefix('(').and_then(|rest| rest.split_once(") ")) {
        // a word behind a subshell is no shell text
        return is_environment(name) && rest.starts_with(|c: char| c.is_ascii_alphabetic());
    }
    line.starts_with(['➜', '❯', 'λ', '»', '▶', '→', '›', '⟩', '⇒'])
        && line
            .split_once(' ')
            .is_some_and(|(mark, rest)| mark.chars().count() == 1 && !rest.trim().is_empty())
}

/// `~/shop $ `, `/srv $ `, and in a `console` `/ # ` before a command.
fn folder(line: &str, console: bool) -> Option<Prompt<'_>> {
    let (path, rest) = line.split_once(' ')?;
    let (mark, command) = rest.split_once(' ').unwrap_or((rest, ""));
    match mark {
        "$" => Some(Prompt::Shell(command)),
        "%" | "❯" if path.starts_with('~') => Some(Prompt::Shell(command)),
        "#" if console && looks_like_command(command) => Some(Prompt::Root(command)),
        _ => None,
    }
}

/// `(venv) $ `: the name of an environment before another prompt.
fn environment(line: &str, console: bool) -> Option<Prompt<'_>> {
    let (name, rest) = line.strip_prefix('(')?.split_once(") ")?;
    // only one, so that many brackets are not gone through again and again
    if !is_environment(name) || rest.starts_with('(') {
        return None;
    }
    match marked(rest) {
        Some((_, command)) => Some(Prompt::Shell(command)),
        None => read(rest, console),
    }
}

fn is_environment(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

/// `ana@web-1:~$ `, `[root@web-1 ~]# `, `bash-5.2$ `, `ana@web-1 shop % `, `web-1:shop ana$ `.
fn host(line: &str) -> Option<Prompt<'_>> {
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let bare = line.strip_prefix('[').unwrap_or(line);
    // what a container's shell shows for a user id without a name
    let user = bare.strip_prefix("I have no name!").unwrap_or_else(|| bare.trim_start_matches(name));
    let rest = match user.strip_prefix('@') {
        Some(at) if user.len() < bare.len() => {
            let host = at.trim_start_matches(name);
            // what may stand between the host and the mark
            let place = |c: char| name(c) || matches!(c, ':' | '~' | '/' | ']' | '+');
            let place = |c: char| place(c) || bare.len() < line.len() && c == ' ';
            let rest = (host.len() < at.len()).then(|| host.trim_start_matches(place))?;
            match rest.strip_prefix(' ').and_then(|rest| rest.split_once(' ')) {
                // `ana@example.com 50 % used` is no prompt
                Some((folder, mark))
                    if !folder.starts_with(|c: char| c.is_ascii_digit())
                        && mark.starts_with(['$', '%', '#']) =>
                {
                    mark
                }
                _ => rest,
            }
        }
        // `web-1$ `, `web-1:~$ `
        _ if user.len() < line.len() && bare.len() == line.len() && is_host_mark(user) => {
            user.trim_start_matches(|c: char| name(c) || matches!(c, ':' | '~' | '/'))
        }
        _ if user.starts_with(':') && user.len() < line.len() => {
            let (folder, rest) = user.split_once(' ')?;
            Some(rest.trim_start_matches(name)).filter(|_| folder.len() > 1)?
        }
        _ => {
            let shell = ["bash", "sh", "zsh"].iter().find_map(|shell| line.strip_prefix(shell))?;
            shell.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '-' | '.'))
        }
    };
    let (mark, command) = rest.split_at_checked(1)?;
    let command = if command.is_empty() { "" } else { command.strip_prefix(' ')? };
    match mark {
        "$" | "%" => Some(Prompt::Shell(command)),
        "#" => Some(Prompt::Root(command)),
        _ => None,
    }
}

/// What stands behind the host's name in `web-1$ ls` and `web-1:~/shop$ ls`.
fn is_host_mark(rest: &str) -> bool {
    let folder = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '~' | '/');
    let mark = rest.strip_prefix(':').map_or(rest, |rest| rest.trim_start_matches(folder));
    mark == "$" || mark.starts_with("$ ")
}

/// The prompts of other programs.
fn other(line: &str) -> Option<Prompt<'_>> {
    let head = line.get(..line.floor_char_boundary(80))?;
    // each of them holds one of these or begins with one of those, and few commands do
    if memchr::memchr2(b'>', b'#', head.as_bytes()).is_none() && !head.starts_with(['(', 'i', 'M']) {
        return None;
    }
    let ends_word = |rest: &str| rest.is_empty() || rest.starts_with(' ');
    if head.starts_with("PS ") {
        return head
            .get(3..)?
            .split_once('>')
            .filter(|(path, _)| path.contains([':', '/']))
            .map(|_| Prompt::Other);
    }
    if ["(gdb)", "(Pdb)", "(lldb)", "iex(", "MariaDB ["].iter().any(|begin| head.starts_with(begin)) {
        return Some(Prompt::Other);
    }
    let word = head.split(' ').next()?;
    // `C:\>`
    if word.get(1..3) == Some(":\\") && word.contains('>') {
        return Some(Prompt::Other);
    }
    if let Some(at) = word.find('>') {
        let (before, after) = (&word[..at], &word[at + 1..]);
        let database = before.strip_suffix(['=', '-']).is_some_and(is_name);
        let irb = before.starts_with("irb(");
        let address = before.rsplit_once(':').is_some_and(|(address, port)| {
            let host = address.starts_with(|c: char| c.is_ascii_digit()) && address.contains('.');
            let set = is_name(address) && matches!(port, "PRIMARY" | "SECONDARY");
            set || host && !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit())
        });
        return (after.is_empty() && (SPEAKERS.contains(&before) || database || irb || address))
            .then_some(Prompt::Other);
    }
    // `postgres=# `, `postgres-# `
    if let Some(before) = word.strip_suffix("=#").or_else(|| word.strip_suffix("-#")) {
        return (is_name(before) && ends_word(line.get(word.len()..)?)).then_some(Prompt::Other);
    }
    // `redis 127.0.0.1:6379> `
    let (first, rest) = head.split_once(' ')?;
    let second = rest.split(' ').next()?;
    (SPEAKERS.contains(&first) && second.ends_with('>') && second.contains(':')).then_some(Prompt::Other)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_are_known() {
        let rows = [
            ("$ ls", Some(Prompt::Shell("ls"))),
            ("  $ ls", Some(Prompt::Shell("ls"))),
            ("$", Some(Prompt::Shell(""))),
            ("ana@web-1:~$ ls -l", Some(Prompt::Shell("ls -l"))),
            ("ana@web-1:/var/log$ ls", Some(Prompt::Shell("ls"))),
            ("[ana@web-1 log]$ ls", Some(Prompt::Shell("ls"))),
            ("I have no name!@web-1:/$ ls", Some(Prompt::Shell("ls"))),
            ("bash-5.2$ ls", Some(Prompt::Shell("ls"))),
            ("root@web-1:~# ls", Some(Prompt::Root("ls"))),
            ("[root@web-1 ~]# ls", Some(Prompt::Root("ls"))),
            ("sh-5.2# ls", Some(Prompt::Root("ls"))),
            ("# apt-get update", Some(Prompt::Root("apt-get update"))),
            ("/ # cat /etc/hosts", Some(Prompt::Root("cat /etc/hosts"))),
            ("ana@mac shop % ls", Some(Prompt::Shell("ls"))),
            ("ana@mac ~ % ls", Some(Prompt::Shell("ls"))),
            ("ana@web-1 /srv $ ls", Some(Prompt::Shell("ls"))),
            ("root@web-1 /srv # ls", Some(Prompt::Root("ls"))),
            ("mac:shop ana$ ls", Some(Prompt::Shell("ls"))),
            ("mac:~ root# ls", Some(Prompt::Root("ls"))),
            ("~/shop $ ls", Some(Prompt::Shell("ls"))),
            ("~ % ls", Some(Prompt::Shell("ls"))),
            ("/srv/shop $ ls", Some(Prompt::Shell("ls"))),
            ("(venv) $ ls", Some(Prompt::Shell("ls"))),
            ("(base) ana@mac ~ % ls", Some(Prompt::Shell("ls"))),
            ("(base) ❯ ls", Some(Prompt::Shell("ls"))),
            ("(venv) # apt-get update", Some(Prompt::Root("apt-get update"))),
            ("$\tls", Some(Prompt::Shell("ls"))),
            ("web-1$ ls", Some(Prompt::Shell("ls"))),
            ("web-1:~$ ls", Some(Prompt::Shell("ls"))),
            ("web-1:/srv/shop$ ls -l", Some(Prompt::Shell("ls -l"))),
            ("mysql> show tables;", Some(Prompt::Other)),
            ("postgres=# select 1", Some(Prompt::Other)),
            ("shop_db=> select 1", Some(Prompt::Other)),
            ("postgres-# ;", Some(Prompt::Other)),
            (">>> print(1)", Some(Prompt::Other)),
            ("irb> 1", Some(Prompt::Other)),
            ("irb(main):001:0> 1", Some(Prompt::Other)),
            ("redis 127.0.0.1:6379> ping", Some(Prompt::Other)),
            ("127.0.0.1:6379> ping", Some(Prompt::Other)),
            ("rs0:PRIMARY> db.stats()", Some(Prompt::Other)),
            ("PS C:\\> dir", Some(Prompt::Other)),
            ("C:\\Users> dir", Some(Prompt::Other)),
            ("MariaDB [(none)]> select 1", Some(Prompt::Other)),
            ("$HOME/bin/x", None),
            ("$x > y", None),
            ("echo $ a", None),
            ("# look at the pods", None),
            ("# make sure that it runs", None),
            ("git clone git@example.com:a/b.git", None),
            ("ssh ana@web-1 # then", None),
            ("cat a> b", None),
            ("a=1", None),
            ("sh -c 'ls'", None),
            ("bash x.sh", None),
            ("> out", None),
            ("(ls)", None),
            ("(ls) && (pwd) $ x", None),
            ("ana@example.com 50 % used", None),
            ("error: cost$ 5", None),
            ("docker run web:v1 cost$ 5", None),
            ("~/bin/web $x", None),
            ("/usr/bin/expr 5 % 2", None),
            ("", None),
        ];
        for (line, prompt) in rows {
            assert_eq!(read(line, true), prompt, "{line}");
        }
        assert_eq!(read("# apt-get update", false), None);
        let rows = [
            ("% ls", Some((Mark::Percent, "ls"))),
            ("% ./run.sh", Some((Mark::Percent, "./run.sh"))),
            ("  % Total    % Received", None),
            ("%1", None),
            ("❯ ls", Some((Mark::Chevron, "ls"))),
            ("❯", Some((Mark::Chevron, ""))),
            ("➜  shop ls -l", Some((Mark::Arrow, "ls -l"))),
            ("➜  shop git:(main) ✗ ls", Some((Mark::Arrow, "ls"))),
            ("➜  shop git:(main) ls", Some((Mark::Arrow, "ls"))),
            ("➜  ~", Some((Mark::Arrow, ""))),
            ("➜ ls -l", None),
            ("ls", None),
        ];
        for (line, expected) in rows {
            assert_eq!(marked(line), expected, "{line}");
        }
        for unclear in
            ["➜ ls -l", "λ ls", "» ls", "(venv) ls", "> kubectl get pods", "→ ls", "-> ls", "=> ls"]
        {
            assert!(is_unclear(unclear), "{unclear}");
        }
        for clear in ["> out", "(ls) | wc", "(ls)", "(cd a; ls) 2>&1", "ls", "$x y", "", "λ", "%1 x", "-> 1"]
        {
            assert!(!is_unclear(clear), "{clear}");
        }
        assert_eq!(read("/usr/bin/a # make it", false), None);
    }
}
