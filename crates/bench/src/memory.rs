//! How much memory reading a document takes: a fresh process reads it, and says how far its memory rose.

use std::hint::black_box;
use std::path::Path;

use crate::machine::{command, kilobytes};
use crate::sides::{self, Side};

/// In the child: the peak's rise in bytes while the file was read and understood; `None` when it was refused.
///
/// # Errors
/// When the file or `/proc` cannot be read.
pub(crate) fn of_this_process(side: Side, file: &Path) -> std::io::Result<Option<u64>> {
    let before = peak()?;
    let text = std::fs::read_to_string(file)?;
    // what was understood is kept until the peak has been read, and the text too: it is part of the sum
    let after = match side {
        Side::Floor => {
            black_box(sides::floor(&text));
            peak()?
        }
        Side::Mask => {
            let kept = mask_parser::parse(sides::for_mask(&text).to_owned());
            let after = peak()?;
            drop(black_box(kept));
            after
        }
        Side::Ours => {
            let kept = sides::ours(&text);
            if sides::was_refused(&kept) {
                return Ok(None);
            }
            let after = peak()?;
            drop(black_box(kept));
            after
        }
    };
    drop(black_box(text));
    Ok(Some(after.saturating_sub(before)))
}

fn peak() -> std::io::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let kilobytes =
        kilobytes(&status, "VmHWM:").ok_or_else(|| std::io::Error::other("no VmHWM in /proc/self/status"))?;
    Ok(kilobytes * 1024)
}

/// In the parent: starts the child and reads what it says.
///
/// # Errors
/// Why there is no figure.
pub(crate) fn in_a_child(side: Side, file: &Path) -> Result<Option<u64>, String> {
    let own =
        std::env::current_exe().map_err(|error| format!("this program's own path is unknown: {error}"))?;
    let output = command(&own)
        .arg(format!("--memory-side={}", side_word(side)))
        .arg("--memory-of")
        .arg(file)
        .output()
        .map_err(|error| format!("{} cannot be started again: {error}", own.display()))?;
    let said = String::from_utf8_lossy(&output.stdout);
    match said.trim() {
        "refused" if output.status.success() => Ok(None),
        number if output.status.success() => {
            number.parse().map(Some).map_err(|_| format!("the child that measures memory said `{number}`"))
        }
        _ => Err(format!(
            "the child that measures memory ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        )),
    }
}

fn side_word(side: Side) -> &'static str {
    match side {
        Side::Floor => "floor",
        Side::Mask => "mask",
        Side::Ours => "ours",
    }
}
