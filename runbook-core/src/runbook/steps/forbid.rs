//! Blocks that the document itself says not to run.

use super::super::blocks::Fence;
use super::super::codes;
use super::super::forbidden::Said;
use super::super::info::Info;
use super::Builder;
use super::commented::COMMENTED_OUT;
use super::content::CONTENT;

const BY_TITLE: &str = "its title says not to run it";
const BY_TEXT: &str = "the text above says not to run it";
const BY_COMMENT: &str = "a comment in it says not to run it";
/// Why a block's commands do not run.
pub(super) const REASONS: &[&str] = &[BY_TITLE, BY_TEXT, BY_COMMENT, CONTENT, COMMENTED_OUT];

impl Builder<'_> {
    /// The reason why a block does not run because of what the document says about it: it is commented out, forbidden, or
    /// the content of a file.
    pub(super) fn not_meant_to_run(
        &mut self,
        fence: &Fence<'_>,
        info: &Info,
        comment: Option<(u32, Said)>,
        above: &str,
    ) -> Option<&'static str> {
        self.commented_out(fence)
            .or_else(|| self.forbidden(fence, info, comment))
            .or_else(|| self.content(fence, info, above))
    }

    /// The reason why a block does not run although it could. `comment` is what a comment in it says, with its line
    /// from 0.
    ///
    /// Attributes are written for this program alone, so whoever wrote them means the block to run.
    fn forbidden(
        &mut self,
        fence: &Fence<'_>,
        info: &Info,
        comment: Option<(u32, Said)>,
    ) -> Option<&'static str> {
        let commented = comment.map(|(line, said)| (BY_COMMENT, said, fence.line + 1 + line));
        let text = self.said_above;
        let titled = if self.sections.forbid() { Some(Said::Never) } else { self.title.says };
        let said = [
            commented,
            text.map(|said| (BY_TEXT, said, fence.line)),
            titled.map(|said| (BY_TITLE, said, fence.line)),
        ];
        let mut said = said.into_iter().flatten();
        let first = said.clone().next();
        let (reason, said, line) = said.find(|(_, said, _)| *said == Said::Never).or(first)?;
        let place = match reason {
            BY_TITLE => "the title above this block",
            BY_TEXT => "the text above this block",
            _ => "this comment",
        };
        let at = (line, self.lines.indent(line));
        match (said, info.has_attributes()) {
            (Said::Never, false) => {
                self.note(
                    codes::FORBIDDEN,
                    at,
                    format!("{place} says not to run it, so it does not run"),
                    "tag it as text when it is only shown; any attribute, such as a name, says that it is meant to run",
                );
                Some(reason)
            }
            (Said::Never, true) => {
                self.note(
                    codes::FORBIDDEN,
                    at,
                    format!("{place} says not to run it, and its attributes say that it is meant to run, so it runs"),
                    "change the text, or tag the block as text",
                );
                None
            }
            (Said::Depends, false) => {
                self.note(
                    codes::FORBIDDEN,
                    at,
                    format!("{place} says when not to run it, which a run cannot know, so it runs"),
                    "put the condition into an item `- [ ]`, so that somebody confirms it",
                );
                None
            }
            (Said::Depends, true) => None,
        }
    }
}
