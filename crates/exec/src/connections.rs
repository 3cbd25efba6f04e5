//! Named places that http, promql and sql commands reach, with the credentials for them.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr as _;

use runbook_core::runbook::CommandKind;
use url::Url;

/// What a connection leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionKind {
    /// A PostgreSQL database, for `sql`.
    Postgres,
    /// A Prometheus server, for `promql`.
    Prometheus,
    /// Any HTTP server, for `http`.
    Http,
}

impl ConnectionKind {
    /// The word in the configuration.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            ConnectionKind::Postgres => "postgres",
            ConnectionKind::Prometheus => "prometheus",
            ConnectionKind::Http => "http",
        }
    }

    /// The kind of connection that a kind of command uses; `None` when it uses none.
    #[must_use]
    pub fn of(kind: CommandKind) -> Option<Self> {
        match kind {
            CommandKind::Http => Some(ConnectionKind::Http),
            CommandKind::Promql => Some(ConnectionKind::Prometheus),
            CommandKind::Sql => Some(ConnectionKind::Postgres),
            CommandKind::Shell | CommandKind::Include => None,
        }
    }
}

/// A connection as configured. Its address may hold a password; nothing shows it.
#[derive(Clone)]
pub struct Connection {
    /// What `connection=` names.
    pub name: String,
    /// What it leads to.
    pub kind: ConnectionKind,
    /// Its address, credentials included.
    pub url: String,
    /// A bearer token for prometheus and http.
    pub bearer: Option<String>,
    /// More headers with secret values, for prometheus and http.
    pub headers: Vec<(String, String)>,
    /// A PEM file with the only authorities whose certificates are believed; without it, the system's.
    pub ca_file: Option<PathBuf>,
}

/// Shows no address and no secret.
impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// A connection that cannot be used. Never with a part of its address in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the connection `{name}` cannot be used: {reason}")]
pub struct ConnectionError {
    /// The connection.
    pub name: String,
    /// Why, and what to do.
    pub reason: String,
}

/// Where an HTTP connection leads.
#[derive(Clone)]
pub(crate) struct Base {
    /// Without credentials; its path ends without `/`.
    pub(crate) url: Url,
    pub(crate) user: Option<(String, Option<String>)>,
    pub(crate) bearer: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) authorities: Option<PathBuf>,
}

impl Base {
    /// The connection's own address with a path below it.
    pub(crate) fn join(&self, path: &str) -> Result<Url, String> {
        let text = format!("{}{path}", self.url.as_str().trim_end_matches('/'));
        Url::parse(&text).map_err(|error| format!("the address is none: {error}"))
    }
}

/// How a PostgreSQL connection is secured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tls {
    /// Not at all: said so, or the server is this machine.
    Off,
    /// With the server's certificate checked against the system's authorities, or these.
    Verified(Option<PathBuf>),
}

/// Where a PostgreSQL connection leads.
#[derive(Clone)]
pub(crate) struct Database {
    pub(crate) config: tokio_postgres::Config,
    pub(crate) tls: Tls,
}

#[derive(Clone)]
enum Target {
    Web(Base),
    Database(Box<Database>),
}

/// Every configured connection, ready for use.
#[derive(Clone, Default)]
pub struct Connections {
    all: Vec<(String, ConnectionKind, Target)>,
    secrets: Vec<String>,
}

/// Names and kinds only.
impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.all.iter().map(|(name, kind, _)| (name, kind))).finish()
    }
}

impl Connections {
    /// Understands the addresses. Nothing is reached yet.
    ///
    /// # Errors
    ///
    /// The first connection that cannot work, with the reason.
    pub fn new(connections: Vec<Connection>) -> Result<Self, ConnectionError> {
        let mut made = Self::default();
        for connection in connections {
            let Connection { name, kind, url, bearer, headers, ca_file } = connection;
            let wrong = |reason: String| ConnectionError { name: name.clone(), reason };
            if made.all.iter().any(|(other, ..)| *other == name) {
                return Err(wrong("another one has the same name; give each its own".to_owned()));
            }
            let parsed =
                Url::parse(url.trim()).map_err(|error| wrong(format!("its address is no URL: {error}")))?;
            made.secrets.extend(bearer.clone());
            made.secrets.extend(headers.iter().map(|(_, value)| value.clone()));
            for password in passwords(&parsed) {
                made.secrets.push(password);
                made.secrets.push(url.trim().to_owned());
            }
            let target = match kind {
                ConnectionKind::Postgres => {
                    if bearer.is_some() || !headers.is_empty() {
                        return Err(wrong("PostgreSQL takes no headers and no bearer token".to_owned()));
                    }
                    Target::Database(Box::new(database(parsed, ca_file).map_err(wrong)?))
                }
                ConnectionKind::Prometheus | ConnectionKind::Http => {
                    Target::Web(base(parsed, bearer, headers, ca_file).map_err(wrong)?)
                }
            };
            made.all.push((name, kind, target));
        }
        Ok(made)
    }

    /// Whether a command of this kind has the connection that it names, or just one when it names none. An http
    /// command that names none may hold a whole address instead, so it passes here.
    ///
    /// # Errors
    ///
    /// Why not, with the names that there are.
    pub fn check(&self, kind: CommandKind, name: Option<&str>) -> Result<(), String> {
        match (ConnectionKind::of(kind), name) {
            (None, None) | (Some(ConnectionKind::Http), None) => Ok(()),
            (None, Some(_)) => Err(format!("a command of kind {} uses no connection", kind.word())),
            (Some(_), _) => self.find(kind, name).map(|_| ()),
        }
    }

