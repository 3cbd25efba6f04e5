//! Values of secret parameters: read where the machine holds them, bound to a plan by a keyed hash, kept nowhere.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read as _;
use std::path::PathBuf;

use hmac::{Hmac, KeyInit as _, Mac as _};
use runbook_core::plan::Plan;
use runbook_core::ports::SecretValue;
use runbook_core::runbook::{Document, Param, check_value};
use sha2::Sha256;

use crate::settings::Settings;

/// A shorter one cannot be taken out of output (`blocks_exec::MIN_SECRET_BYTES`).
const MIN_BYTES: usize = 8;
/// As for every parameter's value.
const MAX_BYTES: u64 = 64 * 1024;

/// Where a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// In this variable of Blocks' own environment.
    Env(String),
    /// In this file; one line end after it does not count.
    File(PathBuf),
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretSource::Env(name) => write!(f, "the environment variable {name} of Blocks itself"),
            SecretSource::File(path) => write!(f, "the file {}", path.display()),
        }
    }
}

/// What the hashes of secret values are made with. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretKey([u8; 32]);

impl SecretKey {
    /// Takes 32 random bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> SecretKey {
        SecretKey(bytes)
    }

    /// HMAC-SHA256 of a value, for the parameter of that name; lowercase hex.
    fn mac(&self, name: &str, value: &SecretValue) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return String::new() };
        mac.update(name.as_bytes());
        mac.update(&[0]);
        mac.update(value.expose().as_bytes());
        hex::encode(mac.finalize().into_bytes())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey")
    }
}

/// What is known about secret parameters before planning.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Hash by name; empty without a key.
    pub(crate) macs: BTreeMap<String, String>,
    /// Why a value cannot be had, by name.
    pub(crate) unreadable: BTreeMap<String, String>,
}

/// Looks for the values of every secret parameter of these documents, for that service.
pub(crate) fn find(settings: &Settings, documents: &[&Document], service: Option<&str>) -> Found {
    let mut found = Found::default();
    let declared = documents.iter().flat_map(|document| &document.front.params);
    for (name, declared) in declared.filter(|(_, declared)| declared.secret) {
        match looked_up(settings, service, name, declared) {
            Ok(Some(value)) => {
                let mac = settings.secret_key.as_ref().map_or_else(String::new, |key| key.mac(name, &value));
                found.macs.insert(name.clone(), mac);
            }
            Ok(None) => {}
            Err(reason) => {
                found.unreadable.insert(name.clone(), reason);
            }
        }
    }
    // the first document that does not fit is enough
    found.macs.retain(|name, _| !found.unreadable.contains_key(name));
    let sources = service.and_then(|name| settings.service(name)).map(|service| &service.secrets);
    for name in sources.into_iter().flat_map(BTreeMap::keys) {
        let is_secret = documents
            .iter()
            .any(|document| document.front.params.get(name).is_some_and(|declared| declared.secret));
        if !is_secret {
            let reason = "the configuration says to read it from the environment or a file, which is for secret parameters only; hint: declare it with `secret: true`, or write its value as a string";
            found.unreadable.insert(name.clone(), reason.to_owned());
        }
    }
    found
}

/// The values for a run of this plan, read again. Refused when one is no longer the one that the plan was made with.
///
/// # Errors
/// Why nothing may start, with a hint; never a value.
pub(crate) fn values(settings: &Settings, plan: &Plan) -> Result<BTreeMap<String, SecretValue>, String> {
    let mut values = BTreeMap::new();
    for (name, planned) in &plan.secrets {
        let key = settings.secret_key.as_ref().ok_or("there is no key to compare its secrets with")?;
        let service = plan.secrets_of.as_deref();
        let value = looked_up(settings, service, name, &Param::default())
            .map_err(|reason| format!("parameter '{name}' is secret and has no usable value: {reason}"))?;
        let value = value.ok_or_else(|| format!("parameter '{name}' is secret and has no value any more"))?;
        if key.mac(name, &value) != *planned {
            return Err(format!(
                "the value of the secret parameter '{name}' is not the one that the plan was made with; hint: plan it again, so that what is approved is what runs"
            ));
        }
        values.insert(name.clone(), value);
    }
    Ok(values)
}

/// A value from where it is; `None` when it may be left out and is.
fn looked_up(
    settings: &Settings,
    service: Option<&str>,
    name: &str,
    declared: &Param,
) -> Result<Option<SecretValue>, String> {
    let configured = service.and_then(|service| settings.service(service)?.secrets.get(name)).cloned();
    let is_configured = configured.is_some();
    let source = configured.unwrap_or_else(|| SecretSource::Env(format!("BLOCKS_PARAM_{name}")));
    let Some(value) = read(&source)? else {
        if declared.required == Some(false) && !is_configured {
            return Ok(None);
        }
        let elsewhere = match (is_configured, service) {
            (true, _) => String::new(),
            (false, Some(service)) => {
                format!(", or name a file or a variable for {name} under params of [[service]] {service}")
            }
            (false, None) => String::new(),
        };
        return Err(format!("{source} is not set; hint: set it{elsewhere}"));
    };
    let broken = |what: &str| Err(format!("the value in {source} {what}"));
    if value.contains('\0') {
        return broken("holds a NUL byte; hint: no variable can hold one");
    }
    if value.len() < MIN_BYTES {
        return broken("has fewer than 8 bytes and could not be kept out of output; hint: use a longer one");
    }
    if let Err(reason) = check_value(declared, &value) {
        return broken(&format!("does not fit: {reason}"));
    }
    Ok(Some(SecretValue::new(value)))
}

