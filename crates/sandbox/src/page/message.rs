//! One message.

use serde_json::Value;

use super::blocks::{self, Around};
use super::html::Html;
use super::mrkdwn;
use super::place::{Place, Seat};
use super::shown::PaneView;
use crate::slack::view::{Attached, Line};

/// Lines of a file that are shown at once; the link has all of it.
const PREVIEW_LINES: usize = 40;

/// Renders a message as the pane's person sees it.
pub(super) fn message(pane: &PaneView, line: &Line, place: &Place, html: &mut Html) {
    let scope = format!("m-{}-{}", pane.side.word(), line.ts);
    html.raw("<article tabindex=\"-1\"").attr("id", &scope);
    html.attr("class", if line.only_you { "message whisper" } else { "message" });
    html.raw("><header><span class=\"author\">").text(&line.author).raw("</span>");
    if line.is_app {
        html.raw(" <span class=\"tag\">APP</span>");
    }
    html.raw(" <time class=\"quiet\">").text(clock(&line.ts)).raw("</time>");
    for (shown, word) in [(line.is_edited, "(edited)"), (line.is_pinned, "\u{1f4cc} pinned")] {
        if shown {
            html.raw(" <span class=\"quiet\">").text(word).raw("</span>");
        }
    }
    html.raw("</header>");
    if line.only_you {
        html.raw("<p class=\"quiet\">Only visible to you</p>");
    }
    content(pane, line, &scope, html);
    for file in &line.files {
        attached(pane, file, &scope, html);
    }
    if !line.reactions.is_empty() {
        html.raw("<p class=\"reactions\">");
        for (name, count) in &line.reactions {
            html.raw("<span>:").text(name).raw(": ").text(count).raw("</span> ");
        }
        html.raw("</p>");
    }
    if pane.thread.is_none() && !line.only_you {
        thread_link(pane, line, place, html);
    }
    if !line.only_you {
        more(pane, line, &scope, html);
    }
    html.raw("</article>");
}

/// What Slack has in a message's menu: the pushpin, and the app's own entry.
fn more(pane: &PaneView, line: &Line, scope: &str, html: &mut Html) {
    html.raw("<details class=\"more\"").attr("id", format!("{scope}-more")).raw("><summary>More</summary>");
    html.raw("<form class=\"row\" method=\"post\" action=\"/page/touch\">");
    where_from(pane, html);
    html.hidden("ts", &line.ts);
    let (word, label) =
        if line.is_marked { ("unpin", "Take the pushpin off") } else { ("pin", "\u{1f4cc} Pushpin") };
    html.raw("<button type=\"submit\" name=\"do\"").attr("value", word).raw(">").text(label).raw("</button>");
    html.raw("<button type=\"submit\" name=\"do\" value=\"timeline\">Add to timeline</button>");
    html.raw("</form></details>");
}

fn content(pane: &PaneView, line: &Line, scope: &str, html: &mut Html) {
    let has_blocks = line.blocks.as_array().is_some_and(|blocks| !blocks.is_empty());
    if !has_blocks {
        html.raw("<div class=\"b-text\">").add(&mrkdwn::render(&line.text, &pane.names)).raw("</div>");
        return;
    }
    let around = Around { names: &pane.names, scope, presses: true, errors: &Value::Null };
    let shown = blocks::render(&line.blocks, &around);
    if !blocks::is_interactive(&line.blocks) {
        html.add(&shown);
        return;
    }
    html.raw("<form method=\"post\" action=\"/page/press\">");
    // Enter in a field presses a form's first button. That must never be an approval: this one cannot be pressed.
    html.raw("<button type=\"submit\" disabled hidden></button>");
    where_from(pane, html);
    html.hidden("ts", &line.ts);
    html.add(&shown).raw("</form>");
}

/// Who sends a form, and from where.
pub(super) fn where_from(pane: &PaneView, html: &mut Html) {
    let seat = pane.seat();
    html.hidden("side", pane.side.word()).hidden("user", &seat.user).hidden("channel", &seat.channel);
    if let Some(thread) = &seat.thread {
        html.hidden("thread", thread);
    }
}

fn thread_link(pane: &PaneView, line: &Line, place: &Place, html: &mut Html) {
    let seat = Seat { thread: Some(line.ts.clone()), ..pane.seat() };
    html.raw("<a class=\"thread\"").attr("href", place.with(pane.side, seat).address());
    html.attr("id", format!("t-{}-{}", pane.side.word(), line.ts)).raw(">");
    match line.replies {
        0 => html.raw("Reply in thread"),
        1 => html.raw("1 reply"),
        more => html.text(more).raw(" replies"),
    };
    if line.new_replies > 0 {
        html.raw(" <span class=\"new\">").text(line.new_replies).raw(" new</span>");
    }
    html.raw("</a>");
}

fn attached(pane: &PaneView, file: &Attached, scope: &str, html: &mut Html) {
    let address = format!("/page/file/{}?as={}", file.id, pane.user.id);
    html.raw("<div class=\"file\"><a target=\"_blank\"").attr("href", address).raw(">");
    html.text(if file.title.is_empty() { &file.name } else { &file.title })
        .raw("</a> <span class=\"quiet\">");
    html.text(&file.name).raw(", ").text(file.content.len()).raw(" bytes</span>");
    html.raw("<details").attr("id", format!("{scope}-{}", file.id)).raw("><summary>Preview</summary>");
    html.raw("<pre tabindex=\"0\"><code>");
    for line in file.content.lines().take(PREVIEW_LINES) {
        html.text(line.chars().take(500).collect::<String>()).raw("\n");
    }
    html.raw("</code></pre>");
    if file.content.lines().nth(PREVIEW_LINES).is_some() {
        html.raw("<p class=\"quiet\">and more: open the file</p>");
    }
    html.raw("</details></div>");
}

/// The time of a `ts`, UTC.
fn clock(ts: &str) -> String {
    let seconds = ts.split('.').next().and_then(|seconds| seconds.parse::<i64>().ok());
    let at = seconds.and_then(|seconds| chrono::DateTime::<chrono::Utc>::from_timestamp(seconds, 0));
    at.map_or_else(String::new, |at| at.format("%H:%M:%S").to_string())
}
