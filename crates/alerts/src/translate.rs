//! What a stored webhook means.

use runbook_core::ports::{InboxItem, Signal, Translated, Translator};

use crate::json::JsonMapping;
use crate::notice;

/// Who sends alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Prometheus' Alertmanager.
    Alertmanager,
    /// Grafana.
    Grafana,
    /// Something else, by its name.
    Json(String),
}

impl Kind {
    /// The [`InboxItem::source`] of what it sends.
    #[must_use]
    pub fn source(&self) -> &'static str {
        match self {
            Kind::Alertmanager => "alertmanager",
            Kind::Grafana => "grafana",
            Kind::Json(_) => "json",
        }
    }

    /// Its name among those of its source.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Kind::Alertmanager | Kind::Grafana => "webhook",
            Kind::Json(name) => name,
        }
    }

    /// Where it sends to.
    #[must_use]
    pub fn path(&self) -> String {
        match self {
            Kind::Alertmanager => "/hooks/alertmanager".to_owned(),
            Kind::Grafana => "/hooks/grafana".to_owned(),
            Kind::Json(name) => format!("/hooks/json/{name}"),
        }
    }
}

/// Says what stored webhooks of one source mean.
#[derive(Debug, Clone)]
pub enum AlertTranslator {
    /// Prometheus' Alertmanager.
    Alertmanager,
    /// Grafana.
    Grafana,
    /// Plain JSON, by the mappings that are configured.
    Json(Vec<JsonMapping>),
}

impl Translator for AlertTranslator {
    fn source(&self) -> &'static str {
        match self {
            AlertTranslator::Alertmanager => "alertmanager",
            AlertTranslator::Grafana => "grafana",
            AlertTranslator::Json(_) => "json",
        }
    }

    /// Grafana's test is kept as ignored.
    fn translate(&self, item: &InboxItem) -> Translated {
        let read = match self {
            AlertTranslator::Alertmanager | AlertTranslator::Grafana => {
                notice::read(self.source(), &item.body)
            }
            AlertTranslator::Json(mappings) => {
                match mappings.iter().find(|mapping| mapping.name == item.kind) {
                    Some(mapping) => mapping.read(&item.body),
                    None => Err("its [[alerts.json]] is not configured any more".to_owned()),
                }
            }
        };
        match read {
            Ok(notice) if matches!(self, AlertTranslator::Grafana) && notice::is_a_test(&notice) => {
                Translated::Ignored { kind: "a test by grafana".to_owned() }
            }
            Ok(notice) => Translated::Signal(Signal::Alerts(notice)),
            Err(reason) => Translated::Unreadable { reason },
        }
    }
}

#[cfg(test)]
mod tests;
