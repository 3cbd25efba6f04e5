//! Blocks in a comment of MDX, `{/* ... */}`, which Markdown reads as text around a block.

use super::super::blocks::Fence;
use super::super::codes;
use super::super::forbidden;
use super::Builder;

/// Why a block's commands do not run.
pub(super) const COMMENTED_OUT: &str = "it stands in a comment";

impl Builder<'_> {
    /// Takes a paragraph; whether it is nothing but a comment, or a part of one.
    pub(super) fn mdx(&mut self, text: &str, line: u32) -> bool {
        if let Some(inner) = text.strip_prefix("{/*").and_then(|rest| rest.strip_suffix("*/}"))
            && !inner.contains("*/}")
        {
            // it may say not to run the block below it
            if forbidden::said(inner, "").is_some() {
                inner.trim().clone_into(&mut self.paragraph);
            }
            return true;
        }
        let was_open = self.commented.is_some();
        if was_open && text.contains("*/}") {
            self.commented = None;
        }
        let (opens, closes) = (text.rfind("{/*"), text.rfind("*/}"));
        if opens.is_some() && opens > closes {
            self.commented = Some(line);
        }
        was_open || text.starts_with("{/*")
    }

    /// Tells of a fence in a comment of HTML, which Markdown takes for nothing.
    pub(super) fn in_html_comment(&mut self, line: u32) {
        self.note(
            codes::COMMENTED_OUT,
            (line, self.lines.indent(line)),
            "this fence stands in a comment (`<!--`), so Markdown knows nothing of it and nothing of it runs",
            "delete the block, or end the comment above it with `-->`",
        );
    }

    /// The reason why a block does not run that stands in a comment.
    pub(super) fn commented_out(&mut self, fence: &Fence<'_>) -> Option<&'static str> {
        let line = self.commented?;
        self.note(
            codes::COMMENTED_OUT,
            (fence.line, self.lines.indent(fence.line)),
            format!("this block stands in the comment that begins in line {line}, so it does not run"),
            "delete the block, or close the comment above it",
        );
        Some(COMMENTED_OUT)
    }
}
