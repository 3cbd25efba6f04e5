//! Text that a person was meant to fill in: `<pod>`, `{repo}`, `[NAME]`, `YOUR_TOKEN`.
//!
//! A shell would take `<pod>` as a redirection and the others literally, so a command that holds one does not run.
//! What shell, kubectl, jq and regular expressions write with the same characters is left alone.

use std::collections::BTreeSet;

use super::shell::{Kind, Lexed, Token, Word, lex};

/// Programs whose quoted arguments are programs of their own, full of braces and brackets.
const LANGUAGES: &[&str] =
    &["jq", "yq", "awk", "gawk", "sed", "perl", "python", "python3", "ruby", "node", "rename"];
/// Programs whose arguments are patterns.
const SEARCHERS: &[&str] = &["grep", "egrep", "fgrep", "zgrep", "rg", "ag", "tr", "find", "sed"];
/// Bracketed words that log lines begin with.
const LOG_WORDS: &[&str] =
    &["INFO", "WARN", "WARNING", "ERROR", "DEBUG", "TRACE", "FATAL", "OK", "FAIL", "PASS", "DONE"];

/// No command needs more of them to be explained.
const MOST: usize = 32;
/// Longest placeholder in bytes.
const LONGEST: usize = 80;

/// The placeholders of a command text as written, each once, in order; at most 32.
pub(crate) fn find(text: &str) -> Vec<String> {
    let lexed = lex(text);
    let visible = without_comments(text, &lexed);
    let context = Context {
        text: &visible,
        words: words(&lexed.tokens),
        closing_tags: closing_tags(&visible),
        has_range: visible.contains("{range"),
    };
    let mut found: Vec<String> = Vec::new();
    let mut at = 0;
    while let Some(c) = visible[at..].chars().next() {
        let length = match c {
            '<' => context.angle(at),
            '{' => context.brace(at),
            '[' => context.bracket(at),
            'Y' | 'R' | 'C' => context.shouted(at),
            _ => None,
        };
        if let Some(length) = length {
            let what = &visible[at..at + length];
            if !found.iter().any(|known| known == what) {
                found.push(what.to_owned());
            }
            if found.len() == MOST {
                break;
            }
        }
        at += length.unwrap_or(c.len_utf8());
    }
    found
}

/// The text with its comments blanked, offsets unchanged.
fn without_comments(text: &str, lexed: &Lexed) -> String {
    let mut visible = String::with_capacity(text.len());
    let mut at = 0;
    for token in lexed.tokens.iter().filter(|token| token.kind == Kind::Comment) {
        visible.push_str(&text[at..token.start]);
        visible.push_str(&" ".repeat(token.end - token.start));
        at = token.end;
    }
    visible.push_str(&text[at..]);
    visible
}

/// A word with the program of its command.
struct Placed<'a> {
    start: usize,
    end: usize,
    program: &'a str,
    word: &'a Word,
}

fn words(tokens: &[Token]) -> Vec<Placed<'_>> {
    let mut all = Vec::new();
    let mut program = None;
    for token in tokens {
        match &token.kind {
            Kind::Word(word) => {
                let program = *program.get_or_insert(word.value.as_str());
                all.push(Placed { start: token.start, end: token.end, program, word });
            }
            Kind::Op(_) | Kind::Newline => program = None,
            _ => {}
        }
    }
    all
}

fn closing_tags(text: &str) -> BTreeSet<&str> {
    text.split("</").skip(1).filter_map(|rest| rest.get(..rest.find('>')?)).collect()
}

/// A text prepared for looking around in it.
struct Context<'a> {
    text: &'a str,
    words: Vec<Placed<'a>>,
    /// The names in `</b>`.
    closing_tags: BTreeSet<&'a str>,
    has_range: bool,
}

