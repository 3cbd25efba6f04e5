//! Tokens that nobody configured, known by how they begin.

use std::sync::LazyLock;

use crate::spellings::base64_core;

/// A kind of token: how it begins, what follows, and how much of that at least.
struct Shape {
    prefix: &'static str,
    follows: fn(u8) -> bool,
    least: usize,
}

const fn shape(prefix: &'static str, follows: fn(u8) -> bool, least: usize) -> Shape {
    Shape { prefix, follows, least }
}

fn alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn dashed(byte: u8) -> bool {
    word(byte) || byte == b'-'
}

fn dotted(byte: u8) -> bool {
    dashed(byte) || byte == b'.'
}

fn capital(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

fn base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/-_=".contains(&byte)
}

/// Only what is never by chance: a prefix of its own, then at least so much.
const SHAPES: &[Shape] = &[
    // Blocks' own, Slack, GitHub, GitLab
    shape("blk_", alphanumeric, 32),
    shape("xoxb-", dashed, 10),
    shape("xoxp-", dashed, 10),
    shape("xoxa-", dashed, 10),
    shape("xoxr-", dashed, 10),
    shape("xoxe-", dashed, 10),
    shape("xapp-", dashed, 10),
    shape("ghp_", alphanumeric, 30),
    shape("gho_", alphanumeric, 30),
    shape("ghu_", alphanumeric, 30),
    shape("ghs_", alphanumeric, 30),
    shape("ghr_", alphanumeric, 30),
    shape("github_pat_", word, 30),
    shape("glpat-", dashed, 20),
    // clouds and models
    shape("AKIA", capital, 16),
    shape("ASIA", capital, 16),
    shape("AIza", dashed, 35),
    shape("ya29.", dashed, 20),
    shape("sk-ant-", dashed, 20),
    shape("sk-proj-", dashed, 20),
    shape("dop_v1_", alphanumeric, 40),
    // money, mail, packages, Vault, Grafana, Docker
    shape("sk_live_", alphanumeric, 16),
    shape("rk_live_", alphanumeric, 16),
    shape("SG.", dotted, 40),
    shape("npm_", alphanumeric, 36),
    shape("pypi-", dashed, 50),
    shape("hvs.", dashed, 20),
    shape("glsa_", word, 30),
    shape("dckr_pat_", dashed, 20),
];

/// More of one token is not covered: what follows without a break is then something else.
const MOST: usize = 4_096;
/// A signed token begins with `{"` in base64, and has a second part that does.
const SIGNED: &[u8] = b"eyJ";
const SIGNED_HEADER_MOST: usize = 1_024;
const KEY: &[u8] = b"-----BEGIN ";
const KEY_WORDS: &[u8] = b"PRIVATE KEY-----";
const KEY_END: &[u8] = b"-----END ";
const KEY_MOST: usize = 32_768;

/// A beginning of a token as it may stand somewhere, encoded or not.
struct Start {
    bytes: Vec<u8>,
    follows: fn(u8) -> bool,
    least: usize,
}

/// Which two bytes some beginning begins with: most places of a stream are done with after one look at this.
static PAIRS: LazyLock<Vec<bool>> = LazyLock::new(|| {
    let mut pairs = vec![false; 1 << 16];
    let encoded = STARTS.iter().flatten().map(|start| start.bytes.as_slice());
    for bytes in encoded.chain([SIGNED, KEY]) {
        if let [first, second, ..] = bytes
            && let Some(known) = pairs.get_mut(pair(*first, *second))
        {
            *known = true;
        }
    }
    pairs
});

fn pair(first: u8, second: u8) -> usize {
    usize::from(first) << 8 | usize::from(second)
}

