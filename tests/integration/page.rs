//! The sandbox's page: its forms over HTTP, and a real browser before it.

use std::path::PathBuf;

use blocks_tests::servers::{Chromium, Part};
use blocks_tests::{AppConfig, TestApp, repository, text, until_or_show};
use serde_json::{Value, json};

/// The first incident's own channel, once it is there.
async fn incident_channel(app: &TestApp) -> String {
    app.state_when("the incident has a channel", |state| {
        let channels = state["slack"]["channels"].as_array()?;
        let own = channels.iter().find(|one| one["name"] != "incidents" && one["is_im"] != true)?;
        Some(text(&own["id"]))
    })
    .await
}

/// What the page shows to a person, as soon as it holds that.
async fn page_with(app: &TestApp, query: &str, wanted: &str) -> String {
    until_or_show(&format!("the page of {query} shows {wanted}"), async || {
        let html = app.page_html(query).await;
        if html.contains(wanted) { Ok(html) } else { Err(html) }
    })
    .await
}

/// What must be sent to press a button: the message's `ts`, and the value of the button with that label.
fn button(html: &str, label: &str) -> (String, String) {
    let end = html.rfind(&format!(">{label}</button>")).unwrap();
    let value = |name: &str| {
        let at = html[..end].rfind(&format!("name=\"{name}\" value=\"")).unwrap();
        let from = at + name.len() + "name=\"\" value=\"".len();
        html[from..].split('"').next().unwrap().replace("&quot;", "\"")
    };
    (value("ts"), value("press"))
}

#[tokio::test]
async fn an_incident_is_led_from_the_page_alone() {
    let app = TestApp::start(&AppConfig::default()).await;
    app.page_form("deploy", &[("version", "v1.2")]).await;
    let trigger = [("service", "PFLOW01"), ("priority", "PPRIO01"), ("title", "failure rate <b>34 %</b>")];
    app.page_form("trigger", &trigger).await;
    let channel = incident_channel(&app).await;
    let ana = format!("a=U0ANA&ac={channel}");
    let card = page_with(&app, &ana, "Evidence").await;
    assert!(card.contains("failure rate &lt;b&gt;34 %&lt;/b&gt;") && !card.contains("<b>"), "{card}");

    let said = [("user", "U0ANA"), ("channel", channel.as_str())];
    app.page_form("say", &[&said[..], &[("text", "/blocks runbook rollback")]].concat()).await;
    let shown = page_with(&app, &ana, ">Approve</button>").await;
    let (ts, press) = button(&shown, "Approve");
    let pressing = |user: &'static str| {
        let fields = [
            ("user", user.to_owned()),
            ("channel", channel.clone()),
            ("ts", ts.clone()),
            ("press", press.clone()),
        ];
        let app = &app;
        async move {
            let fields: Vec<(&str, &str)> =
                fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            app.page_form("press", &fields).await;
        }
    };
    pressing("U0ANA").await;
    page_with(&app, &ana, "Only visible to you").await;
    assert_eq!(app.target_version().await, "v1.2", "who asked cannot be the second person");
    pressing("U0BEN").await;
    let thread = format!("a=U0BEN&ac={channel}&at={ts}");
    page_with(&app, &thread, "Run: ").await;
    app.incident_when("1", "the rollback is done", |shown| blocks_tests::run_status(shown) == "succeeded")
        .await;
    page_with(&app, "", "\u{2713} healthy: ").await;
    let state = app.state().await;
    assert_eq!(blocks_tests::faulty_slack_calls(&state), Vec::<String>::new());
}

const DESKTOP: (u32, u32) = (1280, 800);

/// Where pictures for the documents go, when they are asked for (`cargo xtask screenshots`).
fn pictures() -> Option<PathBuf> {
    std::env::var_os("BLOCKS_SCREENSHOTS").map(|_| repository().join("docs/images"))
}

