//! Which values may stand in a place: any at all, or only plain ones where another program reads its argument as a
//! language of its own (SQL, JSON, a shell on another machine, ...).
//!
//! The list of such programs cannot be complete, so a place is free only for a few programs that take their arguments as
//! data, and only where the text around it has no syntax. Every other program gets values without punctuation.

use super::super::shell::{Kind, Lexed, Word};

/// Which values may stand in a placeholder's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Guard {
    /// Any, but none that begins with `-` unless a declared pattern allows it.
    Free,
    /// Letters, digits, blanks and `_ . : @ / , + = % -`, not beginning with `-`: no syntax of any shell.
    Tame,
    /// Letters, digits and `_ . : @ / -`, beginning with a letter, a digit, `_`, `.` or `/`, without `--`.
    Plain,
}

impl Guard {
    /// Whether a value may stand there; `pattern` says that a declared pattern has been met.
    ///
    /// # Errors
    /// Why not, in lowercase; the value is not repeated.
    pub fn check(self, value: &str, pattern: bool) -> Result<(), &'static str> {
        if value.contains('\0') {
            return Err("it holds a NUL byte");
        }
        match self {
            Guard::Free if value.starts_with('-') && !pattern => Err(
                "it begins with `-`, so a program would take it as an option; declare the parameter with a pattern",
            ),
            Guard::Free => Ok(()),
            Guard::Tame if is_tame(value) => Ok(()),
            Guard::Tame => Err(
                "only letters, digits, blanks and _ . : @ / , + = % - may stand in that place, and no `-` at its beginning, because the program may run what it is given; declare a parameter and write \"$NAME\" where any value is safe",
            ),
            Guard::Plain if is_plain(value) => Ok(()),
            Guard::Plain => Err(
                "only letters, digits and _ . : @ / - may stand in that place, because a program may read it as its own language; declare a parameter and write \"$NAME\" where any value is safe",
            ),
        }
    }
}

fn is_plain(value: &str) -> bool {
    value.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/'))
        && value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '@' | '/' | '-'))
        && !value.contains("--")
}

fn is_tame(value: &str) -> bool {
    !value.starts_with('-')
        && value.chars().all(|c| {
            c.is_alphanumeric()
                || matches!(c, '_' | '.' | ':' | '@' | '/' | ',' | '+' | '=' | '%' | ' ' | '-')
        })
}

/// Programs that take their arguments as data. `kubectl` is one for most of its commands.
const DATA: &[&str] = &["echo", "printf", "kubectl", "ls", "cat", "head", "tail", "wc", "stat"];
/// Commands and options of kubectl behind which words belong to another program, or are read as one.
const KUBECTL_RUNS: &[&str] = &["exec", "run", "debug", "cp", "--command", "patch"];
/// Options of kubectl whose value is a template or a document.
const KUBECTL_TEMPLATES: &[&str] = &["-o", "--output", "--template", "-p", "--patch", "--overrides", "--raw"];
/// Programs that run what they read.
const INTERPRETERS: &[&str] = &[
    "sh",
    "bash",
    "zsh",
    "dash",
    "ksh",
    "fish",
    "busybox",
    "eval",
    "source",
    ".",
    "ssh",
    "su",
    "runuser",
    "xargs",
    "parallel",
    "at",
    "batch",
    "crontab",
    "python",
    "perl",
    "ruby",
    "node",
    "deno",
    "php",
    "lua",
    "pwsh",
    "powershell",
    "psql",
    "mysql",
    "mariadb",
    "sqlite3",
    "mongo",
    "mongosh",
    "redis-cli",
    "bc",
    "dc",
    "expect",
    "nsenter",
    "chroot",
];
/// Programs that run the program named in their arguments, with their options that take a value.
const WRAPPERS: &[(&str, &[&str])] = &[
    ("sudo", &["-u", "-g", "-h", "-p", "-C", "-r", "-t", "-D", "-R", "-T", "-U", "--user", "--group"]),
    ("doas", &["-u", "-C"]),
    ("nohup", &[]),
    ("timeout", &["-s", "-k", "--signal", "--kill-after"]),
    ("nice", &["-n", "--adjustment"]),
    ("ionice", &["-c", "-n", "-p", "--class", "--classdata"]),
    ("setsid", &[]),
    ("stdbuf", &["-i", "-o", "-e"]),
    ("env", &["-u", "-C", "--unset", "--chdir"]),
    ("time", &["-f", "-o", "--format", "--output"]),
    ("command", &[]),
    ("builtin", &[]),
    ("exec", &["-a"]),
    ("systemd-run", &["-p", "-u", "-M", "-H", "-E", "--unit", "--property", "--slice", "--uid", "--gid"]),
    ("xargs", &["-n", "-I", "-P", "-L", "-d", "-a", "-s", "-E"]),
    ("watch", &["-n", "--interval"]),
    ("strace", &["-e", "-p", "-o", "-s", "-u", "-E"]),
    ("chroot", &[]),
    ("flock", &["-w", "-E"]),
];
/// Wrappers whose first operand is no program.
const OPERAND_FIRST: &[&str] = &["timeout", "chroot", "flock"];

