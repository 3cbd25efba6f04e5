//! How an incident stands at the pager, compared with how it stands here: what the pager has told, and nobody heard.
//!
//! What is so here and not yet there because it has not been told there is no drift: the outbox does that.

use chrono::{DateTime, Duration, Utc};

use super::pager::is_led_by_somebody;
use super::state::{Incident, Status};
use crate::ports::{PagerEventKind, PagerUser, SeenIncident, SeenNote, SeenStatus};

/// So long what the pager refused is not told again.
const TELL_AGAIN: Duration = Duration::minutes(10);

/// Something that the pager would have told, and that is not so here.
#[derive(Debug, Clone, PartialEq)]
pub struct Drifted {
    /// What.
    pub kind: PagerEventKind,
    /// When it happened there.
    pub at: DateTime<Utc>,
    /// Who did it there, where that was a user.
    pub by: Option<PagerUser>,
}

/// What is known of an incident beside what the pager has and what is here.
#[derive(Debug, Clone, Copy, Default)]
pub struct Before<'a> {
    /// Where the last look saw it.
    pub seen: Option<&'a SeenStatus>,
    /// Whether the pager had taken the acknowledgement that it has here, before this look; `None` while that is on its way.
    pub has_taken: Option<bool>,
    /// It had ended it as it was asked, before the last look at least: open now, somebody has opened it again.
    pub had_ended: bool,
}

/// Whether the pager has to be told again that somebody has it: it waits there, and never took the acknowledgement that it has here.
#[must_use]
pub fn is_to_tell_again(
    ours: &Incident,
    before: Before<'_>,
    seen: &SeenIncident,
    now: DateTime<Utc>,
) -> bool {
    is_led_by_somebody(ours.status)
        // it is on its way to its end there
        && !ours.resolve_requested
        && seen.status == SeenStatus::Triggered
        && before.has_taken == Some(false)
        && !ours.taken_at_pager
        // what nobody here has taken is not told in anybody's name
        && ours.last_told_at.is_some_and(|at| now - at >= TELL_AGAIN)
}

/// What has happened to an incident at the pager and is not so here, in the order in which it is to be made up for.
///
/// The pager does not say since when one waits: that its acknowledgement has run out is shown by where the last look saw it, or by an
/// acknowledgement that came from there or was taken there. One that nobody made since it ran out is none.
#[must_use]
pub fn drift(
    ours: Option<&Incident>,
    before: Before<'_>,
    seen: &SeenIncident,
    now: DateTime<Utc>,
) -> Vec<Drifted> {
    let opened = seen.incident.created_at.or(seen.since).unwrap_or(now);
    let at = seen.since.unwrap_or(opened);
    let changed = |kind, at| Drifted { kind, at, by: seen.by.clone() };
    let is_open = matches!(seen.status, SeenStatus::Triggered | SeenStatus::Acknowledged);
    let Some(ours) = ours else {
        let opening = is_open.then_some(Drifted { kind: PagerEventKind::Triggered, at: opened, by: None });
        let taken = seen.status == SeenStatus::Acknowledged;
        return opening.into_iter().chain(taken.then(|| changed(PagerEventKind::Acknowledged, at))).collect();
    };
    let mut all = Vec::new();
    // it is open there after its end, so somebody has opened it again
    let is_over_here = !ours.status.is_open() || ours.pager_resolved;
    let comes_back = is_open && (ours.pager_over || before.had_ended) && is_over_here;
    if comes_back {
        let after_its_end = ours.pager_said_at.map_or(at, |end| at.max(end + Duration::milliseconds(1)));
        all.push(changed(PagerEventKind::Reopened, after_its_end));
    }
    let is_led = ours.status.is_open() || comes_back;
    match &seen.status {
        SeenStatus::Acknowledged
            if is_led
                && (comes_back
                    || ours.status == Status::Triggered
                    || ours.waits_for_somebody()
                    || ours.is_untaken_at_pager()) =>
        {
            all.push(changed(PagerEventKind::Acknowledged, at));
        }
        SeenStatus::Triggered
            if ours.may_run_out()
                && (before.seen == Some(&SeenStatus::Acknowledged)
                    || ours.taken_at_pager
                    || before.has_taken == Some(true)
                    || (ours.status == Status::Acknowledged
                        && before.has_taken == Some(false)
                        && ours.last_told_at.is_none())) =>
        {
            all.push(Drifted { kind: PagerEventKind::Unacknowledged, at: now, by: None });
        }
        SeenStatus::Resolved if !ours.pager_over => all.push(changed(PagerEventKind::Resolved, at)),
        SeenStatus::MergedInto { other } if !ours.pager_over => {
            all.push(changed(PagerEventKind::MergedInto { other: other.clone() }, at));
        }
        _ => {}
    }
    if is_open && seen.bridge.is_some() && seen.bridge != ours.bridge.url {
        let numbers = ours.bridge.numbers.clone();
        let kind = PagerEventKind::BridgeChanged { url: seen.bridge.clone(), numbers };
        all.push(Drifted { kind, at: now, by: None });
    }
    all
}

/// The notes at the pager that were not there by `until` without being here. Ours are no news.
#[must_use]
pub fn missed_notes(ours: &Incident, notes: &[SeenNote], until: DateTime<Utc>) -> Vec<Drifted> {
    let is_missed = |note: &&SeenNote| {
        note.at.is_none_or(|at| at <= until)
            && !ours.noted_at_pager.contains(&note.id)
            && !ours.wrote_at_pager(&note.text)
    };
    let missed = notes.iter().filter(is_missed).map(|note| Drifted {
        kind: PagerEventKind::Note { id: Some(note.id.clone()), text: note.text.clone() },
        at: note.at.unwrap_or(until),
        by: note.by.clone(),
    });
    missed.collect()
}
