//! What is asked of Slack: tokens, scopes, Socket Mode, the clock, and the channels that are written to.

use std::collections::BTreeSet;

use blocks_engine::{Clock as _, SystemClock};
use slack_bot::{ChannelHealth, Health, SlackChat, TOLERANCE_S, Tier, missing_scopes};

use super::{Check, secret};
use crate::config::{Config, Secrets, SlackMode};

/// From so many seconds on a clock that is wrong is worth a word.
const SKEW_S: i64 = 30;
const MEND_CLOCK: &str = "let the system keep the time: `timedatectl set-ntp true`";

/// Every check of Slack; none where it is off.
pub(super) async fn checks(config: &Config, secrets: &Secrets) -> Vec<Check> {
    let Some(slack) = config.file.slack.as_ref().filter(|slack| slack.mode != SlackMode::Off) else {
        return Vec::new();
    };
    let mut checks = Vec::new();
    if slack.mode.has_http() {
        checks.push(secret(secrets, "SLACK_SIGNING_SECRET"));
    }
    let client = |token: &str| {
        SlackChat::new(&slack.api_url, &slack_bot::Secret::new(token)).map_err(|error| error.to_string())
    };
    match secrets.get("SLACK_BOT_TOKEN").map(client) {
        None => checks.push(secret(secrets, "SLACK_BOT_TOKEN")),
        Some(Err(error)) => checks.push(Check::new("slack", Err(error))),
        Some(Ok(chat)) => match chat.health(|| SystemClock.now()).await {
            Err(error) => checks.push(Check::new("slack", Err(error.to_string()))),
            Ok(health) => {
                checks.push(Check::new("slack", Ok(health.who.clone())));
                let said = format!("{}, as the app has to call it too", slack.word().as_str());
                checks.push(Check::new("slack command", Ok(said)));
                checks.push(scopes(&health));
                checks.push(clock(&health, slack.mode.has_http()));
                checks.extend(channels(config, &chat).await);
                checks.extend(groups(config, &chat).await);
            }
        },
    }
    if slack.mode.has_sockets() {
        checks.push(match secrets.get("SLACK_APP_TOKEN").map(client) {
            None => secret(secrets, "SLACK_APP_TOKEN"),
            Some(Err(error)) => Check::new("slack socket mode", Err(error)),
            Some(Ok(chat)) => {
                let checked = chat.check_socket_mode().await.map_err(|error| error.to_string());
                Check::new("slack socket mode", checked)
            }
        });
    }
    checks
}

/// What the token may do, against what each tier of the manifest needs.
fn scopes(health: &Health) -> Check {
    let name = "slack scopes";
    let Some(granted) = &health.scopes else {
        return Check::warning(name, "something between here and Slack hides them".to_owned());
    };
    let missing = |tier| missing_scopes(tier, granted);
    let needed = |tier: &str, scopes: &[&str], without: &str| {
        format!(
            "{} missing{without}; hint: in the app's settings take over what `blocks slack manifest --tier {tier}` prints, and install the app again",
            scopes.join(", ")
        )
    };
    match (missing(Tier::Read), missing(Tier::Respond), missing(Tier::Full)) {
        (read, ..) if !read.is_empty() => Check::new(name, Err(needed("read", &read, ""))),
        (_, respond, _) if !respond.is_empty() => Check::warning(
            name,
            needed("respond", &respond, ": no channels for incidents, and no messages marked with a pushpin"),
        ),
        (_, _, full) if !full.is_empty() => {
            Check::warning(name, needed("full", &full, ": no review and no long output as a file"))
        }
        _ => Check::new(name, Ok("all that Blocks uses".to_owned())),
    }
}

/// A signature of Slack's is good for five minutes by this machine's clock.
fn clock(health: &Health, is_signed: bool) -> Check {
    let name = "slack clock";
    let Some(ahead) = health.ahead_s else {
        return Check::warning(name, "something between here and Slack hides its time".to_owned());
    };
    let way = if ahead > 0 { "ahead of" } else { "behind" };
    let wrong = format!("this machine's clock is {} s {way} Slack's", ahead.abs());
    if is_signed && ahead.unsigned_abs() >= TOLERANCE_S {
        let text = format!("{wrong}, so every command and every press is refused; hint: {MEND_CLOCK}");
        Check::new(name, Err(text))
    } else if ahead.abs() > SKEW_S {
        Check::warning(name, format!("{wrong}; hint: {MEND_CLOCK}"))
    } else {
        Check::new(name, Ok("agrees with Slack's".to_owned()))
    }
}

