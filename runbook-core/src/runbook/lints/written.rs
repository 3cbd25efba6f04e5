//! Fences as they are written: made from the lines of the file when a rule wants to read one.

use super::super::info;
use super::super::lines::Lines;
use super::super::model::{CodeBlock, CommandKind};

/// A fence of a kind that something carries out.
pub(super) struct Fence {
    pub(super) kind: CommandKind,
    /// Its text without the indentation of what it stands in.
    pub(super) text: String,
    /// The opening line; the text's first line is the next one.
    pub(super) line: u32,
}

/// The fences whose kind is wanted, in order.
pub(super) fn fences(blocks: &[CodeBlock], lines: &Lines<'_>, wanted: &[CommandKind]) -> Vec<Fence> {
    let read = |block: &CodeBlock| {
        if !block.fenced {
            return None;
        }
        let kind = info::kind_of(&block.language).filter(|kind| wanted.contains(kind))?;
        let opening = lines.text_of(block.line_start);
        let indent = opening.len() - opening.trim_start_matches([' ', '\t', '>']).len();
        let last = if block.closed { block.line_end.saturating_sub(1) } else { block.line_end };
        let mut text = String::new();
        for line in block.line_start.saturating_add(1)..=last {
            let written = lines.text_of(line);
            let container =
                written.bytes().take(indent).take_while(|b| matches!(b, b' ' | b'\t' | b'>')).count();
            text.push_str(written.get(container..).unwrap_or_default());
            text.push('\n');
        }
        Some(Fence { kind, text, line: block.line_start })
    };
    blocks.iter().filter_map(read).collect()
}
