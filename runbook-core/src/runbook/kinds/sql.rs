//! The `sql` step kind.

use super::Pieces;

pub(crate) fn read(_text: &str, _first_line: u32) -> Pieces {
    Pieces::default()
}
