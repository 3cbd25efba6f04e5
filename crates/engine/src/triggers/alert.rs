//! A trigger as the sender of one alert: the alerts' way says which incident it belongs to, whether it is silenced, and whether it
//! comes and goes too often.

use std::collections::BTreeMap;

use runbook_core::alert::{
    About, AlertNotice, AlertRow, SentAlert, SeverityFound, UNKNOWN_SERVICE, about, is_due,
};
use runbook_core::ports::{AlertsOf, InboxItem};
use runbook_core::rules::Facts;
use runbook_core::trigger::{Trigger, TriggerNotice, Turn};

use super::look::TRIGGER;
use crate::alerts::{Handed, facts_of};
use crate::engine::Engine;
use crate::error::EngineError;

/// The severity of a trigger's alert: its own. One without a severity only tells its channel.
pub(crate) fn severity_of_trigger(alert: &SentAlert) -> SeverityFound {
    match &alert.severity {
        Some(id) => SeverityFound::Is {
            id: id.clone(),
            reason: format!("the trigger {} says so", alert.fingerprint),
            guessed: false,
        },
        None => SeverityFound::OpensNone {
            reason: "the trigger names no severity, and only tells its channel".to_owned(),
        },
    }
}

/// Nothing is told of it now: maintenance covers it, or it comes and goes and is not steady yet. That it begins to come and go is told.
pub(super) fn is_held_back(row: &AlertRow) -> bool {
    let by_maintenance = row.silenced || {
        // it is over, and nobody was told that it fired
        let told_of = |became: &str| !matches!(became, "ended" | "damped" | "steady");
        let last = row.decisions.iter().rev().find(|one| told_of(&one.became));
        !row.alert.firing && last.is_some_and(|one| one.became == "silenced")
    };
    by_maintenance || row.damped && !begins_to_be_damped(row)
}

/// The newest turn is the one since which it is damped.
pub(super) fn begins_to_be_damped(row: &AlertRow) -> bool {
    row.damped && row.decisions.last().is_some_and(|last| last.became == "damped" && last.at == row.turned_at)
}

impl Engine {
    /// The service that a trigger's incident is of: the only one where it names none.
    pub(super) fn service_of_trigger<'a>(&'a self, trigger: &'a Trigger) -> Option<&'a str> {
        match (&trigger.service, self.settings().services.as_slice()) {
            (Some(name), _) => Some(name),
            (None, [only]) if trigger.severity.is_some() => Some(&only.name),
            (None, _) => None,
        }
    }

    /// Its alert. The inbox keeps the order of its turns, so that no time says which of them is the newer.
    fn alert_of_trigger(&self, trigger: &Trigger, firing: bool) -> SentAlert {
        SentAlert {
            fingerprint: trigger.name.clone(),
            firing,
            title: Some(trigger.says.clone()),
            service: self.service_of_trigger(trigger).map(str::to_owned),
            severity: trigger.severity.clone(),
            labels: BTreeMap::from([("alertname".to_owned(), trigger.name.clone())]),
            ..SentAlert::default()
        }
    }

    /// Service and title of its incident, and what the rules look at.
    fn facts_of_trigger(&self, trigger: &Trigger) -> (About, Facts) {
        let alert = self.alert_of_trigger(trigger, true);
        let of = about(&alert, &self.settings().alerts);
        let facts = facts_of(&alert, &of, &severity_of_trigger(&alert));
        (of, facts)
    }

    /// Whether its incident is private: it is told of there alone.
    pub(super) fn is_told_privately(&self, trigger: &Trigger) -> bool {
        let (of, facts) = self.facts_of_trigger(trigger);
        let has_incident = trigger.severity.is_some() || of.service != UNKNOWN_SERVICE;
        has_incident && self.is_led_privately(&of.service, &self.choose(&facts).chosen.triage)
    }

    /// Lets the alerts' way decide about a turn. The inbox message is not settled by that: told again, it decides to nothing.
    pub(super) async fn hear_turn(
        &self,
        trigger: &Trigger,
        firing: bool,
        item: &InboxItem,
    ) -> Result<Option<AlertRow>, EngineError> {
        let alerts = vec![self.alert_of_trigger(trigger, firing)];
        let notice = AlertNotice { source: TRIGGER.to_owned(), firing, alerts, ..AlertNotice::default() };
        let (source, id, received_at) = (item.source.clone(), item.id.clone(), item.received_at);
        let handed = Handed { source, id, received_at, notice, settles: false };
        self.alert_notices(&[handed]).await?;
        self.row_of_trigger(&trigger.name).await
    }

    /// Whether a turn that says how the trigger is has been overtaken: taken up again from the dead letters, it says how it was.
    pub(super) async fn is_overtaken(
        &self,
        name: &str,
        turn: &Turn,
        item: &InboxItem,
    ) -> Result<bool, EngineError> {
        if !matches!(turn, Turn::Fires { .. } | Turn::FiresOn { .. } | Turn::Resolves { .. }) {
            return Ok(false);
        }
        let row = self.row_of_trigger(name).await?;
        // a time to come is of a clock that was set back since, and none to go by
        Ok(row.is_some_and(|row| item.received_at < row.seen_at && row.seen_at <= self.now()))
    }

    /// What is known of its alert.
    pub(super) async fn row_of_trigger(&self, name: &str) -> Result<Option<AlertRow>, EngineError> {
        let these = AlertsOf::These(vec![(TRIGGER.to_owned(), name.to_owned())]);
        Ok(self.store().alerts(these, 1).await?.pop())
    }

    /// Looks whether an alert of a trigger that is held back counts again. Whom it pages and what it plans then must not be lost, so
    /// it is handed in as a turn of its own.
    pub(crate) async fn trigger_counts_again(&self, row: &AlertRow) -> Result<(), EngineError> {
        let (policy, now) = (&self.settings().alerts, self.now());
        if !is_due(&about(&row.alert, policy), row, policy, now) {
            return Ok(());
        }
        let held_at = row.decisions.last().map_or(row.turned_at, |last| last.at);
        let turn = Turn::Counts { firing: row.alert.firing, since: row.turned_at, held_at };
        self.hand_turn_in(&TriggerNotice { trigger: row.fingerprint.clone(), turn }, now).await
    }
}