async fn picture(browser: &mut Chromium, name: &str, of: Part<'_>) {
    let Some(folder) = pictures() else { return };
    // One message is shown whole, in a wider pane than two have beside each other on a small desktop.
    browser.resize(if matches!(of, Part::Window) { (1280, 680) } else { (1560, 6000) }).await;
    let bytes = browser.picture(of).await;
    browser.resize(DESKTOP).await;
    std::fs::write(folder.join(name), &bytes).unwrap();
    assert!(bytes.len() < 150_000, "{name} has {} bytes", bytes.len());
}

/// Nothing is wider than the window, and nothing that can be used is cut off.
async fn assert_fits(browser: &mut Chromium, what: &str) {
    let wide = browser
        .value(
            "[document.documentElement.scrollWidth > innerWidth, [...document.querySelectorAll('a, button, input, select, h1, h2')]\
             .filter(e => e.getClientRects().length && !e.matches('.skip') && !e.closest('.unseen, .scroll, pre'))\
             .filter(e => { const r = e.getBoundingClientRect(); return r.left < -1 || r.right > innerWidth + 1; })\
             .map(e => e.outerHTML.slice(0, 120))]",
        )
        .await;
    assert_eq!(wide, json!([false, []]), "{what} is wider than its window");
}

/// Presses Tab until that element has the focus, and it shows.
async fn tab_to(browser: &mut Chromium, selector: &str) {
    for _ in 0..120 {
        browser.key("Tab").await;
        if browser.value(&format!("document.activeElement.matches({selector:?})")).await == true {
            let outline = browser.value("getComputedStyle(document.activeElement).outlineStyle").await;
            assert_eq!(outline, "solid", "the focus on {selector} cannot be seen");
            return;
        }
    }
    panic!("Tab never comes to {selector}");
}

