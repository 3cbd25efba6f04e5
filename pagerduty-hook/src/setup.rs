//! The webhook subscription of ours: what it should be, and what has to be done about what is there. Pure.

use std::collections::BTreeSet;

use serde_json::{Value, json};

/// How ours is known among others, whatever its address.
pub const DESCRIPTION: &str = "Blocks: incidents (made by blocks pagerduty setup)";

/// What follows that, before the mark of its secret: PagerDuty never shows the secret again, and whether somebody knows it has to be
/// found out before anything is sent with it.
const MARKED: &str = "; secret ";

/// The types of events that it asks for: those that mean something here.
pub const EVENTS: [&str; 26] = [
    "incident.triggered",
    "incident.acknowledged",
    "incident.unacknowledged",
    "incident.resolved",
    "incident.reopened",
    "incident.reassigned",
    "incident.delegated",
    "incident.escalated",
    "incident.priority_updated",
    "incident.service_updated",
    "incident.incident_type.changed",
    "incident.annotated",
    "incident.status_update_published",
    "incident.responder.added",
    "incident.responder.replied",
    "incident.conference_bridge.updated",
    "incident.custom_field_values.updated",
    "incident.role.assigned",
    "incident.task.created",
    "incident.task.updated",
    "incident.task.completed",
    "incident.workflow.started",
    "incident.workflow.completed",
    "incident.action_invocation.created",
    "incident.action_invocation.updated",
    "incident.action_invocation.terminated",
];

/// What a subscription tells of: the whole account, or only a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// `account_reference`, `service_reference`, `team_reference`; empty where PagerDuty does not say.
    kind: String,
    /// Of which service or team.
    id: Option<String>,
}

impl Scope {
    /// All services.
    #[must_use]
    pub fn account() -> Scope {
        Scope { kind: "account_reference".to_owned(), id: None }
    }

    /// One service, by its id.
    #[must_use]
    pub fn service(id: &str) -> Scope {
        Scope { kind: "service_reference".to_owned(), id: Some(id.to_owned()) }
    }

    fn is_account(&self) -> bool {
        self.kind == "account_reference"
    }

    fn is_service(&self) -> bool {
        self.kind == "service_reference" && self.id.is_some()
    }

    /// Whether that is something that a subscription can be about.
    fn is_one(&self) -> bool {
        self.is_account() || self.id.is_some()
    }

    /// Whether a page may be told by both of them.
    #[must_use]
    pub fn overlaps(&self, other: &Scope) -> bool {
        !(self.is_service() && other.is_service()) || self == other
    }

    /// What that is, for a person.
    fn words(&self) -> String {
        match (self.kind.as_str(), &self.id) {
            ("account_reference", _) => "all incidents of the account".to_owned(),
            ("service_reference", Some(id)) => format!("the incidents of the service {id}"),
            ("team_reference", Some(id)) => format!("the incidents of the team {id}"),
            _ => "nobody says what".to_owned(),
        }
    }

    fn body(&self) -> Value {
        match &self.id {
            Some(id) => json!({ "type": self.kind, "id": id }),
            None => json!({ "type": self.kind }),
        }
    }
}

/// A subscription as PagerDuty has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// PagerDuty's id of it.
    pub id: String,
    /// Where it sends to.
    pub url: String,
    /// What its maker says of it.
    pub description: String,
    /// Which events.
    pub events: BTreeSet<String>,
    /// Of what.
    pub scope: Scope,
    /// It is switched on.
    pub active: bool,
    /// PagerDuty has switched it off for a while, after failures.
    pub disabled: bool,
}

impl Subscription {
    /// Reads what REST shows; `None` where it has no usable id.
    pub(crate) fn read(value: &Value) -> Option<Subscription> {
        let text = |at: &str| value.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
        let method = value.get("delivery_method");
        let disabled = method.and_then(|method| method.get("temporarily_disabled")).and_then(Value::as_bool);
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let id =
            Some(text("/id")).filter(|id| !id.is_empty() && id.len() <= 64 && id.chars().all(is_word))?;
        let events = value.get("events").and_then(Value::as_array).into_iter().flatten();
        Some(Subscription {
            id,
            url: text("/delivery_method/url"),
            description: text("/description"),
            events: events.filter_map(Value::as_str).map(str::to_owned).collect(),
            scope: Scope {
                kind: text("/filter/type"),
                id: Some(text("/filter/id")).filter(|id| !id.is_empty()),
            },
            active: value.get("active").and_then(Value::as_bool).unwrap_or(true),
            disabled: disabled.unwrap_or(false),
        })
    }

