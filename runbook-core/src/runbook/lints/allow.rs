//! `# blocks: allow RB0123 reason`: silences findings of one code for one command or line.
//!
//! An error cannot be silenced: the command would still run wrongly. A comment that silences nothing is a finding itself.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use super::super::codes::{self, finding};
use super::super::comments;
use super::super::diagnostic::{Code, Diagnostic, Level};
use super::super::lines::{Lines, to_u32};
use super::super::model::{AllowedRemarks, CodeBlock, CommandKind, Document};
use super::super::shell::{Kind, lex};
use super::written::{Fence, fences};

const HINT: &str = "write `# blocks: allow RB0114 the reason` above the command, and remove it when nothing is found any more";

/// An allow as written, and the lines that it is about.
struct Allow {
    line: u32,
    /// The code, or what is wrong with the comment.
    code: Result<Code, String>,
    covers: RangeInclusive<u32>,
}

/// What follows `blocks: allow` in a comment; `None` for any other comment.
pub(crate) fn wanted(comment: &str) -> Option<&str> {
    let text = comment.trim().trim_start_matches(['#', '-']).trim_start();
    let rest = text.strip_prefix("blocks:")?.trim_start().strip_prefix("allow")?;
    (rest.is_empty() || rest.starts_with(char::is_whitespace)).then(|| rest.trim())
}

/// Takes the silenced findings out, and adds one for each comment without effect.
pub(crate) fn silence(document: &mut Document, text: &str, lines: &Lines<'_>) {
    // nearly no document holds one
    if memchr::memmem::find(text.as_bytes(), b"blocks:").is_none() {
        return;
    }
    let allows = allows(&document.blocks, lines);
    if allows.is_empty() {
        return;
    }
    let mut used: BTreeSet<usize> = BTreeSet::new();
    let mut refused: BTreeSet<usize> = BTreeSet::new();
    // by code, so that each finding looks at few of them
    let mut by_code: BTreeMap<Code, Vec<usize>> = BTreeMap::new();
    for (index, allow) in allows.iter().enumerate() {
        if let Ok(code) = allow.code {
            by_code.entry(code).or_default().push(index);
        }
    }
    let covering = |code: Code, line: u32| -> Option<usize> {
        let candidates = by_code.get(&code)?;
        // the nearest one above; scopes of one code do not reach over each other's lines
        let before = candidates
            .partition_point(|index| allows.get(*index).is_some_and(|allow| *allow.covers.start() <= line));
        let nearest = candidates.get(..before)?.iter().rev().take(4);
        nearest.copied().find(|index| allows.get(*index).is_some_and(|allow| allow.covers.contains(&line)))
    };
    document.diagnostics.retain(|finding| match covering(finding.code, finding.line) {
        None => true,
        Some(index) if finding.level == Level::Error => {
            refused.insert(index);
            true
        }
        Some(index) => {
            used.insert(index);
            false
        }
    });
    // whether a link is dead is only found later: an allowed one is not asked about
    document.links.retain(|link| match covering(codes::DEAD_LINK, link.line) {
        None => true,
        Some(index) => {
            used.insert(index);
            false
        }
    });
    for (index, allow) in allows.iter().enumerate() {
        let message = match &allow.code {
            Err(problem) => problem.clone(),
            Ok(code) if refused.contains(&index) => {
                format!(
                    "{code} is an error and cannot be allowed: the command would run wrongly or not at all"
                )
            }
            Ok(_) if used.contains(&index) => continue,
            // shellcheck is only asked later, if at all
            Ok(codes::SHELLCHECK) => {
                document.allowed_remarks.push(AllowedRemarks {
                    line: allow.line,
                    column: lines.indent(allow.line),
                    first: *allow.covers.start(),
                    last: *allow.covers.end(),
                });
                continue;
            }
            Ok(code) => nothing_found(*code),
        };
        document.diagnostics.push(finding(
            codes::ALLOW,
            (allow.line, lines.indent(allow.line)),
            message,
            HINT,
        ));
    }
}

