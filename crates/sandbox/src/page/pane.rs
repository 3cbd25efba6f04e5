//! One person's view of the workspace: their channels, the one that is open, and a line to type in.

use super::html::Html;
use super::message::{message, where_from};
use super::modal::modal;
use super::mrkdwn;
use super::place::{Place, Seat, Side};
use super::shown::{PaneView, Shown};
use crate::slack::view::Room;

/// Renders a pane.
pub(super) fn pane(pane: &PaneView, shown: &Shown, html: &mut Html) {
    let side = pane.side.word();
    html.raw("<section class=\"pane\"").attr("id", format!("pane-{side}"));
    html.attr("aria-label", format!("Slack as {}", pane.user.name)).raw(">");
    people(pane, shown, html);
    html.raw("<div class=\"workspace\">");
    rooms(pane, &shown.place, html);
    html.raw("<div class=\"channel\">");
    head(pane, &shown.place, html);
    modal(pane, html);
    messages(pane, &shown.place, html);
    html.raw("<p class=\"notice\" role=\"status\"").attr("id", format!("notice-{side}")).raw(">");
    html.text(pane.notice.as_deref().unwrap_or_default()).raw("</p>");
    composer(pane, html);
    html.raw("</div></div></section>");
}

/// Who sits here: a link for each person, so that it works without a script.
fn people(pane: &PaneView, shown: &Shown, html: &mut Html) {
    html.raw("<nav class=\"people\" aria-label=\"Who you are in this pane\"><span>You are</span>");
    for person in &shown.people {
        let is_here = person.id == pane.user.id;
        let seat =
            Seat { user: person.id.clone(), channel: pane.seat().channel, thread: pane.thread.clone() };
        html.raw("<a").attr("href", shown.place.with(pane.side, seat).address());
        html.attr("id", format!("as-{}-{}", pane.side.word(), person.id));
        if is_here {
            html.raw(" aria-current=\"true\"");
        }
        html.raw(">").text(&person.name).raw("</a>");
    }
    html.raw("</nav>");
}

fn rooms(pane: &PaneView, place: &Place, html: &mut Html) {
    html.raw("<nav class=\"rooms\" aria-label=\"Channels\"><ul>");
    for room in &pane.rooms {
        let is_open = pane.room.as_ref().is_some_and(|open| open.id == room.id);
        html.raw("<li><a").attr("href", address(pane, room, place));
        html.attr("id", format!("r-{}-{}", pane.side.word(), room.id));
        if is_open {
            html.raw(" aria-current=\"page\"");
        }
        let unread = if is_open { 0 } else { room.unread };
        html.raw(if unread > 0 { " class=\"unread\">" } else { ">" });
        html.text(&room.name);
        if room.is_private && !room.name.starts_with("direct") {
            html.raw(" <span class=\"quiet\">private</span>");
        }
        if room.is_archived {
            html.raw(" <span class=\"quiet\">archived</span>");
        }
        if unread > 0 {
            html.raw(" <span class=\"new\">").text(unread).raw(" new</span>");
        }
        html.raw("</a></li>");
    }
    html.raw("</ul></nav>");
}

fn address(pane: &PaneView, room: &Room, place: &Place) -> String {
    let seat = Seat { user: pane.user.id.clone(), channel: room.id.clone(), thread: None };
    place.with(pane.side, seat).address()
}

fn head(pane: &PaneView, place: &Place, html: &mut Html) {
    html.raw("<div class=\"head\">");
    let Some(room) = &pane.room else {
        html.raw("<h2>No channel</h2></div>");
        return;
    };
    if pane.thread.is_some() {
        html.raw("<h2>Thread</h2><a").attr("href", address(pane, room, place));
        html.attr("id", format!("back-{}", pane.side.word())).raw(">\u{2190} back to ");
        html.text(&room.name).raw("</a></div>");
        return;
    }
    html.element("<h2>", &room.name, "</h2>");
    if !room.topic.is_empty() {
        html.raw("<p class=\"quiet\">").add(&mrkdwn::render(&room.topic, &pane.names)).raw("</p>");
    }
    if !room.bookmarks.is_empty() {
        html.raw("<p class=\"bookmarks\">");
        for (title, link) in &room.bookmarks {
            mrkdwn::link(link, Some(title), html);
            html.raw(" ");
        }
        html.raw("</p>");
    }
    html.raw("</div>");
}

fn messages(pane: &PaneView, place: &Place, html: &mut Html) {
    let label = if pane.thread.is_some() { "Thread" } else { "Messages" };
    html.raw("<div class=\"messages\" role=\"log\" tabindex=\"0\"").attr("aria-label", label);
    html.attr("id", format!("log-{}", pane.side.word())).raw("><div>");
    if pane.lines.older > 0 {
        html.raw("<p class=\"quiet\">").text(pane.lines.older).raw(" older messages are not shown</p>");
    }
    if pane.lines.shown.is_empty() {
        html.raw(
            "<p class=\"quiet empty\">Nothing here yet. Page now, or type <code>/blocks help</code>.</p>",
        );
    }
    for line in &pane.lines.shown {
        message(pane, line, place, html);
    }
    html.raw("</div></div>");
}

fn composer(pane: &PaneView, html: &mut Html) {
    let Some(room) = &pane.room else { return };
    let id = format!("say-{}", pane.side.word());
    html.raw("<form class=\"composer\" method=\"post\" action=\"/page/say\">");
    where_from(pane, html);
    html.raw("<label class=\"unseen\"")
        .attr("for", &id)
        .raw(">Message as ")
        .text(&pane.user.name)
        .raw("</label>");
    html.raw("<input type=\"text\" name=\"text\" maxlength=\"4000\" autocomplete=\"off\" spellcheck=\"false\" required");
    html.attr("id", &id);
    let hint = if pane.thread.is_some() {
        "Reply in the thread".to_owned()
    } else {
        format!("Message {}, or /blocks help", room.name)
    };
    html.attr("placeholder", hint).raw("><button type=\"submit\" class=\"primary\">Send</button></form>");
}

impl Side {
    /// Whether a pane is for wide screens only.
    pub(super) fn is_second(self) -> bool {
        self == Self::B
    }
}