    /// Whether it is one of ours, whatever its address.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.description == DESCRIPTION || self.mark().is_some()
    }

    /// The mark of its secret ([`crate::Secret::mark`]), where it was kept when it was made.
    #[must_use]
    pub fn mark(&self) -> Option<&str> {
        self.description.strip_prefix(DESCRIPTION)?.strip_prefix(MARKED)
    }
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It is made, switched off; its secret is shown once. It is switched on once the engine knows that.
    Create {
        /// What it tells of.
        scope: Scope,
    },
    /// What it asks for is put right.
    Update {
        /// Which.
        id: String,
        /// What it tells of.
        scope: Scope,
        /// What is not as it should be.
        why: Vec<String>,
        /// The mark of its secret, where that was kept.
        mark: Option<String>,
        /// It is switched on by this.
        switches_on: bool,
    },
    /// It is switched on again.
    Enable {
        /// Which.
        id: String,
        /// The mark of its secret, where that was kept.
        mark: Option<String>,
    },
    /// It is taken away.
    Delete {
        /// Which.
        id: String,
        /// Why.
        why: String,
    },
}

impl Step {
    /// What it does, for a person.
    #[must_use]
    pub fn words(&self, url: &str) -> String {
        match self {
            Step::Create { scope } => format!(
                "make a subscription for {} to {url}, switched off until its secret is known here",
                scope.words()
            ),
            Step::Update { id, why, .. } => format!("change {id}: {}", why.join("; ")),
            Step::Enable { id, .. } => format!("enable {id}: pagerduty has switched it off after failures"),
            Step::Delete { id, why } => format!("delete {id}: {why}"),
        }
    }

    /// The subscription that is switched on by it, and the mark of its secret.
    #[must_use]
    pub fn switches_on(&self) -> Option<(&str, Option<&str>)> {
        match self {
            Step::Update { id, mark, switches_on: true, .. } | Step::Enable { id, mark } => {
                Some((id, mark.as_deref()))
            }
            Step::Create { .. } | Step::Update { .. } | Step::Delete { .. } => None,
        }
    }
}

impl Subscription {
    /// What it tells of, for a person.
    #[must_use]
    pub fn about(&self) -> String {
        self.scope.words()
    }
}

/// What has to be done so that one subscription of ours sends to this address, in order; nothing where that is so. With `service` (an
/// id) it is about that service; without, about whatever those that are there are, and about the account where there is none: one that
/// somebody has made for less tells of less on purpose.
///
/// What is refused with 401 PagerDuty drops, and after three it sends nothing for a day. So each is made switched off, beside an old
/// one where there is one; once the engine knows its secret, the next set-up switches it on and deletes the old one.
///
/// # Errors
/// When a person has to decide: where there are several, or where one sends elsewhere and `recreate` is not asked for.
pub fn steps(
    url: &str,
    found: &[Subscription],
    service: Option<&str>,
    recreate: bool,
) -> Result<Vec<Step>, String> {
    let wanted = service.map_or_else(Scope::account, Scope::service);
    let counts = |one: &&Subscription| one.url == url || one.is_ours();
    let mut about: Vec<&Subscription> = found.iter().filter(counts).collect();
    if service.is_some() {
        // those of other services are asked for by their names
        about.retain(|one| one.scope.overlaps(&wanted));
        let team = about.iter().find(|one| !one.scope.is_account() && one.scope != wanted);
        if let Some(team) = team.filter(|one| one.scope.is_one()) {
            return Err(format!(
                "{} tells of {}, and whether {} is among them cannot be seen here; hint: where it is, nothing is to be done; else delete that subscription at PagerDuty",
                team.id,
                team.about(),
                wanted.words()
            ));
        }
        return steps_for(url, &about, &wanted, recreate);
    }
    // each service has its own, beside those of the others
    let scopes: BTreeSet<&String> = about.iter().filter_map(|one| one.scope.id.as_ref()).collect();
    if about.is_empty() || !about.iter().all(|one| one.scope.is_service()) {
        let of_first = about.first().map(|one| &one.scope).filter(|scope| scope.is_one());
        let is_same = |scope: &&Scope| about.iter().all(|one| one.scope == **scope);
        let wanted = of_first.filter(is_same).cloned().unwrap_or(wanted);
        return steps_for(url, &about, &wanted, recreate);
    }
    if recreate && scopes.len() > 1 {
        return Err("there is a subscription for each of several services; hint: --service NAME says which one is made anew".to_owned());
    }
    let mut all = Vec::new();
    for id in scopes {
        let scope = Scope::service(id);
        let of_it: Vec<&Subscription> = about.iter().copied().filter(|one| one.scope == scope).collect();
        all.extend(steps_for(url, &of_it, &scope, recreate)?);
    }
    Ok(all)
}

