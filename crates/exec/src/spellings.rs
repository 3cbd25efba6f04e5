//! Every way in which a secret is looked for.

/// A way of writing a value down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Spelling {
    /// As it is.
    Raw,
    /// Inside a JSON string, as the usual writers escape it.
    Json,
    /// Inside a word of a shell: with backslashes, in single or double quotes, in `$'...'`.
    Shell,
    /// In an address or a form.
    Percent,
    /// In hexadecimal.
    Hex,
    /// Within base64 text, at each of three alignments: alone, or behind a user's name and a colon.
    Base64,
}

#[cfg(test)]
thread_local! {
    /// A spelling that is left out, so that tests can show that they would find it.
    pub(crate) static LEFT_OUT: std::cell::Cell<Option<Spelling>> = const { std::cell::Cell::new(None) };
}

/// The spellings of one secret, with what each is.
pub(crate) fn spellings(secret: &[u8]) -> Vec<(Spelling, Vec<u8>)> {
    let mut all = vec![(Spelling::Raw, secret.to_vec())];
    all.extend(percent(secret).map(|pattern| (Spelling::Percent, pattern)));
    let hex = hex::encode(secret);
    all.push((Spelling::Hex, hex.to_uppercase().into_bytes()));
    all.push((Spelling::Hex, hex.into_bytes()));
    if let Ok(text) = std::str::from_utf8(secret) {
        all.extend(json(text).map(|pattern| (Spelling::Json, pattern.into_bytes())));
        all.extend(shell(text).map(|pattern| (Spelling::Shell, pattern)));
    }
    for offset in 0..3 {
        all.push((Spelling::Base64, base64_core(secret, offset, *b"+/")));
        all.push((Spelling::Base64, base64_core(secret, offset, *b"-_")));
    }
    #[cfg(test)]
    all.retain(|(spelling, pattern)| {
        LEFT_OUT.get() != Some(*spelling) && (*spelling == Spelling::Raw || pattern != secret)
    });
    all
}

/// As strict writers do it, with `/` left or escaped, as Go does it (`<`, `>`, `&` and U+2028 escaped), and in ASCII alone as
/// Python does it.
fn json(text: &str) -> impl Iterator<Item = String> {
    let strict = serde_json::to_string(text).unwrap_or_default();
    let strict =
        strict.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or_default().to_owned();
    let go = strict.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
    let go = go.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029");
    let long = |text: &str| text.replace("\\b", "\\u0008").replace("\\f", "\\u000c");
    let ascii = |text: &str| {
        let mut out = String::new();
        for c in text.chars() {
            if c.is_ascii() {
                out.push(c);
            } else {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
        out
    };
    let with_slash = strict.replace('/', "\\/");
    let ascii_slash = ascii(&with_slash);
    [long(&strict), long(&go), ascii(&strict), ascii_slash, with_slash, go, strict].into_iter()
}

/// bash's `%q`, the inside of single quotes, of double quotes, and of `$'...'`.
fn shell(text: &str) -> impl Iterator<Item = Vec<u8>> {
    let escaped = |special: &str| {
        let mut out = String::new();
        let mut before = None;
        for c in text.chars() {
            // these mean something to a shell only where a word begins, and `~` where a path may
            let elsewhere = match c {
                '#' => before.is_some(),
                '~' => !matches!(before, None | Some(':' | '=')),
                _ => false,
            };
            if special.contains(c) && !elsewhere {
                out.push('\\');
            }
            out.push(c);
            before = Some(c);
        }
        out.into_bytes()
    };
    let mut words = vec![
        escaped(" \t\n'\"\\|&;()<>!{}*[]?^$`,#~"),
        escaped("\"\\$`"),
        escaped("\"\\$`!"),
        text.replace('\'', "'\\''").into_bytes(),
        text.replace('\'', "'\"'\"'").into_bytes(),
    ];
    words.extend([false, true].map(|octal| ansi_c(text, octal)));
    words.into_iter()
}

/// The inside of `$'...'`. Characters beyond ASCII stand as they are, or each byte in octal where the locale is C.
fn ansi_c(text: &str, octal: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for &byte in text.as_bytes() {
        let named = match byte {
            b'\n' => "\\n",
            b'\t' => "\\t",
            b'\r' => "\\r",
            b'\\' => "\\\\",
            b'\'' => "\\'",
            0x07 => "\\a",
            0x08 => "\\b",
            0x0B => "\\v",
            0x0C => "\\f",
            0x1B => "\\E",
            _ if byte < 0x20 || byte == 0x7F || (octal && byte > 0x7F) => {
                out.extend(format!("\\{byte:03o}").into_bytes());
                continue;
            }
            _ => {
                out.push(byte);
                continue;
            }
        };
        out.extend_from_slice(named.as_bytes());
    }
    out
}

/// Percent-encoded: all but the unreserved characters of RFC 3986, or what the usual functions leave besides, in capitals or
/// not, a space as `%20` or `+`.
fn percent(secret: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    const LEFT: [&[u8]; 5] = [b"", b"/", b"!'()*", b"*", b"!'()*;/?:@&=+$,#"];
    let digits = [*b"0123456789ABCDEF", *b"0123456789abcdef"];
    LEFT.iter()
        .flat_map(move |left| {
            digits.map(|digits| {
                let encoded = percent_encode(secret, digits, left);
                let form = String::from_utf8_lossy(&encoded).replace("%20", "+").into_bytes();
                [encoded, form]
            })
        })
        .flatten()
        .collect::<Vec<_>>()
        .into_iter()
}

fn percent_encode(bytes: &[u8], digits: [u8; 16], left: &[u8]) -> Vec<u8> {
    let digit = |value: u8| digits.get(usize::from(value)).copied().unwrap_or_default();
    let mut text = Vec::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || left.contains(&byte) {
            text.push(byte);
        } else {
            text.extend([b'%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    text
}

/// The base64 characters that depend on the secret alone when it starts `offset` bytes into a group of three.
pub(crate) fn base64_core(secret: &[u8], offset: usize, last_two: [u8; 2]) -> Vec<u8> {
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
