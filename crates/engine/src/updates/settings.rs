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

    /// Whether an internal update may go to an address: it gets internal ones, or is one of the house. Behind one that gets
    /// public ones stand people outside, wherever the list of them is kept.
    #[must_use]
    pub fn is_internal(&self, address: &str) -> bool {
        let is = |known: &String| known.eq_ignore_ascii_case(address);
        let of_services = || self.services.values();
        let gets_internal = self.to.iter().chain(of_services().flat_map(|own| &own.to).flatten()).any(is);
        let gets_public =
            self.public_to.iter().chain(of_services().flat_map(|own| &own.public_to).flatten()).any(is);
        let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
        let is_of_house = self.domains.iter().any(|known| known.eq_ignore_ascii_case(domain));
        gets_internal || (is_of_house && !gets_public)
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
