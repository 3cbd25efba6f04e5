//! From one answer to the next: pending, firing, resolved; and what is not known.

use chrono::{DateTime, Duration, Utc};

use super::model::{Is, Reading, Sample, Standing, Trigger, Turn};

/// Nobody has asked for so long, and for so many times its pause: what was bad before says nothing of the time between.
const GAP: Duration = Duration::minutes(5);
const PAUSES: i64 = 3;
/// So many bad series are named; how many more there are is said.
const FEW: usize = 5;

/// Where the trigger stands after this answer, and what is to be told.
#[must_use]
pub fn step(
    before: &Standing,
    trigger: &Trigger,
    reading: &Reading,
    now: DateTime<Utc>,
) -> (Standing, Vec<Turn>) {
    let was = if counts_still(before, trigger, now) { before.is } else { Is::Quiet };
    let mut after = Standing { is: was, asked_at: Some(now), mark: trigger.mark(), ..before.clone() };
    let mut turns = Vec::new();
    let patience = Duration::seconds(i64::from(trigger.every_s));
    let numbers: Vec<&Sample> = match reading {
        Reading::Failed(reason) => {
            let since = *after.failing_since.get_or_insert(now);
            (after.missing_since, after.value) = (None, None);
            after.failure = Some(reason.clone());
            // one that fails once may be a hiccup
            if !after.told && now >= since + patience {
                after.told = true;
                turns.push(Turn::NoAnswer { since, reason: reason.clone() });
            }
            return (after, turns);
        }
        Reading::Values(samples) => samples.iter().filter(|sample| !sample.value.is_nan()).collect(),
    };
    (after.failing_since, after.failure) = (None, None);
    let worst = numbers.iter().map(|sample| sample.value).reduce(|one, other| trigger.when.worse(one, other));
    let Some(value) = worst else {
        let since = *after.missing_since.get_or_insert(now);
        after.value = None;
        if !after.told && now >= since + patience {
            after.told = true;
            turns.push(Turn::NoNumber { since });
        }
        return (after, turns);
    };
    if after.told {
        after.told = false;
        turns.push(Turn::Answers { value });
    }
    (after.missing_since, after.value) = (None, Some(value));
    let is_bad = trigger.when.holds(value, trigger.limit);
    let long_enough = |since: DateTime<Utc>| now >= since + Duration::seconds(i64::from(trigger.for_s));
    after.is = match (was, is_bad) {
        (Is::Quiet, true) if trigger.for_s > 0 => Is::Pending { since: now },
        (Is::Quiet, true) => Is::Firing { since: now },
        (Is::Pending { since }, true) if long_enough(since) => Is::Firing { since },
        (is @ (Is::Pending { .. } | Is::Firing { .. }), true) => is,
        (_, false) => Is::Quiet,
    };
    match (was, after.is) {
        (Is::Firing { .. }, Is::Firing { .. }) => {}
        (_, Is::Firing { since }) => turns.push(Turn::Fires { since, value, over: over(trigger, &numbers) }),
        (Is::Firing { since }, _) => turns.push(Turn::Resolves { since, value }),
        _ => {}
    }
    (after, turns)
}

/// Whether what it is still holds. Pending is a time without a break: it begins anew where nobody has asked for long, and where
/// something else was asked. What fires does so until an answer is good.
fn counts_still(before: &Standing, trigger: &Trigger, now: DateTime<Utc>) -> bool {
    if !matches!(before.is, Is::Pending { .. }) {
        return true;
    }
    let gap = GAP.max(Duration::seconds(PAUSES * i64::from(trigger.every_s)));
    let is_same = before.mark.is_empty() || before.mark == trigger.mark();
    is_same && before.asked_at.is_some_and(|at| now - at <= gap)
}

/// The bad series by their labels, worst first.
fn over(trigger: &Trigger, numbers: &[&Sample]) -> Vec<String> {
    let mut bad: Vec<&&Sample> =
        numbers.iter().filter(|sample| trigger.when.holds(sample.value, trigger.limit)).collect();
    let more_is_worse = trigger.when.worse(0.0, 1.0) > 0.5;
    bad.sort_by(|one, other| {
        let order = one.value.total_cmp(&other.value);
        let order = if more_is_worse { order.reverse() } else { order };
        order.then_with(|| one.labels.cmp(&other.labels))
    });
    let named = |sample: &&&Sample| {
        let labels = sample.labels.iter().filter(|(name, _)| *name != "__name__");
        let labels: Vec<String> = labels.map(|(name, value)| format!("{name}={value}")).collect();
        (!labels.is_empty()).then(|| format!("{} ({})", labels.join(" "), super::shown(sample.value)))
    };
    let mut names: Vec<String> = bad.iter().filter_map(named).collect();
    let more = names.len().saturating_sub(FEW);
    names.truncate(FEW);
    if more > 0 {
        names.push(format!("{more} more"));
    }
    names
}
