//! The whole page.

use super::html::Html;
use super::pane;
use super::shown::Shown;
use super::world;

/// Renders it.
pub(super) fn page(shown: &Shown) -> Html {
    let mut html = Html::new();
    html.raw(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>Blocks sandbox</title>\
         <link rel=\"icon\" href=\"/page/icon.svg\"><link rel=\"stylesheet\" href=\"/page/style.css\">\
         <script src=\"/page/script.js\" defer></script></head><body>\
         <a class=\"skip\" href=\"#say-a\">Skip to the message line</a>",
    );
    head(shown, &mut html);
    html.raw("<main>");
    for pane in &shown.panes {
        html.raw(if pane.side.is_second() { "<div class=\"second\">" } else { "<div class=\"first\">" });
        pane::pane(pane, shown, &mut html);
        html.raw("</div>");
    }
    world::world(shown, &mut html);
    html.raw("</main></body></html>\n");
    html
}

fn head(shown: &Shown, html: &mut Html) {
    html.raw("<header class=\"top\"><h1>Blocks sandbox</h1><p class=\"quiet\">A simulated Slack, PagerDuty and service on this machine. Nothing here reaches the internet.</p>");
    html.raw("<p id=\"lost\" class=\"state bad\" role=\"alert\" hidden>\u{2717} the sandbox does not answer; what you see is old</p>");
    html.raw("<noscript><p><a").attr("href", shown.place.address());
    html.raw(">Refresh</a>: without its script the page does not look for news by itself.</p></noscript>");
    connection(shown, html);
    if shown.slack_down {
        html.raw("<p class=\"banner\" role=\"status\">\u{2717} Slack is down: nobody can type or press, and Blocks cannot post. Blocks still works from a shell.</p>");
    }
    guide(shown.pager.total == 0, html);
    html.raw("</header>");
}

fn connection(shown: &Shown, html: &mut Html) {
    match &shown.blocks_url {
        Some(address) => {
            html.raw("<p id=\"connection\"><span class=\"state good\">\u{2713} Blocks</span> <span class=\"quiet\">is at ");
            html.text(address)
                .raw(if shown.socket_mode { ", with Socket Mode" } else { "" })
                .raw("</span></p>");
        }
        None => {
            html.raw(
                "<form id=\"connection\" class=\"row\" method=\"post\" action=\"/page/connect\">\
                <span class=\"state bad\">\u{2717} Blocks is not connected yet</span>\
                <label for=\"blocks-url\">Where <code>blocks serve</code> listens</label>\
                <input type=\"url\" id=\"blocks-url\" name=\"url\" required value=\"http://127.0.0.1:7070\">\
                <button type=\"submit\">Connect</button></form>",
            );
        }
    }
}

/// A first walk, in the order in which things happen; open until something has happened.
fn guide(is_open: bool, html: &mut Html) {
    html.raw("<details id=\"guide\"").raw(if is_open { " open>" } else { ">" });
    html.raw("<summary>A first walk, in two minutes</summary><ol>\
        <li>Release v1.2, the bad one: flows begin to fail.</li>\
        <li><em>Page now</em>: PagerDuty tells Blocks, and the card appears in its channel.</li>\
        <li>As ana, open the incident's channel and type <code>/blocks runbook rollback</code>: the plan appears.</li>\
        <li>As ana, press <em>Approve</em>: refused, because it needs another person. As ben, press it: the rollback runs in the thread.</li>\
        <li>When the service is healthy, type <code>/blocks incident resolve</code>: the review is drafted from what happened.</li>\
        </ol></details>");
}
