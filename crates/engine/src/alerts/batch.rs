//! Notices that came together: decided one alert after the other, written in few commits.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use runbook_core::alert::{
    About, AlertNotice, AlertRow, SentAlert, SeverityFound, Told, What, about, decide, settle, severity,
};
use runbook_core::ids::{IncidentId, IncidentNumber};
use runbook_core::incident::{OpenIncident, Raise};
use runbook_core::journal::Cause;
use runbook_core::people::Actor;
use runbook_core::ports::{DEAD_LETTER, InboxOutcome, RowChange};
use runbook_core::rules::{Chosen, Facts};

use super::around::{Key, Known};
use super::left_out::LeftOut;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::incidents::{INCIDENT_COUNTER, MAX_TRIES};
use crate::origin::Origin;
use crate::triggers::{TRIGGER, severity_of_trigger};

/// Rows of one commit.
const ROWS_AT_ONCE: usize = 2_000;
/// Incidents that one commit opens.
const OPENED_AT_ONCE: usize = 64;
/// A beginning that is told of longer than this after it counts from when it is told.
const OLDEST_START: TimeDelta = TimeDelta::days(1);
/// Why an alert is in an incident that it did not come to by itself.
pub(super) const CAME_ALONG: &str = "came along: the incident where it was is a part of this one";
/// Kinds of reasons that are written of one incident.
const REASONS: usize = 8;

/// A notice as it was taken from the inbox.
pub(crate) struct Handed {
    /// The inbox message.
    pub(crate) source: String,
    /// Its id.
    pub(crate) id: String,
    /// When it was received: what is taken up again may be older than what has been acted on.
    pub(crate) received_at: DateTime<Utc>,
    /// What it says.
    pub(crate) notice: AlertNotice,
    /// With that it is dealt with; else whoever hands it in has more to do.
    pub(crate) settles: bool,
}

/// What a batch has decided and not written yet.
#[derive(Default)]
pub(super) struct Pending {
    pub(super) rows: BTreeMap<Key, AlertRow>,
    pub(super) touched: BTreeMap<IncidentId, Touched>,
    pub(super) opening: BTreeMap<IncidentId, Opening>,
    /// The number of the newest incident, before those.
    pub(super) counter: u64,
    pub(super) done: Vec<(String, String, InboxOutcome)>,
    pub(super) origin: Option<Origin>,
}

/// An incident that is to be opened.
pub(super) struct Opening {
    pub(super) request: OpenIncident,
    /// The message by which.
    pub(super) origin: Origin,
}

/// How many alerts for which reason, the most important kinds first.
pub(crate) type Kinds = BTreeMap<(u8, String), u64>;

/// What a batch means for one incident.
#[derive(Debug, Default)]
pub(super) struct Touched {
    /// Who told of it last.
    pub(super) source: String,
    /// Who told of it for the first time.
    pub(super) new_sources: BTreeSet<String>,
    /// How many of which kind, and why.
    pub(super) kinds: Kinds,
    pub(super) reopens: Option<String>,
    pub(super) damped: Vec<String>,
    pub(super) steady: Vec<String>,
    pub(super) raises: Option<Raise>,
    /// How many each group of a sender leaves out, where that is something new.
    pub(super) left_out: BTreeMap<String, u64>,
    /// Nothing fired in it before.
    pub(super) was_quiet: bool,
}

impl Touched {
    /// The reasons in words, the most important kinds first.
    pub(super) fn reasons(&self) -> Vec<String> {
        let words = |((_, why), count): (&(u8, String), &u64)| match count {
            1 => format!("1 alert {why}"),
            count => format!("{count} alerts {why}"),
        };
        let mut lines: Vec<String> = self.kinds.iter().take(REASONS).map(words).collect();
        let more: u64 = self.kinds.values().skip(REASONS).sum();
        if more > 0 {
            lines.push(format!("{more} more alerts came, began or ended for other reasons"));
        }
        lines
    }

