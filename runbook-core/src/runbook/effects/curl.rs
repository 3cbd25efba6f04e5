//! curl as a reader: without `-d`, `-F`, `-T`, `-X`, and with no other output file than `/dev/null`.

use super::super::names::is_identifier_byte;
use super::super::shell::Word;
use super::credentials;

/// Short options without a value that only read; `G` makes `--data-urlencode` a part of the address.
const SHORT: &str = "sSfkLIivgG46#N";
/// Short options with a value; `o` reads with `/dev/null` only.
const SHORT_VALUE: &str = "mHuwAeo";
/// Long options without a value that only read.
const LONG: &[&str] = &[
    "--silent",
    "--show-error",
    "--fail",
    "--fail-with-body",
    "--insecure",
    "--location",
    "--head",
    "--include",
    "--verbose",
    "--globoff",
    "--get",
    "--compressed",
    "--http1.1",
    "--http2",
    "--ipv4",
    "--ipv6",
    "--no-buffer",
    "--retry-connrefused",
    "--retry-all-errors",
    "--no-progress-meter",
];
/// Long options with a value that only read, some values aside.
const LONG_VALUE: &[&str] = &[
    "--max-time",
    "--connect-timeout",
    "--retry",
    "--retry-delay",
    "--retry-max-time",
    "--header",
    "--user",
    "--write-out",
    "--user-agent",
    "--referer",
    "--resolve",
    "--cacert",
    "--url",
    "--limit-rate",
    "--max-filesize",
    "--output",
    "--data-urlencode",
];

/// Whether the request only gets, and writes nothing.
pub(super) fn reads(args: &[Word<'_>]) -> bool {
    let Some(options) = options(args) else { return false };
    let is_get = options.iter().any(|(name, _)| matches!(name.as_str(), "G" | "--get"));
    // it prints what is sent
    let verbose = options.iter().any(|(name, _)| matches!(name.as_str(), "v" | "--verbose"));
    let identifies =
        options.iter().any(|(name, _)| matches!(name.as_str(), "u" | "--user" | "H" | "--header"));
    let gives_credentials = |name: &str, value: &str| {
        matches!(name, "url" | "--url") && credentials::address_gives_credentials(value)
    };
    let addresses_secret =
        args.iter().any(|arg| arg.value.contains("://") && credentials::secret_variable(arg).is_some());
    if addresses_secret
        || (verbose && identifies)
        || options.iter().any(|(name, value)| gives_credentials(name, value.text))
    {
        return false;
    }
    options.iter().all(|(name, Value { text: value, expands })| match name.as_str() {
        "o" | "--output" => *value == "/dev/null",
        "--data-urlencode" => is_get && names_no_file(value, *expands),
        // one address, and not thousands
        "url" | "--url" if value.contains('[') => false,
        "url" => plain_address(value, *expands),
        "--url" => !expands && plain_address(value, false),
        "H" | "--header" => reads_header(value, *expands),
        "w" | "--write-out" if *expands => false,
        // a write-out format can name a file
        _ => !value.to_ascii_lowercase().contains("output{") && !value.starts_with('@'),
    })
}

/// An option's value, or an address.
struct Value<'a> {
    text: &'a str,
    /// It, or the word that it is a part of, holds a `$` expansion.
    expands: bool,
}

/// `content`, `=content` and `name=content`; `@file` and `name@file` send a file.
fn names_no_file(value: &str, expands: bool) -> bool {
    let (name, has_content) = value.split_once('=').map_or((value, false), |(name, _)| (name, true));
    !name.contains('@') && (!expands || (has_content && !name.contains('$')))
}

/// Only http. Without a scheme curl guesses one from the host's name, and a value could be a scheme.
fn plain_address(value: &str, expands: bool) -> bool {
    let lower = value.to_ascii_lowercase();
    if lower.starts_with("http://") || lower.starts_with("https://") {
        return true;
    }
    // `$base/healthz`: a plan looks at the value, which has to be plain and of http (`plan::values`)
    let base = value.strip_prefix("${").or_else(|| value.strip_prefix('$'));
    if let Some((name, _)) = base.and_then(|rest| rest.split_once('/'))
        && name.trim_end_matches('}').bytes().all(is_identifier_byte)
    {
        return true;
    }
    let host = lower.split(['/', '?', '#']).next().unwrap_or_default();
    let label = host.split(['.', ':']).next().unwrap_or_default();
    let other =
        ["dict", "ftp", "ftps", "ldap", "ldaps", "gopher", "imap", "pop3", "smtp", "tftp", "telnet", "file"];
    // `gopher:/host` is another protocol, `host:8080/x` is not
    !expands
        && !host.ends_with(':')
        && host.chars().all(|c| c.is_ascii_alphanumeric() || ".-_:".contains(c))
        && !other.contains(&label)
}

/// A header can turn a GET into something else, or come from a file.
fn reads_header(value: &str, expands: bool) -> bool {
    let name = value.split([':', ';']).next().unwrap_or_default();
    if expands && (name.len() == value.len() || name.contains('$')) {
        return false;
    }
    let lower = value.to_ascii_lowercase();
    !lower.contains("override")
        && !lower.contains("x-http-method")
        && !value.starts_with(['@', '$'])
        && !value.contains(['\n', '\r'])
}

/// The options with their values, addresses as `url`; `None` when one is unknown or has no value.
fn options<'a>(args: &'a [Word<'_>]) -> Option<Vec<(String, Value<'a>)>> {
    let whole = |arg: &'a Word<'_>| Value { text: arg.text(), expands: arg.expands };
    let nothing = || Value { text: "", expands: false };
    let mut options = Vec::new();
    let mut args = args.iter();
    while let Some(word) = args.next() {
        let arg = word.text();
        if arg.starts_with("--") {
            let takes_value = LONG_VALUE.contains(&arg);
            if !takes_value && !LONG.contains(&arg) {
                return None;
            }
            options.push((arg.to_owned(), if takes_value { whole(args.next()?) } else { nothing() }));
        } else if let Some(letters) = arg.strip_prefix('-') {
            for (at, letter) in letters.char_indices() {
                if SHORT.contains(letter) {
                    options.push((letter.to_string(), nothing()));
                    continue;
                }
                if !SHORT_VALUE.contains(letter) {
                    return None;
                }
                let attached = letters.get(at + letter.len_utf8()..).unwrap_or_default();
                let value = if attached.is_empty() {
                    whole(args.next()?)
                } else {
                    Value { text: attached, expands: word.expands }
                };
                options.push((letter.to_string(), value));
                break;
            }
        } else {
            options.push(("url".to_owned(), whole(word)));
        }
    }
    Some(options)
}