/// Programs that hand an argument to a shell, or read it as a program, query or template.
const READERS: &[&str] = &[
    "sh",
    "bash",
    "zsh",
    "dash",
    "ksh",
    "fish",
    "eval",
    "ssh",
    "su",
    "runuser",
    "xargs",
    "watch",
    "source",
    ".",
    "trap",
    "env",
    "parallel",
    "expect",
    "screen",
    "tmux",
    "at",
    "nsenter",
    "chroot",
    "crontab",
    "python",
    "python2",
    "python3",
    "perl",
    "ruby",
    "node",
    "deno",
    "php",
    "lua",
    "rails",
    "rake",
    "irb",
    "osascript",
    "pwsh",
    "powershell",
    "psql",
    "mysql",
    "mariadb",
    "sqlite3",
    "mongo",
    "mongosh",
    "redis-cli",
    "valkey-cli",
    "cqlsh",
    "influx",
    "clickhouse-client",
    "sqlcmd",
    "sqlplus",
    "bq",
    "promtool",
    "logcli",
    "jq",
    "yq",
    "awk",
    "gawk",
    "mawk",
    "sed",
    "find",
    "fd",
    "grep",
    "egrep",
    "rg",
    "expr",
    "bc",
    "dc",
    "let",
    "declare",
    "typeset",
    "unset",
    "read",
    "test",
    "[",
    "[[",
    "wait",
    "getopts",
    "mapfile",
    "readarray",
    "alias",
    "bind",
    "complete",
    "compgen",
    "hash",
    "set",
    "shopt",
    "enable",
    "builtin",
    "command",
    "exec",
    "coproc",
    "make",
    "gmake",
    "ansible",
    "ansible-playbook",
    "helm",
    "curl",
    "wget",
    "http",
    "https",
    "xh",
    "terraform",
    "tofu",
    "m4",
    "envsubst",
    "gdb",
    "strace",
    "ffmpeg",
    "vim",
    "vi",
    "ex",
    "ed",
    "rename",
    "git",
    "flock",
    "script",
    "salt",
    "salt-ssh",
    "pssh",
    "pdsh",
    "parallel-ssh",
    "less",
    "more",
    "man",
    "ssm",
    "run-command",
    "busybox",
    "batch",
];

/// Words that come before a program's name.
const BEFORE_PROGRAM: &[&str] = &["if", "then", "else", "elif", "while", "until", "do", "!", "{", "coproc"];

/// Options that take a message for people.
const MESSAGE_OPTIONS: &[&str] = &[
    "--body",
    "--message",
    "--text",
    "--title",
    "--notes",
    "--description",
    "--subject",
    "--comment",
    "--reason",
];

/// What a word is in its command.
#[derive(Debug, Clone, Default)]
pub(super) struct Role {
    /// Why no value can stand there.
    pub(super) refused: Option<&'static str>,
    /// Some word before it, or the program itself, reads its arguments as a language.
    reader: bool,
    /// It is for people: what `echo` prints, or the value of `--message`.
    message: bool,
    /// The program takes it as data.
    data: bool,
}

/// The role of each token; tokens that are no words have an empty one.
pub(super) fn roles(lexed: &Lexed<'_>) -> Vec<Role> {
    // what echo prints may be the next program's text
    let printed_on = lexed.tokens.iter().any(|token| match &token.kind {
        Kind::Op(op) => *op == "|",
        Kind::Redirect(op) => op.contains('>') || op.ends_with("<<<"),
        _ => false,
    });
    let piped_on = is_run_on(lexed);
    let begin = || Simple { printed_on, piped_on, reader: piped_on, ..Simple::default() };
    let mut now = begin();
    lexed
        .tokens
        .iter()
        .map(|token| match &token.kind {
            Kind::Word(word) => now.word(word),
            Kind::Op(_) | Kind::Newline => {
                now = begin();
                Role::default()
            }
            Kind::Redirect(op) => {
                now.target = Some(op.ends_with("<<<"));
                Role::default()
            }
            Kind::HereDoc | Kind::Comment => Role::default(),
        })
        .collect()
}

/// Whether some program's output goes to one that runs what it reads.
fn is_run_on(lexed: &Lexed<'_>) -> bool {
    let mut piped = false;
    lexed.tokens.iter().any(|token| match &token.kind {
        Kind::Op(op) => {
            piped |= *op == "|";
            false
        }
        Kind::Word(word) if word.runs && word.text().contains(">(") => true,
        Kind::Word(word) if piped => {
            let base = base(word.text());
            INTERPRETERS.contains(&base) || INTERPRETERS.contains(&unversioned(base))
        }
        _ => false,
    })
}

