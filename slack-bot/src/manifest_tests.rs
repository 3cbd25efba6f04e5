use slack_morphism::prelude::SlackAppManifest;

use super::*;

fn config(tier: Tier, url: Option<&str>) -> ManifestConfig {
    ManifestConfig { tier, command: CommandWord::default(), url: url.map(|url| url.parse().unwrap()) }
}

/// Slack's published schema of manifests, as far as ours goes: which keys there may be, and how long their texts.
/// A key that is not listed is an error.
fn check(value: &Value, path: &str, problems: &mut Vec<String>) {
    // path, longest text (0: no text), shortest
    const TEXTS: &[(&str, usize, usize)] = &[
        ("display_information.name", 35, 1),
        ("display_information.description", 140, 1),
        ("display_information.background_color", 7, 4),
        ("features.bot_user.display_name", 80, 1),
        ("features.slash_commands[].command", 32, 2),
        ("features.slash_commands[].description", 2_000, 1),
        ("features.slash_commands[].usage_hint", 1_000, 1),
        ("features.slash_commands[].url", 3_000, 8),
        ("features.shortcuts[].type", 7, 6),
        ("features.shortcuts[].name", 24, 1),
        ("features.shortcuts[].callback_id", 255, 1),
        ("features.shortcuts[].description", 150, 1),
        ("oauth_config.scopes.bot[]", 50, 1),
        ("settings.event_subscriptions.request_url", 3_000, 8),
        ("settings.event_subscriptions.bot_events[]", 60, 1),
        ("settings.interactivity.request_url", 3_000, 8),
    ];
    const FLAGS: &[&str] = &[
        "features.bot_user.always_online",
        "features.slash_commands[].should_escape",
        "settings.interactivity.is_enabled",
        "settings.org_deploy_enabled",
        "settings.socket_mode_enabled",
        "settings.token_rotation_enabled",
    ];
    const NUMBERS: &[&str] = &["_metadata.major_version", "_metadata.minor_version"];
    const FOLDERS: &[&str] = &[
        "",
        "_metadata",
        "display_information",
        "features",
        "features.bot_user",
        "features.slash_commands[]",
        "features.shortcuts[]",
        "oauth_config",
        "oauth_config.scopes",
        "settings",
        "settings.event_subscriptions",
        "settings.interactivity",
    ];
    let fits = match value {
        Value::String(text) => TEXTS
            .iter()
            .find(|(known, ..)| *known == path)
            .is_some_and(|(_, most, least)| (*least..=*most).contains(&text.chars().count())),
        Value::Bool(_) => FLAGS.contains(&path),
        Value::Number(_) => NUMBERS.contains(&path),
        Value::Object(_) => FOLDERS.contains(&path),
        Value::Array(items) => {
            let most = [
                ("features.slash_commands", 50),
                ("features.shortcuts", 10),
                ("oauth_config.scopes.bot", 255),
                ("settings.event_subscriptions.bot_events", 100),
            ];
            most.iter().any(|(name, most)| *name == path && (1..=*most).contains(&items.len()))
        }
        Value::Null => false,
    };
    if !fits {
        problems.push(format!("{path}: {value}"));
    }
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                check(field, &below, problems);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| check(item, &format!("{path}[]"), problems)),
        _ => {}
    }
}

#[test]
fn every_manifest_fits_slacks_schema_and_is_read_by_others() {
    for tier in [Tier::Read, Tier::Respond, Tier::Full] {
        for url in [None, Some("https://blocks.example.com"), Some("https://example.com/blocks/")] {
            let made = manifest(&config(tier, url)).unwrap();
            let mut problems = Vec::new();
            check(&made, "", &mut problems);
            assert_eq!(problems, [""; 0], "{made:#}");
            // Without Socket Mode Slack insists on addresses; with it, there are none.
            let has_url = made["features"]["slash_commands"][0]["url"].is_string();
            assert_eq!(has_url, url.is_some());
            assert_eq!(made["settings"]["interactivity"]["request_url"].is_string(), url.is_some());
            assert_eq!(made["settings"]["socket_mode_enabled"], url.is_none());
            serde_json::from_value::<SlackAppManifest>(made).expect("another program's model reads it");
        }
    }
    let mut wrong = manifest(&config(Tier::Full, None)).unwrap();
    wrong["settings"]["surprise"] = json!(true);
    wrong["display_information"]["name"] = json!("x".repeat(36));
    let mut problems = Vec::new();
    check(&wrong, "", &mut problems);
    assert_eq!(problems.len(), 2, "{problems:?}");
}

#[test]
fn a_tier_asks_for_what_its_methods_need_and_for_nothing_else() {
    let of = |tier| scopes(tier).into_iter().collect::<Vec<_>>().join(" ");
    assert_eq!(of(Tier::Read), "app_mentions:read chat:write chat:write.public commands");
    assert_eq!(
        of(Tier::Respond),
        "app_mentions:read bookmarks:read bookmarks:write channels:history channels:manage channels:read chat:write chat:write.public commands groups:history groups:read groups:write reactions:read usergroups:read"
    );
    assert_eq!(
        of(Tier::Full),
        "app_mentions:read bookmarks:read bookmarks:write channels:history channels:manage channels:read chat:write chat:write.public commands files:write groups:history groups:read groups:write reactions:read usergroups:read"
    );
}

/// What Slack is asked to tell is what is read, and the other way round: each event that is subscribed to comes to
/// something, and each entry of a menu is one that is understood.
#[test]
fn a_tier_is_told_of_what_is_acted_on_and_of_nothing_else() {
    let events = |tier| manifest(&config(tier, None)).unwrap()["settings"]["event_subscriptions"].clone();
    assert_eq!(events(Tier::Read), json!({ "bot_events": ["app_mention"] }));
    let all = ["app_mention", "reaction_added", "reaction_removed", "message.channels", "message.groups"];
    assert_eq!(events(Tier::Respond), json!({ "bot_events": all }));
    assert_eq!(events(Tier::Full), events(Tier::Respond));
    let with_url = manifest(&config(Tier::Read, Some("https://blocks.example.com"))).unwrap();
    let told = &with_url["settings"]["event_subscriptions"]["request_url"];
    assert_eq!(told, "https://blocks.example.com/slack/events");
    let item = json!({"type": "message", "channel": "C1", "ts": "1.0"});
    for (event, ..) in SUBSCRIBED {
        let kind = event.split('.').next().unwrap_or_default();
        let sample = json!({"event": {
            "type": kind, "user": "U1", "channel": "C1", "text": "<@U0BOT> status", "reaction": "pushpin", "item": item,
            "message": {"ts": "1.0", "text": "b", "edited": {"ts": "2.0"}},
        }});
        let mut sample = sample;
        if kind == "message" {
            sample["event"]["subtype"] = json!("message_changed");
        }
        let read = crate::event::read(sample.to_string().as_bytes());
        assert!(!matches!(read, crate::event::Event::Other(_)), "{event}: {read:?}");
    }
}

#[test]
fn what_slack_would_refuse_is_refused_here() {
    let command = CommandWord::new("/ops").unwrap();
    let named = manifest(&ManifestConfig { command, ..config(Tier::Read, None) }).unwrap();
    assert_eq!(named["features"]["slash_commands"][0]["command"], "/ops");
    for url in [
        "http://blocks.example.com",
        "https://x.example/?a=1",
        "https://a@x.example/",
        "https://:pw@x.example/",
        "https://x.example/#y",
    ] {
        assert!(matches!(manifest(&config(Tier::Read, Some(url))), Err(ManifestError::Url(_))), "{url}");
    }
}
