//! `[updates]`, `[smtp]` and `[statuspage]`: what is wrong with them is said when the file is read.

use std::collections::BTreeMap;
use std::path::Path;

use blocks_engine::{UpdateSettings, UpdatesOfService};
use runbook_core::update::{Template, address};

use super::file::{ConfigFile, SmtpTlsWord};

/// What a template's file name ends with.
const ENDING: &str = ".md.hbs";

/// What is wrong: the key, why, and what to write.
type Wrong = (String, String, &'static str);

/// Reads what is configured about updates.
pub(super) fn settings(file: &ConfigFile, base: &Path) -> Result<UpdateSettings, Wrong> {
    let updates = &file.updates;
    let addresses = |key: &str, list: &[String]| -> Result<Vec<String>, Wrong> {
        let read = |(index, text): (usize, &String)| {
            address(text).map_err(|error| {
                let error = error.split("; hint").next().unwrap_or_default().to_owned();
                (format!("{key}.{index}"), error, "write it as name@example.com, nothing else")
            })
        };
        list.iter().enumerate().map(read).collect()
    };
    for (index, domain) in updates.domains.iter().enumerate() {
        if address(&format!("a@{domain}")).is_err() {
            let key = format!("updates.domains.{index}");
            return Err((
                key,
                format!("'{domain}' is no domain"),
                "write what stands behind the @: example.com",
            ));
        }
    }
    let mut services = BTreeMap::new();
    for (index, service) in file.service.iter().enumerate() {
        let own = |name: &str, list: &Option<Vec<String>>| {
            list.as_ref().map(|list| addresses(&format!("service.{index}.{name}"), list)).transpose()
        };
        let of_service = UpdatesOfService {
            to: own("updates_to", &service.updates_to)?,
            public_to: own("updates_public_to", &service.updates_public_to)?,
        };
        services.insert(service.name.clone(), of_service);
    }
    check_smtp(file)?;
    if let Some(page) = &file.statuspage
        && let Some(service) = page.components.keys().find(|name| !services.contains_key(*name))
    {
        let message = format!("statuspage.components names the unknown service '{service}'");
        return Err((
            format!("statuspage.components.{service}"),
            message,
            "the name of a [[service]] = the component's id",
        ));
    }
    Ok(UpdateSettings {
        templates: templates(updates.templates.as_deref(), base)?,
        send_public: updates.send_public.clone(),
        channel: updates.channel.clone(),
        to: addresses("updates.to", &updates.to)?,
        public_to: addresses("updates.public_to", &updates.public_to)?,
        domains: updates.domains.clone(),
        services,
        has_mail: file.smtp.is_some(),
        has_status_page: file.statuspage.is_some(),
        components: file.statuspage.as_ref().map(|page| page.components.clone()).unwrap_or_default(),
    })
}

fn check_smtp(file: &ConfigFile) -> Result<(), Wrong> {
    let Some(smtp) = &file.smtp else { return Ok(()) };
    let is_here =
        smtp.host == "localhost" || smtp.host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    if smtp.host.trim().is_empty() {
        return Err((
            "smtp.host".to_owned(),
            "smtp.host names no server".to_owned(),
            "host = \"smtp.example.com\"",
        ));
    }
    if smtp.tls == SmtpTlsWord::None && !is_here {
        let message = format!("mail to {} would be readable on its way", smtp.host);
        return Err(("smtp.tls".to_owned(), message, "tls = \"starttls\", or \"implicit\" for port 465"));
    }
    Ok(())
}

/// The team's own templates before the shipped ones of the same name.
fn templates(folder: Option<&str>, base: &Path) -> Result<Vec<Template>, Wrong> {
    const KEY: &str = "updates.templates";
    let mut found: BTreeMap<String, Template> = BTreeMap::new();
    for (name, text) in runbooks::UPDATE_TEMPLATES {
        let template = Template::parse(name, text).map_err(|error| {
            (KEY.to_owned(), error.to_string(), "this is a defect of the build: please report it")
        })?;
        found.insert((*name).to_owned(), template);
    }
    let Some(folder) = folder else { return Ok(found.into_values().collect()) };
    let hint = "a folder beside this file, with files such as outage.md.hbs; docs/updates.md shows one";
    let unreadable =
        |error: std::io::Error| (KEY.to_owned(), format!("'{folder}' cannot be read: {error}"), hint);
    for entry in std::fs::read_dir(base.join(folder)).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let file_name = entry.file_name().to_string_lossy().into_owned();
        let Some(name) = file_name.strip_suffix(ENDING) else { continue };
        let text = std::fs::read_to_string(entry.path()).map_err(unreadable)?;
        let template = Template::parse(name, &text)
            .map_err(|error| (KEY.to_owned(), format!("{file_name}: {error}"), hint))?;
        found.insert(name.to_owned(), template);
    }
    Ok(found.into_values().collect())
}
