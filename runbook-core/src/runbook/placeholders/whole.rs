//! Words and parts of paths that only stand for something: `kill -9 PID`, `pod-name`, `/data/DIR/`, `s3://BUCKET`.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::super::phrases::search;
use super::spot::Placed;

/// Programs that only show their arguments, or for which they are patterns or text.
const OTHERWISE: &[&str] = &[
    "echo", "printf", "grep", "egrep", "rg", "sed", "awk", "jq", "yq", "tr", "git", "export", "for", "case",
    "test", "[", "[[", "find", "cut", "sort", "ps", "psql", "mysql",
];
/// Whole arguments.
const WORDS: &[&str] = &[
    "pod-name",
    "pod_name",
    "pod_name_here",
    "pod-name-here",
    "container_id",
    "container-id",
    "container_name",
    "container-name",
    "node-name",
    "node_name",
    "instance_id",
    "instance-id",
    "user@hostname",
    "user@host",
    "username@hostname",
    "username@host",
];
/// Whole components of a path or an address.
const COMPONENTS: &[&str] =
    &["DIR", "DIRECTORY", "FOLDER", "FILENAME", "BUCKET", "HOSTNAME", "NAMESPACE", "USERNAME", "DATABASE"];
/// Something of each of them, so that most texts are passed over quickly.
static SIGNS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    search(
        &[
            "pod-name",
            "pod_name",
            "container",
            "node-name",
            "node_name",
            "instance_id",
            "instance-id",
            "user@host",
            "username@",
            "____",
            "PID",
            "/DIR",
            "/FOLDER",
            "/FILENAME",
            "/BUCKET",
            "/HOSTNAME",
            "/NAMESPACE",
            "/USERNAME",
            "/DATABASE",
        ],
        false,
    )
});

/// Whether a text may hold one.
pub(super) fn may_hold_one(text: &str) -> bool {
    SIGNS.is_match(text)
}

/// Where they stand among a text's words, in order.
pub(super) fn find(text: &str, words: &[Placed<'_>]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for placed in words {
        let raw = text.get(placed.start..placed.end).unwrap_or_default();
        // a quoted word as a whole, or one without quotes
        let bare = raw.trim_matches(['"', '\'']);
        let offset = raw.find(bare).unwrap_or_default();
        let start = placed.start + offset;
        if placed.start == placed.begin
            || OTHERWISE.contains(&placed.program)
            || bare.contains(['$', '"', '\'', '\\', '`', '*', ' '])
        {
            continue;
        }
        let line = bare.len() >= 3 && bare.bytes().all(|byte| byte == b'_');
        let process = bare == "PID" && placed.program == "kill";
        if line || process || WORDS.contains(&bare) {
            found.push((start, start + bare.len()));
            continue;
        }
        let path = ["/", "./", "../", "~/"].iter().any(|root| bare.starts_with(root)) || bare.contains("://");
        if !path {
            continue;
        }
        let mut at = start;
        for component in bare.split('/') {
            if COMPONENTS.contains(&component) {
                found.push((at, at + component.len()));
            }
            at += component.len() + 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::find;

    #[test]
    fn words_that_stand_for_something() {
        let rows: &[(&str, &[&str])] = &[
            ("kill -9 PID", &["PID"]),
            ("kubectl delete pod pod-name -n shop", &["pod-name"]),
            ("docker stop container_id", &["container_id"]),
            ("kubectl logs pod_name_here", &["pod_name_here"]),
            ("kubectl delete pod ____", &["____"]),
            ("ssh user@hostname uptime", &["user@hostname"]),
            ("rm -rf /data/DIR/", &["DIR"]),
            ("aws s3 ls s3://BUCKET/a", &["BUCKET"]),
            ("aws s3 ls \"s3://BUCKET\"", &["BUCKET"]),
            ("systemctl stop web\n[...]\nls", &["[...]"]),
            ("kill -9 $PID", &[]),
            ("kill -HUP 1", &[]),
            ("ps -o PID,CMD", &[]),
            ("echo pod-name", &[]),
            ("kubectl get pods -o custom-columns=pod-name:.metadata.name", &[]),
            ("kubectl get pods -l pod-name=web", &[]),
            ("ls /data/DIRS/a", &[]),
            ("ls $DIR/a", &[]),
            ("[ -f a ]", &[]),
        ];
        for (text, expected) in rows {
            let found = find(text);
            let found: Vec<&str> = found.iter().map(|one| one.text.as_str()).collect();
            assert_eq!(found.as_slice(), *expected, "{text}");
        }
    }
}
