//! Expectations' texts.

use runbook_core::expectation::{Check, classify};

use super::decoded;

/// Any text after `Expected:`.
pub fn expectation(data: &[u8]) {
    let text = decoded(data);
    let first = classify(&text);
    assert_eq!(first.text, text.trim(), "what was written is kept");
    assert_eq!(first.line, 0);
    assert_eq!(classify(&first.text), first, "classified again, it means something else");
    match &first.check {
        Check::Count { min, max } => assert!(min <= max, "no output can be that: {first:?}"),
        Check::Range { min, max, .. } => assert!(min <= max, "no number can be that: {first:?}"),
        Check::Number { bound, .. } => assert!(bound.is_finite(), "{first:?}"),
        Check::HttpStatus { status } => assert!((100..=599).contains(status), "{first:?}"),
        Check::Contains { text } => assert!(!text.trim().is_empty(), "any output holds nothing: {first:?}"),
        Check::Pairs { pairs } => {
            assert!(!pairs.is_empty() && pairs.iter().all(|(name, _)| !name.trim().is_empty()), "{first:?}");
        }
        Check::Named { name, bound, .. } => {
            assert!(bound.is_finite() && !name.trim().is_empty(), "{first:?}");
        }
        Check::EveryRow { word } => assert!(!word.is_empty(), "{first:?}"),
        Check::ExitStatus { status } => assert!((1..=255).contains(status), "{first:?}"),
        Check::Output { .. } => panic!("a line is no block of output: {first:?}"),
        Check::ExitZero | Check::Ratio { .. } | Check::Person => {}
    }
}
