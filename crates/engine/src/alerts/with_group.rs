//! What ends with its group, although no message names it.

use std::collections::BTreeSet;

use runbook_core::alert::{AlertNotice, AlertRow, SentAlert};

use super::around::Known;
use super::left_out::LeftOut;
use crate::engine::Engine;
use crate::error::EngineError;

/// Alerts of a group that end with it although nobody names them.
pub(super) const GROUP_ENDS: usize = 10_000;

impl Engine {
    /// The alerts of a group that is over which its last message does not name: what a limit of the sender has cut away is told of no
    /// more, and would hold its incident open for good. Where nothing of the group was cut away nothing ends so: a sender that has
    /// begun anew knows of few of the alerts that fire, and names the end of one of them as that of all.
    pub(super) async fn ended_with_group(
        &self,
        notice: &AlertNotice,
        left_out: &LeftOut,
        known: &mut Known,
    ) -> Result<Vec<SentAlert>, EngineError> {
        let Some(group) = notice.group.as_ref().filter(|_| is_over(notice)) else { return Ok(Vec::new()) };
        if left_out.holds(known).is_empty() {
            return Ok(Vec::new());
        }
        let ended_at = notice.alerts.iter().filter_map(|alert| alert.ends_at).max();
        let named: BTreeSet<&str> = notice.alerts.iter().map(|alert| alert.fingerprint.as_str()).collect();
        known.read_group(self.store(), &notice.source, group, GROUP_ENDS).await?;
        let ends = |row: &AlertRow| {
            // another sender may have a group of the same name; of whom a row is was not kept at first
            let is_its = row.sender.is_none() || row.sender == notice.sender;
            // one that began since is of another time of its group, which was told of earlier
            let is_newer = row.alert.starts_at.zip(ended_at).is_some_and(|(began, ended)| began > ended);
            row.alert.firing && is_its && !is_newer && !named.contains(row.fingerprint.as_str())
        };
        let ended = |row: &AlertRow| SentAlert { firing: false, ends_at: ended_at, ..row.alert.clone() };
        Ok(known.of_group(&notice.source, group).filter(|row| ends(row)).map(ended).collect())
    }
}

/// Whether a notice says that all of its group is over. Alertmanager and Grafana say how a group is; of others' groups nothing but the
/// alerts of one message is known.
fn is_over(notice: &AlertNotice) -> bool {
    let tells_of_groups = matches!(notice.source.as_str(), "alertmanager" | "grafana");
    let names_its_end = !notice.alerts.is_empty() && notice.alerts.iter().all(|alert| !alert.firing);
    tells_of_groups && names_its_end && !notice.firing && notice.left_out == 0
}
