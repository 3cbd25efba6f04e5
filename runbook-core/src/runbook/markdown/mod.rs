//! From Markdown to blocks, in one pass and in bounded memory.
//!
//! pulldown-cmark reads the text; [`window`] gives it to pulldown-cmark in parts that are independent of each
//! other, since the tree that it builds is many times larger than the text. [`prepare`] keeps nesting within bounds
//! before it reads, and [`walk`] turns its events into blocks.

mod fence;
mod html;
mod prepare;
#[cfg(test)]
mod tests;
mod walk;
mod window;

pub(crate) use window::read;
