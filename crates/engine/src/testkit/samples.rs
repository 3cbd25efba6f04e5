//! One organisation: two people who may decide, one who may not, two services, three runbooks.

use std::collections::BTreeMap;
use std::path::PathBuf;

use runbook_core::people::{Directory, Person, Role};
use runbook_core::plan::ApprovalPolicy;
use runbook_core::ports::PagerIncident;

use crate::settings::{PirSettings, ServiceSettings, Settings};

const TRIAGE: &str = r#"---
title: First look
service: flowengine
---
# First look

## How bad is it? (1 min)

```bash {name=failure-rate effect=read timeout=15s}
show-failure-rate
# Expected: < 10 %
```

```bash {name=what-changed effect=read timeout=15s}
list-changes
```
"#;

/// One command that must not be repeated, with its undo, and a look at what came of it.
pub(crate) const ROLLBACK: &str = r#"---
title: Roll back
service: flowengine
---
# Roll back

## Step 1: Return (5 min)

```bash {name=return effect=once timeout=60s}
roll-back
# Expected: "rolled back"
```

```bash {undo effect=once timeout=60s}
roll-forward
# Expected: "rolled forward"
```

## Step 2: Look (2 min)

```bash {name=look effect=read timeout=60s}
look-at-it
# Expected: "healthy"
```
"#;

/// Another runbook for the same target.
const RESTART: &str = r#"---
title: Restart
service: flowengine
---
# Restart

## Step 1: Restart (1 min)

```bash {name=restart effect=once timeout=60s}
restart-it
```
"#;

const SEVERITIES: &str = r#"
default = "p1-p4"
[[scheme]]
id = "p1-p4"
name = "P1 to P4"
[[scheme.severity]]
id = "P1"
name = "Critical"
definition = "most of it fails"
mttr_target_min = 15
channels = ["incidents"]
[[scheme.severity]]
id = "P2"
name = "High"
definition = "much of it fails"
mttr_target_min = 30
channels = ["incidents"]
[[scheme.severity]]
id = "P3"
name = "Medium"
definition = "some of it fails"
mttr_target_min = 240
channels = ["ops-alerts"]
[[scheme.severity]]
id = "P4"
name = "Low"
definition = "it is a nuisance"
channels = ["blocks-help"]
"#;

/// The runbooks by name.
pub(crate) fn runbooks() -> BTreeMap<&'static str, &'static str> {
    [("triage", TRIAGE), ("rollback", ROLLBACK), ("restart", RESTART)].into()
}

fn person(name: &str, roles: &[Role]) -> Person {
    Person {
        name: name.to_owned(),
        slack_id: Some(format!("U-{name}")),
        pagerduty_email: Some(format!("{name}@example.com")),
        os_user: None,
        roles: roles.to_vec(),
        duties: Vec::new(),
        phone: None,
        reminders: true,
    }
}

pub(crate) fn settings(pir_dir: PathBuf) -> Settings {
    let flowengine = ServiceSettings {
        name: "flowengine".to_owned(),
        pagerduty_id: Some("PFLOW".to_owned()),
        channel: Some("incidents".to_owned()),
        severity: Some("P2".to_owned()),
        triage: Some("triage".to_owned()),
        rollback: Some("rollback".to_owned()),
        ..ServiceSettings::default()
    };
    let billing = ServiceSettings {
        name: "billing".to_owned(),
        pagerduty_id: Some("PBILL".to_owned()),
        ..ServiceSettings::default()
    };
    Settings {
        services: vec![flowengine, billing],
        directory: Directory::new(vec![
            person("ana", &[Role::Commander, Role::Responder]),
            person("ben", &[Role::Responder]),
            person("cora", &[Role::Scribe]),
        ])
        .unwrap()
        .into(),
        groups: Vec::new(),
        severities: runbook_core::severity::parse(SEVERITIES).unwrap(),
        policy: ApprovalPolicy::default(),
        page_approvals: true,
        handover: crate::settings::HandoverSettings::default(),
        approval_window_s: 900,
        repeat_window_s: 0,
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
        pager_from: Some("blocks@example.com".to_owned()),
        sends_events: false,
        tells_changes: false,
        pager_priorities: BTreeMap::new(),
        pager_look: None,
        updates: crate::UpdateSettings::default(),
        alerts: runbook_core::alert::AlertPolicy::default(),
        rules: Vec::new(),
        triage: crate::TriageSettings { share_s: 0, ..crate::TriageSettings::default() },
        data_dir: pir_dir.clone(),
        secret_key: Some(crate::SecretKey::new([7; 32])),
        pir: PirSettings {
            dir: pir_dir,
            // The time of drafting makes two drafts differ, as the shipped template does.
            template: "# {{title}}\n\n{{drafted}}\n".to_owned(),
            zone: chrono::FixedOffset::east_opt(0).unwrap(),
        },
    }
}

/// A page for `flowengine`.
pub(crate) fn page(id: &str) -> PagerIncident {
    PagerIncident {
        id: id.to_owned(),
        url: Some(format!("https://pager.example.com/{id}")),
        title: Some("failure rate over 10 %".to_owned()),
        service_id: Some("PFLOW".to_owned()),
        service_name: Some("FlowEngine".to_owned()),
        priority: Some("P1".to_owned()),
        priority_id: None,
        high_urgency: Some(true),
        created_at: None,
        key: None,
    }
}
