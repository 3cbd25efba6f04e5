//! Links to files that are not there. Only the caller can look, so it says what exists.

use super::super::codes::{self, finding};
use super::super::diagnostic::Diagnostic;
use super::super::model::Document;

/// Asks `exists` about each link's path, which is relative to the runbook's own folder.
///
/// Addresses, absolute paths and mere fragments are not asked about: they do not lie in the tree.
#[must_use]
pub fn check_links(document: &Document, exists: &dyn Fn(&str) -> bool) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for link in &document.links {
        let target = link.target.split(['#', '?']).next().unwrap_or_default();
        let outside = target.is_empty() || target.starts_with('/') || has_scheme(target);
        if outside || exists(target) || decoded(target).is_some_and(|target| exists(&target)) {
            continue;
        }
        found.push(finding(
            codes::DEAD_LINK,
            (link.line, link.column),
            format!("`{target}` is not there"),
            "correct the path; it is relative to the runbook's own folder",
        ));
    }
    found
}

/// `https:`, `mailto:`; `C:` has one letter only.
fn has_scheme(target: &str) -> bool {
    target.split_once(':').is_some_and(|(scheme, _)| {
        scheme.len() > 1
            && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+.-".contains(c))
    })
}

/// `a%20b.md` as `a b.md`; `None` when nothing is encoded or it is no text.
pub(super) fn decoded(text: &str) -> Option<String> {
    if !text.contains('%') {
        return None;
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex = (byte == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(value) => {
                out.push(value);
                at += 3;
            }
            None => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(out).ok()
}
