//! What a run changes is told to the pager as a change event, which pages nobody and is kept beside its incidents: one when it
//! begins to change something, one when it ends ([ADR 0040](../../../docs/adr/0040-what-is-asked-of-pagerduty-and-when.md)).

use std::collections::BTreeMap;

use runbook_core::duration;
use runbook_core::ids::RunId;
use runbook_core::incident::Incident;
use runbook_core::message::Outgoing;
use runbook_core::ports::{Commit, OutboxResult, OutboxRow, PagerCall};
use runbook_core::run::{ChangeMoment, Changing, Run};
use runbook_core::update::one_line;

use crate::deliver::Called;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::origin::Pace;
use crate::runs::load_run;

impl Engine {
    /// Adds what the pager is told of this change of a run.
    pub(crate) fn tell_change(
        &self,
        commit: &mut Commit,
        before: Changing,
        run: &Run,
        (cause, now): (&str, chrono::DateTime<chrono::Utc>),
    ) {
        if let Some(moment) = run.change_moment(before, now) {
            let message = Outgoing::Change { run: run.id, moment };
            self.enqueue(commit, &message, cause, Pace::AtOnce, now);
        }
    }

    pub(crate) async fn deliver_change(
        &self,
        row: &OutboxRow,
        id: RunId,
        moment: &ChangeMoment,
    ) -> Result<(), EngineError> {
        let Some(loaded) = load_run(self.store(), id).await? else {
            return self.settle(row, OutboxResult::Sent).await;
        };
        let run = loaded.state;
        let incident = match run.incident {
            Some(incident) => self.incident(incident).await?,
            None => None,
        };
        // Of a private incident the pager learns nothing, nor of what only such an incident may run.
        let is_private = incident.as_ref().is_some_and(|incident| incident.private)
            || self.settings().service(&run.plan.target).is_some_and(|service| service.private);
        if is_private {
            return self.settle(row, OutboxResult::Sent).await;
        }
        let call = call(&run, incident.as_ref(), moment, &row.key);
        match self.call_pager(row, &call).await? {
            Called::Refused(reason) => {
                let message = Outgoing::Change { run: id, moment: moment.clone() };
                self.give_up(row, &message, reason).await
            }
            Called::Made | Called::Later => Ok(()),
        }
    }
}

/// What is told.
fn call(run: &Run, incident: Option<&Incident>, moment: &ChangeMoment, key: &str) -> PagerCall {
    let (title, target) = (one_line(&run.plan.title), one_line(&run.plan.target));
    let summary = match &moment.ended {
        None => format!("{title} on {target}: begun for {}", run.requester),
        Some(word) => {
            let took = (moment.at - run.created_at).num_seconds();
            let took = duration::for_people(u64::try_from(took).unwrap_or_default());
            format!("{title} on {target}: {}, {took} after it was planned", word.replace('_', " "))
        }
    };
    let mut details: BTreeMap<String, String> = [
        ("run", run.id.to_string()),
        ("runbook", run.plan.runbook.clone()),
        ("target", target.clone()),
        ("code", run.fingerprint.code()),
        ("status", moment.ended.clone().unwrap_or_else(|| "begun".to_owned())),
        ("requested_by", run.requester.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    let mut links = Vec::new();
    if let Some(incident) = incident {
        details.insert("incident".to_owned(), incident.number.to_string());
        let url = incident.pager.as_ref().and_then(|pager| pager.url.clone());
        links.extend(url.map(|url| (url, incident.number.to_string())));
    }
    PagerCall::Change { key: key.to_owned(), summary, source: target, at: moment.at, details, links }
}
