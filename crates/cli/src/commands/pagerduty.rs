//! `blocks pagerduty setup`: the webhook subscription, made or put right.

use std::fs::{File, OpenOptions};
use std::io::IsTerminal as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use pagerduty_hook::{Secret, Step, Subscription, Tried, steps};
use serde_json::json;
use url::Url;

use super::compose::pagerduty_client;
use crate::args::{PagerDutyCommand, SetupArgs};
use crate::config::{Config, Secrets};
use crate::exit::{Code, Stop};
use crate::printer::{self, Output};

/// Where webhooks are taken.
const PATH: &str = "/hooks/pagerduty";

/// Says what it will do, asks, and does it.
pub(crate) async fn run(
    PagerDutyCommand::Setup(args): PagerDutyCommand,
    config: Option<&Path>,
    output: Output,
    yes: bool,
) -> Result<Code, Stop> {
    let config = Config::load(config)?;
    let secrets = Secrets::read()?;
    let Some(pagerduty) = &config.file.pagerduty else {
        return Err(Stop::usage(
            "there is no [pagerduty] in the configuration\nhint: add it, with mode = \"webhook\"",
        ));
    };
    let token = secrets.need("PAGERDUTY_API_TOKEN", "[pagerduty]")?;
    let client = pagerduty_client(&pagerduty.api_url, token, pagerduty.from.clone())?;
    let url = address(&args.url)?;
    let service = match args.service.as_deref() {
        Some(name) => Some(pager_id(&config, name)?),
        None => None,
    };
    let failed = |error: runbook_core::ports::PagerError| Stop::failed(error.to_string());
    let found = client.subscriptions().await.map_err(failed)?;
    let todo = steps(&url, &found, service, args.recreate).map_err(|why| Stop::new(Code::Refused, why))?;
    let words: Vec<String> = todo.iter().map(|step| step.words(&url)).collect();
    let told = |done: bool| match output {
        Output::Json => printer::json(&json!({ "url": url, "steps": words, "done": done })),
        Output::Text if words.is_empty() => printer::data(&format!(
            "nothing to do: {} sends to {url}, and it is as it should be",
            there(&found, &url)
        )),
        Output::Text if done => printer::data("done"),
        Output::Text => {}
    };
    if output == Output::Text {
        words.iter().for_each(|line| printer::data(line));
    }
    if todo.is_empty() || args.dry_run {
        told(todo.is_empty());
        return Ok(Code::Success);
    }
    let made = todo.iter().find_map(|step| match step {
        Step::Create { scope } => Some(scope),
        _ => None,
    });
    let makes = made.is_some();
    let beside = Beside {
        any: found.iter().any(|one| one.url == url || one.is_ours()),
        replaced: found.iter().any(|one| {
            (one.url == url || one.is_ours()) && made.is_some_and(|made| one.scope.overlaps(made))
        }),
    };
    if makes && args.secret_file.is_none() {
        return Err(Stop::usage(
            "PagerDuty shows the secret of a new subscription once, and it is shown on no terminal\nhint: name a file for it with --secret-file",
        ));
    }
    if !args.unverified {
        let mut known = Secret::list(secrets.get("PAGERDUTY_WEBHOOK_SECRET").unwrap_or_default());
        if let Some(path) = args.secret_file.as_deref().filter(|_| !makes) {
            known.extend(kept_secret(path)?);
        }
        for (id, mark) in todo.iter().filter_map(Step::switches_on) {
            may_switch_on(id, mark, &known, &url).await?;
        }
    }
    confirm(yes).await?;
    // before anything is made: a secret that cannot be kept is lost
    let mut file = match args.secret_file.as_deref().filter(|_| makes) {
        Some(path) => Some((path, secret_file(path)?)),
        None => None,
    };
    for step in &todo {
        let secret = match client.take_step(step, &url).await {
            Ok(secret) => secret,
            Err(error) => {
                forget(&args, file.take());
                return Err(Stop::failed(format!("{}: {error}", step.words(&url))));
            }
        };
        // only the step that makes one has a secret, and it may not be the first
        if let Some(secret) = secret
            && let Some((path, mut file)) = file.take()
        {
            let written = secret.write_to(&mut file).and_then(|()| file.sync_all());
            written.map_err(|error| Stop::failed(format!(
                "the subscription is made, and its secret could not be written to {}: {error}\nhint: `--recreate` makes another one", path.display()
            )))?;
            printer::note(&told_of_secret(path, &beside, &url, args.service.as_deref()));
        }
    }
    told(true);
    Ok(Code::Success)
}

/// The id at PagerDuty of a service.
fn pager_id<'a>(config: &'a Config, name: &str) -> Result<&'a str, Stop> {
    let services = &config.settings.services;
    let id = services.iter().find(|service| service.name == name).map(|service| &service.pagerduty_id);
    match id {
        Some(Some(id)) => Ok(id),
        Some(None) => Err(Stop::usage(format!(
            "the service '{name}' has no `pagerduty_id`\nhint: write the id that stands in the address of its page at PagerDuty under its [[service]]"
        ))),
        None => {
            let known: Vec<&str> = services.iter().map(|service| service.name.as_str()).collect();
            Err(Stop::usage(format!(
                "there is no service '{}'\nhint: the configuration names: {}",
                name.escape_default(),
                known.join(", ")
            )))
        }
    }
}

