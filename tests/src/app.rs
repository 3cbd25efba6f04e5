//! The test application: `blocks sandbox` and `blocks serve` as processes of their own, and hands for a test.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::Duration;

use blocks_server::EngineInfo;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::config::AppConfig;
use crate::process::{Finished, Process, base_environment, run};
use crate::proxy::Proxy;
use crate::sign::{form, pagerduty_signature, slack_signature, unix_now};
use crate::{poll, view};

/// A store that another process locks is waited for 5 s by Blocks, so a request may take that long.
const REQUEST_LIMIT: Duration = Duration::from_secs(40);

/// An HTTP answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Body as text.
    pub body: String,
}

impl Answer {
    /// The body as JSON; `null` when it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// Blocks and its world, in a folder of their own. Dropping it ends both processes.
#[derive(Debug)]
pub struct TestApp {
    /// The folder: `blocks.toml`, `data/`, `runbooks/`, `incidents/`, logs.
    pub dir: PathBuf,
    /// Every secret of the two processes, by name.
    pub secrets: BTreeMap<String, String>,
    /// The wire to Slack, when the configuration asked for one.
    pub proxy: Option<Proxy>,
    environment: BTreeMap<String, String>,
    server: Option<Process>,
    sandbox_url: String,
    target_url: String,
    address: String,
    http: reqwest::Client,
    sandbox: Process,
    _folder: tempfile::TempDir,
}

impl TestApp {
    /// Starts both as the demo does: environment from nothing, fresh secrets, the sandbox's kubectl first on PATH.
    ///
    /// # Panics
    /// When one of them does not stand up.
    pub async fn start(config: &AppConfig) -> TestApp {
        let folder = tempfile::Builder::new().prefix("blocks-test-").tempdir().expect("a folder can be made");
        let dir = folder.path().canonicalize().expect("the folder is there");
        let secrets = secrets();
        let mut environment = base_environment(None, &dir);
        environment.extend(secrets.clone());
        // both sides must have the same one, and most tests have none
        let routing_key = config.environment.iter().filter(|(name, _)| *name == "PAGERDUTY_ROUTING_KEY");
        environment.extend(routing_key.map(|(name, value)| ((*name).to_owned(), value.clone())));
        let sandbox_dir = dir.join("sandbox").display().to_string();
        let sandbox = Process::start(
            &crate::blocks(),
            &["sandbox", "--end-with-stdin", "-o", "json", "--dir", &sandbox_dir],
            &environment,
            &dir.join("sandbox.log"),
            true,
        )
        .await;
        let said: Value =
            serde_json::from_str(&sandbox.first_line).expect("the sandbox says where it is, as JSON");
        let (sandbox_url, target_url) = (view::text(&said["url"]), view::text(&said["target"]));
        let proxy = match (config.slack_proxy, sandbox_url.strip_prefix("http://")) {
            (true, Some(upstream)) => Some(Proxy::start(upstream.to_owned()).await),
            _ => None,
        };
        let slack =
            proxy.as_ref().map_or_else(|| sandbox_url.clone(), |proxy| format!("http://{}", proxy.address));
        let home = view::text(&said["home"]);
        environment = base_environment(Some(Path::new(&view::text(&said["bin"]))), Path::new(&home));
        environment.insert("KUBECONFIG".to_owned(), "/dev/null".to_owned());
        environment
            .extend(config.environment.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        environment.extend(secrets.clone());
        std::fs::create_dir_all(dir.join("runbooks")).expect("the folder can be written");
        for (name, text) in &config.runbooks {
            std::fs::write(dir.join(format!("runbooks/{name}.md")), text).expect("the folder can be written");
        }
        if let Some(text) = &config.severities {
            std::fs::write(dir.join("severities.toml"), text).expect("the folder can be written");
        }
        let smtp = view::text(&said["smtp"]);
        let smtp_port = smtp.rsplit(':').next().unwrap_or_default();
        let text = config.text(&slack, &sandbox_url, &target_url);
        let text = text.replace("SANDBOX_URL", &sandbox_url).replace("SMTP_PORT", smtp_port);
        std::fs::write(dir.join("blocks.toml"), text).expect("the folder can be written");
        let mut app = TestApp {
            dir,
            secrets,
            proxy,
            environment,
            server: None,
            sandbox_url,
            target_url,
            address: String::new(),
            http: client(),
            sandbox,
            _folder: folder,
        };
        app.start_server().await;
        app
    }

    /// Starts `blocks serve` and tells the sandbox where it listens.
    ///
    /// # Panics
    /// When it does not stand up.
    pub async fn start_server(&mut self) {
        let config = self.config_file();
        let log = self.dir.join("server.log");
        let arguments = ["serve", "--end-with-stdin", "--config", &config];
        // The shell becomes the server. Writing past a limit (see `limit_file_size`) is then an error, as on a full
        // disk, and no longer the signal that ends a process.
        let program = crate::blocks().display().to_string();
        let mut through_shell = vec!["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", &program];
        through_shell.extend(arguments);
        let shell = Path::new("/bin/sh");
        let mut server = Process::start(shell, &through_shell, &self.environment, &log, false).await;
        let data = self.dir.join("data");
        let pid = server.pid();
        self.address = poll::until("the server listens", async || {
            assert_eq!(server.has_ended(), None, "the server ended: {}", self.log("server.log"));
            EngineInfo::find(&data).filter(|info| info.pid == pid)?.address
        })
        .await;
        self.server = Some(server);
        self.control("blocks-url", json!({ "url": format!("http://{}", self.address) })).await;
    }

    /// `kill -9` of the server.
    ///
    /// # Panics
    /// When it does not run.
    pub async fn kill_9(&mut self) {
        self.server.take().expect("the server runs").kill_9().await;
    }

    /// `kill -9` of the process that supervises a run's commands.
    ///
    /// # Panics
    /// When there is none.
    pub fn kill_supervisor_9(&self, run: &str) {
        kill_process(self.supervisor(run), Signal::KILL).expect("it lives");
    }

    /// As [`TestApp::limit_file_size`], for the process that supervises a run's commands.
    ///
    /// # Panics
    /// When there is none, or the system does not let us.
    pub fn limit_supervisor_file_size(&self, run: &str, bytes: Option<u64>) {
        let limit = rustix::process::Rlimit { current: bytes, maximum: None };
        rustix::process::prlimit(Some(self.supervisor(run)), rustix::process::Resource::Fsize, limit)
            .expect("the limit can be set");
    }

    fn supervisor(&self, run: &str) -> Pid {
        let said = self.log(&format!("data/runs/{run}/supervisor.json"));
        let said: Value = serde_json::from_str(&said).expect("the run has a supervisor");
        let pid = said["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        pid.expect("its number is known")
    }

    /// Asks the server to end, and returns its exit code.
    ///
    /// # Panics
    /// When it does not run.
    pub async fn end_server(&mut self) -> i32 {
        self.server.take().expect("the server runs").end().await
    }

    /// The server's process id; 0 when it does not run.
    #[must_use]
    pub fn server_pid(&self) -> u32 {
        self.server.as_ref().map_or(0, Process::pid)
    }

    /// Lets the server's files grow to that many bytes and no further, or as they like again.
    ///
    /// # Panics
    /// When the server does not run, or the system does not let us.
    pub fn limit_file_size(&self, bytes: Option<u64>) {
        let pid = i32::try_from(self.server_pid()).ok().and_then(Pid::from_raw);
        let limit = rustix::process::Rlimit { current: bytes, maximum: None };
        rustix::process::prlimit(pid, rustix::process::Resource::Fsize, limit).expect("the limit can be set");
    }

    /// Where the server listens, as `http://HOST:PORT`.
    #[must_use]
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The configuration file.
    #[must_use]
    pub fn config_file(&self) -> String {
        self.dir.join("blocks.toml").display().to_string()
    }

    /// The server's environment.
    #[must_use]
    pub fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// A file of the folder as text; empty when it is not there.
    #[must_use]
    pub fn log(&self, name: &str) -> String {
        std::fs::read(self.dir.join(name))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// Lines of a file that a command of a runbook writes beside the runbook.
    #[must_use]
    pub fn effects(&self, name: &str) -> usize {
        self.log(&format!("runbooks/{name}")).lines().count()
    }

    /// Makes an empty file beside the runbooks: commands wait for one.
    ///
    /// # Panics
    /// When the folder cannot be written.
    pub fn open_gate(&self, name: &str) {
        std::fs::write(self.dir.join("runbooks").join(name), "").expect("the folder can be written");
    }

    // ---- the program's own commands

    /// `blocks WORDS... --config FILE`, as a person on this machine.
    pub async fn blocks(&self, words: &[&str]) -> Finished {
        let config = self.config_file();
        let mut arguments = words.to_vec();
        arguments.extend(["--config", &config]);
        run(&crate::blocks(), &arguments, &self.environment).await
    }

    /// The JSON that it prints.
    ///
    /// # Panics
    /// When it prints anything else than one JSON value.
    pub async fn blocks_json(&self, words: &[&str]) -> Value {
        let mut words = words.to_vec();
        words.extend(["-o", "json"]);
        self.blocks(&words).await.json()
    }

    /// `incident show`; `null` while there is none of that number.
    pub async fn incident(&self, number: &str) -> Value {
        let finished = self.blocks(&["incident", "show", number, "-o", "json"]).await;
        if finished.code == 0 { finished.json() } else { Value::Null }
    }

    /// The first `incident show` that fits.
    pub async fn incident_when(&self, number: &str, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        poll::until_or_show(what, async || {
            let shown = self.incident(number).await;
            if !shown.is_null() && fits(&shown) { Ok(shown) } else { Err(shown.to_string()) }
        })
        .await
    }

    /// `runbook status` of one run, when it has that status word.
    pub async fn run_when(&self, run: &str, status: &str) -> Value {
        poll::until_or_show(&format!("run {run} is {status}"), async || {
            let shown = self.blocks_json(&["runbook", "status", run]).await;
            if shown["status"] == status { Ok(shown) } else { Err(shown.to_string()) }
        })
        .await
    }

    /// The journal must verify.
    ///
    /// # Panics
    /// When it does not.
    pub async fn assert_journal_verifies(&self) {
        let finished = self.blocks(&["journal", "verify", "-o", "json"]).await;
        assert_eq!(finished.code, 0, "{finished:?}");
        assert_eq!(finished.json()["verified"], true, "{finished:?}");
    }

    /// An API token of a person.
    pub async fn token(&self, person: &str) -> String {
        view::text(&self.blocks_json(&["token", "create", "--person", person]).await["token"])
    }

    // ---- the sandbox

    /// Moves one of the sandbox's hands.
    ///
    /// # Panics
    /// When it refuses.
    pub async fn control(&self, path: &str, body: Value) -> Value {
        let answer = self.post_json(&format!("{}/control/{path}", self.sandbox_url), &body, None).await;
        assert_eq!(answer.status, 200, "the sandbox refuses {path} {body}: {answer:?}");
        answer.json()
    }

    /// `kill -9` of the sandbox.
    pub async fn kill_sandbox_9(&mut self) {
        self.sandbox.kill_9().await;
    }

    /// Where the sandbox's page is, with its last slash.
    #[must_use]
    pub fn page_url(&self) -> String {
        format!("{}/", self.sandbox_url)
    }

    /// What the sandbox's page shows at a place.
    pub async fn page_html(&self, query: &str) -> String {
        self.get(&format!("{}/?{query}", self.sandbox_url)).await.body
    }

    /// Sends one of the page's forms as a browser does.
    ///
    /// # Panics
    /// When the page does not take it.
    pub async fn page_form(&self, what: &str, fields: &[(&str, &str)]) {
        let request = self.http.post(format!("{}/page/{what}", self.sandbox_url));
        let request = request.header("origin", &self.sandbox_url);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let answer = send(request.body(form(fields))).await;
        // A client that follows comes back to the page.
        assert!(answer.status == 200 || answer.status == 303, "{what} {fields:?}: {answer:?}");
    }

    /// Everything that the sandbox knows.
    pub async fn state(&self) -> Value {
        self.get(&format!("{}/control/state", self.sandbox_url)).await.json()
    }

    /// The first state of the sandbox that holds what is looked for.
    pub async fn state_when<T>(&self, what: &str, find: impl Fn(&Value) -> Option<T>) -> T {
        poll::until(what, async || find(&self.state().await)).await
    }

    /// Gives the target a version whose flows fail, and waits until as many do as its diagnostics call a failure.
    pub async fn deploy_what_fails(&self) {
        self.control("target/deploy", json!({ "version": "v1.2" })).await;
        poll::until("more than 10 % of the flows fail", async || {
            let stats = self.get(&format!("{}/api/v1/stats", self.target_url)).await.json();
            stats["failure_rate_percent"].as_f64().filter(|percent| *percent > 10.0)
        })
        .await;
    }

    /// What the target runs, as it says itself.
    pub async fn target_version(&self) -> String {
        view::text(&self.get(&format!("{}/api/v1/stats", self.target_url)).await.json()["version"])
    }

    /// The target's deployments, as its Kubernetes shows them.
    pub async fn deployments(&self) -> Value {
        let path = "apis/apps/v1/namespaces/production/deployments";
        self.get(&format!("{}/{path}", self.target_url)).await.json()
    }

    /// Every command line with which the stand-in kubectl came to the target.
    pub async fn kubectl_commands(&self) -> Vec<String> {
        let log = self.get(&format!("{}/_log", self.target_url)).await.json();
        let requests = log["requests"].as_array().cloned().unwrap_or_default();
        requests.iter().map(|one| view::text(&one["command"])).filter(|line| !line.is_empty()).collect()
    }

    /// Pages through the sandbox's PagerDuty (P1) and returns PagerDuty's id of the incident.
    pub async fn page(&self, title: &str) -> String {
        let body = json!({ "service_id": "PFLOW01", "title": title, "priority": "P1", "urgency": "high" });
        view::text(&self.control("pagerduty/trigger", body).await["id"])
    }

    /// What a monitoring system tells PagerDuty (Events v2); the incident's id there.
    pub async fn pagerduty_event(&self, event: &Value) -> String {
        self.pagerduty_hears(event).await;
        let state = self.state().await;
        let all = state["pagerduty"]["incidents"].as_array().cloned().unwrap_or_default();
        let one = all.iter().rev().find(|one| one["incident_key"] == event["dedup_key"]);
        view::text(&one.expect("it has opened an incident")["id"])
    }

    /// A monitoring system tells PagerDuty something (Events v2).
    pub async fn pagerduty_hears(&self, event: &Value) {
        let url = format!("{}/events/v2/enqueue", self.sandbox_url);
        let answer = self.http.post(url).json(event).send().await.expect("the sandbox answers");
        assert_eq!(answer.status(), 202, "it is taken");
    }

    /// Waits until PagerDuty's webhook about the opening of an incident was acknowledged with 202.
    pub async fn acknowledged(&self, pager_id: &str) {
        self.state_when("the webhook is acknowledged", |state| {
            let all = state["pagerduty"]["deliveries"].as_array()?;
            all.iter().find(|one| one["incident_id"] == pager_id && one["status"] == 202).map(|_| ())
        })
        .await;
    }

    /// Starts everything with Slack reaching Blocks by this mode; with Socket Mode, when both connections stand.
    pub async fn start_by(mode: &'static str, config: AppConfig) -> TestApp {
        let app = TestApp::start(&AppConfig { slack_mode: mode, ..config }).await;
        if mode == "socket" {
            app.state_when("the connections are open", |state| {
                (state["slack"]["sockets"]["live"].as_u64()? >= 2).then_some(())
            })
            .await;
        }
        app
    }

    /// A slash command of a user of the sandbox.
    pub async fn slash(&self, user: &str, channel: &str, text: &str) -> Value {
        self.control("slack/command", json!({ "user": user, "channel": channel, "text": text })).await
    }

    /// A user of the sandbox presses a button that is on a message.
    pub async fn click(&self, user: &str, channel: &str, ts: &str, action_id: &str) -> Value {
        let body = json!({ "user": user, "channel": channel, "ts": ts, "action_id": action_id });
        self.control("slack/click", body).await
    }

    /// A user of the sandbox writes a message; returns its id.
    pub async fn say(&self, user: &str, channel: &str, thread: Option<&str>, typed: &str) -> String {
        let body = json!({ "user": user, "channel": channel, "thread": thread, "text": typed });
        view::text(&self.control("slack/say", body).await["ts"])
    }

    /// A user of the sandbox does something to a message: `react`, `unreact`, `edit`, `delete`, `menu`.
    ///
    /// # Panics
    /// When the sandbox refuses.
    pub async fn touch(
        &self,
        user: &str,
        (channel, ts): (&str, &str),
        what: &str,
        with: Option<(&str, &str)>,
    ) {
        let mut body = json!({ "user": user, "channel": channel, "ts": ts, "do": what });
        if let Some((name, value)) = with {
            body[name] = json!(value);
        }
        self.control("slack/touch", body).await;
    }

    /// The modal that the app has opened last, once there are that many.
    pub async fn modal(&self, number: usize) -> Value {
        self.state_when(&format!("modal {number} is open"), |state| {
            let views = state["slack"]["views"].as_array()?;
            views.get(number.checked_sub(1)?).cloned()
        })
        .await
    }

    /// Sends the topmost modal of a user in; returns whether it stays open, and with what is wrong.
    pub async fn submit(&self, user: &str, fields: &[(&str, &str)]) -> Value {
        let fields: BTreeMap<String, &str> =
            fields.iter().map(|(name, value)| (format!("blocks:field:{name}"), *value)).collect();
        self.control("slack/modal", json!({ "user": user, "fields": fields })).await
    }

    /// An event from "Slack", signed with the true secret.
    pub async fn raw_event(&self, id: &str, event: &Value) -> Answer {
        let body = json!({
            "type": "event_callback", "event_id": id, "team_id": null, "api_app_id": "A0BLOCKS", "event": event,
            "authorizations": [{ "user_id": "U0BLOCKS", "is_bot": true }],
        });
        self.raw_slack("/slack/events", &body.to_string(), unix_now(), None).await
    }

    /// Waits for a plan that can be approved: its channel and message.
    pub async fn plan(&self) -> (String, Value) {
        self.state_when("a plan with an Approve button is in Slack", |state| {
            let plans = view::messages_with_key(state, "plan/");
            plans.into_iter().find(|(_, message)| view::button(message, "blocks:approve").is_some())
        })
        .await
    }

    // ---- requests by hand

    /// `POST /hooks/pagerduty`, signed with the true secret.
    pub async fn hook(&self, body: &str) -> Answer {
        let secret = self.secrets.get("PAGERDUTY_WEBHOOK_SECRET").map(String::as_str).unwrap_or_default();
        let signature = pagerduty_signature(secret, body.as_bytes());
        self.hook_with(body, Some(&signature)).await
    }

    /// `POST /hooks/pagerduty` with this signature header.
    pub async fn hook_with(&self, body: &str, signature: Option<&str>) -> Answer {
        let mut request =
            self.http.post(self.url("/hooks/pagerduty")).header("content-type", "application/json");
        if let Some(signature) = signature {
            request = request.header("x-pagerduty-signature", signature);
        }
        send(request.body(body.to_owned())).await
    }

    /// A signed slash command, made by hand.
    pub async fn raw_slash(&self, user: &str, channel: &str, text: &str, at: i64) -> Answer {
        let trigger = format!("{}.raw", uuid_like());
        let body = form(&[
            ("command", "/blocks"),
            ("user_id", user),
            ("channel_id", channel),
            ("text", text),
            ("trigger_id", &trigger),
            ("response_url", &format!("{}/slack/response/none", self.sandbox_url)),
        ]);
        self.raw_slack("/slack/commands", &body, at, None).await
    }

    /// A signed press of a button, made by hand as a user that the sandbox need not know.
    ///
    /// # Panics
    /// When the message has no such button.
    pub async fn raw_click(&self, user: &str, channel: &str, message: &Value, action_id: &str) -> Answer {
        let (block_id, element) = view::button(message, action_id).expect("the button is on the message");
        let payload = json!({
            "type": "block_actions",
            "user": { "id": user },
            "trigger_id": format!("{}.raw", uuid_like()),
            "response_url": format!("{}/slack/response/none", self.sandbox_url),
            "container": { "type": "message", "message_ts": message["ts"], "channel_id": channel },
            "channel": { "id": channel },
            "actions": [{
                "type": "button", "action_id": action_id, "block_id": block_id, "value": element["value"],
                "action_ts": "1.0",
            }],
        });
        let body = form(&[("payload", &payload.to_string())]);
        self.raw_slack("/slack/interactions", &body, unix_now(), None).await
    }

    /// A form from "Slack", signed with the true secret at that time unless a signature is given.
    pub async fn raw_slack(&self, path: &str, body: &str, at: i64, signature: Option<&str>) -> Answer {
        let secret = self.secrets.get("SLACK_SIGNING_SECRET").map(String::as_str).unwrap_or_default();
        let own = slack_signature(secret, at, body.as_bytes());
        let request = self
            .http
            .post(self.url(path))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("x-slack-request-timestamp", at.to_string())
            .header("x-slack-signature", signature.unwrap_or(&own));
        send(request.body(body.to_owned())).await
    }

    /// `POST /api/v1/requests`.
    pub async fn api(&self, token: Option<&str>, request: Value) -> Answer {
        self.post_json(&self.url("/api/v1/requests"), &request, token).await
    }

    /// Says yes to a run by its code, as somebody who has looked at the plan.
    pub async fn approve(&self, token: &str, run: &str) -> Answer {
        let shown = self.api(Some(token), json!({ "request": "runbook_status", "run": run })).await.json();
        let request = json!({ "request": "runbook_approve", "run": run, "fingerprint": shown["data"]["code"], "reason": "it has to be" });
        self.api(Some(token), request).await
    }

    /// A page of the server, such as `/metrics`.
    pub async fn page_of(&self, path: &str) -> Answer {
        self.get(&self.url(path)).await
    }

    /// One counter of `/metrics`; 0 while it is not there.
    ///
    /// # Panics
    /// When the page itself is not to be had.
    pub async fn metric(&self, name_and_labels: &str) -> u64 {
        let page = self.page_of("/metrics").await;
        assert_eq!(page.status, 200, "{page:?}");
        let line = page.body.lines().find_map(|line| line.strip_prefix(name_and_labels));
        line.and_then(|rest| rest.trim().parse().ok()).unwrap_or_default()
    }

    /// Waits until every message has left.
    pub async fn outbox_is_empty(&self) {
        poll::until("every message has left", async || {
            let ready = self.page_of("/ready").await.json();
            (ready["outbox_backlog"] == 0).then_some(())
        })
        .await;
    }

    /// One number from the store, read as anybody who may read the file could.
    ///
    /// # Panics
    /// When the question is wrong.
    #[must_use]
    pub fn sql(&self, question: &str) -> i64 {
        let store = rusqlite::Connection::open(self.dir.join("data/blocks.db")).expect("the store opens");
        store.query_row(question, [], |row| row.get(0)).expect("the question is right")
    }

    /// Waits until a question to the store has this number for an answer.
    pub async fn sql_when(&self, question: &str, wanted: i64) {
        poll::until(question, async || (self.sql(question) == wanted).then_some(())).await;
    }

    /// Gives the next server another value of a variable.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.insert(name.to_owned(), value.to_owned());
    }

    /// Where the server listens.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    async fn get(&self, url: &str) -> Answer {
        send(self.http.get(url)).await
    }

    async fn post_json(&self, url: &str, body: &Value, token: Option<&str>) -> Answer {
        let mut request = self.http.post(url).json(body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        send(request).await
    }
}

impl Drop for TestApp {
    #[expect(clippy::print_stderr, reason = "a failing test shows what the processes said")]
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for name in ["sandbox.log", "server.log"] {
            let text = self.log(name);
            let lines: Vec<_> = text.lines().collect();
            eprintln!("-- the end of {name}:");
            for line in lines.iter().rev().take(25).rev() {
                eprintln!("   {line}");
            }
        }
    }
}

pub(crate) async fn send(request: reqwest::RequestBuilder) -> Answer {
    match request.send().await {
        Ok(response) => {
            let status = response.status().as_u16();
            Answer { status, body: response.text().await.unwrap_or_default() }
        }
        Err(error) => Answer { status: 0, body: error.to_string() },
    }
}

/// HTTP without the machine's proxy, and with a time limit.
///
/// # Panics
/// When no client can be built.
#[must_use]
pub fn client() -> reqwest::Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    reqwest::Client::builder().timeout(REQUEST_LIMIT).no_proxy().build().expect("a client can be built")
}

/// Secrets of this one app, known to nobody else.
fn secrets() -> BTreeMap<String, String> {
    [
        ("SLACK_BOT_TOKEN", "xoxb-"),
        ("SLACK_APP_TOKEN", "xapp-"),
        ("SLACK_SIGNING_SECRET", ""),
        ("PAGERDUTY_WEBHOOK_SECRET", ""),
        ("PAGERDUTY_API_TOKEN", "pd-"),
        ("BLOCKS_API_TOKEN", "api-"),
        ("SMTP_PASSWORD", "mail-"),
        ("STATUSPAGE_API_KEY", "page-"),
    ]
    .into_iter()
    .map(|(name, prefix)| (name.to_owned(), format!("{prefix}{}", uuid_like())))
    .collect()
}

/// 32 hex characters that no other test has.
#[expect(clippy::disallowed_methods, reason = "the tests' one source of identifiers")]
pub(crate) fn uuid_like() -> String {
    uuid::Uuid::now_v7().simple().to_string()
}