    fn count(&mut self, order: u8, why: String) {
        self.counted(order, why, 1);
    }

    /// So many for one reason.
    pub(super) fn counted(&mut self, order: u8, why: String, count: u64) {
        *self.kinds.entry((order, why)).or_default() += count;
    }
}

/// One alert on its way through.
struct One<'a> {
    source: &'a str,
    sender: Option<&'a str>,
    group: Option<&'a str>,
    /// How many alerts its sender's group leaves out.
    left_out: Option<&'a LeftOut>,
    alert: &'a SentAlert,
    origin: &'a Origin,
    /// It was left out of the message by which its whole group is over.
    with_group: bool,
    received_at: DateTime<Utc>,
    /// It is looked at again, without anything new.
    again: bool,
}

impl Engine {
    /// Acts on notices, all alerts of all of them together.
    pub(crate) async fn alert_notices(&self, notices: &[Handed]) -> Result<(), EngineError> {
        let _gate = self.inner.alert_gate.lock().await;
        let mut done = 0;
        for _ in 0..MAX_TRIES {
            if self.try_notices(notices, &mut done).await? {
                for handed in notices.iter().filter(|handed| handed.notice.unread.is_some()) {
                    self.count_dead_letter(&handed.source);
                }
                return Ok(());
            }
        }
        Err(EngineError::Contended("these alerts".to_owned()))
    }

    /// Looks at rows again: maintenance may be over, and what came and went may be steady.
    pub(crate) async fn settle_rows(&self, rows: &[AlertRow], origin: &Origin) -> Result<(), EngineError> {
        let _gate = self.inner.alert_gate.lock().await;
        for _ in 0..MAX_TRIES {
            if self.try_rows(rows, origin).await? {
                return Ok(());
            }
        }
        Err(EngineError::Contended("these alerts".to_owned()))
    }

    /// `false`: somebody else was faster, and what is not `done` is to be decided again.
    async fn try_notices(&self, notices: &[Handed], done: &mut usize) -> Result<bool, EngineError> {
        let rest = notices.get(*done..).unwrap_or_default();
        let keys = rest.iter().flat_map(|handed| {
            let notice = &handed.notice;
            notice.alerts.iter().map(|alert| (notice.source.clone(), alert.fingerprint.clone()))
        });
        let mut known = Known::read(self.store(), keys.collect()).await?;
        let mut pending = Pending::default();
        let mut seen = *done;
        for handed in rest {
            let notice = &handed.notice;
            let cause = Cause::Inbox { source: handed.source.clone(), id: handed.id.clone() };
            let origin = Origin::of(Actor::system(&notice.source), cause);
            let left_out = LeftOut::of(handed, &known, self.now());
            let of_it = match &left_out {
                Some(left_out) => self.ended_with_group(notice, left_out, &mut known).await?,
                None => Vec::new(),
            };
            // Those that it names come last: they set free what was held, by which the others are found. Where that is written in
            // several commits, and the process ends between them, the others are written.
            let named = notice.alerts.iter().map(|alert| (alert, false));
            for (alert, with_group) in of_it.iter().map(|alert| (alert, true)).chain(named) {
                let one = One {
                    source: &notice.source,
                    sender: notice.sender.as_deref(),
                    group: notice.group.as_deref(),
                    left_out: left_out.as_ref().filter(|_| !with_group),
                    alert,
                    origin: &origin,
                    with_group,
                    received_at: handed.received_at,
                    again: false,
                };
                if !self.one_alert(one, &mut known, &mut pending, (&mut *done, seen)).await? {
                    return Ok(false);
                }
            }
            if let Some(left_out) = &left_out {
                self.hear_left_out(notice, left_out, &mut known, &mut pending).await?;
            }
            if handed.settles {
                // what of it was acted on says nothing new when it is taken up again
                let outcome = notice.unread.as_ref().map_or(InboxOutcome::Done, |why| InboxOutcome::Kept {
                    reason: format!("{DEAD_LETTER}{why}"),
                });
                pending.done.push((handed.source.clone(), handed.id.clone(), outcome));
            }
            pending.origin.get_or_insert(origin);
            seen += 1;
        }
        self.write(&mut known, &mut pending, (done, seen)).await
    }

