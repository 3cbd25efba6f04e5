//! Text that was read in a wrong encoding once, anywhere in the document.

use super::super::codes;
use super::super::diagnostic::Diagnostic;
use super::super::lines::to_u32;
use super::super::mojibake;
use super::script::Script;

/// How many lines are named; of the rest only the number is told.
const NAMED: usize = 20;

/// One finding per line, with the text that was probably meant.
pub(super) fn misread(script: &Script<'_>, found: &mut Vec<Diagnostic>) {
    if script.lines.is_ascii() {
        return;
    }
    // a search for such text is worse, and has a finding of its own
    let told: std::collections::BTreeSet<u32> = found
        .iter()
        .filter(|finding| finding.code == codes::CANNOT_FAIL)
        .map(|finding| finding.line)
        .collect();
    let (mut lines, mut more, mut first_more) = (0, 0, 0);
    for (number, text) in (1_u32..).zip(script.lines.all()) {
        let Some(run) = mojibake::find(text).filter(|_| !told.contains(&number)) else { continue };
        lines += 1;
        if lines > NAMED {
            more += 1;
            first_more = if more == 1 { number } else { first_more };
            continue;
        }
        let hint = match mojibake::repair(text) {
            Some(meant) => format!("probably meant: `{}`; save the file as UTF-8", shortened(&meant)),
            None => "the character is lost: write it again, and save the file as UTF-8".to_owned(),
        };
        let message = format!("`{run}` is text read in a wrong encoding");
        found.push(script.at(codes::MOJIBAKE, number, run, message, &hint));
    }
    if more > 0 {
        found.push(script.at(
            codes::MOJIBAKE,
            first_more,
            "",
            format!("{more} more lines hold text read in a wrong encoding, this is the first of them"),
            "convert the whole file to UTF-8 once, from the encoding that it was read in",
        ));
    }
}

/// At most 100 characters around the whole meaning.
fn shortened(text: &str) -> String {
    let text = text.trim();
    if to_u32(text.chars().count()) <= 100 {
        text.to_owned()
    } else {
        text.chars().take(99).chain(['…']).collect()
    }
}