/// What a source holds; `None` for a variable that is not set or empty.
fn read(source: &SecretSource) -> Result<Option<String>, String> {
    let not_text =
        || format!("{source} does not hold UTF-8 text; hint: encode the value, for example as base64");
    let too_long =
        || format!("{source} holds more than {MAX_BYTES} bytes; hint: a secret is at most that long");
    match source {
        SecretSource::Env(name) => match std::env::var(name) {
            Ok(value) if value.len() as u64 > MAX_BYTES => Err(too_long()),
            Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
            Err(std::env::VarError::NotPresent) => Ok(None),
            Err(std::env::VarError::NotUnicode(_)) => Err(not_text()),
        },
        SecretSource::File(path) => {
            let unreadable = |error: std::io::Error| {
                format!(
                    "{source} cannot be read: {error}; hint: the user that Blocks runs as must be able to read it"
                )
            };
            // a pipe would keep everything waiting
            if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
                return Err(format!("{source} is not a regular file; hint: name one"));
            }
            let mut bytes = Vec::new();
            let file = std::fs::File::open(path).map_err(unreadable)?;
            file.take(MAX_BYTES + 3).read_to_end(&mut bytes).map_err(unreadable)?;
            let mut text = String::from_utf8(bytes).map_err(|_| not_text())?;
            if text.ends_with('\n') {
                text.pop();
                if text.ends_with('\r') {
                    text.pop();
                }
            }
            if text.len() as u64 > MAX_BYTES { Err(too_long()) } else { Ok(Some(text)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use runbook_core::runbook::parse;

    use super::*;
    use crate::settings::ServiceSettings;

    fn settings(folder: &std::path::Path, secrets: &[(&str, &str)]) -> Settings {
        let mut settings = crate::testkit::samples::settings(folder.to_path_buf());
        let file = |(name, file): &(&str, &str)| ((*name).to_owned(), SecretSource::File(folder.join(file)));
        let secrets = secrets.iter().map(file).collect();
        settings.services.push(ServiceSettings {
            name: "s".to_owned(),
            secrets,
            ..ServiceSettings::default()
        });
        settings
    }

    fn found(settings: &Settings, declared: &str) -> Found {
        let document = parse("x", &format!("---\nparams: {{ {declared} }}\n---\n# X\n"));
        find(settings, &[&document], Some("s"))
    }

    #[test]
    fn files_and_what_is_wrong_with_them() {
        let folder = tempfile::tempdir().unwrap();
        let long = "x".repeat(64 * 1024);
        for (bytes, good) in [
            (&b"a long secret\n"[..], true),
            (b"a long secret\r\n", true),
            (b"a long secret", true),
            (b"a long secret\n\n", true),
            (b"1234567\n", false),
            (b"\n", false),
            (b"nul\0nul\0nul", false),
            (b"\xff\xfe not text", false),
            (long.as_bytes(), true),
            (format!("{long}\n").as_bytes(), true),
            (format!("{long}x").as_bytes(), false),
        ] {
            std::fs::write(folder.path().join("token"), bytes).unwrap();
            let found = found(&settings(folder.path(), &[("T", "token")]), "T: { secret: true }");
            assert_eq!(
                (found.macs.len(), found.unreadable.is_empty()),
                (usize::from(good), good),
                "{bytes:?}"
            );
            let reasons = format!("{found:?}");
            assert!(!reasons.contains("1234567") && !reasons.contains("a long secret"), "{reasons}");
        }
        for name in ["nowhere", "."] {
            let found =
                found(&settings(folder.path(), &[("T", name)]), "T: { secret: true, required: false }");
            assert!(found.macs.is_empty() && found.unreadable["T"].contains("hint: "), "{found:?}");
        }
    }

    #[test]
    fn the_hash_is_of_name_value_and_key() {
        let folder = tempfile::tempdir().unwrap();
        let mac = |value: &str, key: Option<[u8; 32]>| {
            std::fs::write(folder.path().join("token"), value).unwrap();
            let mut settings = settings(folder.path(), &[("T", "token"), ("U", "token")]);
            settings.secret_key = key.map(SecretKey::new);
            found(&settings, "T: { secret: true }, U: { secret: true }").macs
        };
        let (first, again) = (mac("value-one", Some([1; 32])), mac("value-one\n", Some([1; 32])));
        assert_eq!(first, again);
        assert!(first["T"].len() == 64 && first["T"] != first["U"], "{first:?}");
        assert_ne!(first["T"], mac("value-two", Some([1; 32]))["T"]);
        assert_ne!(first["T"], mac("value-one", Some([2; 32]))["T"]);
        assert_eq!(mac("value-one", None)["T"], "", "without a key nothing is bound");
    }

    #[test]
    fn what_is_declared_holds_and_what_is_not_secret_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), "value-one").unwrap();
        let settings = settings(folder.path(), &[("T", "token")]);
        let unfit = found(&settings, "T: { secret: true, pattern: '[0-9]+' }");
        assert!(unfit.macs.is_empty() && !unfit.unreadable["T"].contains("value-one"), "{unfit:?}");
        let plain = found(&settings, "T: { default: abc }");
        assert!(plain.macs.is_empty() && plain.unreadable["T"].contains("secret: true"), "{plain:?}");
        let optional = found(&settings, "NOT_SET_ANYWHERE: { secret: true, required: false }");
        assert!(optional.macs.is_empty() && !optional.unreadable.contains_key("NOT_SET_ANYWHERE"));
        let needed = found(&settings, "NOT_SET_ANYWHERE: { secret: true }");
        assert!(needed.unreadable["NOT_SET_ANYWHERE"].contains("BLOCKS_PARAM_NOT_SET_ANYWHERE"));
    }
}
