//! Who there is and what is configured: three people who may decide, one who may not, and three whom nobody knows.

use std::collections::BTreeMap;
use std::path::PathBuf;

use blocks_engine::{PagerLook, PirSettings, SecretKey, ServiceSettings, Settings};
use chrono::TimeDelta;
use runbook_core::alert::{AlertPolicy, Maintenance};
use runbook_core::people::{Actor, Directory, Person, Role};
use runbook_core::plan::ApprovalPolicy;
use runbook_core::severity;

use crate::script::Shape;
use crate::sides::Sides;

/// Somebody who asks for something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    Ana,
    Ben,
    Dan,
    /// Known, without a role that may decide.
    Cora,
    /// Known to the chat alone.
    Stranger,
    /// A user of the machine whom no person claims.
    Root,
}

/// People who may decide, the requester of most runs first.
pub(crate) const DECIDERS: [Who; 3] = [Who::Ana, Who::Ben, Who::Dan];

impl Who {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Who::Ana => "ana",
            Who::Ben => "ben",
            Who::Dan => "dan",
            Who::Cora => "cora",
            Who::Stranger => "zoe",
            Who::Root => "root",
        }
    }
}

/// Whether this actor may decide about runs; the simulator's own word on it, whatever the engine thinks.
pub(crate) fn has_standing(actor: &Actor) -> bool {
    matches!(actor, Actor::Person(name) if DECIDERS.iter().any(|who| who.name() == name))
}

/// Whether this is a human being, known or not.
pub(crate) fn is_human(actor: &Actor) -> bool {
    matches!(actor, Actor::Person(_) | Actor::Local(_) | Actor::Outside(_))
}

const SEVERITIES: &str = r#"
default = "p1-p4"
[[scheme]]
id = "p1-p4"
name = "P1 to P4"
[[scheme.severity]]
id = "P1"
name = "Critical"
definition = "most of it fails"
channels = ["incidents"]
mttr_target_min = 15
page = ["commander"]
update_interval_min = 5
propose_rollback_after_min = 3
rollback_at_once = ["lost"]
ask_without_runbook = ["responder", "scribe"]
may_ask_rollback = ["scribe"]
remind_commander_after_min = 1
remind_severity_after_min = 1
remind_roles_after_min = 2
phases = [
  { name = "Detection", from_min = 0, to_min = 1 },
  { name = "Triage", from_min = 1, to_min = 3 },
]
[[scheme.severity]]
id = "P2"
name = "High"
definition = "much of it fails"
channels = ["incidents"]
mttr_target_min = 30
update_interval_min = 7
remind_commander_after_min = 2
remind_severity_after_min = 5
remind_roles_after_min = 10
[[scheme.severity]]
id = "P3"
name = "Medium"
definition = "some of it fails"
channels = ["ops-alerts"]
mttr_target_min = 240
[[scheme.severity]]
id = "P4"
name = "Low"
definition = "it is a nuisance"
channels = ["blocks-help"]
"#;

/// The services: name, the pager's id, diagnostics, rollback. The first has a channel, and the second talks where each severity does.
pub(crate) const SERVICES: [(&str, &str, Option<&str>, &str); 2] =
    [("shop", "PSHOP", Some("triage"), "rollback"), ("bank", "PBANK", None, "drain")];

fn person(who: Who, roles: &[Role]) -> Person {
    let name = who.name();
    Person {
        name: name.to_owned(),
        slack_id: Some(format!("U-{name}")),
        pagerduty_email: Some(format!("{name}@example.com")),
        os_user: Some(name.to_owned()),
        roles: roles.to_vec(),
        duties: Vec::new(),
        phone: None,
        reminders: true,
    }
}

/// Windows in which something happens within the time of a world.
fn alert_policy(sides: &Sides) -> AlertPolicy {
    let (from, until) = Sides::maintained();
    let maintenance = sides.maintenance.then(|| Maintenance {
        service: Some("bank".to_owned()),
        labels: BTreeMap::new(),
        from: Some(from),
        until,
        reason: "the database moves".to_owned(),
    });
    AlertPolicy {
        storm: STORM,
        reopen: TimeDelta::seconds(120),
        flap_turns: 5,
        flap: TimeDelta::seconds(60),
        steady: TimeDelta::seconds(20),
        maintenance: maintenance.into_iter().collect(),
        ..AlertPolicy::default()
    }
}

/// Alerts of a service that come so soon after each other belong together.
pub(crate) const STORM: TimeDelta = TimeDelta::seconds(60);

/// The settings of one world.
pub(crate) fn settings(shape: &Shape, reviews: PathBuf) -> Settings {
    let service = |(name, pager, triage, rollback): (&str, &str, Option<&str>, &str)| ServiceSettings {
        name: name.to_owned(),
        pagerduty_id: Some(pager.to_owned()),
        channel: triage.map(|_| "incidents".to_owned()),
        severity: Some("P2".to_owned()),
        triage: triage.map(str::to_owned),
        rollback: Some(rollback.to_owned()),
        ..ServiceSettings::default()
    };
    let people = vec![
        person(Who::Ana, &[Role::Commander, Role::Responder]),
        person(Who::Ben, &[Role::Responder]),
        person(Who::Dan, &[Role::Responder]),
        person(Who::Cora, &[Role::Scribe]),
    ];
    Settings {
        services: SERVICES.map(service).to_vec(),
        directory: Directory::new(people).expect("no two of them are one").into(),
        groups: Vec::new(),
        severities: severity::parse(SEVERITIES).expect("the severities read"),
        policy: ApprovalPolicy { reversible: 0, irreversible: shape.others },
        page_approvals: false,
        handover: blocks_engine::HandoverSettings::default(),
        approval_window_s: shape.approval_window_s,
        repeat_window_s: shape.repeat_window_s,
        channel_per_incident: vec!["P1".to_owned(), "P2".to_owned()],
        connections: Vec::new(),
        git: None,
        drilled: BTreeMap::new(),
        exec_env: vec!["PATH".to_owned()],
        has_chat: true,
        has_pager: true,
        tells_pager: false,
        triggers: Vec::new(),
        rotations: Vec::new(),
        heartbeat: None,
        pager_from: None,
        sends_events: false,
        tells_changes: false,
        pager_priorities: BTreeMap::new(),
        pager_look: shape.sides.tells.map(|tells| PagerLook {
            every: std::time::Duration::from_secs(10),
            notes_every: std::time::Duration::from_secs(20),
            tells,
        }),
        updates: blocks_engine::UpdateSettings::default(),
        alerts: alert_policy(&shape.sides),
        rules: Vec::new(),
        triage: blocks_engine::TriageSettings {
            share_s: shape.sides.share_s,
            ..blocks_engine::TriageSettings::default()
        },
        data_dir: reviews.clone(),
        secret_key: Some(SecretKey::new([7; 32])),
        pir: PirSettings {
            dir: reviews,
            template: "# {{title}}\n\n{{drafted}}\n".to_owned(),
            zone: chrono::FixedOffset::east_opt(0).expect("no offset is one"),
        },
    }
}