fn nothing_found(code: Code) -> String {
    format!("{code} is allowed here, and nothing of it is found")
}

/// Shellcheck's remarks about a document without those that it allows, and a finding for each such comment without effect.
#[must_use]
pub fn silence_remarks(document: &Document, remarks: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut used: BTreeSet<usize> = BTreeSet::new();
    let mut left = remarks;
    left.retain(|remark| {
        let covers = |allow: &AllowedRemarks| (allow.first..=allow.last).contains(&remark.line);
        let by = document.allowed_remarks.iter().position(covers);
        used.extend(by);
        by.is_none()
    });
    let unused = document.allowed_remarks.iter().enumerate().filter(|(index, _)| !used.contains(index));
    left.extend(unused.map(|(_, allow)| {
        finding(codes::ALLOW, (allow.line, allow.column), nothing_found(codes::SHELLCHECK), HINT)
    }));
    left
}

fn code_of(rest: &str) -> Result<Code, String> {
    let (word, reason) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let digits = word.strip_prefix("RB").filter(|digits| digits.len() == 4);
    let code = digits.and_then(|digits| digits.parse().ok()).map(Code);
    match code {
        None if word.is_empty() => Err("this allow names no code".to_owned()),
        None => Err(format!("`{word}` is not a code like RB0114")),
        Some(code) if codes::info(code).is_none() => Err(format!("{code} is no finding about runbooks")),
        Some(code) if !reason.chars().any(char::is_alphanumeric) => {
            Err(format!("this allow of {code} gives no reason"))
        }
        Some(code) => Ok(code),
    }
}

/// Every allow of the document, in order.
fn allows(blocks: &[CodeBlock], lines: &Lines<'_>) -> Vec<Allow> {
    const KINDS: &[CommandKind] =
        &[CommandKind::Shell, CommandKind::Http, CommandKind::Promql, CommandKind::Sql, CommandKind::Include];
    let mut all = Vec::new();
    for fence in fences(blocks, lines, KINDS) {
        match fence.kind {
            CommandKind::Shell => in_shell(&fence, &mut all),
            _ => in_other(&fence, &mut all),
        }
    }
    let fences = blocks.iter().map(|block| (block.line_start, block.line_end)).collect();
    in_markdown(lines, &fences, &mut all);
    all.sort_by_key(|allow| allow.line);
    all
}

/// `<!-- blocks: allow ... -->`: the fence below as a whole, else the next line with text.
fn in_markdown(lines: &Lines<'_>, fences: &BTreeMap<u32, u32>, all: &mut Vec<Allow>) {
    let texts: Vec<&str> = lines.all().collect();
    for (line, text) in (1_u32..).zip(&texts) {
        let trimmed = text.trim_start_matches(['>', ' ', '\t']);
        let Some(comment) = trimmed.strip_prefix("<!--").and_then(|rest| rest.trim_end().strip_suffix("-->"))
        else {
            continue;
        };
        let Some(rest) = wanted(comment) else { continue };
        // inside a fence it is text
        if fences.range(..=line).next_back().is_some_and(|(_, last)| line <= *last) {
            continue;
        }
        let below = texts.iter().enumerate().skip(line as usize).take(50);
        let next = below
            .map(|(at, text)| (to_u32(at + 1), text.trim()))
            .find(|(_, text)| !text.is_empty() && !text.starts_with("<!--"));
        let covers = match next {
            Some((next, _)) => line..=fences.get(&next).copied().unwrap_or(next),
            None => line..=line,
        };
        all.push(Allow { line, code: code_of(rest), covers });
    }
}

