//! The programs that a shell text starts, wherever they stand: in loops, behind wrappers, inside substitutions, and in
//! the texts given to `bash -c`, `ssh` and `kubectl exec`.

use std::borrow::Cow;

use super::super::lines::{Cursor, to_u32};
use super::super::shell::{Kind, Token, Word, closing, lex};

/// One program with its arguments.
#[derive(Debug, Clone, Default)]
pub(super) struct Call<'a> {
    /// Without its folder; empty when there are only redirections.
    pub(super) program: Cow<'a, str>,
    /// Its arguments; those of an inner program included.
    pub(super) args: Vec<Word<'a>>,
    /// 1-based line in the file.
    pub(super) line: u32,
    /// Operator and target of each redirection.
    pub(super) redirects: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// Which pipeline of the text it belongs to.
    pub(super) pipeline: usize,
    /// Reads another program's output.
    pub(super) piped_in: bool,
    /// Gives its output to the next program.
    pub(super) piped_out: bool,
    /// Ends with `&`.
    pub(super) background: bool,
    /// Runs below `timeout`.
    pub(super) limited: bool,
    /// Runs on another machine or in a container.
    pub(super) remote: bool,
    /// Inside a substitution: the output goes to the text around it.
    pub(super) captured: bool,
}

impl Call<'_> {
    /// [`Call::program`].
    pub(super) fn program(&self) -> &str {
        &self.program
    }

    /// The call by itself, for when its text does not live long enough.
    pub(super) fn into_owned(self) -> Call<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        Call {
            program: owned(self.program),
            args: self.args.into_iter().map(Word::into_owned).collect(),
            redirects: self.redirects.into_iter().map(|(op, target)| (owned(op), owned(target))).collect(),
            ..self
        }
    }

    /// The arguments' texts.
    pub(super) fn texts(&self) -> Vec<&str> {
        self.args.iter().map(|word| &*word.value).collect()
    }

    /// Arguments that are no options.
    pub(super) fn operands(&self) -> impl Iterator<Item = &str> {
        self.args.iter().map(|word| &*word.value).filter(|value| !value.starts_with('-'))
    }

    /// Whether an argument is one of these.
    pub(super) fn has(&self, wanted: &[&str]) -> bool {
        self.args.iter().any(|word| wanted.contains(&word.text()))
    }

    /// Whether a combined short option (`-rf`) holds the letter.
    pub(super) fn has_letter(&self, letter: char) -> bool {
        self.args.iter().any(|word| {
            word.value.strip_prefix('-').is_some_and(|rest| {
                !rest.starts_with('-') && rest.chars().all(char::is_alphanumeric) && rest.contains(letter)
            })
        })
    }

    /// Whether standard input comes from a file, a here-document or another program.
    pub(super) fn has_input(&self) -> bool {
        self.piped_in || self.redirects.iter().any(|(op, _)| op.contains('<'))
    }

    /// Whether standard output goes into a file.
    pub(super) fn writes_file(&self) -> bool {
        self.redirects.iter().any(|(op, _)| op.contains('>') && !op.starts_with('2') && !op.ends_with('&'))
    }
}

/// How deeply texts inside texts are looked into.
const DEEPEST: usize = 4;

/// What holds for every program of an inner text.
#[derive(Clone, Copy, Default)]
struct Around {
    limited: bool,
    remote: bool,
    captured: bool,
    depth: usize,
    /// Calls that stand before those at hand.
    before: usize,
}

/// Every call of a text whose first line is `first_line` of the file.
pub(super) fn calls(text: &str, first_line: u32) -> Vec<Call<'_>> {
    calls_of(text, &lex(text).tokens, first_line)
}

/// As [`calls`], of a text that has been taken apart.
pub(super) fn calls_of<'a>(text: &'a str, tokens: &[Token<'a>], first_line: u32) -> Vec<Call<'a>> {
    let mut all = Vec::new();
    collect_of(text, tokens, first_line, Around::default(), &mut all);
    all
}

fn collect<'a>(text: &'a str, first_line: u32, around: Around, all: &mut Vec<Call<'a>>) {
    collect_of(text, &lex(text).tokens, first_line, around, all);
}