/// Every beginning, by its first byte.
static STARTS: LazyLock<Vec<Vec<Start>>> = LazyLock::new(|| {
    let mut by_first: Vec<Vec<Start>> = (0..=u8::MAX).map(|_| Vec::new()).collect();
    let mut add = |start: Start| {
        let first = start.bytes.first().copied().unwrap_or_default();
        if let Some(list) = by_first.get_mut(usize::from(first)) {
            list.push(start);
        }
    };
    for shape in SHAPES {
        let prefix = shape.prefix.as_bytes();
        add(Start { bytes: prefix.to_vec(), follows: shape.follows, least: shape.least });
        let hex = hex::encode(prefix);
        for bytes in [hex.to_uppercase().into_bytes(), hex.into_bytes()] {
            add(Start { bytes, follows: |byte| byte.is_ascii_hexdigit(), least: shape.least * 2 });
        }
        let mut cores: Vec<Vec<u8>> =
            (0..3).flat_map(|at| [*b"+/", *b"-_"].map(|last| base64_core(prefix, at, last))).collect();
        cores.sort();
        cores.dedup();
        for bytes in cores.into_iter().filter(|core| core.len() >= 4) {
            add(Start { bytes, follows: base64, least: shape.least * 4 / 3 });
        }
    }
    by_first
});

/// What stands at a place.
#[derive(Debug)]
pub(crate) enum Found {
    /// No token begins here.
    Nothing,
    /// With what comes it may be one.
    MayBe,
    /// A token begins, so long at least; the rest of it is for [`Rest::goes_on`].
    Token {
        /// Bytes that belong to it for certain.
        length: usize,
        /// What belongs to it besides.
        rest: Rest,
    },
}

/// The rest of a token that has begun.
#[derive(Debug, Clone)]
pub(crate) struct Rest {
    kind: Kind,
    left: usize,
}

#[derive(Debug, Clone)]
enum Kind {
    /// As long as these follow.
    While(fn(u8) -> bool),
    /// Up to this end; so much of it has been seen.
    Until(&'static [u8], usize),
}

impl Rest {
    /// Whether it has an end of its own, whatever stands before that.
    pub(crate) fn is_block(&self) -> bool {
        matches!(self.kind, Kind::Until(..))
    }

