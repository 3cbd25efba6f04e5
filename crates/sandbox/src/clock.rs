//! The sandbox's one clock.

use chrono::{DateTime, SecondsFormat, Utc};

/// The wall clock, UTC.
#[expect(clippy::disallowed_methods, reason = "a sandbox is a shell: it stamps what it saw")]
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now()
}

/// RFC 3339, UTC, milliseconds: the form of PagerDuty's webhooks and of all that the control API shows.
pub(crate) fn iso(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// RFC 3339, UTC, whole seconds: the form of PagerDuty's REST API and of Kubernetes.
pub(crate) fn iso_seconds(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
