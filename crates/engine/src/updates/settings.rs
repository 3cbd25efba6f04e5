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
    /// Domains of the house: whoever has an address there is no stranger.
    pub domains: Vec<String>,
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

    /// Whether an address is configured for anything, or is one of the house.
    #[must_use]
    pub fn knows(&self, address: &str) -> bool {
        let of_services =
            self.services.values().flat_map(|own| own.to.iter().chain(&own.public_to)).flatten();
        let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
        self.to
            .iter()
            .chain(&self.public_to)
            .chain(of_services)
            .any(|known| known.eq_ignore_ascii_case(address))
            || self.domains.iter().any(|known| known.eq_ignore_ascii_case(domain))
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
