//! What stands beside Slack: the service, PagerDuty, and the switches that break things.

use serde_json::Value;

use super::html::Html;
use super::shown::Shown;

/// Renders the column.
pub(super) fn world(shown: &Shown, html: &mut Html) {
    html.raw("<aside class=\"world\" aria-label=\"The world outside Slack\">");
    html.raw("<p class=\"notice\" role=\"status\" id=\"notice-world\">");
    html.text(shown.notice.as_deref().unwrap_or_default()).raw("</p>");
    target(shown, html);
    pager(shown, html);
    outside(shown, html);
    switches(shown, html);
    html.raw("</aside>");
}

/// A small form of its own: one button, and what it stands for.
fn switch(action: &'static str, name: &'static str, value: &str, label: &str, html: &mut Html) {
    html.raw("<form method=\"post\" action=\"").raw(action).raw("\">").hidden(name, value);
    html.raw("<button type=\"submit\">").text(label).raw("</button></form>");
}

fn pager(shown: &Shown, html: &mut Html) {
    let pager = &shown.pager;
    html.raw("<section id=\"pagerduty\"><h2>PagerDuty</h2>");
    state(shown.pagerduty_down, "PagerDuty is down: webhooks wait", "works", html);
    html.raw("<form method=\"post\" action=\"/page/trigger\" class=\"stack\"><label for=\"page-title\">What the monitor says</label>");
    html.raw("<input type=\"text\" id=\"page-title\" name=\"title\" maxlength=\"255\" required value=\"FlowEngine: failure rate above 30 %\">");
    html.raw("<div class=\"row\">");
    select("service", "Service", &pager.services, None, html);
    select("priority", "Priority", &pager.priorities, Some("none"), html);
    html.raw("</div><button type=\"submit\" class=\"primary\" id=\"page-now\">Page now</button></form>");
    if pager.waiting > 0 {
        html.raw("<p class=\"quiet\">webhooks on their way to Blocks: ").text(pager.waiting).raw("</p>");
    }
    html.raw("<ol class=\"incidents\">");
    for incident in &pager.incidents {
        one_incident(incident, shown, html);
    }
    html.raw("</ol>");
    if pager.total > pager.incidents.len() {
        html.raw("<p class=\"quiet\">of ").text(pager.total).raw(" in all</p>");
    }
    html.raw("</section>");
}

fn select(
    name: &'static str,
    label: &'static str,
    all: &[(String, String)],
    none: Option<&'static str>,
    html: &mut Html,
) {
    html.raw("<div><label for=\"page-")
        .raw(name)
        .raw("\">")
        .raw(label)
        .raw("</label><select id=\"page-")
        .raw(name);
    html.raw("\" name=\"").raw(name).raw("\">");
    for (id, text) in all {
        html.raw("<option").attr("value", id).raw(">").text(text).raw("</option>");
    }
    if let Some(word) = none {
        html.raw("<option value=\"\">").raw(word).raw("</option>");
    }
    html.raw("</select></div>");
}

fn one_incident(incident: &Value, shown: &Shown, html: &mut Html) {
    let text = |field: &str| incident[field].as_str().unwrap_or_default();
    html.raw("<li").attr("id", format!("pd-{}", text("id"))).raw("><span class=\"title\">#");
    html.text(&incident["number"]).raw(" ").text(text("title")).raw("</span> <span class=\"state\">");
    html.text(text("status")).raw("</span> <span class=\"quiet\">");
    html.text(incident["priority"].as_str().unwrap_or("no priority"))
        .raw(", ")
        .text(text("urgency"))
        .raw("</span>");
    let notes: Vec<&Value> = incident["notes"].as_array().into_iter().flatten().collect();
    if !notes.is_empty() {
        html.raw("<details").attr("id", format!("pd-notes-{}", text("id"))).raw("><summary>");
        html.text(notes.len()).raw(" notes</summary><ul>");
        for note in notes {
            html.raw("<li><span class=\"quiet\">").text(note["user"].as_str().unwrap_or_default());
            html.raw("</span> <span class=\"b-text\">").text(note["content"].as_str().unwrap_or_default());
            html.raw("</span></li>");
        }
        html.raw("</ul></details>");
    }
    if text("status") != "resolved"
        && let Some(person) = shown.people.first()
    {
        html.raw("<form method=\"post\" action=\"/page/pager\" class=\"row\">").hidden("id", text("id"));
        html.raw("<span class=\"quiet\">in PagerDuty, as ").text(&person.name).raw(":</span>");
        if text("status") == "triggered" {
            html.raw("<button type=\"submit\" name=\"do\" value=\"acknowledge\">Acknowledge</button>");
        }
        html.raw("<button type=\"submit\" name=\"do\" value=\"resolve\">Resolve</button></form>");
    }
    html.raw("</li>");
}