/// The same among those that may tell of the same pages.
fn steps_for(
    url: &str,
    found: &[&Subscription],
    wanted: &Scope,
    recreate: bool,
) -> Result<Vec<Step>, String> {
    let found = || found.iter().copied();
    let elsewhere: Vec<&Subscription> = found().filter(|one| one.url != url && one.is_ours()).collect();
    // switched off and ours: it was made anew, and waits
    let (waiting, others): (Vec<&Subscription>, Vec<&Subscription>) =
        found().filter(|one| one.url == url).partition(|one| one.is_ours() && !one.active);
    let ids = |list: &[&Subscription]| list.iter().map(|one| one.id.as_str()).collect::<Vec<_>>().join(", ");
    let delete = |one: &Subscription, why: &str| Step::Delete { id: one.id.clone(), why: why.to_owned() };
    let create = || Step::Create { scope: wanted.clone() };
    if others.len() > 1 {
        return Err(format!(
            "{} subscriptions send to {url}, and each page would come from each: {}; hint: delete all but one at PagerDuty",
            others.len(),
            ids(&others)
        ));
    }
    if recreate {
        let why = "it is switched off, and another one is made";
        let mut steps: Vec<Step> = waiting.iter().map(|one| delete(one, why)).collect();
        steps.push(create());
        return Ok(steps);
    }
    if waiting.len() > 1 {
        return Err(format!(
            "{} subscriptions to {url} are switched off ({}); hint: delete all but one at PagerDuty, or --recreate makes a new one and deletes them",
            waiting.len(),
            ids(&waiting)
        ));
    }
    match (waiting.first(), others.first()) {
        // the new one first: nothing is missed between them, and what comes twice falls away by its id
        (Some(new), old) => {
            let mut steps = put_right(new, wanted);
            let less = if old.is_some_and(|old| old.scope != new.scope) {
                format!(", for {} alone", new.about())
            } else {
                String::new()
            };
            steps.extend(old.map(|one| delete(one, &format!("{} takes its place{less}", new.id))));
            // one that tells of more is not replaced by this one
            let replaced = elsewhere.iter().filter(|one| new.scope.is_account() || one.scope == new.scope);
            steps.extend(replaced.map(|one| delete(one, "it sends to another address")));
            Ok(steps)
        }
        (None, Some(one)) => Ok(put_right(one, wanted)),
        (None, None) if elsewhere.is_empty() => Ok(vec![create()]),
        (None, None) => Err(format!(
            "a subscription of Blocks sends elsewhere ({}), and its address cannot be changed; hint: --recreate makes a new one beside it",
            ids(&elsewhere)
        )),
    }
}

/// What makes of it what it should be; what it tells of stays as somebody has made it.
fn put_right(one: &Subscription, wanted: &Scope) -> Vec<Step> {
    let mut steps = Vec::new();
    let why = differences(one);
    let mark = one.mark().map(str::to_owned);
    if !why.is_empty() {
        let (id, mark) = (one.id.clone(), mark.clone());
        let scope = if one.scope.is_one() { one.scope.clone() } else { wanted.clone() };
        steps.push(Step::Update { id, scope, why, mark, switches_on: !one.active });
    }
    if one.disabled {
        steps.push(Step::Enable { id: one.id.clone(), mark });
    }
    steps
}

