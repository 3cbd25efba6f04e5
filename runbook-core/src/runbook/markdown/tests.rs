//! Blocks as CommonMark has them, whole and in windows.

use proptest::prelude::*;

use super::super::blocks::{Block, Bold, Fence, Item};
use super::super::lines::Lines;
use super::window::read_by;

fn blocks_by(window: usize, text: &str) -> Vec<Block<'_>> {
    let lines = Lines::new(text);
    let mut blocks = Vec::new();
    read_by(window, text, 0, &lines, &mut |block| blocks.push(block));
    blocks
}

fn blocks(text: &str) -> Vec<Block<'_>> {
    blocks_by(1 << 20, text)
}

fn fences(text: &str) -> Vec<Fence<'_>> {
    let keep = |block| match block {
        Block::Fence(fence) => Some(fence),
        _ => None,
    };
    blocks(text).into_iter().filter_map(keep).collect()
}

#[test]
fn headings_and_bold_lines() {
    let found =
        blocks("# A `b`\n\n**Step 1: c (5 min)**\nmore\n\n**d:** plain\n\n**e**:\n\na **b**\n\nSub\n---\n");
    let paragraph = |text: &str, bold, line| Block::Paragraph { text: text.into(), bold, line };
    assert_eq!(
        found,
        [
            Block::Heading { level: 1, text: "A b".into(), raw: "A `b`".into(), line: 1 },
            paragraph("Step 1: c (5 min)", Bold::Whole, 3),
            paragraph("d: plain", Bold::Lead, 6),
            paragraph("e:", Bold::Whole, 8),
            paragraph("a b", Bold::No, 10),
            Block::Heading { level: 2, text: "Sub".into(), raw: "Sub".into(), line: 12 },
        ]
    );
}

#[test]
fn headings_keep_their_text_as_written() {
    let rows = [
        ("# **A** `b` _c_\n", "A b c", "**A** `b` _c_"),
        ("## \t**A**\t ##  \n", "A", "**A**"),
        ("   ### a ###\r\n", "a", "a"),
        ("# a#\n", "a#", "a#"),
        ("# a \\#\n", "a #", "a \\#"),
        ("# a #\\##\n", "a ###", "a #\\##"),
        ("## ##\n", "", ""),
        ("#\n", "", ""),
        ("# #hash\n", "#hash", "#hash"),
        ("# \\*a\\* &amp; <pod> é\n", "*a* & <pod> é", "\\*a\\* &amp; <pod> é"),
        ("# See [a](b.md) ![c](d.png)", "See a c", "See [a](b.md) ![c](d.png)"),
        ("**A**\n===\n", "A", "**A**"),
        ("#a\n---\n", "#a", "#a"),
        ("a `b`\n  c\n---", "a b c", "a `b` c"),
        ("> # `a` #\n", "a", "`a`"),
        ("> `a`\n> b\n> ---\n", "a b", "`a` b"),
        ("- # `a`\n", "a", "`a`"),
        ("- `a`\n  b\n  ---\n", "a b", "`a` b"),
    ];
    for (text, plain, written) in rows {
        let found = blocks(text).into_iter().find_map(|block| match block {
            Block::Heading { text, raw, .. } => Some((text, raw)),
            _ => None,
        });
        assert_eq!(found, Some((plain.to_owned(), written.to_owned())), "{text:?}");
    }
}

#[test]
fn fences_keep_raw_info_and_lines() {
    let text = "a\n\n~~~bash {pattern=v\\.\\d+}\necho 1\n~~~\n\n> ```sh\n> echo 2\n> ```\n\n```\nopen\n";
    let found = fences(text);
    assert_eq!(found[0].info, "bash {pattern=v\\.\\d+}");
    assert_eq!(
        (&*found[0].text, found[0].line, found[0].end_line, found[0].closed),
        ("echo 1\n", 3, 5, true)
    );
    assert_eq!(
        (&*found[1].text, found[1].line, found[1].end_line, found[1].closed),
        ("echo 2\n", 7, 9, true)
    );
    assert_eq!(
        (&*found[2].text, found[2].line, found[2].end_line, found[2].closed),
        ("open\n", 11, 12, false)
    );
}

#[test]
fn closing_lines_are_told_from_content() {
    // text, closed, last line, content
    let rows = [
        ("```\na\n```\n", true, 3, "a\n"),
        ("```\na\n```", true, 3, "a\n"),
        ("```\n```\n", true, 2, ""),
        ("```\n", false, 1, ""),
        ("```", false, 1, ""),
        ("```\n\n", false, 2, "\n"),
        ("````\n```\n````\n", true, 3, "```\n"),
        ("````\n```\n", false, 2, "```\n"),
        ("```\na\n`````  \t\n", true, 3, "a\n"),
        ("```\na\n``` b\n", false, 3, "a\n``` b\n"),
        ("```\na\n~~~\n", false, 3, "a\n~~~\n"),
        ("```\na\n    ```\n", false, 3, "a\n    ```\n"),
        ("```\na\n   ```\n", true, 3, "a\n"),
        ("```\na\n\t```\n", false, 3, "a\n\t```\n"),
        ("  ```\n  a\n b\n```\n", true, 4, "a\nb\n"),
        ("- ```\n  a\n  ```\n", true, 3, "a\n"),
        ("- ```\n  a\n\nb\n", false, 3, "a\n\n"),
        ("- ```\n  a\n```\n", false, 2, "a\n"),
        ("- a\n\n\t```\n\tb\n\t```\n", true, 5, "b\n"),
        ("1. a\n\n\t```\n\tb\n\t```\n", true, 5, "b\n"),
        ("> ```\n> a\nb\n", false, 2, "a\n"),
        ("> ```\n> a\n> ```\n", true, 3, "a\n"),
        ("> - ```\n>   a\n>   ```\n", true, 3, "a\n"),
        ("> ```\n> > ```\n> ```\n", true, 3, "> ```\n"),
        ("```\r\na\r\n```\r\n", true, 3, "a\n"),
        ("~~~\n```\n~~~~\n", true, 3, "```\n"),
    ];
    for (text, closed, end_line, content) in rows {
        let found = fences(text);
        assert_eq!(
            (found[0].closed, found[0].end_line, &*found[0].text),
            (closed, end_line, content),
            "{text:?}"
        );
    }
}