/// What sends to this address, in words.
fn there(found: &[Subscription], url: &str) -> String {
    let mut about: Vec<String> = found.iter().filter(|one| one.url == url).map(Subscription::about).collect();
    about.sort();
    about.dedup();
    let count = if about.len() == 1 { "one subscription" } else { "a subscription each" };
    format!("{count} for {}", about.join(", "))
}

/// What is there when one is made.
struct Beside {
    /// One whose secret is still needed.
    any: bool,
    /// One whose place the new one takes.
    replaced: bool,
}

/// What is to be done with the secret of a new one.
fn told_of_secret(path: &Path, beside: &Beside, url: &str, service: Option<&str>) -> String {
    let path = path.display();
    let set = if beside.any {
        "set PAGERDUTY_WEBHOOK_SECRET, or what is in the file of PAGERDUTY_WEBHOOK_SECRET_FILE, to both, the old one and it, with a comma between them,"
            .to_owned()
    } else {
        format!("set PAGERDUTY_WEBHOOK_SECRET_FILE to {path}")
    };
    let old = if beside.replaced { " and deletes the old one" } else { "" };
    let service = service.map_or_else(String::new, |name| format!(" --service {name}"));
    format!(
        "the secret is in {path}, and nothing is sent with it yet: {set} and restart `blocks serve`; then `blocks pagerduty setup --url {url}{service}` switches the new one on{old}"
    )
}

/// Refuses to switch on what the server would refuse: PagerDuty drops that, and after three it sends nothing for a day.
async fn may_switch_on(id: &str, mark: Option<&str>, known: &[Secret], url: &str) -> Result<(), Stop> {
    let refused = |why: String| Err(Stop::new(Code::Refused, why));
    let Some(mark) = mark else {
        return refused(format!(
            "{id} is not switched on: with which secret it signs is not known here\nhint: `--recreate` makes one of which that is known; `--unverified` switches this one on all the same"
        ));
    };
    let Some(secret) = known.iter().find(|secret| secret.mark() == mark) else {
        return refused(format!(
            "{id} is not switched on: its secret is not in PAGERDUTY_WEBHOOK_SECRET, as this command reads it\nhint: set that as for `blocks serve` (where PAGERDUTY_WEBHOOK_SECRET_FILE is set, that file goes first: put both secrets into it), or name the secret's file with --secret-file; where it is lost, `--recreate` makes another one"
        ));
    };
    let address = Url::parse(url).map_err(|error| Stop::usage(format!("'{url}' is no address: {error}")))?;
    match Tried::at(&address, secret).await {
        Tried::Knows => Ok(()),
        Tried::Refuses => refused(format!(
            "{id} is not switched on: the server at {url} does not know its secret\nhint: set PAGERDUTY_WEBHOOK_SECRET to it (beside another one that sends: both, with a comma between them), restart `blocks serve`, and do this again"
        )),
        Tried::Unknown(why) => refused(format!(
            "{id} is not switched on: whether the server at {url} knows its secret cannot be seen from here: {why}\nhint: do this where that address can be reached; `--unverified` switches it on all the same"
        )),
    }
}

/// The secret of one that was made before.
fn kept_secret(path: &Path) -> Result<Vec<Secret>, Stop> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Stop::usage(format!("the secret in {} cannot be read: {error}", path.display())))?;
    Ok(Secret::list(&text))
}

/// A file that holds nothing is of no use to anybody.
fn forget(args: &SetupArgs, file: Option<(&Path, File)>) {
    if let (Some(path), Some(_)) = (args.secret_file.as_deref(), file) {
        let _ = std::fs::remove_file(path);
    }
}

/// The address that PagerDuty calls.
fn address(url: &Url) -> Result<String, Stop> {
    let is_web = matches!(url.scheme(), "http" | "https") && url.host_str().is_some();
    if !is_web || url.query().is_some() || url.fragment().is_some() {
        return Err(Stop::usage(format!(
            "'{url}' is no address that PagerDuty can call\nhint: https://blocks.example.com"
        )));
    }
    let text = url.as_str().trim_end_matches('/');
    Ok(if text.ends_with(PATH) { text.to_owned() } else { format!("{text}{PATH}") })
}

/// A new file that nobody else reads.
fn secret_file(path: &Path) -> Result<File, Stop> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|error| {
        Stop::usage(format!(
            "the secret cannot be kept in {}: {error}\nhint: name a file that is not there yet",
            path.display()
        ))
    })
}

async fn confirm(yes: bool) -> Result<(), Stop> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Stop::new(
            Code::Refused,
            "nobody has said yes to this\nhint: --yes does it, --dry-run only says what it would do",
        ));
    }
    printer::prompt("do this? (yes) ");
    let typed = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).map(|_| line)
    });
    match typed.await {
        Ok(Ok(line)) if line.trim().eq_ignore_ascii_case("yes") => Ok(()),
        _ => Err(Stop::new(Code::Refused, "not confirmed: nothing was done")),
    }
}