fn collect_of<'a>(
    text: &'a str,
    tokens: &[Token<'a>],
    first_line: u32,
    around: Around,
    all: &mut Vec<Call<'a>>,
) {
    let cursor = Cursor::new(text);
    let line_at = |offset: usize| first_line.saturating_add(cursor.breaks_before(offset));
    let mut group: Vec<(&Word<'a>, usize)> = Vec::new();
    let mut call = Call { pipeline: around.before + all.len(), ..Call::default() };
    let mut target_of: Option<&'a str> = None;
    for token in tokens {
        match &token.kind {
            Kind::Word(word) => {
                let raw = text.get(token.start..token.end).unwrap_or_default();
                if word.runs && around.depth < DEEPEST {
                    let inner = Around { captured: true, depth: around.depth + 1, ..around };
                    for (at, inside) in substitutions(raw) {
                        collect(inside, line_at(token.start + at), inner, all);
                    }
                }
                match target_of.take() {
                    Some(op) => call.redirects.push((Cow::Borrowed(op), word.value.clone())),
                    None => group.push((word, token.start)),
                }
            }
            Kind::Redirect(op) => {
                target_of = Some(op);
                if call.redirects.is_empty() {
                    // where there is no program, the redirection is the place
                    call.line = line_at(token.start);
                }
            }
            Kind::Op(_) | Kind::Newline => {
                let op = if let Kind::Op(op) = token.kind { op } else { "\n" };
                call.piped_out = op == "|";
                call.background = op == "&";
                let pipeline = call.pipeline;
                finish(std::mem::take(&mut call), &group, &line_at, around, all);
                group.clear();
                target_of = None;
                call.piped_in = op == "|";
                call.pipeline =
                    if op == "|" { pipeline } else { (around.before + all.len()).max(pipeline + 1) };
            }
            Kind::HereDoc | Kind::Comment => {}
        }
    }
    finish(call, &group, &line_at, around, all);
}

/// Names the program of one group of words, and looks into the text that it is given.
fn finish<'a>(
    mut call: Call<'a>,
    words: &[(&Word<'a>, usize)],
    line_at: &dyn Fn(usize) -> u32,
    around: Around,
    all: &mut Vec<Call<'a>>,
) {
    (call.limited, call.remote, call.captured) = (around.limited, around.remote, around.captured);
    let mut rest = words;
    // `sudo timeout 5 kubectl`: each wrapper is one program less to look through
    while let Some((skip, limits)) = wrapper(rest) {
        call.limited |= limits;
        rest = rest.get(skip..).unwrap_or_default();
    }
    let Some(((first, start), args)) = rest.split_first() else {
        if !call.redirects.is_empty() {
            all.push(call);
        }
        return;
    };
    call.program = match &first.value {
        Cow::Borrowed(path) => Cow::Borrowed(path.rsplit('/').next().unwrap_or_default()),
        Cow::Owned(path) => Cow::Owned(path.rsplit('/').next().unwrap_or_default().to_owned()),
    };
    call.line = line_at(*start);
    call.args = args.iter().map(|(word, _)| (*word).clone()).collect();
    if around.depth < DEEPEST
        && let Some((inner, at, remote)) = inner_text(&call.program, args)
    {
        let around = Around {
            limited: call.limited,
            remote: call.remote || remote,
            captured: call.captured,
            depth: around.depth + 1,
            before: around.before,
        };
        let before = all.len();
        match inner {
            Cow::Borrowed(inner) => collect(inner, line_at(at), around, all),
            Cow::Owned(inner) => {
                let mut own = Vec::new();
                collect(&inner, line_at(at), Around { before: around.before + before, ..around }, &mut own);
                all.extend(own.into_iter().map(|call| -> Call<'a> { call.into_owned() }));
            }
        }
        // what a single inner program prints goes where the outer one's output goes
        if let Some([only]) = all.get_mut(before..) {
            (only.pipeline, only.piped_out) = (call.pipeline, call.piped_out);
        }
    }
    all.push(call);
}

/// How many words to skip over, and whether they limit the time; `None` when the first word is the program.
fn wrapper(words: &[(&Word<'_>, usize)]) -> Option<(usize, bool)> {
    let text = |at: usize| words.get(at).map(|(word, _)| word.text());
    let first = words.first().filter(|(word, _)| !word.quoted)?.0.text();
    let options = |from: usize, with_value: &[&str]| {
        let mut at = from;
        while let Some(option) = text(at).filter(|word| word.starts_with('-') && word.len() > 1) {
            at += if with_value.contains(&option) { 2 } else { 1 };
        }
        at
    };
    let is_assignment = |word: &str| {
        word.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        })
    };
    let at = match first {
        "if" | "then" | "else" | "elif" | "while" | "until" | "do" | "!" | "{" | "time" | "nohup"
        | "command" | "exec" | "builtin" => 1,
        "sudo" => {
            // the last letter of `-iu postgres` takes the value
            const VALUES: &[&str] = &[
                "-u", "-g", "-h", "-p", "-C", "--user", "--group", "-iu", "-su", "-Eu", "-nu", "-Hu", "-EHu",
                "-HEu",
            ];
            let at = options(1, VALUES);
            // `sudo -i` and `sudo -s` are programs of their own: a shell
            if text(at).is_none() { return None } else { at }
        }
        "env" => {
            let mut at = options(1, &["-u", "-C"]);
            while text(at).is_some_and(is_assignment) {
                at += 1;
            }
            if text(at).is_none() { return None } else { at }
        }
        "nice" | "ionice" => options(1, &["-n", "-c"]),
        "xargs" => {
            let at = options(
                1,
                &["-n", "-I", "-P", "-L", "-a", "-d", "-s", "--arg-file", "--max-args", "--max-procs"],
            );
            // `xargs -a file` reads a file: that is looked at as a call of xargs
            if text(at).is_none() || words.iter().any(|(word, _)| matches!(word.text(), "-a" | "--arg-file"))
            {
                return None;
            }
            at
        }
        "timeout" => return Some((options(1, &["-s", "-k", "--signal", "--kill-after"]) + 1, true)),
        word if is_assignment(word) && words.len() > 1 => 1,
        _ => return None,
    };
    Some((at, false))
}

/// The shell text that a program is given, where it begins, and whether it runs elsewhere.
fn inner_text<'a>(program: &str, args: &[(&Word<'a>, usize)]) -> Option<(Cow<'a, str>, usize, bool)> {
    let value = |at: usize| args.get(at).map(|(word, _)| word.text());
    let joined = |from: usize| -> Option<(Cow<'a, str>, usize, bool)> {
        let rest = args.get(from..).filter(|rest| !rest.is_empty())?;
        let text: Vec<String> = rest.iter().map(|(word, _)| quote(&word.value)).collect();
        Some((Cow::Owned(text.join(" ")), rest.first()?.1, true))
    };
    match program {
        "bash" | "sh" | "zsh" => {
            let at = args.iter().position(|(word, _)| {
                word.value.starts_with('-') && !word.value.starts_with("--") && word.value.ends_with('c')
            })?;
            args.get(at + 1).map(|(word, start)| (word.value.clone(), *start, false))
        }
        "kubectl" | "oc" => joined(args.iter().position(|(word, _)| word.value == "--")? + 1)
            .filter(|_| args.iter().any(|(word, _)| matches!(word.text(), "exec" | "run" | "debug"))),
        "ssh" => {
            let mut at = 0;
            while let Some(option) = value(at).filter(|word| word.starts_with('-')) {
                at += if option.len() == 2 && option.ends_with(|c| "bcDEeFIiJLlmOopQRSWw".contains(c)) {
                    2
                } else {
                    1
                };
            }
            match args.get(at + 1..) {
                Some([(only, start)]) => Some((only.value.clone(), *start, true)),
                _ => joined(at + 1),
            }
        }
        "docker" | "podman" if value(0) == Some("exec") => {
            let mut at = 1;
            while let Some(option) = value(at).filter(|word| word.starts_with('-')) {
                at += if matches!(option, "-u" | "-e" | "-w" | "--user" | "--env" | "--workdir") {
                    2
                } else {
                    1
                };
            }
            joined(at + 1)
        }
        _ => None,
    }
}

/// A word as shell text again.
pub(super) fn quote(value: &str) -> String {
    let plain = value.chars().all(|c| c.is_alphanumeric() || "-_./=:,@%+$".contains(c));
    if plain && !value.is_empty() { value.to_owned() } else { format!("'{}'", value.replace('\'', "'\\''")) }
}

/// The texts inside `$(...)`, `` `...` ``, `<(...)` with their byte offsets; outermost ones only.
fn substitutions(raw: &str) -> Vec<(usize, &str)> {
    let bytes = raw.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    let mut single = false;
    let mut double = false;
    while let Some(&byte) = bytes.get(at) {
        let opens = matches!(byte, b'$' | b'<' | b'>')
            && bytes.get(at + 1) == Some(&b'(')
            && bytes.get(at + 2) != Some(&b'(');
        match byte {
            b'\\' if !single => at += 1,
            b'\'' if !double => single = !single,
            b'"' if !single => double = !double,
            _ if single => {}
            b'`' => {
                let length = bytes.get(at + 1..).and_then(|rest| rest.iter().position(|&b| b == b'`'));
                let Some(length) = length else { break };
                found.extend(raw.get(at + 1..at + 1 + length).map(|inside| (at + 1, inside)));
                at += length + 1;
            }
            _ if opens => {
                let end = closing(bytes, at + 2);
                found.extend(raw.get(at + 2..end).map(|inside| (at + 2, inside)));
                at = end;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// The lines that a text covers when it begins on `line`.
pub(super) fn last_line(line: u32, text: &str) -> u32 {
    line.saturating_add(to_u32(text.trim_end().matches('\n').count()))
}
