//! What reads and would show a credential doing so: its output is posted, so the table does not call it a reader.

use std::net::{Ipv4Addr, Ipv6Addr};

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
    ".bash_history",
    ".zsh_history",
    ".psql_history",
    ".mysql_history",
    "blocks.toml",
    "admin.conf",
    "super-admin.conf",
    "scheduler.conf",
    "controller-manager.conf",
    "kubelet.conf",
    "k3s.yaml",
    "rke2.yaml",
    "node-token",
    "access_tokens.db",
    ".s3cfg",
    "debian.cnf",
    "krb5.keytab",
    "wg0.conf",
    "master.key",
    "rclone.conf",
    "database.yml",
    "wp-config.php",
];
/// How such names begin, end, and what they hold.
const BEGINNINGS: &[&str] = &[".env.", ".env-", "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "blocks.db"];
const ENDINGS: &[&str] =
    &[".env", ".pem", ".key", ".p12", ".pfx", ".jks", ".keystore", ".kdbx", ".tfstate", ".tfvars", ".keytab"];
const PARTS: &[&str] =
    &["secret", "credential", "password", "passwd", "kubeconfig", "private_key", "private-key"];

/// Whether a text names a file that holds credentials by convention, or searches for one.
pub(super) fn names_credentials(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let is_path = lower.contains(['/', '.']);
    // clients keep their tokens there
    if lower.ends_with("gh/hosts.yml") || lower.ends_with("argocd/config") || lower.ends_with("/token") {
        return true;
    }
    lower.split(['/', '=', ':', '@', ',', ' ', '\'', '"']).any(|name| {
        // a copy holds the same
        let name = [".bak", ".backup", ".old", ".orig", "~"]
            .iter()
            .find_map(|end| name.strip_suffix(end))
            .unwrap_or(name);
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

/// Whether a pattern of the shell may become any file of the machine: `/etc/sh[a]dow`. Logs are read by pattern often.
pub(super) fn any_file(file: &str) -> bool {
    let Some(first) = file.find(['*', '?', '[']) else { return false };
    let (fixed, rest) = file.split_at(first);
    let up = file.contains("..");
    let logs = fixed.starts_with("/var/log/") && !up && !rest.contains('$');
    (fixed.starts_with(['/', '~', '$']) || up) && !logs
}

/// Goes to no folder from where a short name leads to credentials.
pub(super) fn plain_folder(args: &[Word<'_>]) -> bool {
    let folders: Vec<&Word<'_>> = args.iter().filter(|arg| !arg.value.starts_with('-')).collect();
    matches!(folders.as_slice(), [folder] if !folder.expands && !is_private(folder.text()))
}

/// Folders of people and of the machine, and hidden ones.
fn is_private(folder: &str) -> bool {
    let private = ["/root", "/home", "/etc", "/proc", "/sys", "/dev", "/run", "/var/lib", "/var/run"];
    let below =
        |top: &&str| folder.strip_prefix(*top).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    folder.starts_with('~')
        || folder.contains("..")
        || folder.contains("/.")
        || folder.starts_with('.') && folder.len() > 1 && !folder.starts_with("./")
        || folder.trim_end_matches('/').is_empty()
        || private.iter().any(below)
}

/// Reads files that end and hold no credentials.
pub(super) fn reads_files(args: &[Word<'_>]) -> bool {
    args.iter().all(|arg| !endless(arg.text()) && !names_credentials(arg.text()) && !any_file(arg.text()))
}

/// As [`reads_files`], behind a pattern in quotes.
pub(super) fn searches_files(args: &[Word<'_>]) -> bool {
    let pattern = args.iter().position(|arg| !arg.value.starts_with('-'));
    let recursive = |arg: &Word<'_>| {
        let short = arg.value.strip_prefix('-').filter(|letters| !letters.starts_with('-'));
        short.is_some_and(|letters| letters.contains(['r', 'R'])) || arg.value.ends_with("recursive")
    };
    if args.iter().any(recursive) {
        let private =
            |(at, arg): (usize, &Word<'_>)| Some(at) != pattern && (arg.expands || is_private(arg.text()));
        if args.iter().enumerate().any(private) {
            return false;
        }
    }
    args.iter().enumerate().all(|(at, arg)| {
        let searched = arg.quoted && Some(at) == pattern;
        !endless(arg.text()) && !names_credentials(arg.text()) && (searched || !any_file(arg.text()))
    })
}

/// Shows no value of a variable whose name says that it is secret.
pub(super) fn shows_no_secret_variable(args: &[Word<'_>]) -> bool {
    args.iter().all(|arg| secret_variable(arg).is_none())
}

/// Whether a variable's name says that its value is a secret.
pub(crate) fn is_secret_name(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let words: Vec<&str> = upper.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    let ends =
        ["TOKEN", "PASSWORD", "PASSWD", "SECRET", "CREDENTIALS", "APIKEY", "PASSPHRASE", "PASS", "PAT"];
    // `TOKEN_FILE` and `SECRET_NAME` say where it is
    let says_where =
        matches!(words.last(), Some(&("NAME" | "FILE" | "PATH" | "ARN" | "ID" | "COUNT" | "TTL" | "URL")));
    const URLS: &[&str] =
        &["DATABASE_URL", "DB_URL", "REDIS_URL", "MONGO_URL", "AMQP_URL", "MYSQL_PWD", "DSN"];
    URLS.contains(&upper.as_str())
        || !says_where
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
        &["169.254.169.254", "169.254.170.2", "100.100.100.200", "metadata.google.internal"];
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
        || authority_gives_credentials(&lower)
}

/// `https://user:password@host`, the metadata's address in whatever spelling, and docker's own API.
fn authority_gives_credentials(address: &str) -> bool {
    let (scheme, rest) = address.split_once("://").map_or((false, address), |(_, rest)| (true, rest));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if !scheme && !authority.is_ascii() {
        return false;
    }
    let docker = authority.ends_with(":2375") || authority.ends_with(":2376");
    // curl decodes `%2e`, fullwidth digits and `25{4}` in a host
    let hidden = !authority.is_ascii() || authority.replace("${", "$").contains(['%', '{']);
    docker || scheme && (authority.contains('@') || hidden) || metadata(authority, scheme)
}

/// Whether a host, with or without a port, is a cloud's metadata service.
fn metadata(authority: &str, scheme: bool) -> bool {
    const SERVICES: &[Ipv4Addr] = &[
        Ipv4Addr::new(169, 254, 169, 254),
        Ipv4Addr::new(169, 254, 170, 2),
        Ipv4Addr::new(100, 100, 100, 200),
    ];
    if let Some(inside) = authority.strip_prefix('[') {
        let host = inside.split([']', '%']).next().unwrap_or_default();
        // what is no address is a list of curl's
        return host.parse::<Ipv6Addr>().map_or(scheme, |address| {
            let [.., a, b, c, d] = address.octets();
            SERVICES.contains(&Ipv4Addr::new(a, b, c, d))
                || address == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)
        });
    }
    let host = authority.split(':').next().unwrap_or_default().trim_end_matches('.');
    matches!(host, "metadata" | "instance-data" | "instance-data.ec2.internal")
        || scheme && host.contains('[')
        || ipv4(host).is_some_and(|address| SERVICES.contains(&address))
}

/// One to four numbers, decimal, `0x` or octal; the last one fills what is left, as `inet_aton` reads it.
fn ipv4(host: &str) -> Option<Ipv4Addr> {
    let number = |text: &str| match (text.strip_prefix("0x"), text.strip_prefix('0')) {
        (Some(hex), _) => u32::from_str_radix(hex, 16).ok(),
        (None, Some(octal)) if !octal.is_empty() => u32::from_str_radix(octal, 8).ok(),
        _ => text.parse().ok(),
    };
    let parts = host.split('.').map(number).collect::<Option<Vec<u32>>>()?;
    let (last, leading) = parts.split_last()?;
    let left = 4_usize.checked_sub(leading.len()).filter(|left| *left > 0)?;
    let fits = leading.iter().all(|part| *part < 256) && (left == 4 || *last < 1 << (8 * left));
    let high = leading.iter().zip([24, 16, 8]).map(|(part, shift)| part << shift).sum::<u32>();
    fits.then(|| Ipv4Addr::from(high | last))
}

/// Words of PostgreSQL that stand for credentials: its own catalogs and settings, and columns by their usual names.
const SQL_NAMES: &[&str] = &[
    "pg_shadow",
    "pg_authid",
    "pg_user_mapping",
    "pg_user_mappings",
    "pg_subscription",
    "pg_file_settings",
    "pg_settings",
    "current_setting",
    "user_mapping_options",
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
            "terraform.tfstate",
            "prod/terraform.tfstate.backup",
            "~/.bash_history",
            "$HOME/.config/gh/hosts.yml",
            "/etc/blocks/blocks.toml",
            "blocks.db-wal",
        ] {
            assert!(names_credentials(path), "{path}");
        }
        for path in [
            "app.log",
            "/var/log/syslog",
            "external-secrets-operator",
            "environment",
            "keys.txt",
            "hosts.yml",
            "history.txt",
            "-n",
            "monkey",
        ] {
            assert!(!names_credentials(path), "{path}");
        }
    }

    #[test]
    fn addresses_in_other_spellings() {
        for address in [
            "http://2852039166/latest/",
            "http://0xA9FEA9FE/",
            "http://0xa9.0xfe.0xa9.0xfe/",
            "http://0251.0376.0251.0376/",
            "http://025177524776/",
            "http://169.254.43518/",
            "http://169.16689662:80/",
            "2852039166/latest",
            "http://[::ffff:a9fe:a9fe]/",
            "http://[::ffff:169.254.169.254]:80/",
            "http://[64:ff9b::a9fe:a9fe]/",
            "http://[fd00:0ec2::0254]/",
            "http://metadata/computeMetadata/v1/",
            "http://metadata:80/",
            "http://metadata./",
            "http://instance-data/latest",
            "http://instance-data.ec2.internal/latest",
            "http://169.254%2e169.254/",
            "http://169.254.169.25{4}/",
            "http://169.254.169.[254-254]/",
            "http://\u{ff11}69.254.169.254/",
            "http://localhost:2375/containers/json",
            "docker-host:2376/containers/web/json",
            "http://u:p@host/",
        ] {
            assert!(address_gives_credentials(address), "{address}");
        }
        for address in [
            "http://10.0.0.1/",
            "http://2130706433/",
            "http://[::1]:8080/",
            "http://[fd00::1]/",
            "http://metadata-service/healthz",
            "http://web.metadata.svc/healthz",
            "http://${HOST}:8080/healthz",
            "https://example.com/?a={b}",
            "http://example.com:23750/",
            "12:30",
            "[a-z]",
            "instance-data.csv",
            "2375",
            "",
        ] {
            assert!(!address_gives_credentials(address), "{address}");
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