/// What people outside have been told: nothing of it is there before somebody sends it.
fn outside(shown: &Shown, html: &mut Html) {
    let text = |value: &Value, field: &str| value[field].as_str().unwrap_or_default().to_owned();
    html.raw("<section id=\"outside\"><h2>Told outside</h2>");
    if shown.outside.mails.is_empty() && shown.outside.incidents.is_empty() {
        html.raw("<p class=\"quiet\">no e-mail, and nothing on the status page</p></section>");
        return;
    }
    html.raw("<ol class=\"incidents\">");
    for incident in &shown.outside.incidents {
        html.raw("<li><span class=\"title\">status page: ").text(text(incident, "name"));
        html.raw("</span> <span class=\"state\">").text(text(incident, "status")).raw("</span>");
        for update in incident["incident_updates"].as_array().into_iter().flatten().take(1) {
            html.raw("<p class=\"b-text\">").text(text(update, "body")).raw("</p>");
        }
        html.raw("</li>");
    }
    for mail in &shown.outside.mails {
        let to: Vec<&str> = mail["to"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        html.raw("<li><details").attr("id", format!("mail-{}", text(mail, "message_id")));
        html.raw("><summary>e-mail to ").text(to.join(", ")).raw(": ").text(text(mail, "subject"));
        html.raw("</summary><p class=\"b-text\">").text(text(mail, "text")).raw("</p></details></li>");
    }
    html.raw("</ol></section>");
}

fn target(shown: &Shown, html: &mut Html) {
    html.raw("<section id=\"target\"><h2>The service</h2>");
    let Some(target) = &shown.target else {
        html.raw("<p class=\"state bad\">\u{2717} no service answers</p></section>");
        return;
    };
    let stats = &target["stats"];
    let rate = stats["failure_rate_percent"].as_f64().unwrap_or_default();
    let is_bad = rate >= 5.0 || stats["ready"].as_u64() == Some(0);
    html.raw(if is_bad {
        "<p class=\"state bad\">\u{2717} failing: "
    } else {
        "<p class=\"state good\">\u{2713} healthy: "
    });
    // Whole percents: a page that changes with each flow would never be the same twice.
    html.text(format!("{rate:.0} % of flows fail")).raw("</p>");
    html.raw("<div class=\"scroll\"><table><thead><tr><th scope=\"col\">Deployment</th><th scope=\"col\">Version</th><th scope=\"col\">Ready</th><th scope=\"col\">Rev.</th></tr></thead><tbody>");
    for one in target["deployments"].as_array().into_iter().flatten() {
        html.raw("<tr><td>").text(one["name"].as_str().unwrap_or_default()).raw("</td><td>");
        let mut versions: Vec<&str> =
            one["pods"].as_array().into_iter().flatten().filter_map(|pod| pod["version"].as_str()).collect();
        versions.sort_unstable();
        versions.dedup();
        html.text(if versions.is_empty() {
            one["version"].as_str().unwrap_or_default().to_owned()
        } else {
            versions.join(", ")
        });
        html.raw("</td><td>").text(&one["ready"]).raw(" of ").text(&one["replicas"]).raw("</td><td>");
        html.text(&one["revision"]).raw("</td></tr>");
    }
    html.raw("</tbody></table></div><div class=\"row\">");
    switch("/page/deploy", "version", "v1.2", "Release v1.2 (the bad one)", html);
    switch("/page/deploy", "version", "v1.1", "Release v1.1 (good)", html);
    html.raw("</div></section>");
}

fn switches(shown: &Shown, html: &mut Html) {
    html.raw("<section id=\"switches\"><h2>Break things</h2><div class=\"switch\"><span>Slack");
    state(shown.slack_down, "down", "works", html);
    html.raw("</span>");
    if shown.slack_down {
        switch("/page/faults", "slack", "ok", "Bring Slack back", html);
    } else {
        switch("/page/faults", "slack", "down", "Take Slack down", html);
    }
    html.raw("</div><div class=\"switch\"><span>PagerDuty");
    state(shown.pagerduty_down, "down", "works", html);
    html.raw("</span>");
    if shown.pagerduty_down {
        switch("/page/faults", "pagerduty", "ok", "Bring PagerDuty back", html);
    } else {
        switch("/page/faults", "pagerduty", "down", "Take PagerDuty down", html);
    }
    html.raw("</div><div class=\"switch\"><span>Rollbacks");
    state(shown.target_stays_bad, "do not help", "help", html);
    html.raw("</span>");
    if shown.target_stays_bad {
        switch("/page/faults", "stays_bad", "no", "Let rollbacks help", html);
    } else {
        switch("/page/faults", "stays_bad", "yes", "Let no rollback help", html);
    }
    html.raw("</div><form method=\"post\" action=\"/page/faults\" class=\"stack\"><label for=\"limit\">Slack answers 429 (too many requests) for so many seconds</label>");
    html.raw("<div class=\"row\"><input type=\"number\" id=\"limit\" name=\"limit_s\" min=\"0\" max=\"600\" value=\"30\" required>");
    html.raw("<button type=\"submit\">Limit Slack</button></div></form>");
    match &shown.throttled_until {
        Some(until) => html.raw("<p class=\"state bad\">\u{2717} limited until ").text(until).raw("</p>"),
        None => html.raw("<p class=\"state good\">\u{2713} not limited</p>"),
    };
    html.raw("</section>");
}

/// A word with a sign: never colour alone.
fn state(is_bad: bool, bad: &'static str, good: &'static str, html: &mut Html) {
    if is_bad {
        html.raw("<span class=\"state bad\"> \u{2717} ").raw(bad).raw("</span>");
    } else {
        html.raw("<span class=\"state good\"> \u{2713} ").raw(good).raw("</span>");
    }
}
