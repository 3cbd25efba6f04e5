//! Alerts of monitoring systems: what one is, which incident it belongs to, and why.
//!
//! A sender tells of alerts in notices ([`AlertNotice`]), each alert with a fingerprint that stays the same while it comes and
//! goes. What became of each is kept in a row ([`AlertRow`]), not in the journal: a storm of thousands of alerts is one incident
//! with a count. [`decide()`] says for one alert what becomes of it; its reason is kept, and `incident explain` tells it.

mod about;
mod decide;
mod notice;
mod policy;
mod row;
mod tally;

pub use about::{About, SeverityFound, UNKNOWN_SERVICE, about, alert_name, severity};
pub use decide::{Around, Holder, Told, What, along, decide, is_due, settle};
pub use notice::{AlertLink, AlertNotice, SentAlert};
pub use policy::{AlertPolicy, Maintenance, ServiceMatch};
pub use row::{AlertDecision, AlertRow, pager_key};
pub use tally::{AlertCount, Tally, counted, group_key};

#[cfg(test)]
mod tests;
