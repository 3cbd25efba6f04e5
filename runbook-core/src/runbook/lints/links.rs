//! Links to files that are not there. Only the caller can look, so it says what exists.

use std::collections::BTreeSet;

use super::super::codes::{self, finding};
use super::super::diagnostic::Diagnostic;
use super::super::model::Document;

/// Asks `exists` about each link's path, which is relative to the runbook's own folder.
///
/// Addresses and absolute paths are not asked about: they do not lie in the tree. A fragment that is still among the
/// links leads nowhere.
#[must_use]
pub fn check_links(document: &Document, exists: &dyn Fn(&str) -> bool) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for link in &document.links {
        if link.target.starts_with('#') {
            found.push(finding(
                codes::DEAD_LINK,
                (link.line, link.column),
                format!("no heading here is `{}`", link.target),
                "write the heading in lowercase, with `-` for blanks and without other marks",
            ));
            continue;
        }
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

/// Takes out the links to places of the document that are there: a heading as any of the usual generators names it, or
/// an anchor.
pub(crate) fn settle_anchors(document: &mut Document, text: &str) {
    if !document.links.iter().any(|link| link.target.starts_with('#')) {
        return;
    }
    let headings: BTreeSet<String> =
        document.headings.iter().map(|heading| letters(&plain(&heading.text))).collect();
    let anchors = anchors(text);
    document.links.retain(|link| {
        let Some(fragment) = link.target.strip_prefix('#') else { return true };
        let fragment = decoded(fragment).unwrap_or_else(|| fragment.to_owned());
        // the second heading of a name has `-1` behind it
        let first = fragment.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches(['-', '_']);
        let is_there = matches!(fragment.as_str(), "" | "top")
            || anchors.contains(fragment.as_str())
            || headings.contains(&letters(&fragment))
            || headings.contains(&letters(first));
        !is_there
    });
}

/// What generators agree on: letters and digits, in lowercase.
fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// A heading without what `[text](address)` leads to, and without `{#anchor}`.
fn plain(heading: &str) -> String {
    let heading = heading.split_once("{#").map_or(heading, |(before, _)| before);
    let mut out = String::with_capacity(heading.len());
    let mut rest = heading;
    while let Some((before, behind)) = rest.split_once("](") {
        out.push_str(before);
        rest = behind.split_once(')').map_or("", |(_, rest)| rest);
    }
    out.push_str(rest);
    out
}

/// `id="x"`, `name='x'` and `{#x}`.
fn anchors(text: &str) -> BTreeSet<&str> {
    let marks = ["id=\"", "id='", "name=\"", "name='", "{#"];
    let places = marks.iter().flat_map(|mark| text.match_indices(mark).map(|(at, mark)| at + mark.len()));
    places.filter_map(|at| text.get(at..)?.split(['"', '\'', '}', '\n']).next()).collect()
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
