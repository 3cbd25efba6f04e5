//! Whoever acknowledges a page by which Blocks had called them, at the pager, has answered here.

use chrono::{DateTime, Utc};
use runbook_core::incident::{CallAnswer, IncidentCommand};
use runbook_core::ports::{CallPage, InboxItem};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::incidents::load_incident;
use crate::origin::Origin;
use crate::pager_events::Heeded;
use crate::sees::may_see;

impl Engine {
    /// Somebody has acknowledged such a page.
    pub(crate) async fn call_answered(
        &self,
        page: CallPage,
        occurred_at: DateTime<Utc>,
        origin: &Origin,
        told_by: Option<&InboxItem>,
    ) -> Result<Heeded, EngineError> {
        let Some(loaded) = load_incident(self.store(), page.incident).await? else {
            return Ok(Heeded::Not("about a page of an incident that is not known here"));
        };
        let (state, by) = (loaded.state, origin.actor.clone());
        if !state.hears_answer(page.seq, occurred_at) {
            return Ok(Heeded::KnownAlready);
        }
        let person = self.directory().person_of(&by);
        if state.private && !person.is_some_and(|person| may_see(person, &state)) {
            // at the pager anybody can acknowledge anything: that lets nobody in, and nobody who is let in has come
            let noted = IncidentCommand::NotePager {
                what: "page acknowledged".to_owned(),
                text: Some(format!("by {by}, to whom this incident is not shown: nobody has it by that")),
                id: Some(format!("call/{}/{by}", page.seq)),
            };
            self.change_incident(page.incident, &noted, origin, None).await?;
            return Ok(Heeded::Acted);
        }
        let email = person.and_then(|person| person.pagerduty_email.clone());
        let answer = CallAnswer { call: page.seq, by: by.clone(), email, occurred_at };
        // the message is dealt with when both are done
        let first = Origin { inbox: None, ..origin.clone() };
        let answer = IncidentCommand::AnswerCall(answer);
        let after = self.change_incident(page.incident, &answer, &first, None).await?;
        // told late, it took nothing: nobody acts by it
        if !after.waits_for_somebody() {
            self.commander_comes(page.incident, &by).await?;
        }
        if let Some(item) = told_by {
            self.done(item).await?;
        }
        Ok(Heeded::Acted)
    }
}
