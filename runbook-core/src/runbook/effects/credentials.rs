//! What reads and would show a credential doing so: its output is posted, so the table does not call it a reader.

use super::super::shell::Word;

/// Whole names of files and folders that hold credentials.
const FILES: &[&str] = &[
    "environ",
    "shadow",
    "gshadow",
    ".netrc",
    ".pgpass",
    ".my.cnf",
    ".ssh",
    ".aws",
    ".azure",
    ".kube",
    ".docker",
    ".gnupg",
    ".git-credentials",
    ".vault-token",
    ".npmrc",
    ".pypirc",
    ".envrc",
    "admin.conf",
    "master.key",
];
/// How such names begin, end, and what they hold.
const BEGINNINGS: &[&str] = &[".env.", "id_rsa", "id_ecdsa", "id_ed25519"];
const ENDINGS: &[&str] = &[".env", ".pem", ".key", ".p12", ".pfx", ".jks", ".keystore", ".kdbx"];
const PARTS: &[&str] =
    &["secret", "credential", "password", "passwd", "kubeconfig", "private_key", "private-key"];

/// Whether a text names a file that holds credentials by convention, or searches for one.
pub(super) fn names_credentials(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let is_path = lower.contains(['/', '.']);
    lower.split(['/', '=', ':', '@', ',', ' ', '\'', '"']).any(|name| {
        FILES.contains(&name)
            || BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
            || ENDINGS.iter().any(|ending| name.ends_with(ending))
            || PARTS.iter().any(|part| name.trim_end_matches('s') == *part)
            || (is_path && PARTS.iter().any(|part| name.contains(part)))
    })
}

/// Whether a value names a file or an address that gives credentials.
pub(crate) fn gives_credentials(value: &str) -> bool {
    names_credentials(value) || address_gives_credentials(value)
}

/// Files that have no end, and devices, which are no files.
pub(super) fn endless(file: &str) -> bool {
    let device = file.split("/dev/").skip(1).any(|device| {
        let harmless = ["null", "stdin", "stdout", "stderr", "fd/", "shm/"];
        !harmless.iter().any(|name| device.starts_with(name))
    });
    device || file.ends_with("kmsg") || file.contains("trace_pipe")
}

