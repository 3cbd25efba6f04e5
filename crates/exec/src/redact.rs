//! Takes secrets out of a stream of bytes, before anything keeps it.
//!
//! Configured ones are found in every spelling of [`crate::spellings`], however they are split over chunks; tokens that
//! nobody configured by their known shapes ([`crate::shapes`]). Not found: a secret broken over lines, compressed or
//! otherwise computed upon.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use runbook_core::ports::{Job, SecretValue};

use crate::config::MIN_SECRET_BYTES;
use crate::shapes::{self, Found};
use crate::spellings::spellings;

/// What stands in a secret's place.
pub use runbook_core::ports::REDACTED;

/// A streaming redactor; a secret split over any number of chunks is found.
///
/// Holds back what may become a pattern or a token, and nothing else, so that a line is shown when it is written. Call
/// [`Redactor::finish`] at the end.
#[derive(Clone)]
pub struct Redactor {
    patterns: Arc<Patterns>,
    pending: Vec<u8>,
    /// How many bytes at the front of `pending` belong to a secret already announced.
    covered: usize,
    /// The token that reaches over the end of what was decided, which goes on with what comes.
    token: Option<shapes::Rest>,
}

/// What is looked for, shared by every stream of a command.
#[derive(Default)]
struct Patterns {
    /// Sorted.
    all: Vec<Vec<u8>>,
    /// By their first two bytes, the range of those that begin so.
    by_start: HashMap<[u8; 2], (usize, usize)>,
    /// Whether some pattern begins with this byte.
    first: Vec<bool>,
    longest: usize,
}

impl Patterns {
    fn new(mut all: Vec<Vec<u8>>) -> Patterns {
        all.retain(|pattern| pattern.len() > 1);
        all.sort();
        all.dedup();
        let mut patterns = Patterns { first: vec![false; 256], ..Patterns::default() };
        for (index, pattern) in all.iter().enumerate() {
            let Some(start) = pattern.first_chunk::<2>() else { continue };
            patterns.by_start.entry(*start).or_insert((index, index)).1 = index + 1;
            if let Some(first) = patterns.first.get_mut(usize::from(start[0])) {
                *first = true;
            }
        }
        patterns.longest = all.iter().map(Vec::len).max().unwrap_or(0);
        patterns.all = all;
        patterns
    }

    /// Whether a pattern could begin here.
    fn may_begin(&self, rest: &[u8]) -> bool {
        rest.first().is_some_and(|first| self.first.get(usize::from(*first)).is_some_and(|known| *known))
    }

    /// Whether these bytes are the beginning of a pattern that is longer.
    fn may_become(&self, rest: &[u8]) -> bool {
        if !self.may_begin(rest) {
            return false;
        }
        let from = self.all.partition_point(|pattern| pattern.as_slice() < rest);
        let mut candidates = self.all.get(from..).unwrap_or_default().iter().take(2);
        candidates.any(|pattern| pattern.len() > rest.len() && pattern.starts_with(rest))
    }

    /// The length of the longest pattern that stands at the start of these bytes; 0 for none.
    fn match_at(&self, rest: &[u8]) -> usize {
        let Some(start) = rest.first_chunk::<2>() else { return 0 };
        if !self.first.get(usize::from(start[0])).is_some_and(|known| *known) {
            return 0;
        }
        let Some(&(from, to)) = self.by_start.get(start) else { return 0 };
        let candidates = self.all.get(from..to).unwrap_or_default();
        candidates.iter().filter(|pattern| rest.starts_with(pattern)).map(Vec::len).max().unwrap_or(0)
    }
}

impl Redactor {
    /// A redactor for these secrets, and for tokens of known shapes. Empty secrets are ignored.
    #[must_use]
    pub fn new<S: AsRef<[u8]>>(secrets: &[S]) -> Self {
        let secrets = secrets.iter().map(AsRef::as_ref).filter(|secret| !secret.is_empty());
        Self::of(Patterns::new(secrets.flat_map(spellings).map(|(_, pattern)| pattern).collect()))
    }

    fn of(patterns: Patterns) -> Self {
        Self { patterns: Arc::new(patterns), pending: Vec::new(), covered: 0, token: None }
    }

    /// This redactor, or one that looks for a job's secret parameters besides `secrets`.
    ///
    /// The lines of a value of several lines are looked for one by one too, when they are long enough.
    pub(crate) fn for_job(&self, secrets: &[String], job: &Job) -> Redactor {
        if job.secrets.is_empty() {
            return self.clone();
        }
        let values = job.secrets.values().map(SecretValue::expose);
        let lines = values.clone().flat_map(|value| value.split(char::is_control).map(str::trim));
        let lines = lines.filter(|line| line.len() >= MIN_SECRET_BYTES);
        let all: Vec<&str> = secrets.iter().map(String::as_str).chain(values).chain(lines).collect();
        Redactor::new(&all)
    }

