//! `[[connection]]`: what is wrong with one is said when the file is read; its secrets are read when an engine is made.

use std::path::{Path, PathBuf};

use blocks_exec::{Connection, ConnectionKind, Connections};
use runbook_core::runbook::CommandKind;

use super::file::{ConnectionTable, ConnectionWord};
use super::load::Config;
use super::secrets::SecretError;

/// What is wrong: the key below `connection.N`, why, and what to write.
type Wrong = (&'static str, String, &'static str);

/// Checks every table as far as that goes without secrets; the number is the table's.
pub(super) fn check(tables: &[ConnectionTable]) -> Result<(), (usize, Wrong)> {
    for (index, table) in tables.iter().enumerate() {
        let earlier = tables.get(..index).unwrap_or_default();
        check_one(table, earlier).map_err(|wrong| (index, wrong))?;
    }
    Ok(())
}

fn check_one(table: &ConnectionTable, earlier: &[ConnectionTable]) -> Result<(), Wrong> {
    let name = &table.name;
    let good = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if name.is_empty() || !name.chars().all(good) {
        let hint = "use letters, digits, `.`, `_` and `-`";
        return Err(("name", format!("'{name}' cannot be a connection's name"), hint));
    }
    if earlier.iter().any(|other| other.name == *name) {
        let message = format!("two connections are named '{name}'");
        return Err(("name", message, "give each [[connection]] its own name"));
    }
    let addresses = [&table.url, &table.url_env, &table.url_file];
    if addresses.iter().filter(|given| given.is_some()).count() != 1 {
        let hint = "write url_env = \"NAME\", url_file = \"path\", or url = \"...\" without a password";
        return Err(("name", format!("connection '{name}' needs one address"), hint));
    }
    let is_web = table.kind != ConnectionWord::Postgres;
    if !is_web && (table.bearer_env.is_some() || table.bearer_file.is_some() || !table.header_env.is_empty())
    {
        let hint = "put user and password into the address, in url_env or url_file";
        return Err(("name", format!("connection '{name}' is to PostgreSQL, which takes no headers"), hint));
    }
    if table.bearer_env.is_some() && table.bearer_file.is_some() {
        let message = format!("connection '{name}' has two bearer tokens");
        return Err(("bearer_file", message, "keep bearer_env or bearer_file"));
    }
    let Some(url) = &table.url else { return Ok(()) };
    let parsed = url::Url::parse(url.trim());
    let has_password = parsed.is_ok_and(|url| {
        url.password().is_some() || url.query_pairs().any(|(key, _)| key == "password" || key == "passfile")
    });
    if has_password {
        let message = format!("the address of connection '{name}' holds a password");
        return Err((
            "url",
            message,
            "put the address into a variable and name it: url_env = \"DATABASE_URL\"",
        ));
    }
    made(vec![connection(table, Path::new(""), url.clone(), None, Vec::new())]).map(|_| ()).map_err(|error| {
        let SecretError::Connection(error) = error else { return ("url", String::new(), "") };
        ("url", error.to_string(), "docs/reference/configuration.md shows an address of each kind")
    })
}

/// `base` is the folder that relative paths begin in.
fn connection(
    table: &ConnectionTable,
    base: &Path,
    url: String,
    bearer: Option<String>,
    headers: Vec<(String, String)>,
) -> Connection {
    let kind = match table.kind {
        ConnectionWord::Postgres => ConnectionKind::Postgres,
        ConnectionWord::Prometheus => ConnectionKind::Prometheus,
        ConnectionWord::Http => ConnectionKind::Http,
    };
    let ca_file = table.ca_file.as_ref().map(|path| base.join(path));
    Connection { name: table.name.clone(), kind, url, bearer, headers, ca_file }
}

/// The `ca_file` of each connection that names one: the connection's name and where the file is.
pub(crate) fn authority_files(config: &Config) -> Vec<(&str, PathBuf)> {
    let base = base(config);
    let named = |table: &'_ ConnectionTable| table.ca_file.as_ref().map(|path| base.join(path));
    config.file.connection.iter().filter_map(|table| Some((table.name.as_str(), named(table)?))).collect()
}

/// The folder that relative paths begin in.
fn base(config: &Config) -> PathBuf {
    config.path.as_deref().and_then(Path::parent).map_or_else(PathBuf::new, Path::to_path_buf)
}

/// What planning knows of a connection: for which kind of command it is, and its name.
pub(super) fn place(table: &ConnectionTable) -> (CommandKind, String) {
    let kind = match table.kind {
        ConnectionWord::Postgres => CommandKind::Sql,
        ConnectionWord::Prometheus => CommandKind::Promql,
        ConnectionWord::Http => CommandKind::Http,
    };
    (kind, table.name.clone())
}

fn made(connections: Vec<Connection>) -> Result<Connections, SecretError> {
    Connections::new(connections).map_err(SecretError::Connection)
}

/// Reads the connections' secrets, from the environment and from files.
///
/// # Errors
///
/// A secret that is missing or does not read, or an address that cannot work.
pub(crate) fn connections(config: &Config) -> Result<Connections, SecretError> {
    let base = base(config);
    let resolved = config.file.connection.iter().map(|table| {
        let from_env = |variable: &String| match std::env::var(variable) {
            Ok(value) if !value.trim().is_empty() => Ok(value.trim().to_owned()),
            _ => Err(SecretError::ConnectionMissing {
                variable: variable.clone(),
                connection: table.name.clone(),
            }),
        };
        let from_file = |path: &String| {
            let path = base.join(path);
            let unreadable = |source| SecretError::ConnectionUnreadable {
                connection: table.name.clone(),
                path: path.display().to_string(),
                source,
            };
            std::fs::read_to_string(&path).map(|text| text.trim().to_owned()).map_err(unreadable)
        };
        let url = match (&table.url, &table.url_env, &table.url_file) {
            (Some(url), ..) => url.clone(),
            (_, Some(variable), _) => from_env(variable)?,
            (.., Some(path)) => from_file(path)?,
            _ => String::new(),
        };
        let bearer = match (&table.bearer_env, &table.bearer_file) {
            (Some(variable), _) => Some(from_env(variable)?),
            (_, Some(path)) => Some(from_file(path)?),
            _ => None,
        };
        let headers: Result<Vec<_>, _> =
            table.header_env.iter().map(|(name, variable)| Ok((name.clone(), from_env(variable)?))).collect();
        Ok(connection(table, &base, url, bearer, headers?))
    });
    made(resolved.collect::<Result<_, SecretError>>()?)
}