    async fn try_rows(&self, rows: &[AlertRow], origin: &Origin) -> Result<bool, EngineError> {
        let keys = rows.iter().map(|row| (row.source.clone(), row.fingerprint.clone())).collect();
        let mut known = Known::read(self.store(), keys).await?;
        let mut pending = Pending::default();
        let mut done = 0;
        for row in rows {
            let key = (row.source.clone(), row.fingerprint.clone());
            let Some(now_known) = known.row(&key).cloned() else { continue };
            let one = One {
                source: &row.source,
                sender: now_known.sender.as_deref(),
                group: now_known.group.as_deref(),
                left_out: None,
                alert: &now_known.alert,
                origin,
                with_group: false,
                received_at: now_known.seen_at,
                again: true,
            };
            if !self.one_alert(one, &mut known, &mut pending, (&mut done, 0)).await? {
                return Ok(false);
            }
        }
        self.write(&mut known, &mut pending, (&mut done, 0)).await
    }

    /// Decides about one alert; `false` as for [`Engine::try_notices`].
    async fn one_alert(
        &self,
        one: One<'_>,
        known: &mut Known,
        pending: &mut Pending,
        (done, seen): (&mut usize, usize),
    ) -> Result<bool, EngineError> {
        let settings = self.settings();
        let (policy, now) = (&settings.alerts, self.now());
        let of = about(one.alert, policy);
        let own = settings.service(&of.service).and_then(|service| service.severity.as_deref());
        // a trigger is Blocks' own: its severity is configured with it, and no rule is asked for another
        let is_trigger = one.source == TRIGGER;
        let severe = if is_trigger {
            severity_of_trigger(one.alert)
        } else {
            severity(one.alert, policy, settings.severities.default_scheme(), own)
        };
        let choice = self.choose(&facts_of(one.alert, &of, &severe));
        let by_rule = !is_trigger && choice.rule_says_severity(&settings.rules);
        let scheme = settings.severities.default_scheme();
        let opens = scheme.get(&choice.severity).is_some_and(|severity| severity.opens_incident);
        let severe = match severe {
            // what says of itself that it is nothing is not made something of
            none @ SeverityFound::OpensNone { .. } => none,
            SeverityFound::Is { .. } if by_rule && !opens => {
                let reason = format!("{} goes to the backlog ({})", choice.severity, choice.severity_reason);
                SeverityFound::OpensNone { reason }
            }
            SeverityFound::Is { .. } if by_rule => {
                SeverityFound::Is { id: choice.severity, reason: choice.severity_reason, guessed: true }
            }
            is => is,
        };
        let private = self.is_led_privately(&of.service, &choice.chosen.triage);
        let key = (one.source.to_owned(), one.alert.fingerprint.clone());
        let before = known.row(&key).cloned();
        let in_incident = before.as_ref().and_then(|row| row.incident);
        let around = known.around(self.store(), (one.source, one.group), &of, private, in_incident).await?;
        let told = Told {
            source: one.source,
            sender: one.sender,
            group: one.group,
            alert: one.alert,
            about: &of,
            severity: &severe,
            private,
            anytime: is_trigger,
            with_group: one.with_group,
            received_at: one.received_at,
        };
        let (what, mut row) = match (&before, one.again) {
            (Some(row), true) => match settle(told, row, &around, policy, now) {
                Some(settled) => settled,
                None => return Ok(true),
            },
            (before, _) => decide(told, before.as_ref(), &around, policy, now),
        };
        if what == What::Opens {
            if (pending.opening.len() >= OPENED_AT_ONCE || pending.rows.len() >= ROWS_AT_ONCE)
                && !self.write(known, pending, (&mut *done, seen)).await?
            {
                return Ok(false);
            }
            if pending.opening.is_empty() {
                pending.counter = self.store().counter(INCIDENT_COUNTER).await?;
            }
            let id = IncidentId(self.inner.parts.ids.fresh());
            let request = self.opening(
                id,
                IncidentNumber(pending.counter + pending.opening.len() as u64 + 1),
                one.alert,
                &of,
                (&severe, choice.chosen),
                private,
                now,
            );
            known.opens(preview(&request, now));
            pending.opening.insert(id, Opening { request, origin: one.origin.clone() });
            row.incident = Some(id);
        }
        // what ends an incident has to find it begun, or nobody would end it
        if let What::Ends(Some(id)) = what
            && pending.opening.contains_key(&id)
            && !self.write(known, pending, (&mut *done, seen)).await?
        {
            return Ok(false);
        }
        pending.origin.get_or_insert_with(|| one.origin.clone());
        let was_damped = before.as_ref().is_some_and(|row| row.damped);
        self.touch_incident(what, &one, &row, (&severe, by_rule), was_damped, known, pending).await?;
        if before.as_ref() != Some(&row) {
            known.take(self.store(), key.clone(), row.clone()).await?;
            pending.rows.insert(key, row);
        }
        if let What::Reopens(id) = what
            && let Some(loaded) = crate::incidents::load_incident(self.store(), id).await?
        {
            let row = runbook_core::ports::IncidentRow { open: true, ..loaded.state.row() };
            known.opened(row);
        }
        if pending.rows.len() >= ROWS_AT_ONCE {
            return self.write(known, pending, (done, seen)).await;
        }
        Ok(true)
    }

