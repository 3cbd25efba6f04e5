//! curl as a reader: without `-d`, `-F`, `-T`, `-X`, and with no other output file than `/dev/null`.

use super::super::shell::Word;

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
    let args: Vec<&str> = args.iter().map(|arg| &*arg.value).collect();
    let Some(options) = options(&args) else { return false };
    let is_get = options.iter().any(|(name, _)| matches!(name.as_str(), "G" | "--get"));
    let addresses = options.iter().filter(|(name, _)| is_address(name)).count();
    options.iter().all(|(name, value)| match name.as_str() {
        "o" | "--output" => *value == "/dev/null",
        "--data-urlencode" => is_get && names_no_file(value),
        // alone, a value that is an option after all leaves curl without an address, and nothing happens
        name if is_address(name) => plain_address(value) && (addresses == 1 || !value.starts_with('$')),
        "H" | "--header" => reads_header(value),
        // a write-out format can name a file
        _ => !value.to_ascii_lowercase().contains("output{") && !value.starts_with('@'),
    })
}

fn is_address(name: &str) -> bool {
    matches!(name, "url" | "--url")
}

/// `content`, `=content` and `name=content`; `@file` and `name@file` send a file.
fn names_no_file(value: &str) -> bool {
    let name = value.split('=').next().unwrap_or_default();
    !name.contains('@')
}

/// Only http; `gopher:/host` is another protocol, `host:8080/x` and `$BASE/x` are not.
fn plain_address(value: &str) -> bool {
    let scheme: String =
        value.chars().take_while(|c| c.is_ascii_alphanumeric() || "+.-".contains(*c)).collect();
    let named = value.get(scheme.len()..).is_some_and(|rest| rest.starts_with(":/"));
    !named || matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https")
}

/// A header can turn a GET into something else, or come from a file.
fn reads_header(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    !lower.contains("override")
        && !lower.contains("x-http-method")
        && !value.starts_with(['@', '$'])
        && !value.contains(['\n', '\r'])
}

/// The options with their values, addresses as `url`; `None` when one is unknown or has no value.
fn options<'a>(args: &[&'a str]) -> Option<Vec<(String, &'a str)>> {
    let mut options = Vec::new();
    let mut args = args.iter().copied();
    while let Some(arg) = args.next() {
        if arg.starts_with("--") {
            let takes_value = LONG_VALUE.contains(&arg);
            if !takes_value && !LONG.contains(&arg) {
                return None;
            }
            options.push((arg.to_owned(), if takes_value { args.next()? } else { "" }));
        } else if let Some(letters) = arg.strip_prefix('-') {
            for (at, letter) in letters.char_indices() {
                if SHORT.contains(letter) {
                    options.push((letter.to_string(), ""));
                    continue;
                }
                if !SHORT_VALUE.contains(letter) {
                    return None;
                }
                let attached = letters.get(at + letter.len_utf8()..).unwrap_or_default();
                let value = if attached.is_empty() { args.next()? } else { attached };
                options.push((letter.to_string(), value));
                break;
            }
        } else {
            options.push(("url".to_owned(), arg));
        }
    }
    Some(options)
}
