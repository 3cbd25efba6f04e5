//! The sandbox's page at `/`: the simulated workspace, PagerDuty and service for a person in a browser.
//!
//! Everything is HTML made here, and works without the script: links for what is shown, forms for what is done, the
//! state of both panes in the address. The script (`page.js`) only fetches the same page again and puts in what changed.
//!
//! | path | |
//! | --- | --- |
//! | `GET /?a=U0ANA&ac=C0INCIDENTS&at=TS&b=...` | the page: person, channel and thread of each pane |
//! | `GET /page/live?...` | the same, or 304 while nothing changed |
//! | `GET /page/style.css`, `/page/script.js`, `/page/icon.svg` | its parts |
//! | `GET /page/file/ID?as=USER` | a file of the workspace, as text |
//! | `POST /page/say`, `/press`, `/modal`, `/touch`, `/trigger`, `/pager`, `/deploy`, `/faults`, `/connect` | what a person does |

mod actions;
mod blocks;
mod elements;
mod guard;
mod html;
mod layout;
mod message;
mod modal;
mod mrkdwn;
mod pane;
mod place;
mod shown;
mod world;

use std::collections::BTreeMap;
use std::sync::Arc;

use http::Method;

use crate::server::App;
use crate::shared::{Reply, Request};
use crate::sign;
use crate::slack::view::Marks;
pub(crate) use guard::{foreign_host, is_host_ours};
use place::Place;

/// What the page remembers of those who sit before it.
#[derive(Debug, Default)]
pub(crate) struct PageMemory {
    /// Up to where each person has read.
    marks: Marks,
    /// What came of the last thing that each person did, when there is something to say.
    notices: BTreeMap<String, String>,
}

/// Only what is our own, and no script or style inside the page itself.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Answers `/` and everything under `/page/`.
pub(crate) async fn route(app: &Arc<App>, segments: &[&str], request: &Request) -> Reply {
    if !is_host_ours(request) {
        return foreign_host();
    }
    let place = Place::read(&request.query);
    let reply = match (&request.method, segments) {
        (&Method::GET, []) => page(app, &place).await,
        (&Method::GET, ["page", "live"]) => live(app, &place, request).await,
        (&Method::GET, ["page", "style.css"]) => part("text/css; charset=utf-8", include_str!("page.css")),
        (&Method::GET, ["page", "script.js"]) => {
            part("text/javascript; charset=utf-8", include_str!("page.js"))
        }
        (&Method::GET, ["page", "icon.svg"]) => part("image/svg+xml", include_str!("icon.svg")),
        (&Method::GET, ["page", "file", id]) => file(app, id, request),
        (&Method::POST, ["page", what]) => match guard::is_from_the_page(request) {
            Ok(()) => actions::act(app, what, request).await,
            Err(why) => Reply::text(403, format!("refused: {why}\n")),
        },
        (_, [] | ["page", ..]) if request.method != Method::GET => Reply::text(405, "use GET\n"),
        _ => Reply::text(404, "not found: the page is at /\n"),
    };
    secured(reply)
}

fn secured(reply: Reply) -> Reply {
    reply
        .with("content-security-policy", POLICY)
        .with("x-content-type-options", "nosniff")
        .with("x-frame-options", "DENY")
        // Not `no-referrer`: with it a browser says `Origin: null` with the page's own forms.
        .with("referrer-policy", "same-origin")
        .with("cross-origin-opener-policy", "same-origin")
        .with("cross-origin-resource-policy", "same-origin")
        .with("cache-control", "no-store")
}

fn part(content_type: &'static str, text: &'static str) -> Reply {
    Reply { content_type, ..Reply::text(200, text) }
}

async fn page(app: &Arc<App>, place: &Place) -> Reply {
    let html = layout::page(&shown::gather(app, place).await).into_string();
    Reply { content_type: "text/html; charset=utf-8", ..Reply::text(200, html) }
}

/// The page with a mark of what it holds, so that a browser that has it already is told just that.
async fn live(app: &Arc<App>, place: &Place, request: &Request) -> Reply {
    let reply = page(app, place).await;
    let tag = format!("\"{}\"", &sign::digest(reply.body.as_bytes())[..32]);
    if request.header("if-none-match") == Some(tag.as_str()) {
        return Reply { body: String::new(), status: 304, ..reply }.with("etag", tag);
    }
    reply.with("etag", tag)
}

/// A file's text. It is never anything else, whatever its name says.
fn file(app: &App, id: &str, request: &Request) -> Reply {
    let user = request.param("as").unwrap_or_default();
    match crate::shared::lock(&app.slack).file_for(user, id) {
        Some(file) => Reply::text(200, file.content),
        None => Reply::text(404, "no such file for this person\n"),
    }
}

#[cfg(test)]
mod injection;
#[cfg(test)]
mod tests;
