//! For whom the pager rings about its incident at this moment: it is asked, and what its policy says is no answer to that. A policy may be
//! slower than the severity's steps, an incident that is not urgent rings for nobody, and somebody may have given it to another.

use chrono::TimeDelta;
use runbook_core::incident::{Incident, PagerRings};
use runbook_core::oncall::Roster;
use runbook_core::ports::{LookAt, SeenStatus};
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::engine::Engine;

/// So long a step waits for the pager's answer.
const PATIENCE: Duration = Duration::from_secs(4);
/// One that takes so long
const SLOW: TimeDelta = TimeDelta::seconds(2);
/// is not asked again for so long.
const PAUSE: TimeDelta = TimeDelta::seconds(30);

/// For whom the pager rings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Ringing {
    /// For nobody, or it does not say: whoever is to be called is paged.
    #[default]
    Nobody,
    /// For those with these e-mails; its policy may come to others.
    For(Vec<String>),
    /// Somebody has acknowledged or ended it there, and that is about to be known here.
    Taken,
}

impl Ringing {
    /// Whether it rings for whoever has this e-mail there.
    pub(crate) fn rings_for(&self, email: Option<&str>, roster: &Roster) -> PagerRings {
        match self {
            Ringing::Nobody => PagerRings::No,
            Ringing::Taken => PagerRings::Taken,
            Ringing::For(emails) => {
                let Some(email) = email else { return PagerRings::No };
                if emails.iter().any(|theirs| theirs.eq_ignore_ascii_case(email)) {
                    return PagerRings::Now;
                }
                if roster.is_in_policy(email) { PagerRings::Soon } else { PagerRings::No }
            }
        }
    }
}

impl Engine {
    /// Asks the pager for whom it rings about this incident.
    pub(crate) async fn who_rings(&self, state: &Incident) -> Ringing {
        let (Some(pager), Some(known)) = (self.inner.parts.pager.clone(), &state.pager) else {
            return Ringing::Nobody;
        };
        // what is over there and was opened again here rings for nobody
        if !state.pager_rings() {
            return Ringing::Nobody;
        }
        let not_asked = &self.inner.rings_not_asked.0;
        let began = self.now();
        if began.timestamp_millis() < not_asked.load(Ordering::Relaxed) {
            return Ringing::Nobody;
        }
        let at = LookAt { services: Vec::new(), incidents: vec![known.id.clone()] };
        let asked = async {
            let seen = pager.look(&at).await.ok()?.into_iter().find(|one| one.incident.id == known.id)?;
            match seen.status {
                SeenStatus::Triggered if seen.incident.high_urgency == Some(false) => return None,
                SeenStatus::Triggered => {}
                SeenStatus::Acknowledged | SeenStatus::Resolved | SeenStatus::MergedInto { .. } => {
                    return Some(Ringing::Taken);
                }
            }
            let mut emails = Vec::new();
            for user in &seen.assignees {
                emails.extend(pager.user_email(&user.id).await.ok().flatten());
            }
            Some(Ringing::For(emails))
        };
        let told = tokio::time::timeout(PATIENCE, asked).await;
        if self.now() - began >= SLOW {
            // every timer waits for it: the steps of other incidents do without for a while
            not_asked.store((self.now() + PAUSE).timestamp_millis(), Ordering::Relaxed);
        }
        match told {
            Ok(Some(ringing)) => ringing,
            Ok(None) => Ringing::Nobody,
            Err(_) => {
                tracing::warn!(incident = %state.number, "PagerDuty is slow to say for whom it rings: whoever is next is paged");
                Ringing::Nobody
            }
        }
    }
}