fn base(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

fn unversioned(program: &str) -> &str {
    program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.')
}

/// A simple command as far as it has been read.
#[derive(Default)]
struct Simple {
    program: Option<String>,
    arguments: usize,
    reader: bool,
    last: String,
    /// The next word is a redirection's target; `true` for a here-string, which is a program's input.
    target: Option<bool>,
    /// The text has a pipe or writes a file somewhere.
    printed_on: bool,
    /// What the text's programs print may be run.
    piped_on: bool,
    /// The program runs another one, whose name is still to come: the wrapper's name, and operands before it.
    wrapper: Option<(&'static [&'static str], usize)>,
    /// The words belong to a program that another one runs elsewhere.
    elsewhere: bool,
}

impl Simple {
    fn word(&mut self, word: &Word<'_>) -> Role {
        let mut role = Role { reader: self.reader, ..Role::default() };
        if let Some(input) = self.target.take() {
            role.reader |= input;
            role.data = true;
            return role;
        }
        let value = word.text();
        let base = base(value);
        let own = self.program.is_none() && !is_assignment(value) && self.is_wrappers_own(value);
        match &self.program {
            // the value goes on to wherever the variable is used
            None if is_assignment(value) => role.reader = true,
            None if !word.quoted && BEFORE_PROGRAM.contains(&value) => {}
            None if own => {
                self.reader |= reads(base);
            }
            None => {
                role.refused = Some("it stands where a program's name is expected");
                self.reader |= reads(base);
                role.reader = self.reader;
                self.arguments = 0;
                let wrapper = WRAPPERS.iter().find(|(name, _)| *name == base);
                self.wrapper =
                    wrapper.map(|(name, options)| (*options, usize::from(OPERAND_FIRST.contains(name))));
                if wrapper.is_none() {
                    self.program = Some(base.to_owned());
                }
            }
            Some(program) => {
                self.arguments += 1;
                if matches!(program.as_str(), "for" | "select" | "function" | "case") && self.arguments == 1 {
                    role.refused = Some("it stands where the shell wants a name");
                }
                // the format, and `-v NAME`
                role.reader |= program == "printf" && (self.arguments == 1 || self.last == "-v");
                role.reader |= matches!(program.as_str(), "export" | "local" | "readonly");
                let prints = matches!(program.as_str(), "echo" | "printf");
                role.reader |= prints && self.printed_on;
                let kubectl = matches!(program.as_str(), "kubectl" | "oc");
                let template = kubectl
                    && KUBECTL_TEMPLATES
                        .iter()
                        .any(|option| self.last == *option || value.starts_with(option));
                role.data = DATA.contains(&program.as_str()) && !self.elsewhere && !template;
                role.message = !role.reader
                    && !self.elsewhere
                    && (prints || MESSAGE_OPTIONS.contains(&self.last.as_str()))
                    // git takes the message of a commit as it is
                    || program == "git" && !self.piped_on && matches!(self.last.as_str(), "-m" | "--message");
                // `sudo bash -c ...`, `kubectl exec x -- sh -c ...`
                self.reader |= reads(base);
                if kubectl && self.elsewhere && value == "--" {
                    self.program = None;
                } else if kubectl {
                    self.elsewhere |= KUBECTL_RUNS.contains(&value);
                }
            }
        }
        self.last.clear();
        self.last.push_str(value.get(..value.len().min(32)).unwrap_or_default());
        role
    }

    /// Whether a word belongs to a wrapper itself and does not name the program that it runs.
    fn is_wrappers_own(&mut self, value: &str) -> bool {
        let Some((options, operands)) = &mut self.wrapper else { return false };
        if value.starts_with('-') || options.contains(&self.last.as_str()) {
            return true;
        }
        let own = *operands > 0;
        *operands = operands.saturating_sub(1);
        own
    }
}

fn reads(program: &str) -> bool {
    let plain = unversioned(program);
    READERS.contains(&program) || READERS.contains(&plain) && !plain.is_empty()
}

/// `NAME=...`, without an index, which the shell would evaluate.
fn is_assignment(value: &str) -> bool {
    value.split_once('=').is_some_and(|(name, _)| super::super::names::is_identifier(name))
}

/// Which values may stand in a word.
pub(super) fn of(role: &Role, word: &Word<'_>) -> Guard {
    // a long word is not looked through for each of its placeholders
    if word.value.len() > 4_096 {
        return Guard::Plain;
    }
    // JSON and the like in a message is read by whoever gets it
    if role.message
        && !word.runs
        && !word.value.contains(['$', '`', '{', '}', '[', ']', '"', '<', '>', '|', '\\'])
    {
        return Guard::Free;
    }
    let plain_text = word.value.chars().all(|c| {
        c.is_alphanumeric() || matches!(c, '_' | '.' | '/' | ':' | '@' | '=' | ',' | '+' | '%' | '-')
    });
    match (role.reader || word.runs || !plain_text, role.data) {
        (true, _) => Guard::Plain,
        (false, true) => Guard::Free,
        (false, false) => Guard::Tame,
    }
}
