//! The moments that have a name.

/// Whose moment it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The engine's process.
    Engine,
    /// A run's supervisor.
    Supervisor,
}

/// A moment that has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Point {
    /// A yes counts, and is not written yet.
    BeforeApproval,
    /// A yes is on disk, and nothing has come of it.
    AfterApproval,
    /// A command is to start; its intent is not written yet.
    BeforeIntent,
    /// The intent is on disk, and nobody was told.
    AfterIntent,
    /// The same for a command of an undo.
    BeforeUndoIntent,
    /// The same for a command of an undo.
    AfterUndoIntent,
    /// The supervisor was told.
    Told,
    /// The supervisor has the order; the attempt is not marked as begun.
    BeforeMark,
    /// The attempt is marked as begun; there is no process.
    AfterMark,
    /// The command's process lives.
    ChildBegan,
    /// The command and everything below it are gone; how it ended is not on disk.
    ChildEnded,
    /// How it ended is on disk; nobody was told.
    StatusKept,
    /// The engine knows how the command ended, and has not written it.
    BeforeOutcome,
    /// The outcome is on disk, and nothing has come of it.
    AfterOutcome,
    /// Anything at all is written and not yet on disk.
    InCommit,
    /// What was left is taken up; the heads of the streams are not recorded yet.
    BeforeCheckpoint,
    /// The heads of the streams are recorded; nothing else has begun.
    AfterCheckpoint,
}

impl Point {
    /// Every point.
    pub const ALL: [Point; 17] = [
        Point::BeforeApproval,
        Point::AfterApproval,
        Point::BeforeIntent,
        Point::AfterIntent,
        Point::BeforeUndoIntent,
        Point::AfterUndoIntent,
        Point::Told,
        Point::BeforeMark,
        Point::AfterMark,
        Point::ChildBegan,
        Point::ChildEnded,
        Point::StatusKept,
        Point::BeforeOutcome,
        Point::AfterOutcome,
        Point::InCommit,
        Point::BeforeCheckpoint,
        Point::AfterCheckpoint,
    ];

    /// Its name in orders and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Point::BeforeApproval => "before-approval",
            Point::AfterApproval => "after-approval",
            Point::BeforeIntent => "before-intent",
            Point::AfterIntent => "after-intent",
            Point::BeforeUndoIntent => "before-undo-intent",
            Point::AfterUndoIntent => "after-undo-intent",
            Point::Told => "told",
            Point::BeforeMark => "before-mark",
            Point::AfterMark => "after-mark",
            Point::ChildBegan => "child-began",
            Point::ChildEnded => "child-ended",
            Point::StatusKept => "status-kept",
            Point::BeforeOutcome => "before-outcome",
            Point::AfterOutcome => "after-outcome",
            Point::InCommit => "in-commit",
            Point::BeforeCheckpoint => "before-checkpoint",
            Point::AfterCheckpoint => "after-checkpoint",
        }
    }

    /// Whose moment it is.
    #[must_use]
    pub fn place(self) -> Place {
        match self {
            Point::BeforeMark
            | Point::AfterMark
            | Point::ChildBegan
            | Point::ChildEnded
            | Point::StatusKept => Place::Supervisor,
            _ => Place::Engine,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Point;

    #[test]
    fn each_point_has_a_name_of_its_own() {
        let names: BTreeSet<_> = Point::ALL.iter().map(|point| point.name()).collect();
        assert_eq!(names.len(), Point::ALL.len());
        assert_eq!(Point::ALL.iter().collect::<BTreeSet<_>>().len(), Point::ALL.len());
    }
}