    /// Whether the next byte belongs to it.
    pub(crate) fn goes_on(&mut self, byte: u8) -> bool {
        let Some(left) = self.left.checked_sub(1) else { return false };
        self.left = left;
        match &mut self.kind {
            Kind::While(follows) => follows(byte),
            Kind::Until(end, seen) => {
                if *seen == end.len() {
                    return false;
                }
                // the end begins with dashes: one more of them keeps what was seen
                *seen = match end.get(*seen) {
                    Some(next) if *next == byte => *seen + 1,
                    _ if byte == b'-' && *seen == 5 => 5,
                    _ => usize::from(end.first() == Some(&byte)),
                };
                true
            }
        }
    }
}

/// Whether a token could begin here, by the first two bytes.
pub(crate) fn may_begin(rest: &[u8]) -> bool {
    match rest {
        [first, second, ..] => PAIRS.get(pair(*first, *second)).is_some_and(|known| *known),
        [_] => true,
        [] => false,
    }
}

/// What begins at the start of these bytes. At the end of everything nothing more comes.
pub(crate) fn look(rest: &[u8], at_end: bool) -> Found {
    let Some(first) = rest.first() else { return Found::Nothing };
    if !may_begin(rest) {
        return Found::Nothing;
    }
    let mut may_be = false;
    let mut best = 0;
    let mut kind: fn(u8) -> bool = alphanumeric;
    for start in STARTS.get(usize::from(*first)).map(Vec::as_slice).unwrap_or_default() {
        if !rest.starts_with(&start.bytes) {
            may_be |= start.bytes.starts_with(rest);
            continue;
        }
        let tail = rest.get(start.bytes.len()..).unwrap_or_default();
        let follows = tail.iter().take(start.least).take_while(|byte| (start.follows)(**byte)).count();
        if follows == start.least {
            let length = start.bytes.len() + follows;
            if length > best {
                (best, kind) = (length, start.follows);
            }
        } else {
            may_be |= follows == tail.len();
        }
    }
    if best > 0 {
        return Found::Token { length: best, rest: Rest { kind: Kind::While(kind), left: MOST } };
    }
    let found = match first {
        b'e' => signed(rest),
        b'-' => key(rest),
        _ => Found::Nothing,
    };
    match found {
        Found::Nothing if may_be => Found::MayBe,
        found => found,
    }
    .at_end(at_end)
}

impl Found {
    fn at_end(self, at_end: bool) -> Found {
        if at_end && matches!(self, Found::MayBe) { Found::Nothing } else { self }
    }
}

/// `eyJ....eyJ...`: a signed token (JWT).
fn signed(rest: &[u8]) -> Found {
    if !rest.starts_with(SIGNED) {
        return if SIGNED.starts_with(rest) { Found::MayBe } else { Found::Nothing };
    }
    let header = rest.iter().take(SIGNED_HEADER_MOST).take_while(|byte| dashed(**byte)).count();
    let Some(after) = rest.get(header..).filter(|after| !after.is_empty()) else {
        return if header < SIGNED_HEADER_MOST { Found::MayBe } else { Found::Nothing };
    };
    let second = b".eyJ";
    if header >= 10 && after.starts_with(second) {
        return Found::Token {
            length: header + second.len(),
            rest: Rest { kind: Kind::While(dotted), left: MOST },
        };
    }
    if header >= 10 && second.starts_with(after) { Found::MayBe } else { Found::Nothing }
}

/// A private key in its armour.
fn key(rest: &[u8]) -> Found {
    if !rest.starts_with(KEY) {
        return if KEY.starts_with(rest) { Found::MayBe } else { Found::Nothing };
    }
    let tail = rest.get(KEY.len()..).unwrap_or_default();
    let line = tail.get(..tail.len().min(40)).unwrap_or_default();
    match line.windows(KEY_WORDS.len()).position(|window| window == KEY_WORDS) {
        Some(at) => {
            let length = KEY.len() + at + KEY_WORDS.len();
            Found::Token { length, rest: Rest { kind: Kind::Until(KEY_END, 0), left: KEY_MOST } }
        }
        None if line.len() < 40 && !line.contains(&b'\n') => Found::MayBe,
        None => Found::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use crate::redact::{REDACTED, Redactor};

    fn redact(text: &str, size: usize) -> String {
        let mut redactor = Redactor::new::<&str>(&[]);
        let mut kept = Vec::new();
        let mut out = |bytes: &[u8]| kept.extend_from_slice(bytes);
        text.as_bytes().chunks(size).for_each(|chunk| redactor.push(chunk, &mut out));
        redactor.finish(&mut out);
        String::from_utf8(kept).unwrap()
    }

    #[test]
    fn tokens_are_known_however_they_are_split_and_what_only_looks_like_one_stays() {
        let long = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8";
        let jwt = format!("eyJhbGciOiJIUzI1NiJ9.eyJ{long}.{long}");
        let key = format!("-----BEGIN RSA PRIVATE KEY-----\n{long}\n{long}\n-----END RSA PRIVATE KEY-----\n");
        for (text, expected) in [
            (format!("a ghp_{long} b"), format!("a {REDACTED} b")),
            (format!("https://u:glpat-{long}@h/"), format!("https://u:{REDACTED}@h/")),
            (format!("\\nxoxb-{long}\\n"), format!("\\n{REDACTED}\\n")),
            (format!("AKIA{}", "Z".repeat(16)), REDACTED.to_owned()),
            (format!("token: {jwt}."), format!("token: {REDACTED}")),
            (format!("{} {}", hex::encode(format!("ghp_{long}")), 7), format!("{REDACTED} 7")),
            (format!("npm_{long}ghp_{long} x"), format!("{REDACTED} x")),
            (format!("{key}done"), format!("{REDACTED}RSA PRIVATE KEY-----\ndone")),
        ] {
            for size in [1, 2, 3, 7, 64, 10_000] {
                assert_eq!(redact(&text, size), expected, "{text} by {size}");
            }
        }
        for plain in [
            "ghp_short",
            "AKIA is a prefix",
            "task-sk-ant-ics",
            "eyJ",
            "eyJhbGciOiJIUzI1NiJ9 alone",
            "-----",
            "npm_config_cache=/tmp",
            "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
            "pod/web-6d4cf56db6-x7k2p 1/1 Running",
        ] {
            for size in [1, 5, 10_000] {
                assert_eq!(redact(plain, size), plain, "{plain} by {size}");
            }
        }
    }
}