    /// Counts what a decision means for its incident.
    #[expect(clippy::too_many_arguments, reason = "one decision, and what it is about")]
    async fn touch_incident(
        &self,
        what: What,
        one: &One<'_>,
        row: &AlertRow,
        (severe, by_rule): (&SeverityFound, bool),
        was_damped: bool,
        known: &mut Known,
        pending: &mut Pending,
    ) -> Result<(), EngineError> {
        let turned = row.damped != was_damped;
        let why = row.decisions.iter().rev().find(|decision| decision.became != "damped");
        let why = why.map_or("", |decision| decision.why.as_str());
        let counted = match what {
            What::Opens => row.incident.map(|id| (id, 0, format!("opened it: {why}"))),
            What::Reopens(id) => Some((id, 1, format!("fires again: {why}"))),
            What::Joins(id) => Some((id, 2, format!("joined: {why}"))),
            What::FiresAgain(id) => Some((id, 3, "fires again".to_owned())),
            What::Follows(id) => Some((id, 2, CAME_ALONG.to_owned())),
            What::Ends(Some(id)) if row.ended_unnamed => Some((id, 4, format!("ended: {why}"))),
            What::Ends(Some(id)) => Some((id, 4, "ended".to_owned())),
            What::Ends(None) | What::Stays | What::Silenced | What::OpensNone => None,
        };
        let Some(id) = counted.as_ref().map(|(id, ..)| *id).or(row.incident.filter(|_| turned)) else {
            return Ok(());
        };
        let was_quiet = known.count(self.store(), id).await?.firing == 0;
        let is_new_source = known.is_told_by(self.store(), id, one.source).await?;
        let left_out = match one.left_out {
            Some(left_out) if known.leaves_out(self.store(), id, left_out.newest()).await? => {
                Some(left_out.newest())
            }
            _ => None,
        };
        let touched =
            pending.touched.entry(id).or_insert_with(|| Touched { was_quiet, ..Touched::default() });
        one.source.clone_into(&mut touched.source);
        if is_new_source {
            touched.new_sources.insert(one.source.to_owned());
        }
        touched.left_out.extend(left_out.cloned().unwrap_or_default());
        if let Some((_, order, why)) = counted {
            touched.count(order, why);
        }
        if matches!(what, What::Reopens(_)) {
            touched.reopens = Some(format!("{}: {why}", row.title));
        }
        if turned && row.damped {
            touched.damped.push(row.title.clone());
        } else if turned {
            touched.steady.push(row.title.clone());
        }
        // what a trigger raises, it raises with its own word
        let comes =
            one.source != TRIGGER && matches!(what, What::Reopens(_) | What::Joins(_) | What::FiresAgain(_));
        if let (true, SeverityFound::Is { id: to, reason, guessed }) = (comes, severe)
            && (by_rule || !guessed)
        {
            let scheme = self.settings().severities.default_scheme();
            let is_more =
                touched.raises.as_ref().is_none_or(|raise| scheme.rank(to) < scheme.rank(&raise.to));
            if is_more {
                let target_s = self.settings().target_s(to);
                touched.raises = Some(Raise { to: to.clone(), target_s, reason: reason.clone() });
            }
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "everything that opening needs")]
    fn opening(
        &self,
        id: IncidentId,
        number: IncidentNumber,
        alert: &SentAlert,
        of: &About,
        (severe, chosen): (&SeverityFound, Chosen),
        private: bool,
        now: DateTime<Utc>,
    ) -> OpenIncident {
        let settings = self.settings();
        let (severity, severity_reason, severity_guessed) = match severe {
            SeverityFound::Is { id, reason, guessed } => (id.clone(), reason.clone(), *guessed),
            SeverityFound::OpensNone { reason } => ("P4".to_owned(), reason.clone(), true),
        };
        let began = alert.starts_at.filter(|at| *at <= now && *at > now - OLDEST_START);
        OpenIncident {
            id,
            number,
            target_s: settings.target_s(&severity),
            severity,
            severity_reason,
            service: of.service.clone(),
            title: of.title.clone(),
            pager: None,
            detected_at: began.unwrap_or(now),
            triage: !chosen.triage.is_empty(),
            chosen: Some(Box::new(chosen)),
            private,
            severity_guessed,
            tells_pager: false,
            note: None,
        }
    }

