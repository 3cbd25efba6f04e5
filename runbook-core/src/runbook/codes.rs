//! The codes of everything that the parser and the linter notice. Each has a page, `docs/errors/RB0101.md` and so on.

use super::diagnostic::{Code, Diagnostic, Level};

/// A code with what it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeInfo {
    /// The code.
    pub code: Code,
    /// Its level; a code has one level only.
    pub level: Level,
    /// What it stands for, as its page's title says it.
    pub title: &'static str,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $level:ident, $title:literal;)*) => {
        $($(#[$doc])* pub const $name: Code = Code($number);)*

        /// Every code of this module in order.
        pub const ALL: &[CodeInfo] = &[
            $(CodeInfo { code: $name, level: Level::$level, title: $title },)*
        ];
    };
}

codes! {
    /// The YAML front matter does not parse, or is never closed.
    FRONT_MATTER = 101, Error, "the front matter cannot be read";
    /// A front matter key that nothing knows.
    FRONT_MATTER_KEY = 102, Error, "unknown front matter key";
    /// A front matter value outside what its key takes.
    FRONT_MATTER_VALUE = 103, Error, "bad front matter value";
    /// An attribute in a fence's info string that nothing knows.
    ATTRIBUTE = 104, Error, "unknown fence attribute";
    /// An attribute value outside what the attribute takes.
    ATTRIBUTE_VALUE = 105, Error, "bad fence attribute value";
    /// The same attribute twice in one info string.
    ATTRIBUTE_TWICE = 106, Error, "fence attribute given twice";
    /// Two commands with one name.
    DUPLICATE_NAME = 107, Error, "two commands have the same name";
    /// A `<pod>` or `YOUR_X` that nobody filled in.
    PLACEHOLDER = 108, Warning, "unresolved placeholder";
    /// A fence without a language that looks like shell.
    UNTAGGED_FENCE = 109, Warning, "untagged fence looks like shell";
    /// A fence without its closing line.
    UNCLOSED_FENCE = 110, Error, "fence is never closed";
    /// `rollout undo` without `--to-revision`.
    UNPINNED_UNDO = 111, Warning, "rollout undo without a pinned revision";
    /// A changing kubectl command that leaves the namespace to the machine.
    NO_NAMESPACE = 112, Warning, "kubectl change without a namespace";
    /// A search for text that no output can hold.
    CANNOT_FAIL = 113, Error, "a check that can never fail";
    /// A step that changes something and cannot be undone.
    NO_UNDO = 114, Warning, "effect without undo";
    /// A shell fence that holds no command.
    NO_COMMAND = 115, Warning, "shell fence without a command";
    /// The steps' time boxes add up to more than the limit.
    TIME_BOXES = 116, Warning, "time boxes exceed the limit";
    /// A name that may not be an environment variable of a run.
    VARIABLE_NAME = 117, Error, "variable name not allowed";
    /// Attributes that do not go together.
    ATTRIBUTE_CONFLICT = 118, Error, "fence attributes do not go together";
    /// A probe or baseline that is not known to be read-only.
    NOT_READ_ONLY = 119, Error, "probe or baseline is not read-only";
    /// A step with more than one probe.
    SECOND_PROBE = 120, Error, "step has more than one probe";
    /// Shell text that ends inside a quote, here-document, loop or bracket.
    UNFINISHED_SHELL = 121, Error, "shell text is not finished";
    /// An expectation with no command before it.
    STRAY_EXPECTATION = 122, Warning, "expectation without a command";
    /// A document larger than a runbook may be.
    TOO_LARGE = 123, Error, "document is too large";
    /// A document that is read, and that nobody can follow in an incident.
    LARGE = 124, Warning, "document is very large";
    /// Bytes that are not UTF-8.
    NOT_UTF8 = 125, Error, "the document is not UTF-8";
    /// A NUL byte, which no shell takes.
    NUL = 126, Error, "the document holds a NUL byte";
    /// A prompt of root or of another program's own language.
    OTHER_PROMPT = 127, Warning, "prompt of root or of another program";
    /// Lists or quotes nested more deeply than anybody means.
    TOO_DEEP = 128, Warning, "nested too deeply";
    /// Two steps with one title: their ids are told apart by numbers.
    SAME_TITLE = 129, Warning, "two steps have the same title";
    /// A block that names a condition, loop or group that is not understood.
    FLOW = 130, Error, "bad when, foreach, parallel or until";
    /// An include that names no runbook, or one that cannot be read.
    INCLUDE = 131, Error, "include cannot be read";
    /// A runbook that includes itself, directly or through others.
    INCLUDE_CYCLE = 132, Error, "runbooks include each other in a circle";
    /// An http block that is not one request.
    HTTP_REQUEST = 133, Error, "http request cannot be read";
    /// A sql block whose statements may not run as it says.
    SQL_TEXT = 134, Error, "sql cannot run as written";
    /// A promql block that is not a query.
    PROMQL_TEXT = 135, Error, "promql cannot be read";
    /// A verb that destroys, in a step without an undo.
    DESTRUCTIVE = 140, Warning, "destructive command without undo";
    /// A secret's value on the screen and in the journal.
    SECRET_PRINTED = 141, Warning, "secret printed";
    /// A loop that does the same thing each time.
    LOOP_VARIABLE = 142, Warning, "loop ignores its variable";
    /// A file is read that no command writes.
    UNWRITTEN_FILE = 143, Warning, "file is read that nothing writes";
    /// A loop over hosts without a bound.
    UNBOUNDED_LOOP = 144, Warning, "loop over hosts without a bound";
    /// A command that waits for a keyboard.
    INTERACTIVE = 145, Warning, "interactive command";
    /// A command that does not end by itself.
    NEVER_ENDING = 146, Warning, "command that never ends";
    /// Quotes that the program does not print.
    QUOTE_STYLE = 147, Warning, "quotes that the program does not print";
    /// A series divided by itself.
    PROMQL_SELF_RATIO = 148, Warning, "query divides a series by itself";
    /// A rate per second taken as one per hour or day.
    PROMQL_PER_SECOND = 149, Warning, "rate per second taken as another";
    /// A quantile over buckets that are not summed by `le`.
    PROMQL_QUANTILE = 150, Warning, "quantile without sum by (le)";
    /// A request body without a part that its receiver insists on.
    BODY_INCOMPLETE = 151, Warning, "request body lacks a required part";
    /// Text read in a wrong encoding.
    MOJIBAKE = 152, Warning, "text read in a wrong encoding";
    /// A step that changes something and checks nothing.
    NEVER_VALIDATED = 153, Warning, "change that nothing validates";
    /// A link to a file that is not there.
    DEAD_LINK = 154, Warning, "link to a file that is not there";
    /// kubectl without the namespace that its neighbours name.
    NEIGHBOUR_NAMESPACE = 155, Warning, "kubectl without the namespace of its neighbours";
    /// A `blocks: allow` that is malformed or allows nothing.
    ALLOW = 156, Warning, "allow comment without effect";
    /// What shellcheck found.
    SHELLCHECK = 157, Warning, "shellcheck finding";
    /// A block that the document itself speaks against running.
    FORBIDDEN = 158, Warning, "the document says not to run this";
    /// What a program wrote, among a block's commands.
    PASTED_OUTPUT = 159, Warning, "output among the commands";
    /// A variable that would expand to nothing.
    UNSET_VARIABLE = 160, Warning, "variable that nothing sets";
    /// `${db-name}`, which is `name` to bash.
    DASHED_EXPANSION = 161, Warning, "placeholder that bash reads as a default";
    /// `${my pod}`.
    BAD_SUBSTITUTION = 162, Error, "expansion that bash does not know";
    /// A parameter whose value may be split into words.
    UNQUOTED = 163, Warning, "parameter outside quotes";
    /// An expectation that would show a secret.
    SECRET_EXPECTED = 164, Error, "secret in an expectation";
    /// `&lt;dir&gt;`, at whose `&` the shell ends a command.
    HTML_ENTITY = 165, Error, "HTML entity among the commands";
    /// `$1` where nobody gave arguments.
    POSITIONAL = 166, Error, "argument that nobody gives";
    /// `effect=read` on what plainly changes something.
    FALSE_READ = 167, Error, "effect=read on a change";
    /// `if true; echo`: text that no bash takes.
    SHELL_REFUSED = 170, Error, "text that bash would refuse";
    /// `ls –l`, `“a”`, a no-break blank: no syntax to any shell.
    TYPOGRAPHY = 171, Error, "typographic character in a command";
    /// A fence in indented code, as admonitions of MkDocs have it.
    LOST_FENCE = 172, Warning, "fence that is no code block";
    /// A command that the document runs on a condition, or instead of another.
    CONDITIONAL = 173, Warning, "command on a condition";
    /// An expectation in prose that only a person can judge.
    UNCLEAR_EXPECTATION = 174, Warning, "expectation in prose is not clear";
    /// `# Exepcted: ...`.
    MISSPELT_EXPECTATION = 175, Warning, "misspelt expectation";
    /// `ssh web-1` with more lines behind it in its block.
    SESSION_OPENER = 176, Error, "lines behind the opening of a session";
    /// A script or a line of a crontab, shown as what to write into a file.
    FILE_CONTENT = 177, Warning, "block that is the content of a file";
    /// A fence in a comment of HTML or MDX.
    COMMENTED_OUT = 178, Warning, "fence in a comment";
    /// Prose without a command or an item.
    NOTHING_TO_DO = 179, Warning, "document with nothing to run or to do";
}

/// What a code stands for; `None` for a code of another module.
#[must_use]
pub fn info(code: Code) -> Option<&'static CodeInfo> {
    ALL.iter().find(|info| info.code == code)
}

/// A finding at (line, column) with the level that its code has.
pub(crate) fn finding(code: Code, at: (u32, u32), message: impl Into<String>, hint: &str) -> Diagnostic {
    let level = info(code).map_or(Level::Error, |info| info.level);
    Diagnostic { code, level, line: at.0, column: at.1, message: message.into(), hint: Some(hint.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_in_order_and_unique() {
        assert!(ALL.windows(2).all(|pair| pair[0].code < pair[1].code));
        assert_eq!(info(PLACEHOLDER).map(|i| i.level), Some(Level::Warning));
        assert_eq!(info(Code(1)), None);
    }

    #[test]
    fn every_code_has_a_page() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/errors");
        for info in ALL {
            let path = folder.join(format!("{}.md", info.code));
            let page = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            let heading = format!("# {}: {}", info.code, info.title);
            assert_eq!(page.lines().next(), Some(heading.as_str()), "{}", path.display());
        }
    }
}