    /// Every value that must be kept out of output.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.secrets.iter().map(String::as_str)
    }

    fn find(&self, kind: CommandKind, name: Option<&str>) -> Result<&Target, String> {
        let wanted =
            ConnectionKind::of(kind).ok_or_else(|| format!("a command of kind {} uses none", kind.word()))?;
        let fitting: Vec<_> = self.all.iter().filter(|(_, kind, _)| *kind == wanted).collect();
        let names = || fitting.iter().map(|(name, ..)| name.as_str()).collect::<Vec<_>>().join(", ");
        let word = wanted.word();
        match (name, fitting.as_slice()) {
            (_, []) => {
                Err(format!("there is no connection of kind {word}; add a [[connection]] to blocks.toml"))
            }
            (None, [(.., target)]) => Ok(target),
            (None, _) => Err(format!(
                "there are several connections of kind {word}; say connection=NAME, one of: {}",
                names()
            )),
            (Some(name), _) => match fitting.iter().find(|(known, ..)| known == name) {
                Some((.., target)) => Ok(target),
                None => Err(format!("there is no connection `{name}` of kind {word}; there is: {}", names())),
            },
        }
    }

    pub(crate) fn web(&self, kind: CommandKind, name: Option<&str>) -> Result<&Base, String> {
        match self.find(kind, name)? {
            Target::Web(base) => Ok(base),
            Target::Database(_) => Err("it is no HTTP connection".to_owned()),
        }
    }

    pub(crate) fn database(&self, name: Option<&str>) -> Result<&Database, String> {
        match self.find(CommandKind::Sql, name)? {
            Target::Database(database) => Ok(database),
            Target::Web(_) => Err("it is no database connection".to_owned()),
        }
    }
}

/// The passwords in an address, as they are used.
fn passwords(url: &Url) -> Vec<String> {
    let encoded = url.password().filter(|password| !password.is_empty());
    let decoded = encoded.map(decoded);
    let asked = url.query_pairs().filter(|(key, _)| key == "password").map(|(_, value)| value.into_owned());
    decoded.into_iter().chain(asked).collect()
}

/// Undoes percent-encoding.
fn decoded(text: &str) -> String {
    // the form decoder takes `+` for a blank
    let whole = format!("x={}", text.replace('+', "%2B").replace('&', "%26"));
    url::form_urlencoded::parse(whole.as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

fn base(
    mut url: Url,
    bearer: Option<String>,
    headers: Vec<(String, String)>,
    authorities: Option<PathBuf>,
) -> Result<Base, String> {
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("its address must begin with https:// or http://".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("its address may have a path, and nothing behind it".to_owned());
    }
    if authorities.is_some() && url.scheme() != "https" {
        return Err(
            "it names authorities in ca_file, and its address does not begin with https://".to_owned()
        );
    }
    let password = url.password().map(decoded);
    let user =
        (!url.username().is_empty() || password.is_some()).then(|| (decoded(url.username()), password));
    if user.is_some() && bearer.is_some() {
        return Err("it has a user and a bearer token; keep one of them".to_owned());
    }
    // both only fail for addresses without a host
    let _always = (url.set_username(""), url.set_password(None));
    Ok(Base { url, user, bearer, headers, authorities })
}

fn database(mut url: Url, ca_file: Option<PathBuf>) -> Result<Database, String> {
    if !matches!(url.scheme(), "postgres" | "postgresql") {
        return Err("its address must begin with postgres://".to_owned());
    }
    let (mut mode, mut authorities) = (None, ca_file);
    let mut rest: Vec<(String, String)> = Vec::new();
    for (key, value) in url.query_pairs() {
        match key.as_ref() {
            "sslmode" => mode = Some(value.into_owned()),
            "sslrootcert" if authorities.is_some() => {
                return Err("it names its authorities twice; keep ca_file or sslrootcert".to_owned());
            }
            "sslrootcert" => authorities = Some(PathBuf::from(value.into_owned())),
            _ => rest.push((key.into_owned(), value.into_owned())),
        }
    }
    url.set_query(None);
    if !rest.is_empty() {
        url.query_pairs_mut().extend_pairs(&rest);
    }
    // the driver does not take `+` for a blank
    let text = match url.as_str().split_once('?') {
        Some((before, query)) => format!("{before}?{}", query.replace('+', "%20")),
        None => url.to_string(),
    };
    let mut config = tokio_postgres::Config::from_str(&text)
        .map_err(|error| format!("its address is not understood: {error}"))?;
    let local = config.get_hosts().iter().all(|host| match host {
        tokio_postgres::config::Host::Unix(_) => true,
        tokio_postgres::config::Host::Tcp(host) => is_this_machine(host),
    });
    let tls = match mode.as_deref() {
        Some("disable") if authorities.is_some() => {
            return Err("it names authorities and says sslmode=disable; keep one of them".to_owned());
        }
        Some("disable") => Tls::Off,
        // who names authorities wants them asked
        None if local && authorities.is_none() => Tls::Off,
        None | Some("require" | "verify-ca" | "verify-full") => Tls::Verified(authorities),
        Some(_) => {
            return Err("its sslmode is not certain; write sslmode=verify-full, or sslmode=disable in a network that you trust".to_owned());
        }
    };
    config.application_name("blocks");
    config.ssl_mode(match tls {
        Tls::Off => tokio_postgres::config::SslMode::Disable,
        Tls::Verified(_) => tokio_postgres::config::SslMode::Require,
    });
    if config.get_hosts().is_empty() {
        return Err("its address names no host".to_owned());
    }
    Ok(Database { config, tls })
}

/// Whether a host's name is this machine's own.
pub(crate) fn is_this_machine(host: &str) -> bool {
    host == "localhost"
        || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
