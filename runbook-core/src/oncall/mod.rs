//! Who is on call: by rotations that are written down, and by what the pager said when it was last asked.
//!
//! Being on call says whom to ask. It gives nobody a right: what a person may do follows from their roles alone.

mod roster;
mod rotation;
#[cfg(test)]
mod tests;
mod words;

pub use roster::{PagerTurn, Roster, SeenOnCall, ToCall, Turn};
pub use rotation::{Rotation, RotationError, Shift, ShiftLength};
pub use words::{calendar, roster_lines};
