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
    if program != "curl" || arguments.iter().any(prints) {
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
}