    /// Writes what was decided; `false` when somebody else was faster.
    async fn write(
        &self,
        known: &mut Known,
        pending: &mut Pending,
        (done, seen): (&mut usize, usize),
    ) -> Result<bool, EngineError> {
        let mut now_pending = std::mem::take(pending);
        let rows = std::mem::take(&mut now_pending.rows);
        let rows: Vec<RowChange> = rows.into_values().map(|row| RowChange::Alert(Box::new(row))).collect();
        let written = self.tell_all(known, now_pending, rows).await?;
        if written {
            *done = seen;
        }
        Ok(written)
    }
}

/// The row of an incident that is about to be opened.
fn preview(request: &OpenIncident, now: DateTime<Utc>) -> runbook_core::ports::IncidentRow {
    runbook_core::ports::IncidentRow {
        id: request.id,
        number: request.number,
        status: "triggered".to_owned(),
        open: true,
        severity: request.severity.clone(),
        service: request.service.clone(),
        title: request.title.clone(),
        pager_id: None,
        pager_key: None,
        channel: None,
        opened_at: now,
        resolved_at: None,
        private: request.private,
        brief: None,
        reviewed: false,
        left_out: BTreeSet::new(),
    }
}

/// What the rules look at of an alert: a severity that it names counts as its priority, and its annotations are its details.
pub(crate) fn facts_of(alert: &SentAlert, of: &About, severe: &SeverityFound) -> Facts {
    let priority = match severe {
        SeverityFound::Is { id, guessed: false, .. } => Some(id.clone()),
        SeverityFound::Is { .. } | SeverityFound::OpensNone { .. } => None,
    };
    let facts = Facts {
        service: of.service.clone(),
        title: of.title.clone(),
        priority,
        high_urgency: None,
        // who sends an alert here wants it heard here
        is_unlisted: false,
        labels: alert.labels.clone(),
        details: alert.annotations.clone(),
    };
    facts.bounded()
}