/// Groups that cannot be read give nobody their roles.
async fn groups(config: &Config, chat: &SlackChat) -> Vec<Check> {
    let mut checks = Vec::new();
    for group in &config.settings.groups {
        let id = &group.slack_id;
        let known = |id: &&String| {
            config.settings.directory.people().iter().any(|one| one.slack_id.as_ref() == Some(*id))
        };
        let members = chat.group_members(id).await.map(|members| {
            let known = members.iter().filter(known).count();
            format!("{} members, {known} of them with a [[person]]", members.len())
        });
        let members = members.map_err(|error| {
            format!("{error}; hint: a [[group]] names the id of a user group that is there, and the app needs the scope usergroups:read")
        });
        checks.push(Check::new(&format!("slack group {id}"), members));
    }
    checks
}

/// The channels of services have to be there; those of severities, updates and shifts are needed only where they are used.
async fn channels(config: &Config, chat: &SlackChat) -> Vec<Check> {
    let settings = &config.settings;
    let plain = |name: &String| name.trim_start_matches('#').to_owned();
    let must: BTreeSet<String> =
        settings.services.iter().filter_map(|service| service.channel.as_ref()).map(plain).collect();
    let severities = &settings.severities.default_scheme().severities;
    let may: BTreeSet<String> = severities
        .iter()
        .flat_map(|severity| &severity.channels)
        .chain(&settings.updates.channel)
        .chain(&settings.handover.channel)
        .map(plain)
        .filter(|name| !must.contains(name))
        .collect();
    let all: BTreeSet<String> = must.union(&may).cloned().collect();
    let found = match chat.channels(&all).await {
        Ok(found) => found,
        Err(error) => {
            let text = format!("cannot be looked at: {error}");
            return vec![Check::warning("slack channels", text)];
        }
    };
    let mut checks: Vec<Check> = found
        .iter()
        .filter_map(|(name, health)| {
            let text = match health {
                ChannelHealth::Ready | ChannelHealth::NotIn => return None,
                ChannelHealth::Archived => {
                    format!("#{name} is archived; hint: unarchive it, or name another one in blocks.toml")
                }
                ChannelHealth::Unknown => format!(
                    "there is no #{name}, or it is private and the bot is not in it; hint: make it, or `/invite` the bot there"
                ),
            };
            let title = format!("slack channel {name}");
            Some(if must.contains(name) { Check::new(&title, Err(text)) } else { Check::warning(&title, text) })
        })
        .collect();
    let ready = all.len() - checks.len();
    checks.insert(0, Check::new("slack channels", Ok(format!("{ready} of {} can be written to", all.len()))));
    checks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health(scopes: Option<&[&str]>, ahead_s: Option<i64>) -> Health {
        let scopes = scopes.map(|scopes| scopes.iter().map(|scope| (*scope).to_owned()).collect());
        Health { who: String::new(), scopes, ahead_s }
    }

    #[test]
    fn a_clock_that_slack_would_refuse_fails_where_requests_are_signed() {
        for (ahead, is_signed, ok, warns) in [
            (0, true, true, false),
            (-30, true, true, false),
            (31, true, true, true),
            (-299, true, true, true),
            (300, true, false, false),
            (-600, true, false, false),
            (600, false, true, true),
        ] {
            let check = clock(&health(None, Some(ahead)), is_signed);
            assert_eq!((check.ok, check.warns), (ok, warns), "{ahead}: {}", check.detail);
        }
        assert!(clock(&health(None, Some(-600)), true).detail.contains("600 s behind Slack's"));
        assert!(clock(&health(None, None), true).warns);
    }

    #[test]
    fn scopes_that_are_missing_are_named_with_what_they_are_for() {
        let none = scopes_of(&[]);
        assert!(!none.ok && none.detail.contains("chat:write") && none.detail.contains("--tier read"));
        let read = ["commands", "chat:write", "chat:write.public", "app_mentions:read"];
        let respond = scopes_of(&read);
        assert!(respond.warns && respond.detail.contains("channels:manage"), "{}", respond.detail);
        assert!(respond.detail.contains("--tier respond"), "{}", respond.detail);
    }

    fn scopes_of(granted: &[&str]) -> Check {
        scopes(&health(Some(granted), None))
    }
}