/// Reads files that end and hold no credentials.
pub(super) fn reads_files(args: &[Word<'_>]) -> bool {
    args.iter().all(|arg| !endless(arg.text()) && !names_credentials(arg.text()))
}

/// Shows no value of a variable whose name says that it is secret.
pub(super) fn shows_no_secret_variable(args: &[Word<'_>]) -> bool {
    args.iter().all(|arg| secret_variable(arg).is_none())
}

/// Whether a variable's name says that its value is a secret.
pub(crate) fn is_secret_name(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let words: Vec<&str> = upper.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    let ends = ["TOKEN", "PASSWORD", "PASSWD", "SECRET", "CREDENTIALS", "APIKEY", "PASSPHRASE"];
    // `TOKEN_FILE` and `SECRET_NAME` say where it is
    let says_where =
        matches!(words.last(), Some(&("NAME" | "FILE" | "PATH" | "ARN" | "ID" | "COUNT" | "TTL" | "URL")));
    !says_where
        && (words.iter().any(|word| ends.contains(word))
            || words.windows(2).any(|pair| matches!(pair, ["API" | "PRIVATE" | "ACCESS", "KEY"])))
}

/// A `$NAME` in the word whose name says secret; `${#NAME}` and `${NAME:+set}` do not show the value.
pub(crate) fn secret_variable<'w>(word: &'w Word<'_>) -> Option<&'w str> {
    if !word.expands {
        return None;
    }
    word.value.split('$').skip(1).find_map(|rest| {
        let braced = rest.strip_prefix('{');
        let body = braced.unwrap_or(rest);
        let end = body.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(body.len());
        let (name, after) = body.split_at_checked(end)?;
        let hidden = braced.is_some() && (after.starts_with(":+") || after.starts_with('+'));
        (is_secret_name(name) && !hidden).then_some(name)
    })
}

/// Addresses that give credentials to whoever asks: the clouds' metadata, Vault, Spring's and Kubernetes' own.
pub(super) fn address_gives_credentials(address: &str) -> bool {
    const HOSTS: &[&str] =
        &["169.254.169.254", "169.254.170.2", "100.100.100.200", "metadata.google.internal", "fd00:ec2::254"];
    const PATHS: &[&str] = &[
        "/secret",
        "/credential",
        "/actuator/env",
        "/actuator/configprops",
        "/actuator/heapdump",
        "/v1/kv/",
        "/token",
    ];
    let lower = address.to_ascii_lowercase();
    HOSTS.iter().any(|host| lower.contains(host))
        || PATHS.iter().any(|path| lower.contains(path))
        || has_user(&lower)
}

/// `https://user:password@host`.
fn has_user(address: &str) -> bool {
    let authority = address.split_once("://").and_then(|(_, rest)| rest.split(['/', '?', '#']).next());
    authority.is_some_and(|authority| authority.contains('@'))
}

/// Words of PostgreSQL that stand for credentials: its own catalogs and settings, and columns by their usual names.
const SQL_NAMES: &[&str] = &[
    "pg_shadow",
    "pg_authid",
    "pg_user_mapping",
    "pg_user_mappings",
    "pg_subscription",
    "pg_file_settings",
    "pg_largeobject",
    "primary_conninfo",
    "passwd",
    "password",
    "password_hash",
    "encrypted_password",
    "rolpassword",
    "secret",
    "client_secret",
    "api_key",
    "token",
    "access_token",
    "refresh_token",
    "private_key",
];

/// Whether a statement names what holds credentials, in quotes or not.
pub(crate) fn sql_names_credentials(sql: &str) -> bool {
    sql.to_ascii_lowercase()
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .any(|word| SQL_NAMES.contains(&word))
}

/// Whether a Go template of `docker inspect` shows none but these fields: never all of it, nor its environment.
pub(super) fn template_shows_state(template: &str) -> bool {
    const WORDS: &[&str] = &["json", "range", "with", "if", "else", "end", "len", "println", "not"];
    const FIELDS: &[&str] = &[
        "State",
        "Status",
        "Running",
        "ExitCode",
        "Health",
        "RestartCount",
        "NetworkSettings",
        "IPAddress",
        "Gateway",
        "MacAddress",
        "NetworkID",
        "Image",
        "Name",
        "Id",
        "ID",
        "Created",
        "Mounts",
        "Source",
        "Destination",
        "RepoTags",
        "RepoDigests",
        "Size",
        "Os",
        "Architecture",
        "Driver",
        "Platform",
    ];
    let known = |word: &str| {
        let field = word.strip_prefix('.').and_then(|path| path.split('.').next());
        WORDS.contains(&word) || word == ".Config.Image" || field.is_some_and(|field| FIELDS.contains(&field))
    };
    template.split("{{").skip(1).all(|rest| {
        let action = rest.split_once("}}").map(|(action, _)| action.trim_matches('-'));
        action.is_some_and(|action| action.split_whitespace().all(known))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_by_convention() {
        for path in [
            "/proc/1/environ",
            "~/.aws/credentials",
            "$HOME/.kube/config",
            ".env",
            "app/.env.production",
            "prod.env",
            "/etc/shadow",
            "tls.key",
            "/run/secrets/db",
            "/var/run/secrets/kubernetes.io/serviceaccount/token",
            "secrets.yaml",
            "password",
            "--file=/etc/ssl/private_key.txt",
            "/root/.ssh/id_rsa.bak",
        ] {
            assert!(names_credentials(path), "{path}");
        }
        for path in [
            "app.log",
            "/var/log/syslog",
            "external-secrets-operator",
            "environment",
            "keys.txt",
            "-n",
            "monkey",
        ] {
            assert!(!names_credentials(path), "{path}");
        }
    }

    #[test]
    fn templates_that_show_state() {
        for template in [
            "{{.State.Status}}",
            "{{json .State.Health}}",
            "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}",
            "{{ .Name }} {{- .RestartCount -}}",
            "{{.Config.Image}}",
        ] {
            assert!(template_shows_state(template), "{template}");
        }
        for template in [
            "{{.}}",
            "{{json .}}",
            "{{.Config.Env}}",
            "{{json .Config}}",
            "{{index .Config \"Env\"}}",
            "{{with .State}}{{json $}}{{end}}",
            "{{printf \"%v\" .}}",
            "{{range .Config.Env}}{{.}}{{end}}",
            "{{(.Config).Env}}",
            "{{.State.Status",
        ] {
            assert!(!template_shows_state(template), "{template}");
        }
    }
}
