//! What is configured about updates.

use std::collections::BTreeMap;

use runbook_core::update::{Audience, Template};

/// Everything configurable about updates.
#[derive(Debug, Clone, Default)]
pub struct UpdateSettings {
    /// The templates, the team's own before the shipped ones.
    pub templates: Vec<Template>,
    /// Roles and duties that may send what is public.
    pub send_public: Vec<String>,
    /// The chat channel for updates; the incident's own when absent.
    pub channel: Option<String>,
    /// Who gets the internal ones by e-mail.
    pub to: Vec<String>,
    /// Who gets the public ones by e-mail.
    pub public_to: Vec<String>,
    /// What differs for one service, by its name.
    pub services: BTreeMap<String, UpdatesOfService>,
    /// E-mail is configured.
    pub has_mail: bool,
    /// A status page is configured.
    pub has_status_page: bool,
    /// The status page's id of each service's component.
    pub components: BTreeMap<String, String>,
}

/// What differs for one service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpdatesOfService {
    /// Who gets the internal ones, in place of the others.
    pub to: Option<Vec<String>>,
    /// Who gets the public ones, in place of the others.
    pub public_to: Option<Vec<String>>,
}

impl UpdateSettings {
    /// The template of that name.
    #[must_use]
    pub fn template(&self, name: &str) -> Option<&Template> {
        self.templates.iter().find(|template| template.name.eq_ignore_ascii_case(name))
    }

    /// Who gets the e-mails about a service.
    #[must_use]
    pub fn recipients(&self, service: &str, audience: Audience) -> &[String] {
        let of_service = self.services.get(service);
        match audience {
            Audience::Internal => of_service.and_then(|own| own.to.as_ref()).unwrap_or(&self.to),
            Audience::Public => of_service.and_then(|own| own.public_to.as_ref()).unwrap_or(&self.public_to),
        }
    }
}
