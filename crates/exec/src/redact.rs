//! Takes configured secrets out of a stream of bytes, before anything keeps it.
//!
//! Found as they are, percent-encoded, in hexadecimal, inside a JSON string, and in base64 at each of its three
//! alignments. Not found: a secret broken over lines, compressed or otherwise computed upon.

use std::fmt;

use runbook_core::ports::{Job, SecretValue};

use crate::config::MIN_SECRET_BYTES;

/// What stands in a secret's place.
pub use runbook_core::ports::REDACTED;

/// A streaming redactor; a secret split over any number of chunks is found.
///
/// Holds back one byte less than the longest pattern, so call [`Redactor::finish`] at the end.
#[derive(Clone)]
pub struct Redactor {
    /// Sorted by first byte; `by_first[b]` is the range of those that begin with `b`.
    patterns: Vec<Vec<u8>>,
    by_first: Vec<(usize, usize)>,
    longest: usize,
    pending: Vec<u8>,
    /// How many bytes at the front of `pending` belong to a secret already announced.
    covered: usize,
}

impl Redactor {
    /// A redactor for these secrets. Empty ones are ignored.
    #[must_use]
    pub fn new<S: AsRef<[u8]>>(secrets: &[S]) -> Self {
        let mut patterns: Vec<Vec<u8>> = secrets
            .iter()
            .map(AsRef::as_ref)
            .filter(|secret| !secret.is_empty())
            .flat_map(spellings)
            .filter(|pattern| !pattern.is_empty())
            .collect();
        patterns.sort();
        patterns.dedup();
        let by_first = (0..=u8::MAX)
            .map(|byte| {
                let start = patterns.partition_point(|pattern| pattern.first() < Some(&byte));
                let end = patterns.partition_point(|pattern| pattern.first() <= Some(&byte));
                (start, end)
            })
            .collect();
        let longest = patterns.iter().map(Vec::len).max().unwrap_or(0);
        Self { patterns, by_first, longest, pending: Vec::new(), covered: 0 }
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

    /// Whether a secret is in there.
    pub(crate) fn is_in(&self, bytes: &[u8]) -> bool {
        let mut redactor = self.clone();
        redactor.pending.extend_from_slice(bytes);
        (0..bytes.len()).any(|at| redactor.match_at(at) > 0)
    }

    /// Takes the next bytes and gives what is safe to keep to `out`.
    pub fn push(&mut self, chunk: &[u8], out: &mut impl FnMut(&[u8])) {
        if self.patterns.is_empty() {
            out(chunk);
            return;
        }
        self.pending.extend_from_slice(chunk);
        // Only where the longest pattern would still fit can a position be decided.
        let decided = (self.pending.len() + 1).saturating_sub(self.longest);
        self.release(decided, out);
    }

    /// Gives what was held back.
    pub fn finish(mut self, out: &mut impl FnMut(&[u8])) {
        let all = self.pending.len();
        self.release(all, out);
    }

    /// Decides the first `decided` bytes of `pending`. Secrets that overlap are covered as one.
    fn release(&mut self, decided: usize, out: &mut impl FnMut(&[u8])) {
        let mut covered = self.covered;
        let mut plain_from = covered.min(decided);
        for at in 0..decided {
            let length = self.match_at(at);
            if length == 0 {
                continue;
            }
            if at >= covered {
                out(self.pending.get(plain_from..at).unwrap_or_default());
                out(REDACTED.as_bytes());
            }
            covered = covered.max(at + length);
            plain_from = covered.min(decided);
        }
        out(self.pending.get(plain_from..decided).unwrap_or_default());
        self.pending.drain(..decided);
        self.covered = covered.saturating_sub(decided);
    }

    fn match_at(&self, at: usize) -> usize {
        let Some(rest) = self.pending.get(at..) else { return 0 };
        let Some(&(start, end)) = rest.first().and_then(|first| self.by_first.get(usize::from(*first)))
        else {
            return 0;
        };
        let candidates = self.patterns.get(start..end).unwrap_or_default();
        candidates.iter().filter(|pattern| rest.starts_with(pattern)).map(Vec::len).max().unwrap_or(0)
    }
}

/// Shows no pattern.
impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").field("patterns", &self.patterns.len()).finish_non_exhaustive()
    }
}

/// Every way a secret is looked for.
fn spellings(secret: &[u8]) -> Vec<Vec<u8>> {
    let percent = percent_encode(secret, *b"0123456789ABCDEF");
    let form = String::from_utf8_lossy(&percent).replace("%20", "+").into_bytes();
    let hex = hex::encode(secret);
    let mut all = vec![
        secret.to_vec(),
        percent,
        percent_encode(secret, *b"0123456789abcdef"),
        form,
        hex.to_uppercase().into_bytes(),
        hex.into_bytes(),
    ];
    if let Ok(json) = serde_json::to_string(&String::from_utf8_lossy(secret)) {
        let inside = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        all.extend(inside.map(|text| text.as_bytes().to_vec()));
    }
    for offset in 0..3 {
        all.push(base64_core(secret, offset, *b"+/"));
        all.push(base64_core(secret, offset, *b"-_"));
    }
    all
}

/// RFC 3986: all but the unreserved characters escaped.
fn percent_encode(bytes: &[u8], digits: [u8; 16]) -> Vec<u8> {
    let digit = |value: u8| digits.get(usize::from(value)).copied().unwrap_or_default();
    let mut text = Vec::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(byte);
        } else {
            text.extend([b'%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    text
}

/// The base64 characters that depend on the secret alone when it starts `offset` bytes into a group of three.
fn base64_core(secret: &[u8], offset: usize, last_two: [u8; 2]) -> Vec<u8> {
    let mut bytes = vec![0; offset];
    bytes.extend_from_slice(secret);
    let first_whole = (offset * 8).div_ceil(6);
    let after_last_whole = bytes.len() * 8 / 6;
    let bit = |at: usize| bytes.get(at / 8).map_or(0, |byte| (byte >> (7 - at % 8)) & 1);
    (first_whole..after_last_whole)
        .map(|index| {
            let value = (0..6).fold(0_u8, |value, offset| (value << 1) | bit(index * 6 + offset));
            match value {
                0..=25 => b'A' + value,
                26..=51 => b'a' + value - 26,
                52..=61 => b'0' + value - 52,
                62 => last_two[0],
                _ => last_two[1],
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn without_secrets_nothing_is_held_back() {
        let mut redactor = Redactor::new::<&str>(&[]);
        let mut kept = Vec::new();
        redactor.push(b"abc", &mut |bytes| kept.extend_from_slice(bytes));
        assert_eq!(kept, b"abc");
    }
}
