//! Which values may stand in a place: any at all, or only plain ones where another program reads its argument as a
//! language of its own (SQL, JSON, a shell on another machine, ...).
//!
//! The list of such programs cannot be complete, so a place is free only for a few programs that take their arguments as
//! data, and only where the text around it has no syntax. Every other program gets values without punctuation.

use serde::{Deserialize, Serialize};

use super::super::shell::{Kind, Lexed, Word};

/// Which values may stand in a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// Any, but none that begins with `-` unless a declared pattern allows it.
    Free,
    /// Letters, digits, blanks and `_ . : @ / , + = % -`, not beginning with `-`: no syntax of any shell. What a declared
    /// pattern allows may stand there too.
    Tame,
    /// As [`Guard::Plain`], or an address that begins with `http://` or `https://`.
    Address,
    /// Letters, digits and `_ . : @ / -`, beginning with a letter, a digit, `_`, `.` or `/`, without `--`.
    Plain,
}

impl Guard {
    /// Whether a value may stand there; `pattern` says that a declared pattern has been met; an integer
    /// that meets one may stand everywhere.
    ///
    /// # Errors
    /// Why not, in lowercase, with a hint; the value is not repeated.
    pub fn check(self, value: &str, pattern: bool) -> Result<(), &'static str> {
        if value.contains('\0') {
            return Err("it holds a NUL byte");
        }
        if pattern && is_integer(value) {
            return Ok(());
        }
        match self {
            Guard::Free | Guard::Tame if value.starts_with('-') && !pattern => Err(
                "it begins with `-`, so a program would take it as an option; hint: declare the parameter with a pattern",
            ),
            Guard::Free => Ok(()),
            Guard::Tame if is_tame(value) || pattern => Ok(()),
            Guard::Tame => Err(
                "only letters, digits, blanks and _ . : @ / , + = % - may stand there, because the program may run what it is given; hint: declare a parameter with a pattern that says what it may be",
            ),
            Guard::Address if is_plain(value) || is_address(value) => Ok(()),
            Guard::Plain if is_plain(value) => Ok(()),
            Guard::Address => Err(
                "only an http or https address, or letters, digits and _ . : @ / -, may stand there; hint: send other text with an `http` block",
            ),
            Guard::Plain => Err(
                "only letters, digits and _ . : @ / - may stand there, because it may be read as a part of a program; hint: give a plain value, or hand it over where it is data, as in `kubectl ... \"$NAME\"`, `echo` or an `sql` or `http` block",
            ),
        }
    }
}

/// Whether values may stand at several places: a value that is split before is checked part by part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// Which values may stand there.
    pub guard: Guard,
    /// The shell has split the value at its blanks before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub parts: bool,
}

impl Place {
    /// As [`Guard::check`].
    ///
    /// # Errors
    /// Why the value may not stand there.
    pub fn check(self, value: &str, pattern: bool) -> Result<(), &'static str> {
        if self.parts {
            return value.split_whitespace().try_for_each(|part| self.guard.check(part, pattern));
        }
        self.guard.check(value, pattern)
    }
}

fn is_integer(value: &str) -> bool {
    let digits = value.strip_prefix('-').unwrap_or(value);
    !digits.is_empty() && digits.len() <= 20 && digits.bytes().all(|b| b.is_ascii_digit())
}

fn is_plain(value: &str) -> bool {
    value.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/'))
        && value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '@' | '/' | '-'))
        && !value.contains("--")
}

/// Without the marks that curl takes as a list of addresses.
fn is_address(value: &str) -> bool {
    (value.starts_with("https://") || value.starts_with("http://"))
        && value.chars().all(|c| c.is_ascii_alphanumeric() || "_.:@/-?&=%+~#,;".contains(c))
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
/// Options of kubectl whose value has a syntax of its own: `a=b,c!=d`.
const KUBECTL_SELECTORS: &[&str] = &["-l", "--selector", "--field-selector"];
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
    "sg",
    "newgrp",
    "tclsh",
    "groovy",
    "rscript",
    "Rscript",
    "julia",
    "elixir",
    "iex",
    "scala",
    "jshell",
    "duckdb",
    "cypher-shell",
    "clush",
    "dsh",
    "fab",
    "mussh",
    "pkexec",
    "chpst",
    "setpriv",
    "unshare",
    "gosu",
    "logrotate",
];