#[tokio::test]
async fn a_person_before_a_browser_needs_nothing_but_the_keyboard() {
    let Some(mut browser) = Chromium::start().await.or_not_run("the sandbox's page in a browser") else {
        return;
    };
    let app = TestApp::start(&AppConfig::default()).await;
    let page = app.page_url();
    browser.open(&page, DESKTOP, false).await;
    assert_fits(&mut browser, "the page on a desktop").await;

    // A command by keyboard alone, and its answer.
    tab_to(&mut browser, "#say-a").await;
    browser.type_text("/blocks runbook list").await;
    browser.key("Enter").await;
    browser
        .until(
            "the answer is shown",
            "document.querySelector('#log-a').innerText.includes('rollback_to_previous_version')",
        )
        .await;
    assert_eq!(browser.value("document.activeElement.id").await, "say-a", "the focus stays where one types");
    assert_eq!(
        browser.value("document.querySelector('#log-a').innerText.includes('Only visible to you')").await,
        true
    );
    assert_eq!(
        browser.value("document.querySelector('#log-b').innerText.includes('Only visible to you')").await,
        false
    );

    // What is half typed outlives what happens meanwhile.
    browser.type_text("half a thou").await;
    app.page_form("say", &[("user", "U0BEN"), ("channel", "C0INCIDENTS"), ("text", "I am looking")]).await;
    browser
        .until(
            "ben's message comes by itself",
            "document.querySelector('#log-a').innerText.includes('I am looking')",
        )
        .await;
    browser.type_text("ght").await;
    assert_eq!(browser.value("document.querySelector('#say-a').value").await, "half a thought");

    // Release, page, and the card: by keyboard.
    tab_to(&mut browser, "#page-now").await;
    app.page_form("deploy", &[("version", "v1.2")]).await;
    browser
        .until("the service fails", "document.querySelector('#target').innerText.includes('failing')")
        .await;
    browser.key("Enter").await;
    let channel = incident_channel(&app).await;
    browser.until("its channel is listed", &format!("document.querySelector('#r-a-{channel}')")).await;
    let room = format!("{page}?a=U0ANA&ac={channel}&b=U0BEN&bc={channel}");
    browser.open(&room, DESKTOP, false).await;
    browser
        .until("the card has its evidence", "document.querySelector('#log-a').innerText.includes('Evidence')")
        .await;
    browser
        .until(
            "diagnostics are done",
            "document.querySelector('#log-a').innerText.includes('commands ran: ')",
        )
        .await;
    assert_fits(&mut browser, "the card on a desktop").await;

    tab_to(&mut browser, "#say-a").await;
    browser.type_text("/blocks runbook rollback").await;
    browser.key("Enter").await;
    browser
        .until(
            "the plan asks",
            "[...document.querySelectorAll('#log-b button')].some(b => b.innerText === 'Approve')",
        )
        .await;
    picture(&mut browser, "sandbox-page.png", Part::Window).await;
    let card = message(&mut browser, "Evidence").await;
    picture(&mut browser, "slack-card.png", Part::Top(&card, 820.0)).await;
    let plan = message(&mut browser, "Plan: ").await;
    picture(&mut browser, "slack-plan.png", Part::Top(&plan, 820.0)).await;

    // The second person, in the other pane; a rollback that does not help makes the run ask.
    app.page_form("faults", &[("stays_bad", "yes")]).await;
    tab_to(&mut browser, "#log-b button[value*='blocks:approve']").await;
    browser.key("Enter").await;
    let approved = "!document.querySelector('#log-b').innerText.includes('Approve works for another person')";
    browser.until("the approval is taken", approved).await;
    let inside = "document.activeElement.closest('#pane-b') !== null";
    assert_eq!(browser.value(inside).await, true, "the focus stays near the button that is gone");
    picture(&mut browser, "slack-approval.png", Part::Top(&plan, 420.0)).await;
    tab_to(&mut browser, &plan.replace("[id='m-", "[id='t-")).await;
    browser.key("Enter").await;
    let asks = "document.querySelectorAll('#log-b button[name=press]').length > 1";
    browser.until("the run asks what now", asks).await;
    assert_fits(&mut browser, "a question on a desktop").await;
    let question = message(&mut browser, "Run: ").await;
    picture(&mut browser, "slack-question.png", Part::Bottom(&question, 640.0)).await;
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

/// A form by keyboard: what is wrong with it is shown, it closes when it is right, and a message of the incident gets its
/// pushpin.
#[tokio::test]
async fn a_form_is_filled_in_and_a_message_marked_by_keyboard_alone() {
    let Some(mut browser) = Chromium::start().await.or_not_run("forms on the sandbox's page") else { return };
    let app = TestApp::start(&AppConfig { triage: None, ..AppConfig::default() }).await;
    let page = app.page_url();
    browser.open(&page, DESKTOP, false).await;
    tab_to(&mut browser, "#say-a").await;
    browser.type_text("/blocks declare").await;
    browser.key("Enter").await;
    let title = "document.activeElement.name === 'field:blocks:field:title'";
    browser.until("the form is open and its first field has the focus", title).await;
    assert_fits(&mut browser, "a form on a desktop").await;
    assert_contrast(&mut browser).await;
    browser.type_text(" ").await;
    browser.key("Enter").await;
    let wrong = "document.querySelector('#v-a').innerText.includes('the title says nothing')";
    browser.until("what is wrong is shown at the field", wrong).await;
    browser.value("document.querySelector('#v-a input[type=text]').focus()").await;
    browser.type_text("checkout is slow").await;
    browser.key("Enter").await;
    browser.until("the form is closed", "!document.querySelector('#v-a')").await;
    let open = "document.querySelector('#log-a').innerText.includes('INC-1 is open')";
    browser.until("the answer is shown", open).await;
    let channel = incident_channel(&app).await;
    let ts = app.say("ben", &channel, None, "the pool is empty").await;
    browser.open(&format!("{page}?a=U0ANA&ac={channel}&b=U0BEN&bc={channel}"), DESKTOP, true).await;
    tab_to(&mut browser, &format!("[id='m-a-{ts}-more'] summary")).await;
    browser.key("Enter").await;
    assert_fits(&mut browser, "the menu of a message").await;
    assert_contrast(&mut browser).await;
    tab_to(&mut browser, &format!("[id='m-a-{ts}-more'] button[value=pin]")).await;
    browser.key("Enter").await;
    let noted = "document.querySelector('#log-a').innerText.includes('it is on the timeline: ben: the pool is empty')";
    browser.until("it is on the timeline", noted).await;
    let taken_off = format!("document.querySelector(\"[id='m-a-{ts}-more'] button[value=unpin]\")");
    browser.until("it can be taken off again", &taken_off).await;
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

/// A selector for the last message of the second pane with that text.
async fn message(browser: &mut Chromium, with: &str) -> String {
    let found = format!(
        "[...document.querySelectorAll('#log-b article')].findLast(m => m.innerText.includes({with:?})).id"
    );
    format!("[id='{}']", text(&browser.value(&found).await))
}

#[tokio::test]
async fn the_page_fits_a_phone_and_works_without_its_script() {
    let Some(mut browser) = Chromium::start().await.or_not_run("the sandbox's page on a phone") else {
        return;
    };
    let app = TestApp::start(&AppConfig::default()).await;
    let page = app.page_url();
    for dark in [false, true] {
        browser.open(&page, (360, 740), dark).await;
        assert_fits(&mut browser, "the page on a phone").await;
        browser.open(&format!("{page}?b=U0BEN"), (1280, 800), dark).await;
        assert_contrast(&mut browser).await;
    }
    browser.without_scripts(true).await;
    browser.open(&format!("{page}?a=U0BEN"), (360, 740), false).await;
    let focus = "document.querySelector('#say-a').focus()";
    browser.value(focus).await;
    browser.type_text("/blocks runbook list").await;
    browser.key("Enter").await;
    app.state_when("the answer is there", |state| {
        let all = blocks_tests::ephemerals(state, "U0BEN");
        all.iter().find(|one| one.contains("rollback_to_previous_version")).map(|_| ())
    })
    .await;
    let back = "document.readyState === 'complete' && document.querySelectorAll('#log-a article').length > 0";
    browser.until("the browser is back on the page", back).await;
    assert_eq!(browser.value("location.search").await, "?a=U0BEN", "one is where one was");
    let again = text(&browser.value("document.querySelector('noscript a').href").await);
    browser.open(&again, (360, 740), false).await;
    browser
        .until(
            "the answer is on the page that came back",
            "document.querySelector('#log-a').innerText.includes('rollback_to_previous_version')",
        )
        .await;
    assert_fits(&mut browser, "an answer on a phone").await;
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

/// Calls Slack's API as the app does.
async fn as_app(app: &TestApp, method: &str, body: &Value) {
    let client = blocks_tests::client();
    let request = client.post(format!("{}slack/api/{method}", app.page_url()));
    let answer = request.bearer_auth(&app.secrets["SLACK_BOT_TOKEN"]).json(body).send().await.unwrap();
    let said: Value = answer.json().await.unwrap();
    assert_eq!(said["ok"], true, "{said}");
}

/// How often something was pressed.
async fn presses(app: &TestApp) -> usize {
    let state = app.state().await;
    state["slack"]["sent"].as_array().unwrap().iter().filter(|sent| sent["kind"] == "click").count()
}

#[tokio::test]
async fn nothing_is_pressed_by_accident() {
    let Some(mut browser) = Chromium::start().await.or_not_run("confirmations in a browser") else { return };
    let mut app = TestApp::start(&AppConfig::default()).await;
    let plain = |text: &str| json!({ "type": "plain_text", "text": text });
    let confirm = json!({
        "title": plain("Delete it?"), "text": plain("It does not come back."), "confirm": plain("Delete"), "deny": plain("Keep"),
    });
    let blocks = json!([
        { "type": "input", "label": plain("Why?"), "element": { "type": "plain_text_input", "action_id": "why" } },
        { "type": "actions", "elements": [
            { "type": "button", "action_id": "go", "style": "primary", "text": plain("Go") },
            { "type": "button", "action_id": "delete", "style": "danger", "text": plain("Delete it"), "confirm": confirm },
        ] },
    ]);
    as_app(&app, "chat.postMessage", &json!({ "channel": "C0INCIDENTS", "text": "t", "blocks": blocks }))
        .await;
    browser.open(&app.page_url(), DESKTOP, true).await;

    tab_to(&mut browser, "#log-a input[name='field:why']").await;
    browser.type_text("because").await;
    browser.key("Enter").await;
    tab_to(&mut browser, "#log-a button.danger").await;
    browser.key("Enter").await;
    browser.until("it asks", "document.querySelector('#log-a .confirm').matches(':popover-open')").await;
    browser.until("the safe answer has the focus", "document.activeElement.innerText === 'Keep'").await;
    assert_fits(&mut browser, "a confirmation").await;
    assert_contrast(&mut browser).await;
    // News arrives meanwhile; the question stays open.
    app.page_form("say", &[("user", "U0BEN"), ("channel", "C0INCIDENTS"), ("text", "wait")]).await;
    browser.until("the news", "document.querySelector('#log-a').innerText.includes('wait')").await;
    assert_eq!(browser.value("document.activeElement.innerText").await, "Keep");
    browser.key("Escape").await;
    browser
        .until("it is closed", "!document.querySelector('#log-a .confirm').matches(':popover-open')")
        .await;
    assert_eq!(
        presses(&app).await,
        0,
        "neither Enter in a field nor a question that is left presses anything"
    );

    browser.key("Enter").await;
    browser.until("it asks again", "document.activeElement.innerText === 'Keep'").await;
    browser.key("Tab").await;
    browser.key("Enter").await;
    app.state_when("it is pressed once", |state| {
        let clicks: Vec<&Value> =
            state["slack"]["sent"].as_array()?.iter().filter(|sent| sent["kind"] == "click").collect();
        (clicks.len() == 1 && clicks[0]["what"] == "delete").then_some(())
    })
    .await;
    assert_eq!(
        browser.value("document.querySelector('#log-a input[name=\"field:why\"]').value").await,
        "because"
    );
    assert_eq!(browser.complaints(), Vec::<String>::new());

    // A sandbox that is gone is said to be, and what one typed into the void comes back.
    app.kill_sandbox_9().await;
    browser.until("it is said", "!document.querySelector('#lost').hidden").await;
    browser.value("document.querySelector('#say-a').focus()").await;
    browser.type_text("is anybody there").await;
    browser.key("Enter").await;
    browser.until("the line is back", "document.querySelector('#say-a').value === 'is anybody there'").await;
}

/// Every text stands out from what is behind it by 4.5 to 1 (WCAG AA).
async fn assert_contrast(browser: &mut Chromium) {
    let weak = browser
        .value(
            "(() => {
              const light = c => { const [r, g, b] = c.map(v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; }); return .2126 * r + .7152 * g + .0722 * b; };
              const parse = text => { const n = text.match(/[\\d.]+/g).map(Number); return n.length > 3 && n[3] === 0 ? null : n.slice(0, 3); };
              const behind = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c) return c; } return [255, 255, 255]; };
              return [...document.querySelectorAll('body *')].filter(e => e.getClientRects().length && !e.closest('.unseen, .skip')
                && [...e.childNodes].some(n => n.nodeType === 3 && n.nodeValue.trim())).filter(e => {
                const [a, b] = [light(parse(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
                return (a + .05) / (b + .05) < 4.5; }).map(e => e.outerHTML.slice(0, 100));
            })()",
        )
        .await;
    assert_eq!(weak, Value::Array(Vec::new()), "too weak to read");
}
