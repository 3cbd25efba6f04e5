//! Asks curl for the status that an expectation is about.

use crate::runbook::single_call;

/// Options that print the status themselves, or that say where output goes in a way that ours might undo.
const SAYS_MORE: &[&str] = &[
    "--write-out",
    "--include",
    "--head",
    "--verbose",
    "--dump-header",
    "--config",
    "--stderr",
    "--trace",
    "--trace-ascii",
    "--show-headers",
    "--next",
];

/// Letters of short options that take a value.
const SHORT_WITH_VALUE: &str = "AbcCdDeEFHKmoPQrtTuUwxXyYz";

/// Long options that take a value. One that is missing here makes its value count as an address: a person is asked.
const WITH_VALUE: &[&str] = &[
    "--aws-sigv4",
    "--cacert",
    "--capath",
    "--cert",
    "--cert-type",
    "--ciphers",
    "--config",
    "--connect-timeout",
    "--connect-to",
    "--cookie",
    "--cookie-jar",
    "--data",
    "--data-ascii",
    "--data-binary",
    "--data-raw",
    "--data-urlencode",
    "--dump-header",
    "--form",
    "--form-string",
    "--header",
    "--interface",
    "--json",
    "--key",
    "--key-type",
    "--limit-rate",
    "--max-filesize",
    "--max-redirs",
    "--max-time",
    "--noproxy",
    "--oauth2-bearer",
    "--output",
    "--output-dir",
    "--pass",
    "--proxy",
    "--proxy-header",
    "--proxy-user",
    "--range",
    "--referer",
    "--request",
    "--resolve",
    "--retry",
    "--retry-delay",
    "--retry-max-time",
    "--speed-limit",
    "--speed-time",
    "--stderr",
    "--tls-max",
    "--trace",
    "--trace-ascii",
    "--unix-socket",
    "--upload-file",
    "--url-query",
    "--user",
    "--user-agent",
    "--write-out",
];

/// Whether the text is one call of curl that may get several answers: one status says nothing about the others.
pub(super) fn may_get_several_answers(text: &str) -> bool {
    let Some(words) = single_call(text) else { return false };
    let Some((_, arguments)) = words.split_first().filter(|(program, _)| *program == "curl") else {
        return false;
    };
    let mut addresses = 0;
    let mut arguments = arguments.iter();
    while let Some(word) = arguments.next() {
        if word == "-:" || word == "--next" {
            return true;
        }
        if word == "--url" {
            // its value is counted as the next word
            continue;
        }
        if word.starts_with("--") {
            if WITH_VALUE.contains(&word.as_str()) {
                arguments.next();
            }
            continue;
        }
        match word.strip_prefix('-') {
            Some(letters) if !letters.is_empty() => {
                let value = letters.find(|letter| SHORT_WITH_VALUE.contains(letter));
                if letters[..value.unwrap_or(letters.len())].contains(':') {
                    return true;
                }
                if value.is_some_and(|at| at + 1 == letters.len()) {
                    arguments.next();
                }
            }
            _ => {
                addresses += 1;
                if addresses > 1 || stands_for_several(word) {
                    return true;
                }
            }
        }
    }
    false
}

/// `https://{a,b}.example.com`, `https://web[1-9].example.com`; `${HOST}` and `[::1]` are one address.
fn stands_for_several(address: &str) -> bool {
    address.match_indices(['{', '[']).any(|(at, bracket)| {
        let inside = address[at + 1..].split(['}', ']']).next().unwrap_or_default();
        match bracket {
            "{" => !address[..at].ends_with('$') && inside.contains([',', '.']),
            _ => inside.contains('-'),
        }
    })
}

/// The text with `--write-out`, which prints `HTTP 200` on standard error: the body stays what it is. `None` when the
/// text is anything but one call of curl that does not print the status already.
pub(super) fn asked_for_the_status(text: &str) -> Option<String> {
    let words = single_call(text)?;
    let (program, arguments) = words.split_first()?;
    let prints = |word: &String| {
        let short = word.starts_with('-') && !word.starts_with("--");
        SAYS_MORE.iter().any(|option| word.starts_with(option))
            || (short && word.contains(['w', 'i', 'I', 'v', 'D', 'K']))
            || word == "-:"
    };
    if program != "curl" || arguments.iter().any(prints) || may_get_several_answers(text) {
        return None;
    }
    Some(format!("{} --write-out '%{{stderr}}HTTP %{{http_code}}\\n'\n", text.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_call_of_curl_alone_is_asked() {
        let asked = asked_for_the_status("curl -f https://shop.example.com/\n");
        let wanted = "curl -f https://shop.example.com/ --write-out '%{stderr}HTTP %{http_code}\\n'\n";
        assert_eq!(asked.as_deref(), Some(wanted));
        assert!(asked_for_the_status("curl -sS \\\n  --max-time 5 \"$url/healthz\"\n").is_some());
        for text in [
            "curl -i https://a.example.com\n",
            "curl -sw '%{http_code}' https://a.example.com\n",
            "curl https://a.example.com | jq .\n",
            "curl https://a.example.com > f\n",
            "curl https://a.example.com # note\n",
            "curl a.example.com; curl b.example.com\n",
            "curl a.example.com &\n",
            "wget a.example.com\n",
            "curl 'a\n",
        ] {
            assert_eq!(asked_for_the_status(text), None, "{text}");
        }
    }

    #[test]
    fn several_addresses_are_several_answers() {
        for text in [
            "curl https://a.example.com https://b.example.com\n",
            "curl -sS -m 5 https://a.example.com -o /dev/null b.example.com\n",
            "curl https://a.example.com --next https://b.example.com\n",
            "curl https://a.example.com -: https://b.example.com\n",
            "curl 'https://{a,b}.example.com'\n",
            "curl 'https://web[1-9].example.com'\n",
            "curl --url https://a.example.com --url https://b.example.com\n",
            "curl -i https://a.example.com https://b.example.com\n",
        ] {
            assert!(may_get_several_answers(text), "{text}");
            assert_eq!(asked_for_the_status(text), None, "{text}");
        }
        for text in [
            "curl -fsS -H 'a: b' -X POST -d '{\"a\": [1-2]}' --max-time 5 https://a.example.com\n",
            "curl -so /dev/null \"https://${HOST}/healthz\"\n",
            "curl -k 'http://[::1]:8080/'\n",
            "curl --url https://a.example.com\n",
            "curl -XPOST -m5 \"$url\"\n",
        ] {
            assert!(!may_get_several_answers(text), "{text}");
            assert!(asked_for_the_status(text).is_some(), "{text}");
        }
    }
}