/// Programs that look for a pattern: no pattern runs anything.
const SEARCHES: &[&str] = &["grep", "egrep", "fgrep", "zgrep"];
/// Programs that fetch addresses.
const FETCHES: &[&str] = &["curl", "wget"];

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

/// Whether a word's value goes on in a variable.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It does not.
    #[default]
    No,
    /// `NAME=value`, alone or before a program or builtin that takes it.
    Assigned,
    /// One of the words that a loop goes through, whose name is the third word of this token's command.
    Looped,
    /// The word that a `case` compares.
    Compared,
}

/// What a word is in its command.
#[derive(Debug, Clone, Default)]
pub(crate) struct Role {
    /// Why no value can stand there.
    pub(crate) refused: Option<&'static str>,
    /// What becomes of the word's value when it is kept in a variable.
    pub(crate) kept: Kept,
    /// A pattern or a text that is searched.
    pub(crate) searched: bool,
    /// An address that is fetched, or what is sent there.
    pub(crate) fetched: bool,
    /// The names of variables that are only declared or handed on: `export NAME`.
    pub(crate) declares: bool,
    /// Some word before it, or the program itself, reads its arguments as a language.
    pub(crate) reader: bool,
    /// It is for people: what `echo` prints, or the value of `--message`.
    message: bool,
    /// The program takes it as data.
    pub(crate) data: bool,
}

/// The role of each token; tokens that are no words have an empty one.
pub(crate) fn roles(lexed: &Lexed<'_>) -> Vec<Role> {
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
    /// Nothing but the program itself makes it a reader.
    own_reader: bool,
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
            None if is_assignment(value) => {
                role.reader = true;
                role.kept = Kept::Assigned;
            }
            None if !word.quoted && BEFORE_PROGRAM.contains(&value) => {}
            None if own => {
                self.reader |= reads(base);
            }
            None => {
                role.refused = Some("it stands where a program's name is expected");
                self.own_reader = !self.reader;
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
                let program = program.as_str();
                if matches!(program, "for" | "select" | "function" | "case") && self.arguments == 1 {
                    role.refused = Some("it stands where the shell wants a name");
                }
                let looped = matches!(program, "for" | "select") && self.arguments > 2;
                let declared = matches!(program, "export" | "local" | "readonly");
                role.kept = match program {
                    "case" if self.arguments == 1 => Kept::Compared,
                    _ if looped => Kept::Looped,
                    _ if declared && is_assignment(value) => Kept::Assigned,
                    _ => Kept::No,
                };
                role.declares = declared && super::super::names::is_identifier(value);
                role.searched = SEARCHES.contains(&program) && self.own_reader && !self.elsewhere;
                role.fetched = FETCHES.contains(&program) && self.own_reader;
                // the format, and `-v NAME`
                role.reader |= program == "printf" && (self.arguments == 1 || self.last == "-v");
                role.reader |= declared;
                let prints = matches!(program, "echo" | "printf");
                role.reader |= prints && self.printed_on;
                let kubectl = matches!(program, "kubectl" | "oc");
                let template = kubectl
                    && KUBECTL_TEMPLATES
                        .iter()
                        .any(|option| self.last == *option || value.starts_with(option));
                role.reader |= kubectl
                    && KUBECTL_SELECTORS
                        .iter()
                        .any(|option| self.last == *option || value.starts_with(option));
                role.data = DATA.contains(&program) && !self.elsewhere && !template;
                role.message = !role.reader
                    && !self.elsewhere
                    && (prints || MESSAGE_OPTIONS.contains(&self.last.as_str()))
                    // git takes the message of a commit as it is
                    || program == "git" && !self.piped_on && matches!(self.last.as_str(), "-m" | "--message");
                // `sudo bash -c ...`, `kubectl exec x -- sh -c ...`
                self.own_reader &= !reads(base);
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
pub(crate) fn of(role: &Role, word: &Word<'_>) -> Guard {
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