    /// Whether a configured secret is in there, in some spelling.
    pub(crate) fn is_in(&self, bytes: &[u8]) -> bool {
        (0..bytes.len()).any(|at| self.patterns.match_at(bytes.get(at..).unwrap_or_default()) > 0)
    }

    /// Takes the next bytes and gives what is safe to keep to `out`.
    pub fn push(&mut self, chunk: &[u8], out: &mut impl FnMut(&[u8])) {
        self.pending.extend_from_slice(chunk);
        // A position is decided where the longest pattern would still fit, and where nothing has begun that could go on.
        let all = self.pending.len();
        let fits = (all + 1).saturating_sub(self.patterns.longest.max(1));
        let open = |at: &usize| self.patterns.may_become(self.pending.get(*at..).unwrap_or_default());
        let decided = (fits..all).find(open).unwrap_or(all);
        self.release(decided, false, out);
    }

    /// Gives what was held back.
    pub fn finish(mut self, out: &mut impl FnMut(&[u8])) {
        let all = self.pending.len();
        self.release(all, true, out);
    }

    /// Decides the first `until` bytes of `pending`, or fewer when a token may begin before. Secrets that overlap are
    /// covered as one.
    fn release(&mut self, until: usize, at_end: bool, out: &mut impl FnMut(&[u8])) {
        let mut covered = self.covered;
        let mut plain_from = covered.min(until);
        let mut decided = until;
        for at in 0..until {
            let rest = self.pending.get(at..).unwrap_or_default();
            if self.token.is_none() && !self.patterns.may_begin(rest) && !shapes::may_begin(rest) {
                continue; // nearly every place
            }
            let byte = rest.first().copied().unwrap_or_default();
            // what a secret or a token begins with is covered whole; from there on the rest of a token is followed
            let inside = at < covered;
            let mut token = self.token.clone();
            let goes_on = !inside && token.as_mut().is_some_and(|token| token.goes_on(byte));
            let mut length = self.patterns.match_at(rest).max(usize::from(goes_on));
            // one token may begin where another still goes on, but not within a key's armour
            let in_block = goes_on && token.as_ref().is_some_and(shapes::Rest::is_block);
            match shapes::look(rest, at_end) {
                Found::MayBe if !inside && length <= 1 && !in_block => {
                    decided = at;
                    break;
                }
                Found::Token { length: start, rest } if at + start > covered && !in_block => {
                    length = length.max(start);
                    token = Some(rest);
                }
                Found::Token { .. } | Found::MayBe | Found::Nothing if !inside && !goes_on => token = None,
                Found::Token { .. } | Found::MayBe | Found::Nothing => {}
            }
            self.token = token;
            if length == 0 {
                continue;
            }
            if at >= covered && !goes_on {
                out(self.pending.get(plain_from..at).unwrap_or_default());
                out(REDACTED.as_bytes());
            }
            covered = covered.max(at + length);
            plain_from = covered;
        }
        out(self.pending.get(plain_from.min(decided)..decided).unwrap_or_default());
        self.pending.drain(..decided);
        self.covered = covered.saturating_sub(decided);
    }
}

