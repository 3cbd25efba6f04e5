//! The blocks of a document in order: what steps are made of. Lines are 1-based from the top of the file.

use std::borrow::Cow;

use super::model::Link;

/// One block of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Block<'a> {
    /// A heading: its text without marks, and as written.
    Heading { level: u8, text: String, raw: String, line: u32 },
    /// A paragraph outside lists, or a later one of a list item.
    Paragraph { text: String, bold: Bold, line: u32 },
    /// A list item whose own text is complete.
    Item(Item),
    /// The outermost list has ended.
    ListEnd,
    /// A fenced code block.
    Fence(Fence<'a>),
    /// An indented code block, which never runs.
    Indented { text: Cow<'a, str>, line: u32, end_line: u32, in_list: bool },
    /// A line that opens a fence inside a comment of HTML.
    Commented { line: u32 },
    /// A tab begins that this is the label of; or the last one ends.
    Tab { label: Option<String>, line: u32 },
    /// A link to another file.
    Link(Link),
    /// Lists or quotes are nested more deeply than anybody means; given once.
    TooDeep { line: u32 },
    /// A single list item, quote or paragraph is too large to be understood as one; it was cut.
    TooLarge { line: u32 },
}

/// How much of a paragraph's first line is bold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bold {
    /// It does not begin in bold.
    No,
    /// It begins in bold and goes on plainly: `**Step 1:** go back`.
    Lead,
    /// All of it. The paragraph's text is then that line alone.
    Whole,
}

/// A list item.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Item {
    /// Its own text without nested lists and code.
    pub(crate) text: String,
    /// Where it begins.
    pub(crate) line: u32,
    /// `- [ ]` or `- [x]`.
    pub(crate) task: bool,
    /// In how many lists it stands, its own one included.
    pub(crate) depth: usize,
    /// Its own list is ordered.
    pub(crate) ordered: bool,
    /// The outermost ordered item that it is or stands in.
    pub(crate) within: Option<usize>,
}

/// A fenced code block.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fence<'a> {
    /// What follows the opening marks, raw: Markdown escapes would eat a pattern's backslashes.
    pub(crate) info: &'a str,
    /// The text between the fences, container indentation removed, `\n` line ends. Borrowed where the document
    /// holds it in one piece.
    pub(crate) text: Cow<'a, str>,
    /// The opening line; the text's first line is the next one.
    pub(crate) line: u32,
    /// The closing line, or the block's last one.
    pub(crate) end_line: u32,
    /// Whether its closing line is there.
    pub(crate) closed: bool,
    /// It stands inside a list item.
    pub(crate) in_list: bool,
    /// It is nested more deeply than anybody means, so it never runs.
    pub(crate) too_deep: bool,
    /// The line of the innermost item around it.
    pub(crate) item: Option<u32>,
    /// The outermost ordered item around it.
    pub(crate) within: Option<Within>,
}

/// An ordered item around a code block.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Within {
    /// Its number, counted through the document.
    pub(crate) number: usize,
    /// Its own text.
    pub(crate) text: String,
    /// Where it begins.
    pub(crate) line: u32,
}
