//! What each word of a shell text is to the program that gets it: data, a message for people, a part of a query, the name
//! of a program.
//!
//! A place is free only where a known program takes its argument as data, and only where the text around it has no
//! syntax of its own.

use std::collections::BTreeSet;

use super::super::names::is_identifier;
use super::super::shell::{Kind, Lexed, Token, Word};
use super::guard::Guard;
use super::programs::{
    BEFORE_PROGRAM, DATA, DIRECT, FETCHES, FILTERS, INTERPRETERS, KUBECTL_RUNS, KUBECTL_TEMPLATES,
    KUBECTL_VERBS, MESSAGE_OPTIONS, OPERAND_FIRST, QUERIES, READERS, SEARCHES, SUBSTITUTES, TEMPLATES,
    WRAPPERS, base, is_one_of,
};

/// Whether a word's value goes on in a variable.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It does not.
    #[default]
    No,
    /// `NAME=value`, alone or before a program or builtin that takes it.
    Assigned,
    /// One of the words that a loop goes through, with the loop's name.
    Looped(String),
    /// The word that a `case` compares.
    Compared,
    /// What a `read` or a loop that reads gets as its input.
    Read,
}

/// The language of a program's arguments, as far as more is known than that there is one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Language {
    /// Nothing is known.
    #[default]
    Unknown,
    /// A bare word is a name.
    Query,
    /// `s/a/b/`.
    Substitute,
}

/// What a word is in its command.
#[derive(Debug, Clone, Default)]
pub(crate) struct Role {
    /// Why no value can stand there.
    pub(crate) refused: Option<&'static str>,
    /// What becomes of the word's value when it is kept in a variable.
    pub(crate) kept: Kept,
    /// The program's name.
    pub(crate) program: bool,
    /// The program reads its environment as a template or program.
    pub(crate) templates: bool,
    /// A pattern or a text that is searched.
    pub(crate) searched: bool,
    /// An address that is fetched, or what is sent there.
    pub(crate) fetched: bool,
    /// What is sent behind its `name=`, encoded by the program.
    pub(crate) encoded: bool,
    /// The names of variables that are only declared or handed on: `export NAME`.
    pub(crate) declares: bool,
    /// Handed on to the programs that follow: `export NAME=value`.
    pub(crate) exports: bool,
    /// Where a redirection goes.
    pub(crate) target: bool,
    /// The right side of a comparison in `[[`, a pattern when it is not quoted.
    pub(crate) compared_with: bool,
    /// The program's language.
    pub(crate) language: Language,
    /// A program, or a text that begins with one.
    pub(crate) starts_code: bool,
    /// Some word before it, or the program itself, reads its arguments as a language.
    pub(crate) reader: bool,
    /// It is printed as it is, for people.
    pub(crate) prints: bool,
    /// It is for people: the value of `--message`.
    pub(crate) message: bool,
    /// The program takes it as data.
    pub(crate) data: bool,
}