#[test]
fn fences_know_their_ordered_item() {
    let text = "1. First\n\n   ```bash\n   a\n   ```\n2. Second\n   1. nested\n      ```bash\n      b\n      ```\n\n- plain\n  ```bash\n  c\n  ```\n";
    let found = fences(text);
    let items: Vec<Option<(&str, u32)>> =
        found.iter().map(|f| f.within.as_ref().map(|within| (&*within.text, within.line))).collect();
    assert_eq!(items, [Some(("First", 1)), Some(("Second", 6)), None]);
    assert_eq!((&*found[1].text, found[1].in_list, found[2].in_list), ("b\n", true, true));
}

#[test]
fn items_and_their_text() {
    let found: Vec<Item> = blocks("- [ ] one `two` <x>\n- [x] three\n\n  more\n- four\n  1. five\n")
        .into_iter()
        .filter_map(|block| match block {
            Block::Item(item) => Some(item),
            _ => None,
        })
        .collect();
    let item =
        |text: &str, line, task| Item { text: text.into(), line, task, outermost: true, ..Item::default() };
    let nested = Item { outermost: false, ordered: true, within: Some(1), ..item("five", 6, false) };
    assert_eq!(found, [item("one two <x>", 1, true), item("three", 2, true), item("four", 5, false), nested]);
}

#[test]
fn indented_code_and_links() {
    let found = blocks("é [a](b.md#c) [d](https://e) [f](#g)\n[h](../i.md)\n\n    x\n\n    y\n\nz\n");
    let links: Vec<(u32, u32, &str)> = found
        .iter()
        .filter_map(|block| match block {
            Block::Link(link) => Some((link.line, link.column, &*link.target)),
            _ => None,
        })
        .collect();
    assert_eq!(links, [(1, 3, "b.md"), (1, 30, "#g"), (2, 1, "../i.md")]);
    let code = Block::Indented { text: "x\n\ny\n".into(), line: 4, end_line: 6, in_list: false };
    assert!(found.contains(&code), "{found:?}");
}

#[test]
fn what_is_too_deep_is_text() {
    let text = format!("{}```bash\nls\n", "1. ".repeat(200));
    let found = blocks(&text);
    assert!(found.contains(&Block::TooDeep { line: 1 }));
    assert!(!found.iter().any(|block| matches!(block, Block::Fence(fence) if !fence.too_deep)));
    let quotes = format!("{}a\n", ">".repeat(70));
    assert!(blocks(&quotes).contains(&Block::TooDeep { line: 1 }));
    assert!(!blocks(&"> ".repeat(30)).contains(&Block::TooDeep { line: 1 }));
}

#[test]
fn what_does_not_fit_into_a_window_is_cut_and_said() {
    let fence = format!("  ```bash\n{}  ```\n# A\n", "  echo a\n".repeat(50));
    let found = blocks_by(64, &fence);
    let [Block::Fence(fence), Block::Heading { line: 53, .. }] = found.as_slice() else {
        panic!("{found:?}")
    };
    assert_eq!(
        (fence.text.lines().count(), fence.end_line, fence.closed, fence.info),
        (50, 52, true, "bash")
    );
    assert_eq!(fence.text.lines().next(), Some("echo a"));
    let long = "a ".repeat(200);
    assert!(blocks_by(64, &long).contains(&Block::TooLarge { line: 1 }));
    // a list of any length is read item by item
    let list = "1. a\n".repeat(100);
    let items = blocks_by(64, &list).iter().filter(|block| matches!(block, Block::Item(_))).count();
    assert_eq!(items, 100);
    assert!(!blocks_by(64, &list).contains(&Block::TooLarge { line: 1 }));
}

fn markdown() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("# T\n"),
        Just("**Step 1: b**\n"),
        Just("```bash\n"),
        Just("```\n"),
        Just("~~~\n"),
        Just("  ```\n"),
        Just("1. a\n"),
        Just("- b\n"),
        Just("  c\n"),
        Just("    d\n"),
        Just("> e\n"),
        Just("f\n"),
        Just("\n"),
        Just("---\n"),
        Just("<div>\n"),
        Just("|a|\n|-|\n"),
        Just("- [ ] g\n"),
        Just("\ta\r\n"),
        Just("[l](m.md)\n"),
    ];
    proptest::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    /// Windows change nothing, as long as each block fits into one.
    #[test]
    fn windows_are_not_seen(text in markdown(), window in 30_usize..200) {
        let small = blocks_by(window, &text);
        if !small.iter().any(|block| matches!(block, Block::TooLarge { .. })) {
            // a list that is cut between its items ends more than once, and its items are counted on
            let plain = |blocks: Vec<Block<'_>>| -> Vec<String> {
                blocks.iter().filter(|block| **block != Block::ListEnd).map(|block| format!("{block:?}")).collect()
            };
            prop_assert_eq!(plain(small), plain(blocks(&text)));
        }
    }

    #[test]
    fn pieces_of_the_document_are_never_copied_wrongly(text in markdown()) {
        for fence in fences(&text) {
            prop_assert!(fence.line <= fence.end_line);
            prop_assert!(fence.text.is_empty() || fence.text.ends_with('\n') || text.ends_with(&*fence.text));
        }
    }
}