/// Shows no pattern.
impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").field("patterns", &self.patterns.all.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spellings::base64_core;

    fn redact(secrets: &[&str], chunks: &[&[u8]]) -> String {
        let mut redactor = Redactor::new(secrets);
        let mut kept = Vec::new();
        let mut out = |bytes: &[u8]| kept.extend_from_slice(bytes);
        for chunk in chunks {
            redactor.push(chunk, &mut out);
        }
        redactor.finish(&mut out);
        String::from_utf8(kept).unwrap()
    }

    /// One-shot base64, to make test inputs independently of `base64_core`'s trimming.
    fn base64(bytes: &[u8]) -> String {
        let whole = bytes.len() / 3 * 3;
        String::from_utf8(base64_core(&bytes[..whole], 0, *b"+/")).unwrap()
    }

    #[test]
    fn every_split_point_gives_the_same() {
        let secrets = ["s3cr3t-token/value", "s3cr3t-t", "value=and+more&%"];
        let cases = [
            ("a s3cr3t-token/value b", "a [redacted] b"),
            ("a s3cr3t-tokem b", "a [redacted]okem b"),
            ("s3cr3t-token/value=and+more&%!", "[redacted]!"),
            ("s3cr3t-ts3cr3t-t", "[redacted][redacted]"),
            ("s3cr3t-s3cr3t-token/value", "s3cr3t-[redacted]"),
            ("x=s3cr3t-token%2Fvalue&y=s3cr3t-token%2fvalue", "x=[redacted]&y=[redacted]"),
            ("nothing here", "nothing here"),
            ("", ""),
        ];
        for (text, expected) in cases {
            let bytes = text.as_bytes();
            for first in 0..=bytes.len() {
                for second in first..=bytes.len() {
                    let chunks = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                    assert_eq!(redact(&secrets, &chunks), expected, "{text} split at {first} and {second}");
                }
            }
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            assert_eq!(redact(&secrets, &single), expected, "{text} byte by byte");
        }
    }

    #[test]
    fn base64_is_found_at_every_alignment_and_split() {
        let secret = "xoxb-1234567890-abcdefg";
        for before in ["", "u", "us", "use", "user:"] {
            let mut plain = format!("{before}{secret}");
            while plain.len() % 3 != 0 {
                plain.push('!');
            }
            let text = base64(plain.as_bytes());
            assert_eq!(base64(b"user:pw1"), "dXNlcjpw", "the test's own encoder");
            for split in 0..=text.len() {
                let (left, right) = text.as_bytes().split_at(split);
                let kept = redact(&[secret], &[left, right]);
                assert!(kept.contains(REDACTED), "{kept}");
                // At most the characters shared with a neighbour may be left over on each side.
                let rest = kept.replacen(REDACTED, "", 1);
                assert!(rest.len() <= text.len() - secret.len() * 8 / 6 + 2, "{kept}");
            }
        }
    }

    #[test]
    fn other_spellings() {
        let secret = "pa ss\"word\n1";
        let hex = hex::encode(secret);
        for text in ["pa%20ss%22word%0A1", "pa+ss%22word%0A1", "pa ss\\\"word\\n1", &hex, &hex.to_uppercase()]
        {
            assert_eq!(redact(&[secret], &[text.as_bytes()]), REDACTED, "{text}");
        }
        assert!(!format!("{:?}", Redactor::new(&[secret])).contains("word"));
    }

    #[test]
    fn without_secrets_only_what_may_become_a_token_is_held_back() {
        for (text, shown) in [("abc ", "abc "), ("abc ghp_a1", "abc "), ("so eyJhb", "so ")] {
            let mut redactor = Redactor::new::<&str>(&[]);
            let mut kept = Vec::new();
            redactor.push(text.as_bytes(), &mut |bytes| kept.extend_from_slice(bytes));
            assert_eq!(kept, shown.as_bytes());
            redactor.finish(&mut |bytes| kept.extend_from_slice(bytes));
            assert_eq!(kept, text.as_bytes());
        }
    }

    #[test]
    fn a_line_is_shown_when_it_is_written() {
        let mut redactor = Redactor::new(&["s3cr3t-token/value", "another-long-secret-of-a-server"]);
        let mut kept = Vec::new();
        for (chunk, shown) in [
            ("begun\n", "begun\n"),
            ("it is s3c", "begun\nit is "),
            ("urity\n", "begun\nit is s3curity\n"),
            ("s3cr3t-token/valu", "begun\nit is s3curity\n"),
            ("e\n", "begun\nit is s3curity\n[redacted]\n"),
        ] {
            redactor.push(chunk.as_bytes(), &mut |bytes| kept.extend_from_slice(bytes));
            assert_eq!(String::from_utf8_lossy(&kept), shown);
        }
    }

    /// Every spelling is needed: with one left out, what is written in it gets through.
    #[test]
    fn a_spelling_that_is_left_out_is_missed() {
        use crate::spellings::{LEFT_OUT, Spelling};
        let secret = "p$a <ss>\"w'ord/1\n\u{e9}&\\+";
        let json = "p$a <ss>\\\"w'ord/1\\n\u{e9}&\\\\+";
        for (spelling, written) in [
            (Spelling::Json, json.to_owned()),
            (Spelling::Json, json.replace('\u{e9}', "\\u00e9")),
            (Spelling::Json, json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")),
            (Spelling::Json, json.replace('/', "\\/")),
            (Spelling::Shell, "p$a <ss>\"w\\'ord/1\\n\u{e9}&\\\\+".to_owned()),
            (Spelling::Shell, "p$a <ss>\"w\\'ord/1\\n\\303\\251&\\\\+".to_owned()),
            (Spelling::Shell, "p$a <ss>\"w'\\''ord/1\n\u{e9}&\\+".to_owned()),
            (Spelling::Shell, "p\\$a <ss>\\\"w'ord/1\n\u{e9}&\\\\+".to_owned()),
            (Spelling::Percent, "p%24a%20%3Css%3E%22w%27ord%2F1%0A%C3%A9%26%5C%2B".to_owned()),
            (Spelling::Percent, "p%24a+%3css%3e%22w%27ord%2f1%0a%c3%a9%26%5c%2b".to_owned()),
            (Spelling::Percent, "p%24a%20%3Css%3E%22w%27ord/1%0A%C3%A9%26%5C%2B".to_owned()),
            (Spelling::Hex, hex::encode(secret)),
            (Spelling::Base64, base64_of(secret)),
        ] {
            assert_eq!(redact(&[secret], &[written.as_bytes()]), REDACTED, "{written}");
            LEFT_OUT.set(Some(spelling));
            let missed = redact(&[secret], &[written.as_bytes()]);
            LEFT_OUT.set(None);
            assert_eq!(missed, written, "{spelling:?} is left out, and {written} is still found");
        }
    }

    fn base64_of(secret: &str) -> String {
        String::from_utf8(base64_core(secret.as_bytes(), 0, *b"+/")).unwrap()
    }
}