impl<'a> Context<'a> {
    /// What stands between an opening bracket at `at` and its closing one, when that is near.
    fn inside(&self, at: usize, close: u8) -> Option<&'a str> {
        let rest = &self.text[at + 1..];
        let length = rest.bytes().take(LONGEST + 1).position(|b| b == close)?;
        Some(&rest[..length])
    }

    fn word_at(&self, at: usize) -> Option<&Placed<'a>> {
        let index = self.words.partition_point(|placed| placed.end <= at);
        self.words.get(index).filter(|placed| placed.start <= at)
    }

    /// `<pod>`, `<value of the label>`, `<a|b>`.
    fn angle(&self, at: usize) -> Option<usize> {
        let before = &self.text[..at];
        if before.ends_with(['<', '\\', '?']) || before.ends_with("?P") {
            return None;
        }
        let inside = self.inside(at, b'>')?;
        let begins = inside.starts_with(|c: char| c.is_alphabetic());
        let ends = inside.ends_with(|c: char| c.is_alphanumeric());
        let middle = inside.chars().all(|c| c.is_alphanumeric() || " _./:|,'-".contains(c));
        // `<b>bold</b>` is markup
        (begins && ends && middle && !self.closing_tags.contains(inside)).then_some(inside.len() + 2)
    }

    /// `{repo}`.
    fn brace(&self, at: usize) -> Option<usize> {
        if self.text[..at].ends_with(['$', '{', '%', '@', '\\']) {
            return None;
        }
        let inside = self.inside(at, b'}')?;
        let name = inside.starts_with(|c: char| c.is_ascii_alphabetic())
            && inside.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
        let taken = self.text[at + inside.len() + 2..].starts_with('}') || inside == "end" && self.has_range;
        let in_language = || {
            self.word_at(at).is_some_and(|placed| placed.word.quoted && LANGUAGES.contains(&placed.program))
        };
        (name && !taken && !in_language()).then_some(inside.len() + 2)
    }

    /// `[NAME]`, `[SERVICE NAME]`.
    fn bracket(&self, at: usize) -> Option<usize> {
        let inside = self.inside(at, b']')?;
        let after = &self.text[at + inside.len() + 2..];
        let shouted = inside.len() >= 2
            && inside.starts_with(|c: char| c.is_ascii_uppercase())
            && inside.ends_with(|c: char| c.is_ascii_uppercase() || c.is_ascii_digit())
            && inside
                .chars()
                .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || matches!(c, '_' | ' ' | '-'));
        // `[A-Z]` and `[A-Z0-9]` are classes
        let class = inside.len() <= 9 && inside.as_bytes().windows(3).any(is_range);
        let doubled = self.text[..at].ends_with('[') || after.starts_with(']');
        if !shouted || class || doubled || LOG_WORDS.contains(&inside) || self.is_index(at, after) {
            return None;
        }
        let in_pattern = self
            .word_at(at)
            .is_some_and(|placed| SEARCHERS.contains(&placed.program) || LANGUAGES.contains(&placed.program));
        (!in_pattern).then_some(inside.len() + 2)
    }

    /// `${MAP[KEY]}`, `${#MAP[KEY]}` and `MAP[KEY]=value`.
    fn is_index(&self, at: usize, after: &str) -> bool {
        let before = &self.text[..at];
        let head = before.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
        head.len() < before.len()
            && (head.ends_with("${")
                || head.ends_with("${#")
                || head.ends_with("${!")
                || after.starts_with('='))
    }

    /// `YOUR_TOKEN`, `REPLACE_ME`, `CHANGEME`.
    fn shouted(&self, at: usize) -> Option<usize> {
        let before = &self.text[..at];
        if before.ends_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '$'))
            || before.ends_with("${")
        {
            return None;
        }
        let rest = &self.text[at..];
        let length = rest
            .find(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'))
            .unwrap_or(rest.len());
        let word = &rest[..length];
        let matches = word.strip_prefix("YOUR_").is_some_and(|tail| !tail.is_empty())
            || matches!(word, "REPLACE_ME" | "CHANGE_ME" | "CHANGEME" | "REPLACEME");
        matches.then_some(length)
    }
}

fn is_range(window: &[u8]) -> bool {
    window[1] == b'-'
        && window[0] < window[2]
        && (window[0].is_ascii_uppercase() && window[2].is_ascii_uppercase() || window[0].is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn what_people_leave_open_is_found() {
        let rows: &[(&str, &[&str])] = &[
            ("kubectl logs <pod> -n <name-space>", &["<pod>", "<name-space>"]),
            ("kubectl -n \"<service>-prod\" get pods", &["<service>"]),
            ("X='<value of the label from alert>'", &["<value of the label from alert>"]),
            ("curl https://<host>:<port>/x", &["<host>", "<port>"]),
            ("gh issue --body \"<alert | operator>\"", &["<alert | operator>"]),
            ("git clone https://example.com/{repo}.git", &["{repo}"]),
            ("ssh [HOST_NAME]", &["[HOST_NAME]"]),
            ("echo [SERVICE NAME]", &["[SERVICE NAME]"]),
            ("curl -H \"X-Token: YOUR_API_TOKEN\"", &["YOUR_API_TOKEN"]),
            ("export KEY=REPLACE_ME", &["REPLACE_ME"]),
            ("cat <<EOF\nname: <name>\nEOF", &["<name>"]),
            ("a <pod> <pod>", &["<pod>"]),
        ];
        for (text, expected) in rows {
            assert_eq!(find(text), *expected, "{text}");
        }
    }

    #[test]
    fn what_programs_write_is_left_alone() {
        for text in [
            "echo ${VAR} ${VAR:-x} $VAR",
            "kubectl get pods -o template --template='{{range .items}}{{.metadata.name}}{{end}}'",
            "kubectl get pods -o jsonpath='{range .items[*]}{.metadata.name}{\"\\n\"}{end}'",
            "kubectl get deploy -o jsonpath='{.spec.template.spec.containers[0].image}'",
            "[[ -n x ]] && echo a",
            "[[ $A == B ]] && echo a",
            "diff <(sort a) <(sort b)",
            "cat <<EOF\nplain\nEOF",
            "cat <<'EOF' > out\nplain\nEOF",
            "sort < in > out",
            "cmd 2>&1 >file <input",
            "grep '[A-Z]' f",
            "grep 'x[ABC]y' f",
            "ls [A-Z]*",
            "ls [A-Z0-9]*",
            "jq '{name}' f",
            "awk '{print}' f",
            "curl -w '%{http_code}' x",
            "git show HEAD@{upstream}",
            "echo {a,b} {1..3} {}",
            "xargs -I{} echo {}",
            "echo ${MAP[KEY]} ${#MAP[KEY]}",
            "MAP[KEY]=1",
            "echo \"[INFO] started\"",
            "grep -P '(?<name>a)' f",
            "sed 's/\\<word\\>/x/' f",
            "echo '<b>bold</b>'",
            "echo $YOUR_TOKEN ${YOUR_TOKEN}",
            "echo MYOUR_X",
            "echo a # <pod> in a comment",
            "test 1 -lt 2",
            "up{job=\"x\"}",
        ] {
            assert_eq!(find(text), Vec::<String>::new(), "{text}");
        }
    }
}
