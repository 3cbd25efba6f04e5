//! Where a plan's documents come from: a commit of a Git repository, and whether they are as committed there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Characters of a commit that people are shown.
const SHORT: usize = 12;

/// What is known of a runbook that lies in Git. Part of the plan, so part of its fingerprint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The commit, lowercase hex; absent when it cannot be told, and then `dirty` says why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The document's path in the repository.
    pub path: String,
    /// The configured repository, when the document was fetched from one; without user and password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// The configured branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The configuration names this very commit.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pinned: bool,
    /// When the repository was last reached (RFC 3339), while it cannot be: there may be something newer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreached_since: Option<String>,
    /// The commits of included documents that are not of this one, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub included: BTreeMap<String, String>,
    /// What is not as committed, for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dirty: Vec<String>,
    /// Whether it is what was drilled last.
    pub drilled: Drilled,
}

/// How what is planned stands to what was drilled last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Drilled {
    /// No drill is on record.
    #[default]
    Never,
    /// Every document is as it was then.
    Unchanged {
        /// The commit that was drilled.
        commit: String,
    },
    /// Something is different, or cannot be compared.
    Changed {
        /// The commit that was drilled.
        commit: String,
    },
}

impl Drilled {
    /// Whether it has changed since the last drill; `None` when there was none.
    #[must_use]
    pub fn has_changed(&self) -> Option<bool> {
        match self {
            Drilled::Never => None,
            Drilled::Unchanged { .. } => Some(false),
            Drilled::Changed { .. } => Some(true),
        }
    }
}

/// A commit as people are shown it.
#[must_use]
pub fn short_commit(commit: &str) -> &str {
    commit.get(..SHORT).unwrap_or(commit)
}

impl Provenance {
    /// What people are told, a line each. What is not as committed is a reason of the risk.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let commit = self.commit.as_deref().map_or("not known", short_commit);
        let mut first = format!("commit {commit} ({}", self.path);
        for (word, value) in [("of", &self.repository), ("branch", &self.branch)] {
            if let Some(value) = value {
                first.push_str(&format!(", {word} {value}"));
            }
        }
        first.push_str(if self.pinned { ", pinned)" } else { ")" });
        let mut lines = vec![first];
        lines.extend(
            self.included.iter().map(|(name, commit)| format!("commit {} ({name})", short_commit(commit))),
        );
        lines.push(match &self.drilled {
            Drilled::Never => "changed since last drilled: no drill is on record".to_owned(),
            Drilled::Unchanged { commit } => {
                format!("not changed since last drilled (commit {})", short_commit(commit))
            }
            Drilled::Changed { commit } => {
                format!("changed since last drilled (commit {})", short_commit(commit))
            }
        });
        if let Some(since) = &self.unreached_since {
            lines.push(format!(
                "the repository cannot be reached: this is the last good commit, and was looked for at {since}"
            ));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_told_commit_drill_and_what_could_not_be_reached() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let plain = Provenance { commit: Some(commit.into()), path: "a.md".into(), ..Provenance::default() };
        assert_eq!(
            plain.lines(),
            ["commit 0123456789ab (a.md)", "changed since last drilled: no drill is on record"]
        );
        let fetched = Provenance {
            repository: Some("https://git.example.com/books".into()),
            branch: Some("main".into()),
            pinned: true,
            unreached_since: Some("2026-09-01T08:00:00Z".into()),
            drilled: Drilled::Changed { commit: commit.into() },
            included: [("b".to_owned(), "ff".repeat(20))].into(),
            ..plain.clone()
        };
        let said = fetched.lines();
        assert_eq!(
            said[0],
            "commit 0123456789ab (a.md, of https://git.example.com/books, branch main, pinned)"
        );
        assert_eq!(said[1], "commit ffffffffffff (b)");
        assert_eq!(said[2], "changed since last drilled (commit 0123456789ab)");
        assert!(said[3].contains("last good commit"), "{said:?}");
        let unknown = Provenance { path: "a.md".into(), ..Provenance::default() };
        assert_eq!(unknown.lines()[0], "commit not known (a.md)");
        for provenance in [plain, fetched, unknown] {
            let text = serde_json::to_string(&provenance).unwrap();
            assert_eq!(serde_json::from_str::<Provenance>(&text).unwrap(), provenance);
        }
    }
}