/// In a shell fence: the command behind which it stands, or the next one with the expectations below it.
fn in_shell(fence: &Fence, all: &mut Vec<Allow>) {
    if !fence.text.contains("blocks:") {
        return;
    }
    let own = Lines::new(&fence.text);
    let in_file = |offset: usize| fence.line.saturating_add(own.line(offset));
    let tokens = lex(&fence.text).tokens;
    // where each command of the outermost level begins and ends, with the code lines between
    let mut commands: Vec<(u32, u32)> = Vec::new();
    let mut open: Option<(u32, u32)> = None;
    for token in &tokens {
        match token.kind {
            Kind::Newline if token.depth == 0 => commands.extend(open.take()),
            Kind::Newline | Kind::Comment => {}
            _ => {
                let end = in_file(token.end.saturating_sub(1).max(token.start));
                open = Some((open.map_or_else(|| in_file(token.start), |(start, _)| start), end));
            }
        }
    }
    commands.extend(open);
    let last = fence.line.saturating_add(to_u32(fence.text.lines().count()));
    let expectations: BTreeSet<u32> = tokens
        .iter()
        .filter(|token| token.kind == Kind::Comment)
        .filter(|token| {
            let text = fence.text.get(token.start..token.end).unwrap_or_default();
            matches!(comments::read(text), comments::Comment::Expected(_))
        })
        .map(|token| in_file(token.start))
        .collect();
    for token in tokens.iter().filter(|token| token.kind == Kind::Comment) {
        let Some(rest) = fence.text.get(token.start..token.end).and_then(wanted) else { continue };
        let line = in_file(token.start);
        let after = commands.partition_point(|(start, _)| *start <= line);
        let around = after.checked_sub(1).and_then(|at| commands.get(at)).filter(|(_, end)| *end >= line);
        let next = commands.get(after);
        let until_next = |at: usize| commands.get(at).map_or(last, |(start, _)| start - 1);
        let own_line = own.text_of(own.line(token.start)).trim_start().starts_with('#');
        let covers = match (around, next) {
            // inside a loop: the next line; behind a command: that command
            (Some(_), _) if own_line => line..=line + 1,
            (Some((start, _)), _) => *start..=line,
            _ if expectations.contains(&(line + 1)) => line..=line + 1,
            (None, Some((_, end))) => line..=until_next(after + 1).max(*end),
            (None, None) => line..=line + 1,
        };
        all.push(Allow { line, code: code_of(rest), covers });
    }
}