/// What of it is not as it should be, and can be changed.
fn differences(one: &Subscription) -> Vec<String> {
    let mut why = Vec::new();
    let missing = EVENTS.iter().filter(|event| !one.events.contains(**event)).count();
    if missing > 0 {
        why.push(format!("{missing} types of events are missing"));
    }
    if !one.scope.is_one() {
        why.push("it does not say what it is about".to_owned());
    }
    if !one.active {
        why.push("it is switched off".to_owned());
    }
    if !one.is_ours() {
        why.push("its description does not say whose it is".to_owned());
    }
    why
}

/// What is sent to make one, or to put one right: PagerDuty takes no other address for one that is there.
pub(crate) fn body(url: Option<&str>, scope: &Scope, active: bool, mark: Option<&str>) -> Value {
    let description =
        mark.map_or_else(|| DESCRIPTION.to_owned(), |mark| format!("{DESCRIPTION}{MARKED}{mark}"));
    let mut wish = json!({
        "type": "webhook_subscription",
        "description": description,
        "events": EVENTS,
        "filter": scope.body(),
        "active": active,
    });
    if let Some(url) = url {
        wish["delivery_method"] = json!({ "type": "http_delivery_method", "url": url });
    }
    json!({ "webhook_subscription": wish })
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://blocks.example.com/hooks/pagerduty";

    fn ours(id: &str, change: impl FnOnce(&mut Subscription)) -> Subscription {
        let mut one = Subscription {
            id: id.to_owned(),
            url: URL.to_owned(),
            description: DESCRIPTION.to_owned(),
            events: EVENTS.iter().map(|event| (*event).to_owned()).collect(),
            scope: Scope::account(),
            active: true,
            disabled: false,
        };
        change(&mut one);
        one
    }

    fn words(found: &[Subscription], recreate: bool) -> Vec<String> {
        words_for(found, None, recreate)
    }

    fn words_for(found: &[Subscription], service: Option<&str>, recreate: bool) -> Vec<String> {
        match steps(URL, found, service, recreate) {
            Ok(steps) => steps.iter().map(|step| step.words(URL)).collect(),
            Err(error) => vec![format!("error: {error}")],
        }
    }

    #[test]
    fn what_is_there_says_what_is_to_be_done() {
        let elsewhere = || ours("POLD", |one| one.url = "https://old.example.com/hooks/pagerduty".to_owned());
        let other = || {
            ours("POTHER", |one| {
                one.url = "https://x.example.com".to_owned();
                one.description = String::new();
            })
        };
        let waits = |id: &str| ours(id, |one| one.active = false);
        let off = format!("make a subscription for all incidents of the account to {URL}, switched off");
        let made_anew = off.as_str();
        for (what, found, recreate, wanted) in [
            ("nothing is there", vec![], false, vec!["make a subscription"]),
            ("another one's", vec![other()], false, vec!["make a subscription"]),
            ("all is well", vec![other(), ours("P1", |_| ())], false, vec![]),
            (
                "more events are no fault",
                vec![ours("P1", |one| {
                    one.events.insert("service.created".to_owned());
                })],
                false,
                vec![],
            ),
            (
                "events are missing",
                vec![ours("P1", |one| {
                    one.events.remove("incident.annotated");
                })],
                false,
                vec!["change P1: 1 types of events"],
            ),
            (
                "of nobody knows what",
                vec![ours("P1", |one| one.scope = Scope { kind: String::new(), id: None })],
                false,
                vec!["change P1: it does not say what"],
            ),
            ("off", vec![ours("P1", |one| one.active = false)], false, vec!["change P1: it is switched off"]),
            (
                "made by hand",
                vec![ours("P1", |one| one.description = String::new())],
                false,
                vec!["change P1: its description"],
            ),
            (
                "switched off by pagerduty",
                vec![ours("P1", |one| one.disabled = true)],
                false,
                vec!["enable P1"],
            ),
            (
                "both",
                vec![ours("P1", |one| {
                    one.disabled = true;
                    one.active = false;
                })],
                false,
                vec!["change P1", "enable P1"],
            ),
            (
                "elsewhere",
                vec![elsewhere()],
                false,
                vec!["error: a subscription of Blocks sends elsewhere (POLD)"],
            ),
            ("elsewhere, to be made anew", vec![elsewhere()], true, vec![made_anew]),
            (
                "elsewhere, and made anew",
                vec![elsewhere(), waits("P2")],
                false,
                vec!["change P2: it is switched off", "delete POLD: it sends to another"],
            ),
            ("here and elsewhere", vec![ours("P1", |_| ()), elsewhere()], false, vec![]),
            ("to be made anew", vec![ours("P1", |_| ())], true, vec![made_anew]),
            (
                "made anew",
                vec![ours("P1", |_| ()), waits("P2")],
                false,
                vec!["change P2: it is switched off", "delete P1: P2 takes its place"],
            ),
            (
                "made anew beside one that was made by hand",
                vec![waits("P2"), ours("P1", |one| one.description = String::new())],
                false,
                vec!["change P2: it is switched off", "delete P1: P2 takes its place"],
            ),
            (
                "made anew, and its secret is lost",
                vec![ours("P1", |_| ()), waits("P2")],
                true,
                vec!["delete P2: it is switched off", made_anew],
            ),
            (
                "one is off, and its secret is lost",
                vec![waits("P2")],
                true,
                vec!["delete P2: it is switched off", "make a subscription for all incidents of the account"],
            ),
            (
                "two are off",
                vec![ours("P1", |_| ()), waits("P2"), waits("P3")],
                false,
                vec!["error: 2 subscriptions to"],
            ),
            (
                "two",
                vec![ours("P1", |_| ()), ours("P2", |_| ())],
                true,
                vec!["error: 2 subscriptions send to"],
            ),
        ] {
            let said = words(&found, recreate);
            assert_eq!(said.len(), wanted.len(), "{what}: {said:?}");
            for (said, wanted) in said.iter().zip(wanted) {
                assert!(said.starts_with(wanted), "{what}: {said}");
            }
        }
    }

    #[test]
    fn what_is_made_sends_nothing_yet() {
        for found in [vec![], vec![ours("P1", |_| ())]] {
            let made = steps(URL, &found, None, true).unwrap();
            assert_eq!(made, [Step::Create { scope: Scope::account() }]);
            assert_eq!(made[0].switches_on(), None);
        }
        let all = Scope::account();
        assert_eq!(body(Some(URL), &all, false, None)["webhook_subscription"]["active"], false);
        assert_eq!(body(None, &all, true, None)["webhook_subscription"]["active"], true);
    }

    fn of(id: &str, service: &str) -> Subscription {
        ours(id, |one| one.scope = Scope::service(service))
    }

    /// One that somebody has made for less tells of less on purpose: it is never widened.
    #[test]
    fn what_is_about_less_stays_so() {
        let team = || {
            ours("PT", |one| {
                one.scope = Scope { kind: "team_reference".to_owned(), id: Some("PTEAM".into()) }
            })
        };
        let waits = |mut one: Subscription| {
            one.active = false;
            one
        };
        let made = |scope: &str| format!("make a subscription for {scope} to {URL}, switched off");
        let (flow, all) = (made("the incidents of the service PFLOW"), made("all incidents of the account"));
        let service = Some("PFLOW");
        for (what, found, asked, recreate, wanted) in [
            ("one of a service", vec![of("P1", "PFLOW")], None, false, vec![]),
            ("one of a team", vec![team()], None, false, vec![]),
            ("each of its service", vec![of("P1", "PFLOW"), of("P2", "PBILL")], None, false, vec![]),
            ("that one", vec![of("P1", "PFLOW")], service, false, vec![]),
            ("all of them cover it", vec![ours("P1", |_| ())], service, false, vec![]),
            ("nothing is there", vec![], service, false, vec![flow.as_str()]),
            ("another service's", vec![of("P2", "PBILL")], service, false, vec![flow.as_str()]),
            ("nothing is there, and nothing named", vec![], None, false, vec![all.as_str()]),
            (
                "a team may have it",
                vec![team()],
                service,
                false,
                vec!["error: PT tells of the incidents of the team PTEAM"],
            ),
            (
                "two of the same",
                vec![of("P1", "PFLOW"), of("P2", "PFLOW")],
                None,
                false,
                vec!["error: 2 subscriptions send to"],
            ),
            (
                "beside one of all",
                vec![of("P1", "PFLOW"), ours("P2", |_| ())],
                None,
                false,
                vec!["error: 2 subscriptions send to"],
            ),
            (
                "the other one's is not switched on along with it",
                vec![waits(of("P1", "PFLOW")), waits(of("P2", "PBILL"))],
                service,
                false,
                vec!["change P1: it is switched off"],
            ),
            (
                "both are",
                vec![waits(of("P1", "PFLOW")), waits(of("P2", "PBILL"))],
                None,
                false,
                vec!["change P2: it is switched off", "change P1: it is switched off"],
            ),
            ("made anew as it is", vec![of("P1", "PFLOW")], None, true, vec![flow.as_str()]),
            (
                "which is made anew",
                vec![of("P1", "PFLOW"), of("P2", "PBILL")],
                None,
                true,
                vec!["error: there is a subscription for each of several services"],
            ),
            ("narrower than it was", vec![ours("P1", |_| ())], service, true, vec![flow.as_str()]),
            (
                "and that is switched on",
                vec![ours("P1", |_| ()), waits(of("P2", "PFLOW"))],
                service,
                false,
                vec![
                    "change P2: it is switched off",
                    "delete P1: P2 takes its place, for the incidents of the service PFLOW alone",
                ],
            ),
        ] {
            let said = words_for(&found, asked, recreate);
            assert_eq!(said.len(), wanted.len(), "{what}: {said:?}");
            for (said, wanted) in said.iter().zip(wanted) {
                assert!(said.starts_with(wanted), "{what}: {said}");
            }
        }
        // what is put right of it keeps what it is about, also where it is changed as a whole
        let mut lacks = of("P1", "PFLOW");
        lacks.events.clear();
        let steps = steps(URL, &[lacks], None, false).unwrap();
        let [Step::Update { scope, .. }] = steps.as_slice() else { panic!("{steps:?}") };
        let sent = body(None, scope, true, None);
        assert_eq!(
            sent["webhook_subscription"]["filter"],
            json!({ "type": "service_reference", "id": "PFLOW" })
        );
    }

    #[test]
    fn what_switches_one_on_says_by_which_secret() {
        let marked = |mark: Option<&str>| {
            body(None, &Scope::account(), true, mark)["webhook_subscription"]["description"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        let with = |description: String, active: bool, disabled: bool| {
            ours("P1", |one| (one.description, one.active, one.disabled) = (description, active, disabled))
        };
        for (one, wanted) in [
            (with(marked(Some("0a1b")), false, false), vec![("P1", Some("0a1b"))]),
            (with(marked(Some("0a1b")), true, true), vec![("P1", Some("0a1b"))]),
            (with(marked(None), false, true), vec![("P1", None), ("P1", None)]),
            (with(marked(Some("0a1b")), true, false), vec![]),
            // it sends already, and is only put right
            (with(String::new(), true, false), vec![]),
        ] {
            let all = steps(URL, std::slice::from_ref(&one), None, false).unwrap();
            let switched: Vec<_> = all.iter().filter_map(Step::switches_on).collect();
            assert_eq!(switched, wanted, "{one:?}");
            assert_eq!(one.is_ours(), !one.description.is_empty());
        }
    }

    #[test]
    fn what_pagerduty_shows_is_read_whatever_its_shape() {
        let whole = json!({
            "id": "P1", "type": "webhook_subscription", "active": true, "description": DESCRIPTION,
            "delivery_method": { "type": "http_delivery_method", "url": URL, "temporarily_disabled": true, "secret": null },
            "events": ["incident.triggered", 7, null], "filter": { "type": "account_reference" },
        });
        let read = Subscription::read(&whole).unwrap();
        assert_eq!(
            (read.id.as_str(), read.url.as_str(), read.disabled, read.events.len()),
            ("P1", URL, true, 1)
        );
        assert_eq!(read.scope, Scope::account());
        let narrow = json!({ "id": "P1", "filter": { "type": "service_reference", "id": "PFLOW" } });
        assert_eq!(Subscription::read(&narrow).map(|one| one.scope), Some(Scope::service("PFLOW")));
        for odd in [
            json!(null),
            json!([]),
            json!({}),
            json!({ "id": 7 }),
            json!({ "id": "../x" }),
            json!({ "id": "" }),
        ] {
            assert_eq!(Subscription::read(&odd), None, "{odd}");
        }
        let odd =
            json!({ "id": "P1", "events": "all", "filter": null, "delivery_method": 7, "active": "yes" });
        assert_eq!(Subscription::read(&odd).map(|one| one.events.len()), Some(0));
    }
}
