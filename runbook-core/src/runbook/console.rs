//! Console sessions: only what follows a shell prompt is a command, the rest is sample output.

use super::lines::to_u32;
use super::prompts::{self, Prompt};
use super::shell::{Kind, Token, lex};

/// No command of a session is continued over more lines than this.
const MOST_LINES: usize = 200;

/// A session as shell text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Session {
    /// Commands and comments; output lines become empty, so that line numbers stay true.
    pub(crate) shell: String,
    /// What stands behind prompts that are not this shell's.
    pub(crate) foreign: Vec<Foreign>,
}

/// A command that this shell does not get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Foreign {
    /// The line, from 0.
    pub(crate) line: u32,
    /// Who it is for.
    pub(crate) whose: Whose,
    /// The command; the whole line where it is not known where the prompt ends. Empty for a prompt alone.
    pub(crate) text: String,
}

/// Who a command is for that this shell does not get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    Root,
    Program,
    /// Perhaps for this shell, but it is not known where the prompt ends.
    Nobody,
}

/// The first line that is neither empty nor a comment.
fn first_line(text: &str) -> Option<&str> {
    text.lines().map(str::trim_start).find(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Whether a fence of another language is written as a session all the same.
pub(crate) fn is_session(text: &str) -> bool {
    first_line(text).is_some_and(|line| {
        prompts::read(line, false).is_some() || prompts::marked(line).is_some() || prompts::is_unclear(line)
    })
}

/// Reads a session. In a `console`, `# ` before a command is root's prompt.
pub(crate) fn read(text: &str, console: bool) -> Session {
    let mut session = Session { shell: String::with_capacity(text.len()), foreign: Vec::new() };
    // output may hold these marks as well
    let first = first_line(text);
    let mark = first.and_then(prompts::marked).map(|(mark, _)| mark);
    let unclear = first.is_some_and(|line| mark.is_none() && prompts::is_unclear(line));
    let prompt = |line| {
        let marked = || prompts::marked(line).filter(|(found, _)| Some(*found) == mark);
        prompts::read(line, console)
            .or_else(|| marked().map(|(_, command)| Prompt::Shell(command)))
            .or_else(|| (unclear && prompts::is_unclear(line)).then_some(Prompt::Unclear))
    };
    let mut lines = text.lines().enumerate().peekable();
    while let Some((number, line)) = lines.next() {
        match prompt(line) {
            Some(Prompt::Shell(command)) if ends_on_its_line(command) => session.shell.push_str(command),
            Some(Prompt::Shell(command)) => {
                let mut whole = vec![command];
                // what may belong to the command; the shell's own rules say how much of it does
                let mut ahead = lines.clone();
                while let Some((_, next)) = ahead.next()
                    && whole.len() <= MOST_LINES
                    && prompt(next).is_none()
                {
                    whole.push(next.strip_prefix("> ").unwrap_or(next));
                }
                let Some(taken) = complete_after(&whole) else {
                    // what follows might be read as its end, output and all, so nothing more is read
                    session.shell.push_str(command);
                    session.shell.extend(std::iter::repeat_n('\n', lines.count() + 1));
                    break;
                };
                for piece in whole.iter().take(taken) {
                    session.shell.push_str(piece);
                    session.shell.push('\n');
                }
                for _ in 1..taken {
                    lines.next();
                }
                continue;
            }
            Some(found) => session.foreign.push(foreign(to_u32(number), line.trim(), found)),
            // what a shell takes for a comment; a form feed before it makes it a word
            None if line.trim_start_matches([' ', '\t']).starts_with('#') => session.shell.push_str(line),
            None => {}
        }
        session.shell.push('\n');
    }
    session
}

fn foreign(line: u32, written: &str, found: Prompt<'_>) -> Foreign {
    let (whose, text) = match found {
        Prompt::Root(command) => (Whose::Root, command.trim()),
        Prompt::Other => (Whose::Program, written),
        Prompt::Unclear | Prompt::Shell(_) => (Whose::Nobody, written),
    };
    let alone = text.ends_with(['>', '#']) && !text.contains(' ');
    Foreign { line, whose, text: if alone { String::new() } else { text.to_owned() } }
}

/// Whether a command is over at its line's end, as most are: nothing behind it need be looked at.
fn ends_on_its_line(line: &str) -> bool {
    if !line.contains(['\\', '\'', '"', '`', '(', '{', '<', '|', '&']) && !opens_compound(line) {
        return true;
    }
    let text = format!("{line}\n");
    let lexed = lex(&text);
    let ends = |token: &Token<'_>| token.kind == Kind::Newline && token.start == line.len();
    lexed.complete()
        && lexed.tokens.last().is_some_and(ends)
        && lexed.tokens.iter().all(|token| token.kind != Kind::HereDoc)
}

/// How many of the lines the command that begins them has; `None` when it does not end.
fn complete_after(lines: &[&str]) -> Option<usize> {
    let text = lines.join("\n") + "\n";
    let lexed = lex(&text);
    let tokens = &lexed.tokens;
    let mut code = false;
    let mut asks_for_more = false;
    for (index, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Newline => {
                let here_document = tokens.get(index + 1).is_some_and(|next| next.kind == Kind::HereDoc);
                if !code {
                    // a comment alone: what follows is output
                    return Some(1);
                }
                if !asks_for_more && token.depth == 0 && !here_document {
                    return Some(text.get(..token.start).unwrap_or_default().matches('\n').count() + 1);
                }
            }
            Kind::HereDoc if !asks_for_more && token.depth == 0 => {
                let another = tokens.get(index + 1).is_some_and(|next| next.kind == Kind::HereDoc);
                let body = text.get(..token.end).unwrap_or_default();
                // one that is still open would take the next prompts for its own lines
                let closed = token.end < text.len() || lexed.open.is_none();
                if !another && closed {
                    return Some(body.matches('\n').count().min(lines.len()));
                }
            }
            Kind::HereDoc | Kind::Comment => {}
            _ => {
                code = true;
                asks_for_more = matches!(token.kind, Kind::Op("|" | "&&" | "||"));
            }
        }
    }
    // a comment or nothing at all is complete
    (!code).then_some(1)
}

fn opens_compound(line: &str) -> bool {
    line.split(|c: char| c.is_whitespace() || c == ';')
        .any(|word| matches!(word, "if" | "for" | "while" | "until" | "select" | "case"))
}

/// The commands of a terminal session as shell text, line for line: prompts are taken off, output is left out.
///
/// It never runs anything, and any text gives some shell text, which may be empty lines alone.
#[must_use]
pub fn session_to_shell(text: &str) -> String {
    read(text, true).shell
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_prompted_lines_run() {
        let session = "# look\n$ kubectl get pods \\\n    -n prod\nNAME READY\nweb 1/1\n# Expected: 1/1\n$ echo 'a\n> b'\na\nb\n";
        let shell = "# look\nkubectl get pods \\\n    -n prod\n\n\n# Expected: 1/1\necho 'a\nb'\n\n\n";
        assert_eq!(session_to_shell(session), shell);
        assert!(is_session(session));
    }

    #[test]
    fn commands_go_on_as_the_shell_says() {
        let rows = [
            ("$ echo 'a\n$ ls\n", "echo 'a\n\n"),
            ("$ cat <<E\n$ '\nE\n'\n", "cat <<E\n\n\n\n"),
            ("$ '\n$ '\n#Expect\n\n1\n", "'\n\n\n\n\n"),
            ("$ cat <<EOF\nb\nEOF\nout\n", "cat <<EOF\nb\nEOF\n\n"),
            ("$ cat <<A; cat <<B\nb\nA\nc\nB\nout\n", "cat <<A; cat <<B\nb\nA\nc\nB\n\n"),
            ("$ for i in 1 2; do\n>   echo $i\n> done\n1\n2\n", "for i in 1 2; do\n  echo $i\ndone\n\n\n"),
            ("$ a |\n> b\nout\n", "a |\nb\n\n"),
            ("$ a &&\n\n# why\nb\nout\n", "a &&\n\n# why\nb\n\n"),
            ("ana@web:~$ ls\nout\nroot@web:~# rm x\nmysql> q\n", "ls\n\n\n\n"),
            ("$ \nout\n$ ls\n", "\n\nls\n"),
            // a mark counts where the first line has it
            ("% ls \\\n  -l\nout\n% pwd\n", "ls \\\n  -l\n\npwd\n"),
            ("$ curl -o a b\n% Total\n% done\n❯ first choice\n", "curl -o a b\n\n\n\n"),
            ("❯ ls\n% out\n❯ pwd\n", "ls\n\npwd\n"),
            ("➜  shop git:(main) ✗ ls\n→ out\n", "ls\n\n"),
            ("(venv) $ ls\n(venv) out\n", "ls\n\n"),
            ("λ ls\n$ pwd\n", "\npwd\n"),
            ("$ #'\n''\n", "#'\n\n"),
            ("$HOME/x\n", "\n"),
        ];
        for (session, shell) in rows {
            assert_eq!(session_to_shell(session), shell, "{session}");
        }
    }

    #[test]
    fn foreign_prompts_are_told() {
        let session = read("$ ls\nroot@web:~# rm x\n# apt-get update\n# note\nmysql> q\n", true);
        let found: Vec<_> = session.foreign.iter().map(|f| (f.line, f.whose, f.text.as_str())).collect();
        assert_eq!(
            found,
            [(1, Whose::Root, "rm x"), (2, Whose::Root, "apt-get update"), (4, Whose::Program, "mysql> q")]
        );
        assert!(read("root@web:~#\n>>>\n", true).foreign.iter().all(|found| found.text.is_empty()));
        assert_eq!(session.shell, "ls\n\n\n# note\n\n");
    }

    #[test]
    fn plain_shell_is_no_session() {
        assert!(!is_session("echo $ HOME\n$ x\n"));
        assert!(!is_session("$HOME/bin/x\n"));
        assert_eq!(session_to_shell("\u{c}# output\n \t# comment\n"), "\n \t# comment\n");
        assert!(!is_session(""));
        for session in
            ["% ls\n", "❯ ls\n", "# note\n➜  shop ls\n", "λ ls\n", "(venv) pip list\n", "~/shop $ ls\n"]
        {
            assert!(is_session(session), "{session}");
        }
        for unclear in ["λ ls\n", "➜ ls -l\n", "(venv) pip list\n", "> kubectl get pods\n"] {
            let session = read(unclear, false);
            assert_eq!((session.shell.trim(), session.foreign[0].whose), ("", Whose::Nobody), "{unclear}");
        }
    }

    proptest! {
        #[test]
        fn lines_stay_where_they_are(text in "(\\$ |> |mysql> |cat <<E|E|'|\"|\\\\|\\||for i in a; do|done|\n|a | ){0,40}") {
            let shell = session_to_shell(&text);
            prop_assert_eq!(shell.lines().count(), text.lines().count());
        }
    }
}