/// In the other kinds: the lines below up to a blank one.
fn in_other(fence: &Fence, all: &mut Vec<Allow>) {
    let texts: Vec<&str> = fence.text.lines().collect();
    let mut end_of_block = fence.line.saturating_add(to_u32(texts.len()));
    for (at, text) in texts.iter().enumerate().rev() {
        let line = fence.line.saturating_add(1).saturating_add(to_u32(at));
        if text.trim().is_empty() {
            end_of_block = line;
        } else if text.trim_start().starts_with(['#', '-'])
            && let Some(rest) = wanted(text)
        {
            all.push(Allow { line, code: code_of(rest), covers: line..=end_of_block });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Code, Level, parse};

    fn codes(body: &str) -> Vec<String> {
        let document = parse("x", body);
        document.diagnostics.iter().map(|d| format!("{}:{}", d.code, d.line)).collect()
    }

    fn has(body: &str, code: u16) -> bool {
        parse("x", body).diagnostics.iter().any(|finding| finding.code == Code(code))
    }

    #[test]
    fn an_allow_silences_its_code_and_no_other() {
        let rows = [
            "## S\n```bash\n# blocks: allow RB0145 a person does this\nvim f\n```\n",
            "## S\n```bash\nvim f # blocks: allow RB0145 a person does this\n```\n",
            "## S\n<!-- blocks: allow RB0145 a person does this -->\n```bash\nls\nvim f\n```\n",
            "## S\n<!-- blocks: allow RB0145 a person does this -->\n\n```bash\nvim f\n```\n",
            "## S\n```bash\nfor f in a b; do\n  # blocks: allow RB0145 by hand\n  vim \"$f\"\ndone\n```\n",
            "## S\n```bash\n# blocks: allow RB0145 by hand\n\n# Edit it\nvim f\n```\n",
        ];
        for body in rows {
            assert!(!has(body, 145) && !has(body, 156), "{body}\n{:?}", codes(body));
        }
        let expectation = "## S\n```bash\nkubectl rollout status deployment/a -n b\n# blocks: allow RB0147 quoted so in the chat\n# Expected: \"deployment 'a' successfully rolled out\"\n```\n";
        assert!(codes(expectation).is_empty());
        assert_eq!(codes("## Caf\u{c3}\u{a9}\n\n- [ ] Look\n"), ["RB0152:1"]);
        assert!(
            codes("<!-- blocks: allow RB0152 shown as it is -->\n## Caf\u{c3}\u{a9}\n\n- [ ] Look\n")
                .is_empty()
        );
        let promql = "```promql\n# blocks: allow RB0149 a cost per hour, times hours\nrate(a[5m]) * 24\n\nrate(a[5m]) * 24\n```\n";
        let found = codes(promql);
        assert!(
            found.contains(&"RB0149:5".to_owned()) && !found.contains(&"RB0149:3".to_owned()),
            "{found:?}"
        );
    }

    #[test]
    fn what_does_nothing_is_said() {
        let rows = [
            "```bash\n# blocks: allow RB0145 nothing here\nls\n```\n",
            "```bash\n# blocks: allow RB0145\nvim f\n```\n",
            "```bash\n# blocks: allow 145 x\nvim f\n```\n",
            "```bash\n# blocks: allow\nvim f\n```\n",
            "```bash\n# blocks: allow RB\u{30}999 x\nvim f\n```\n",
            "```bash\n# blocks: allow RB0145 too far away\nls\nvim f\n```\n",
            "<!-- blocks: allow RB0114 x -->\ntext\n",
        ];
        for body in rows {
            let body = format!("## S\n{body}");
            assert!(has(&body, 156), "{body}");
            assert!(!body.contains("vim") || has(&body, 145), "{body}");
        }
    }

    #[test]
    fn remarks_that_come_later_are_silenced_in_the_same_form() {
        let remark = |line| super::finding(super::codes::SHELLCHECK, (line, 1), "SC2086: quote it", "hint");
        let left = |body: &str, lines: &[u32]| -> Vec<String> {
            let document = parse("x", body);
            assert!(!document.diagnostics.iter().any(|finding| finding.code == Code(156)), "{body}");
            let found = super::silence_remarks(&document, lines.iter().map(|line| remark(*line)).collect());
            found.iter().map(|d| format!("{}:{}", d.code, d.line)).collect()
        };
        let none: [&str; 0] = [];
        let above = "## S\n```bash\n# blocks: allow RB0157 split on purpose\nls $x\nls $y\n```\n";
        assert_eq!(left(above, &[4]), none);
        assert_eq!(left(above, &[4, 5]), ["RB0157:5"]);
        assert_eq!(left(above, &[5]), ["RB0157:5", "RB0156:3"]);
        assert_eq!(left(above, &[]), ["RB0156:3"]);
        assert_eq!(left("## S\n```bash\nls $x # blocks: allow RB0157 split on purpose\n```\n", &[3]), none);
        let fence = "## S\n<!-- blocks: allow RB0157 an old script -->\n```bash\nls $x\nls $y\n```\n";
        assert_eq!(left(fence, &[4, 5]), none);
        assert_eq!(left("## S\n```bash\nls $x\n```\n", &[3]), ["RB0157:3"]);
    }

    #[test]
    fn an_error_cannot_be_silenced() {
        let body = "## S\n```bash\n# blocks: allow RB0121 fine\necho 'a\n```\n";
        let document = parse("x", body);
        assert!(
            document
                .diagnostics
                .iter()
                .any(|finding| finding.code == Code(121) && finding.level == Level::Error)
        );
        assert!(has(body, 156));
    }

    #[test]
    fn an_allow_is_no_title() {
        let body = "## S\n```bash\n# blocks: allow RB0145 by hand\n# Edit it\nvim f\n```\n";
        assert_eq!(parse("x", body).steps[0].commands[0].title.as_deref(), Some("Edit it"));
    }
}
