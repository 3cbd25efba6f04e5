//! The page for whoever has to say yes: one for each request, and none once it is answered.

use chrono::{DateTime, Utc};
use runbook_core::ids::IncidentId;
use runbook_core::incident::Incident;
use runbook_core::message::Outgoing;
use runbook_core::people::{Actor, Person};
use runbook_core::ports::{Commit, OutboxResult, OutboxRow, PAGE_KEY_PREFIX, PagerCall};
use runbook_core::run::{Decision, Run, RunEvent, Status};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::incidents::load_incident;
use crate::origin::Pace;
use crate::runs::load_run;
use crate::sees::may_see;

impl Engine {
    /// Adds a page to the commit that asks for an approval, where somebody can be paged for it.
    pub(crate) async fn page_approver(
        &self,
        commit: &mut Commit,
        id: IncidentId,
        run: &Run,
        decision: &Decision,
        now: DateTime<Utc>,
    ) -> Result<(), EngineError> {
        let settings = self.settings();
        let asks = decision.events.iter().any(|event| matches!(event, RunEvent::ApprovalAsked { .. }));
        let Status::WaitingForApproval { expires_at } = run.status else { return Ok(()) };
        if !asks || !settings.page_approvals || !settings.has_pager || run.yeses_due() == 0 {
            return Ok(());
        }
        let Some(loaded) = load_incident(self.store(), id).await? else { return Ok(()) };
        let incident = loaded.state;
        if incident.pager.is_none() && self.pager_service(&incident).is_none() {
            return Ok(()); // nobody there knows of it
        }
        if let Some(person) = self.approver_to_page(run, &incident) {
            let to = Actor::Person(person.name.clone());
            let page = Outgoing::ApprovalPage { incident: id, run: run.id, until: expires_at, to };
            self.enqueue(commit, &page, "", Pace::AtOnce, now);
        }
        Ok(())
    }

    /// The commander where their yes would count, else the first whose yes would; the pager has to know them.
    fn approver_to_page(&self, run: &Run, incident: &Incident) -> Option<&Person> {
        let names = self.approvers(run)?.names;
        let may: Vec<&Person> = self
            .directory()
            .people()
            .iter()
            .filter(|person| names.contains(&person.name) && person.pagerduty_email.is_some())
            .filter(|person| !incident.private || may_see(person, incident))
            .filter(|person| run.requester != Actor::Person(person.name.clone()))
            .collect();
        let commands = |person: &&&Person| {
            let who = Actor::Person(person.name.clone());
            incident.commander.as_ref().is_some_and(|commander| commander.who == who)
        };
        may.iter().find(commands).or(may.first()).copied()
    }

    /// Sends such a page, if the request still stands.
    pub(crate) async fn deliver_approval_page(
        &self,
        row: &OutboxRow,
        message: &Outgoing,
    ) -> Result<(), EngineError> {
        let Outgoing::ApprovalPage { incident: id, run, until, to } = message else { return Ok(()) };
        let run = load_run(self.store(), *run).await?.map(|loaded| loaded.state);
        let incident = load_incident(self.store(), *id).await?.map(|loaded| loaded.state);
        let waits = |run: &Run| matches!(run.status, Status::WaitingForApproval { expires_at } if expires_at == *until);
        let person = self.directory().person_of(to);
        let (Some(run), Some(incident), Some(email)) =
            (run.filter(waits), incident, person.and_then(|person| person.pagerduty_email.clone()))
        else {
            return self.settle(row, OutboxResult::Sent).await;
        };
        // Their yes may have been given while another's is still missing, or the offer is over.
        if self.now() >= *until || run.approvals.iter().any(|yes| yes.by == *to) {
            return self.settle(row, OutboxResult::Sent).await;
        }
        let call = self.approval_call(&run, &incident, *until, to, email);
        self.deliver_to_pager(row, *id, &call).await
    }

    fn approval_call(
        &self,
        run: &Run,
        incident: &Incident,
        until: DateTime<Utc>,
        to: &Actor,
        email: String,
    ) -> PagerCall {
        let (number, code, end) = (incident.number, run.fingerprint.code(), until.format("%H:%M UTC"));
        // The pager does not know a private incident, and more people read there than it is for.
        let (place, about) = if incident.private {
            (String::new(), "a plan".to_owned())
        } else {
            (format!(" {} {}", incident.severity, incident.service), run.plan.title.clone())
        };
        PagerCall::Page {
            key: format!("{PAGE_KEY_PREFIX}approval/{}/{}", run.id, until.timestamp_millis()),
            title: format!("{number}{place}: {about} waits for the yes of {to} until {end}"),
            text: format!(
                "{about} (code {code}), asked for by {}, waits for a yes until {end}. Look at the plan before you say it: `blocks runbook status {}`, or the plan's message in the incident's channel.",
                run.requester, run.id
            ),
            to: Some(email),
            service: self.pager_service(incident),
            incident: incident.pager.as_ref().map(|pager| pager.id.clone()).unwrap_or_default(),
        }
    }
}
