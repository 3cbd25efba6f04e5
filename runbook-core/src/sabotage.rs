//! Defects put in on purpose, so that whoever looks for defects can show that they find them.
//!
//! Every place that can be made to fail asks [`is_on`]. Without the feature `sabotage`, which only test builds have, that
//! is the constant `false`, and there is nothing to switch.

/// One defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Sabotage {
    /// A process starts before its intent is on disk.
    SkipIntent = 1,
    /// Recovery runs a command again that must not be repeated.
    RerunOnce,
    /// What came of a command is dropped.
    ForgetOutcome,
    /// A yes counts that names another plan than this one.
    AcceptStaleApproval,
    /// A yes of the person who asked counts.
    ApproveOwn,
    /// What was told to the pager is news when it comes back.
    TakeEcho,
    /// What another incident's look has found counts again whenever it is handed on.
    CountLookTwice,
    /// Whoever writes hears that it is on disk before it is.
    SkipFsync,
    /// A message that comes again is a new one.
    AcceptTwice,
    /// What an earlier process had taken and not dealt with is forgotten.
    ForgetInbox,
    /// Nobody looks whether an earlier attempt has told the pager.
    TellBlindly,
    /// What the pager tells late counts as its last word.
    BelieveLate,
}

impl Sabotage {
    /// Whether it shows only where there are a disk, a wire, or processes that are killed.
    #[must_use]
    pub fn needs_processes(self) -> bool {
        matches!(
            self,
            Sabotage::SkipFsync
                | Sabotage::AcceptTwice
                | Sabotage::ForgetInbox
                | Sabotage::TellBlindly
                | Sabotage::BelieveLate
        )
    }
}

/// Whether this defect is switched on.
#[cfg(not(feature = "sabotage"))]
#[must_use]
pub const fn is_on(_: Sabotage) -> bool {
    false
}

#[cfg(feature = "sabotage")]
pub use switched::{ALL, is_on, switch};

#[cfg(feature = "sabotage")]
mod switched {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::Sabotage;

    #[cfg(not(debug_assertions))]
    compile_error!("the feature `sabotage` is for test builds, and a release build must never have it");

    /// Every defect with its name.
    pub const ALL: [(&str, Sabotage); 12] = [
        ("skip-intent", Sabotage::SkipIntent),
        ("rerun-once", Sabotage::RerunOnce),
        ("forget-outcome", Sabotage::ForgetOutcome),
        ("accept-stale-approval", Sabotage::AcceptStaleApproval),
        ("approve-own", Sabotage::ApproveOwn),
        ("take-echo", Sabotage::TakeEcho),
        ("count-look-twice", Sabotage::CountLookTwice),
        ("skip-fsync", Sabotage::SkipFsync),
        ("accept-twice", Sabotage::AcceptTwice),
        ("forget-inbox", Sabotage::ForgetInbox),
        ("tell-blindly", Sabotage::TellBlindly),
        ("believe-late", Sabotage::BelieveLate),
    ];

    static ON: AtomicU8 = AtomicU8::new(0);

    /// Whether this defect is switched on.
    #[must_use]
    pub fn is_on(which: Sabotage) -> bool {
        ON.load(Ordering::Relaxed) == which as u8
    }

    /// Switches one defect on for the whole process, or all of them off.
    pub fn switch(which: Option<Sabotage>) {
        ON.store(which.map_or(0, |which| which as u8), Ordering::Relaxed);
    }
}