/// The role of each token; tokens that are no words have an empty one. `functions` are names that the text gives to
/// pieces of itself.
pub(crate) fn roles(lexed: &Lexed<'_>, functions: &BTreeSet<String>) -> Vec<Role> {
    let piped_on = is_run_on(lexed);
    let printed_on = printed_on(&lexed.tokens);
    let patterns = case_patterns(&lexed.tokens);
    let begin = || Simple { functions: Some(functions), piped_on, reader: piped_on, ..Simple::default() };
    let mut now = begin();
    lexed
        .tokens
        .iter()
        .zip(printed_on)
        .enumerate()
        .map(|(index, (token, printed_on))| match &token.kind {
            Kind::Word(_) if patterns.binary_search(&index).is_ok() => {
                Role { kept: Kept::Compared, ..Role::default() }
            }
            Kind::Word(word) => {
                now.printed_on = printed_on;
                now.word(word)
            }
            // `[[ a && b ]]` is one command
            Kind::Op("&&" | "||" | "(" | ")") if now.in_test => Role::default(),
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

/// The words that are patterns of a `case`, by index.
fn case_patterns(tokens: &[Token<'_>]) -> Vec<usize> {
    enum Part {
        /// Before `in`.
        Head,
        /// Between `in` or `;;` and `)`.
        Pattern,
        Body,
    }
    let mut found = Vec::new();
    let mut open: Vec<Part> = Vec::new();
    let mut begins = true;
    for (index, token) in tokens.iter().enumerate() {
        let word = match &token.kind {
            Kind::Word(word) if word.quoted => Some(""),
            Kind::Word(word) => Some(word.text()),
            _ => None,
        };
        match (open.last_mut(), word, &token.kind) {
            (Some(Part::Pattern), Some("esac"), _) => {
                open.pop();
            }
            (Some(Part::Pattern), Some(_), _) => found.push(index),
            (Some(part @ Part::Pattern), None, Kind::Op(")")) => *part = Part::Body,
            (Some(part @ Part::Head), Some("in"), _) => *part = Part::Pattern,
            (Some(part @ Part::Body), None, Kind::Op(";;" | ";&" | ";;&")) => *part = Part::Pattern,
            (_, Some("case"), _) if begins => open.push(Part::Head),
            (Some(Part::Body), Some("esac"), _) if begins => {
                open.pop();
            }
            _ => {}
        }
        begins = match (&token.kind, word) {
            (Kind::Op(_) | Kind::Newline, _) => true,
            (_, Some(word)) => begins && BEFORE_PROGRAM.contains(&word),
            _ => begins,
        };
    }
    found
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
        Kind::Word(word) if piped => is_one_of(INTERPRETERS, base(word.text())),
        _ => false,
    })
}

/// For each token, whether what its command prints goes on to a program that may make something of it, or into a file.
/// Inside loops, conditions and groups the whole text decides.
fn printed_on(tokens: &[Token<'_>]) -> Vec<bool> {
    let mut all = vec![false; tokens.len()];
    let mut somewhere = false;
    // what goes on from the commands of the pipeline so far, from its end
    let mut goes_on = false;
    let mut end = tokens.len();
    while end > 0 {
        let start = tokens
            .get(..end)
            .unwrap_or_default()
            .iter()
            .rposition(|token| matches!(token.kind, Kind::Op(_) | Kind::Newline))
            .map_or(0, |at| at + 1);
        let command = tokens.get(start..end).unwrap_or_default();
        let writes = command.windows(2).any(|pair| match pair {
            [Token { kind: Kind::Redirect(op), .. }, Token { kind: Kind::Word(target), .. }] => {
                keeps(op, target)
            }
            _ => false,
        });
        let here = goes_on || writes;
        somewhere |= here;
        if let Some(all) = all.get_mut(start..end) {
            all.fill(here);
        }
        let Some(before) = start.checked_sub(1) else { break };
        goes_on = match tokens.get(before).map(|token| &token.kind) {
            Some(Kind::Op("|")) => goes_on || writes || !is_filter(command),
            // the end of a group may be piped on as a whole
            Some(Kind::Op(")")) => goes_on,
            _ => false,
        };
        end = before;
    }
    if somewhere {
        for (printed_on, token) in all.iter_mut().zip(tokens) {
            *printed_on |= token.depth > 0;
        }
    }
    all
}

/// Whether a redirection keeps what is printed, where something may read it again: in any file, whatever its name says.
fn keeps(op: &str, target: &Word<'_>) -> bool {
    let target = target.text();
    let shown = op.ends_with('&') && matches!(target, "1" | "2" | "-")
        || matches!(target, "/dev/null" | "/dev/stdout" | "/dev/stderr");
    op.contains('>') && !shown
}

/// Whether a command of a pipeline only passes on what it reads.
fn is_filter(command: &[Token<'_>]) -> bool {
    let mut words = command.iter().filter_map(|token| match &token.kind {
        Kind::Word(word) => Some(word.text()),
        _ => None,
    });
    let Some(program) = words.next().map(base) else { return false };
    FILTERS.contains(&program)
}

/// A simple command as far as it has been read.
#[derive(Default)]
struct Simple<'f> {
    functions: Option<&'f BTreeSet<String>>,
    program: Option<String>,
    arguments: usize,
    reader: bool,
    last: String,
    before_last: String,
    /// The next word is a redirection's target; `true` for a here-string, which is a program's input.
    target: Option<bool>,
    /// What the command prints goes on.
    printed_on: bool,
    /// What the text's programs print may be run.
    piped_on: bool,
    /// The program runs another one, whose name is still to come: the wrapper's name, and operands before it.
    wrapper: Option<(&'static [&'static str], usize)>,
    /// The words belong to a program that another one runs elsewhere.
    elsewhere: bool,
    /// Nothing but the program itself makes it a reader.
    own_reader: bool,
    /// Between `[[` and `]]`.
    in_test: bool,
    /// `local -i`, `local -n`, `printf -v`: what is kept is evaluated.
    evaluates: bool,
    loop_name: String,
    /// The verb of kubectl has been read.
    verb: bool,
    /// The text of a `sed` has been read.
    script: bool,
}

impl Simple<'_> {
    fn word(&mut self, word: &Word<'_>) -> Role {
        let mut role = Role { reader: self.reader, ..Role::default() };
        let value = word.text();
        if let Some(input) = self.target.take() {
            role.reader |= input;
            role.target = !input;
            role.starts_code =
                input && self.program.as_deref().is_some_and(|program| is_one_of(INTERPRETERS, program));
            if input && matches!(self.program.as_deref(), Some("read" | "done")) {
                role.kept = Kept::Read;
            }
            return role;
        }
        let base = base(value);
        let own = self.program.is_none() && !is_assignment(value) && self.is_wrappers_own(value);
        match self.program.clone() {
            // the value goes on to wherever the variable is used
            None if is_assignment(value) => {
                role.reader = true;
                role.kept = Kept::Assigned;
            }
            None if !word.quoted && BEFORE_PROGRAM.contains(&value) => {}
            None if own => self.reader |= self.reads(base),
            None => self.program(base, &mut role),
            Some(program) => self.argument(&program, word, &mut role),
        }
        self.before_last = std::mem::take(&mut self.last);
        self.last.push_str(value.get(..value.len().min(32)).unwrap_or_default());
        role
    }

    fn program(&mut self, base: &str, role: &mut Role) {
        role.refused = Some("it stands where a program's name is expected");
        role.program = true;
        self.own_reader = !self.reader;
        self.reader |= self.reads(base);
        role.reader = self.reader;
        role.templates = TEMPLATES.contains(&base);
        role.language = language(base);
        self.arguments = 0;
        let wrapper = WRAPPERS.iter().find(|(name, _)| *name == base);
        self.wrapper = wrapper.map(|(name, options)| (*options, usize::from(OPERAND_FIRST.contains(name))));
        self.in_test = base == "[[";
        if wrapper.is_none() {
            self.program = Some(base.to_owned());
        }
    }

    fn argument(&mut self, program: &str, word: &Word<'_>, role: &mut Role) {
        let value = word.text();
        let base = base(value);
        self.arguments += 1;
        self.in_test &= value != "]]";
        if matches!(program, "for" | "select" | "function" | "case") && self.arguments == 1 {
            role.refused = Some("it stands where the shell wants a name");
            value.clone_into(&mut self.loop_name);
        }
        let looped = matches!(program, "for" | "select") && self.arguments > 2;
        let declared = matches!(program, "export" | "local" | "readonly");
        // `local -i`, `local -n`: a later value is evaluated
        self.evaluates |= declared && value.starts_with('-') && value.contains(['i', 'n']);
        self.evaluates |= program == "printf" && self.last == "-v";
        self.evaluates |= program == "printf" && value == "-v" && self.arguments == 1;
        role.kept = match program {
            "case" if self.arguments == 1 => Kept::Compared,
            _ if looped => Kept::Looped(self.loop_name.clone()),
            _ if declared && is_assignment(value) && !self.evaluates => Kept::Assigned,
            _ => Kept::No,
        };
        role.declares = declared && is_identifier(value) && !self.evaluates;
        role.exports = program == "export";
        role.searched = SEARCHES.contains(&program) && self.own_reader && !self.elsewhere;
        role.fetched = FETCHES.contains(&program) && self.own_reader;
        role.encoded =
            role.fetched && (self.last == "--data-urlencode" || value.starts_with("--data-urlencode="));
        role.compared_with = matches!(self.last.as_str(), "=" | "==" | "!=" | "=~");
        role.language = self.language_of(program, value);
        role.starts_code = self.starts_code(program);
        let prints = matches!(program, "echo" | "printf");
        let format = program == "printf" && self.arguments == 1;
        let kubectl = matches!(program, "kubectl" | "oc");
        // templates, documents, and `a=b,c!=d`
        let syntax = kubectl && kubectl_syntax(&self.last, value);
        role.reader |= syntax || format || declared || self.evaluates || prints && self.printed_on;
        let named_text = program == "jq" && self.before_last == "--arg" && self.own_reader;
        role.reader &= !named_text;
        role.data = (DATA.contains(&program)
            && !self.elsewhere
            && (!kubectl || self.verb || self.last.starts_with('-')))
            || named_text;
        role.prints = prints && !role.reader && !self.elsewhere;
        role.message = !role.reader && !self.elsewhere && program != "aws" && MESSAGE_OPTIONS.contains(&self.last.as_str())
            // git takes the message of a commit as it is
            || program == "git" && !self.piped_on && matches!(self.last.as_str(), "-m" | "--message");
        if kubectl {
            self.kubectl(value);
        }
        // `sudo bash -c ...`, `kubectl exec x -- sh -c ...`, but not `kubectl get node`
        let direct = (DATA.contains(&program) && !self.elsewhere) || DIRECT.contains(&program);
        if !direct && self.reads(base) {
            self.own_reader = false;
            self.reader = true;
        }
    }

    /// What follows `--` runs in a container, and of what is no verb of kubectl's own nothing is known.
    fn kubectl(&mut self, value: &str) {
        if value == "--" {
            self.elsewhere = true;
            self.program = None;
            return;
        }
        self.verb |= KUBECTL_VERBS.contains(&value);
        let operand = !value.starts_with('-') && !self.last.starts_with('-');
        self.elsewhere |= KUBECTL_RUNS.contains(&value) || operand && !self.verb;
    }

    /// The language of an argument; files that `sed` works on are no text of its language.
    fn language_of(&mut self, program: &str, value: &str) -> Language {
        let language = language(program);
        if language != Language::Substitute || program != "sed" {
            return language;
        }
        let given = matches!(self.last.as_str(), "-e" | "--expression") || value.starts_with("--expression=");
        let first = !self.script && !value.starts_with('-');
        self.script |= given || first || matches!(self.last.as_str(), "-f" | "--file");
        if given || first { language } else { Language::Unknown }
    }

    /// Whether an argument is a program, or a text that begins with one.
    fn starts_code(&self, program: &str) -> bool {
        let after_c = self.last.starts_with('-') && !self.last.starts_with("--") && self.last.ends_with('c');
        matches!(program, "eval" | "trap") && self.arguments == 1
            || matches!(program, "docker" | "podman" | "nerdctl")
                && self.arguments == 3
                && self.before_last == "exec"
            || program == "ssh" && self.arguments == 2 && !self.last.starts_with('-')
            || matches!(self.last.as_str(), "-exec" | "-execdir" | "-ok" | "-okdir")
            || after_c && self.reader && is_one_of(INTERPRETERS, program)
    }

    fn reads(&self, program: &str) -> bool {
        is_one_of(READERS, program) || self.functions.is_some_and(|functions| functions.contains(program))
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

/// Whether an option of kubectl takes a template, a document or a selector.
fn kubectl_syntax(last: &str, value: &str) -> bool {
    let named = |option: &str| {
        let name = option.split('=').next().unwrap_or_default();
        KUBECTL_TEMPLATES.contains(&name) || name.starts_with("--") && name.ends_with("selector")
    };
    let short = |option: &str| option.starts_with('-') && !option.starts_with("--");
    named(last)
        || value.starts_with('-') && named(value)
        || short(last) && last.ends_with('l')
        || short(value) && ["-l", "-o", "-p"].iter().any(|option| value.starts_with(option))
}

fn language(program: &str) -> Language {
    if is_one_of(QUERIES, program) {
        Language::Query
    } else if is_one_of(SUBSTITUTES, program) {
        Language::Substitute
    } else {
        Language::Unknown
    }
}

/// `NAME=...`, without an index, which the shell would evaluate.
fn is_assignment(value: &str) -> bool {
    value.split_once('=').is_some_and(|(name, _)| is_identifier(name.strip_suffix('+').unwrap_or(name)))
}

/// Which values may stand in a word.
pub(crate) fn guard_of(role: &Role, word: &Word<'_>) -> Guard {
    // a long word is not looked through for each of its placeholders
    if word.value.len() > 4_096 {
        return Guard::Plain;
    }
    if role.prints {
        return Guard::Free;
    }
    // JSON and the like in a message is read by whoever gets it
    let syntax = ['$', '`', '{', '}', '[', ']', '"', '<', '>', '|', '\\'];
    if role.message && !word.runs && !word.value.contains(syntax) {
        return Guard::Free;
    }
    if role.target {
        return Guard::Tame;
    }
    if role.reader || word.runs {
        return Guard::Plain;
    }
    if role.data {
        return if word.value.contains(syntax) { Guard::Plain } else { Guard::Free };
    }
    let plain_text =
        |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '/' | ':' | '@' | '=' | '+' | '%' | '-');
    // `a=<x>,b=c`: the value may not add to the list
    let option = word.value.starts_with("--") && word.value.matches('=').count() == 1;
    if word.value.chars().all(plain_text) && (option || !word.value.contains('=')) {
        Guard::Tame
    } else {
        Guard::Plain
    }
}

/// The names that a text gives to pieces of itself: functions and aliases.
pub(crate) fn functions(lexed: &Lexed<'_>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut last = "";
    let mut aliases = false;
    for (index, token) in lexed.tokens.iter().enumerate() {
        match &token.kind {
            Kind::Word(word) => {
                let text = word.text();
                if last == "function" {
                    found.insert(text.to_owned());
                }
                if aliases {
                    found.extend(text.split_once('=').map(|(name, _)| name.to_owned()));
                }
                aliases |= text == "alias";
                last = text;
            }
            Kind::Op("(")
                if matches!(lexed.tokens.get(index + 1).map(|token| &token.kind), Some(Kind::Op(")"))) =>
            {
                found.insert(last.to_owned());
            }
            Kind::Op(_) | Kind::Newline => {
                aliases = false;
                last = "";
            }
            _ => {}
        }
    }
    found
}
