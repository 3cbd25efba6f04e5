//! Which names a parameter or a captured value may have, since it becomes an environment variable.

/// Names that steer the shell or the programs it starts. Whoever gives a value to one of them would decide what runs, what it
/// trusts, or how it is configured, not what it acts on.
///
/// What names a target is not here, because naming it is what a parameter is for: `AWS_REGION`, `AWS_PROFILE` (a section of the
/// operator's own file), `AWS_ACCESS_KEY_ID` and the like as secrets, `PGHOST`, `PGUSER`, `PGDATABASE`, `PGPASSWORD`,
/// `VAULT_ADDR`, `NODE_NAME`, `HELM_RELEASE`, `TF_VAR_*`, `TF_WORKSPACE`. The approver sees these values in the plan.
pub(super) const RESERVED: &[&str] = &[
    // the shell itself
    "_",
    "PATH",
    "HOME",
    "IFS",
    "ENV",
    "SHELL",
    "USER",
    "LOGNAME",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TMPDIR",
    "PWD",
    "OLDPWD",
    "CDPATH",
    "PS0",
    "PS1",
    "PS2",
    "PS3",
    "PS4",
    "PROMPT_COMMAND",
    "SHELLOPTS",
    "SHLVL",
    "OPTIND",
    "OPTARG",
    "OPTERR",
    "RANDOM",
    "SRANDOM",
    "SECONDS",
    "LINENO",
    "UID",
    "EUID",
    "PPID",
    "GROUPS",
    "GLOBIGNORE",
    "POSIXLY_CORRECT",
    "FUNCNAME",
    "FUNCNEST",
    "REPLY",
    "DIRSTACK",
    "PIPESTATUS",
    "HOSTNAME",
    "HOSTTYPE",
    "OSTYPE",
    "MACHTYPE",
    "EPOCHSECONDS",
    "EPOCHREALTIME",
    "INPUTRC",
    "MAILCHECK",
    "MAILPATH",
    "TMOUT",
    "TIMEFORMAT",
    "EXECIGNORE",
    "FIGNORE",
    "IGNOREEOF",
    "COPROC",
    "MAPFILE",
    "CHILD_MAX",
    "ZDOTDIR",
    "FPATH",
    "TERM",
    "TERMINFO",
    "TERMINFO_DIRS",
    "TERMCAP",
    "auto_resume",
    "histchars",
    // the loader, the C library and name service: other code, other hosts
    "GCONV_PATH",
    "GETCONF_DIR",
    "GLIBC_TUNABLES",
    "HOSTALIASES",
    "LOCALDOMAIN",
    "LOCPATH",
    "NLSPATH",
    "RES_OPTIONS",
    "RESOLV_HOST_CONF",
    // programs that are started to show, edit or ask
    "PAGER",
    "EDITOR",
    "VISUAL",
    "BROWSER",
    "FCEDIT",
    "SUDO_EDITOR",
    "HGEDITOR",
    "LESS",
    "LESSOPEN",
    "LESSCLOSE",
    "LESSKEY",
    "LESSKEYIN",
    "MANOPT",
    "MORE",
    "VIMINIT",
    "EXINIT",
    "MYVIMRC",
    "SCREENRC",
    // interpreters and build tools: what is loaded or run
    "JAVA_HOME",
    "JAVA_OPTS",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "_JAVA_OPTIONS",
    "CLASSPATH",
    "CATALINA_OPTS",
    "KAFKA_OPTS",
    "HADOOP_OPTS",
    "MAVEN_OPTS",
    "MAVEN_ARGS",
    "GRADLE_OPTS",
    "GRADLE_USER_HOME",
    "SBT_OPTS",
    "NODE_OPTIONS",
    "NODE_PATH",
    "NODE_EXTRA_CA_CERTS",
    "NODE_TLS_REJECT_UNAUTHORIZED",
    "NODE_REPL_EXTERNAL_MODULE",
    "NODE_ICU_DATA",
    "NODE_V8_COVERAGE",
    "PHPRC",
    "PHP_INI_SCAN_DIR",
    "LUA_INIT",
    "LUA_PATH",
    "LUA_CPATH",
    "TCLLIBPATH",
    "GUILE_LOAD_PATH",
    "GEM_HOME",
    "GEM_PATH",
    "GOFLAGS",
    "GOENV",
    "GOPROXY",
    "GOTOOLCHAIN",
    "RUSTC_WRAPPER",
    "RUSTFLAGS",
    "MAKEFLAGS",
    "GNUMAKEFLAGS",
    "MFLAGS",
    "MAKEFILES",
    "AWKPATH",
    "AWKLIBPATH",
    // options that common programs take from the environment
    "GREP_OPTIONS",
    "TAR_OPTIONS",
    "GZIP",
    "BZIP",
    "BZIP2",
    "XZ_OPT",
    "XZ_DEFAULTS",
    "ZIPOPT",
    "UNZIP",
    "CVS_RSH",
    "SVN_SSH",
    "HGRCPATH",
    // where programs find their own configuration, which may name programs
    "KUBECONFIG",
    "KUBERC",
    "KUBECACHEDIR",
    "HELM_BIN",
    "HELM_PLUGINS",
    "HELM_CONFIG_HOME",
    "HELM_DATA_HOME",
    "HELM_CACHE_HOME",
    "HELM_REGISTRY_CONFIG",
    "HELM_REPOSITORY_CONFIG",
    "HELM_REPOSITORY_CACHE",
    "DOCKER_CONFIG",
    "DOCKER_CONTEXT",
    "DOCKER_HOST",
    "DOCKER_CERT_PATH",
    "DOCKER_TLS_VERIFY",
    "CONTAINER_HOST",
    "CONTAINERS_CONF",
    "REGISTRY_AUTH_FILE",
    "BUILDKIT_HOST",
    "COMPOSE_FILE",
    "COMPOSE_ENV_FILES",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_DATA_PATH",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "CLOUDSDK_CONFIG",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES",
    "AZURE_CONFIG_DIR",
    "AZURE_EXTENSION_DIR",
    "BOTO_CONFIG",
    "TF_CLI_CONFIG_FILE",
    "TERRAFORM_CONFIG",
    "TF_DATA_DIR",
    "TF_PLUGIN_CACHE_DIR",
    "TF_REATTACH_PROVIDERS",
    "PGSERVICEFILE",
    "PGSYSCONFDIR",
    "PGPASSFILE",
    "PGOPTIONS",
    "PSQLRC",
    "MYSQL_HOME",
    "MYSQL_TEST_LOGIN_FILE",
    "LIBMYSQL_PLUGINS",
    "LIBMYSQL_PLUGIN_DIR",
    "REDISCLI_RCFILE",
    "TNS_ADMIN",
    "ORACLE_HOME",
    "ODBCINI",
    "ODBCSYSINI",
    "NETRC",
    "WGETRC",
    "SYSTEM_WGETRC",
    "CURL_HOME",
    "KRB5_CONFIG",
    "KRB5CCNAME",
    "GNUPGHOME",
    "DBUS_SESSION_BUS_ADDRESS",
    "DBUS_SYSTEM_BUS_ADDRESS",
    // whom TLS trusts, and where its keys are written
    "OPENSSL_CONF",
    "OPENSSL_MODULES",
    "OPENSSL_ENGINES",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "SSLKEYLOGFILE",
    "CURL_CA_BUNDLE",
    "CURL_SSL_BACKEND",
    "REQUESTS_CA_BUNDLE",
    "AWS_CA_BUNDLE",
    "VAULT_SKIP_VERIFY",
    "VAULT_CACERT",
    "VAULT_CAPATH",
    "PGSSLMODE",
    "PGSSLROOTCERT",
];

/// Beginnings of such names.
pub(super) const RESERVED_PREFIXES: &[&str] = &[
    "BASH",
    "LD_",
    "DYLD_",
    "LC_",
    "MALLOC_",
    "BLOCKS_",
    "HIST",
    "COMP_",
    "READLINE_",
    "GIT_",
    "SSH_",
    "PYTHON",
    "PERL",
    "RUBY",
    "BUNDLE_",
    "PIP_",
    "YARN_",
    "CARGO_",
    "DENO_",
    "BUN_",
    "KUBECTL_",
    "HELM_KUBE",
    "ANSIBLE_",
    "RSYNC_",
    "XDG_",
    "AWS_ENDPOINT_URL",
    "AWS_CONTAINER_",
    "AWS_EC2_METADATA_",
    "CLOUDSDK_PYTHON",
    "CLOUDSDK_API_ENDPOINT_OVERRIDES",
    "TF_CLI_ARGS",
    "NPM_CONFIG_",
    "npm_config_",
];

/// Endings of such names: programs that another one starts.
pub(super) const RESERVED_SUFFIXES: &[&str] = &["_PAGER", "_EDITOR", "_ASKPASS", "_BROWSER"];

/// What stands before `_PROXY` in names that send traffic through somebody else, in any case: curl knows one for each of its protocols.
pub(super) const PROXIED: &[&str] = &[
    "ALL", "CGI_HTTP", "DICT", "FTP", "FTPS", "GOPHER", "GRPC", "HTTP", "HTTPS", "IMAP", "LDAP", "NO",
    "POP3", "RSYNC", "SMTP", "SOCKS", "SOCKS4", "SOCKS5", "TELNET", "TFTP", "WS", "WSS",
];

/// Blocks' own secrets by name: they are never handed on, and nothing else may be called like one of them.
pub const OWN_SECRETS: [&str; 14] = [
    "SLACK_BOT_TOKEN",
    "SLACK_APP_TOKEN",
    "SLACK_SIGNING_SECRET",
    "PAGERDUTY_WEBHOOK_SECRET",
    "PAGERDUTY_API_TOKEN",
    "PAGERDUTY_ROUTING_KEY",
    "BLOCKS_API_TOKEN",
    "SMTP_PASSWORD",
    "STATUSPAGE_API_KEY",
    "HEARTBEAT_SECRET",
    "ALERTMANAGER_TOKEN",
    "GRAFANA_WEBHOOK_SECRET",
    "BLOCKS_ALERTS_TOKEN",
    "BLOCKS_CHANGE_TOKEN",
];

/// Checks a name that will be an environment variable.
///
/// # Errors
/// The reason, in lowercase, when it is not an identifier or when it would steer the shell.
pub fn check_variable(name: &str) -> Result<(), String> {
    if !is_identifier(name) {
        return Err(format!(
            "`{name}` is not a variable name: use letters, digits and _, not beginning with a digit"
        ));
    }
    if name.len() > 64 {
        return Err("a variable name has at most 64 characters".to_owned());
    }
    if is_reserved(name) {
        return Err(format!(
            "`{name}` steers the shell or the programs it starts, so a runbook may not set it"
        ));
    }
    Ok(())
}

/// Whether the text has the shape of a shell variable: `[A-Za-z_][A-Za-z0-9_]*`.
#[must_use]
pub fn is_identifier(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Whether a byte may stand in a variable's name.
pub(crate) fn is_identifier_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Whether the name belongs to the shell, to Blocks or to what decides how a program runs.
pub(crate) fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
        || OWN_SECRETS.contains(&name)
        || RESERVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || RESERVED_SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
        || name
            .split_at_checked(name.len().saturating_sub("_proxy".len()))
            .is_some_and(|(what, proxy)| proxy.eq_ignore_ascii_case("_proxy") && is_proxied(what))
}

fn is_proxied(what: &str) -> bool {
    PROXIED.iter().any(|known| known.eq_ignore_ascii_case(what))
}

/// The known word that a misspelt one most likely means: at most two letters away, or a third of its length.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    if let Some(same) = known.iter().find(|known| known.eq_ignore_ascii_case(word)) {
        return Some(*same);
    }
    let word: Vec<char> = word.chars().take(40).flat_map(char::to_lowercase).collect();
    let allowed = (word.len() / 3).min(2);
    known
        .iter()
        .map(|candidate| (distance(&word, candidate), *candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// How many letters differ, are missing or are too many.
/// At most `most` of the known words, nearest first: those that hold the word or a word of it, and those that are spelled
/// like it.
pub(crate) fn closest<'a>(word: &str, known: impl Iterator<Item = &'a str>, most: usize) -> Vec<&'a str> {
    let short: String = word.chars().take(40).flat_map(char::to_lowercase).collect();
    let letters: Vec<char> = short.chars().collect();
    let parts = || short.split(|c: char| !c.is_alphanumeric()).filter(|part| part.chars().count() >= 3);
    let mut near: Vec<(usize, &str)> = known
        .filter_map(|known| {
            let away = distance(&letters, known);
            let holds = !short.is_empty() && known.contains(&short);
            let shares = parts().any(|part| known.split('-').any(|word| word == part));
            match () {
                () if holds => Some((0, known)),
                () if shares => Some((1 + away, known)),
                () if away <= letters.len() / 2 => Some((2 + away, known)),
                () => None,
            }
        })
        .collect();
    near.sort_by_key(|(away, _)| *away);
    near.into_iter().take(most).map(|(_, known)| known).collect()
}

fn distance(word: &[char], other: &str) -> usize {
    let mut row: Vec<usize> = (0..=word.len()).collect();
    for (i, letter) in other.chars().enumerate() {
        let mut corner = i;
        let mut left = i + 1;
        for (cell, same) in row.iter_mut().skip(1).zip(word.iter().map(|own| *own == letter)) {
            let best = (corner + usize::from(!same)).min(left + 1).min(*cell + 1);
            corner = *cell;
            *cell = best;
            left = best;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{check_variable, nearest};

    #[test]
    fn misspelt_words_find_what_was_meant() {
        let known = ["name", "effect", "timeout", "retries"];
        for (word, meant) in [
            ("efect", Some("effect")),
            ("Effect", Some("effect")),
            ("timeuot", Some("timeout")),
            ("retry", None),
            ("nam", Some("name")),
            ("x", None),
            ("", None),
            ("colour", None),
        ] {
            assert_eq!(nearest(word, &known), meant, "{word}");
        }
    }

    #[test]
    fn only_harmless_identifiers_pass() {
        for name in [
            "REV",
            "previous_revision",
            "_x",
            "n1",
            "path",
            "NAMESPACE",
            "AWS_REGION",
            "AWS_PROFILE",
            "AWS_ACCESS_KEY_ID",
            "PGHOST",
            "PGPASSWORD",
            "VAULT_ADDR",
            "NODE_NAME",
            "NODE",
            "HELM_RELEASE",
            "TF_VAR_region",
            "TF_WORKSPACE",
            "PERCENT",
            "PROXY",
            "KUBE_PROXY",
            "GITHUB_TOKEN",
            "JAVA_VERSION",
            "LDAP_HOST",
            "PAGERDUTY_TEAM",
        ] {
            assert_eq!(check_variable(name), Ok(()), "{name}");
        }
        for name in [
            "",
            "1a",
            "a-b",
            "a b",
            "PATH",
            "IFS",
            "HOME",
            "BASH_ENV",
            "LD_PRELOAD",
            "BLOCKS_RUN",
            "_",
            "é",
            "a=b",
            "PYTHONPATH",
            "GIT_SSH_COMMAND",
            "http_proxy",
            "HTTPS_PROXY",
            "No_Proxy",
            "ALL_PROXY",
            "ftp_proxy",
            "socks5_PROXY",
            "DYLD_INSERT_LIBRARIES",
            "SSH_ASKPASS",
            "SSH_AUTH_SOCK",
            "PERL5OPT",
            "PERLLIB",
            "RUBYOPT",
            "NODE_OPTIONS",
            "NODE_PATH",
            "JAVA_TOOL_OPTIONS",
            "_JAVA_OPTIONS",
            "ENV",
            "PS4",
            "SHELLOPTS",
            "EDITOR",
            "KUBE_EDITOR",
            "VISUAL",
            "PAGER",
            "AWS_PAGER",
            "GH_BROWSER",
            "SUDO_ASKPASS",
            "KUBECTL_EXTERNAL_DIFF",
            "KUBECONFIG",
            "AWS_CONFIG_FILE",
            "AWS_ENDPOINT_URL_S3",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            "CURL_HOME",
            "OPENSSL_CONF",
            "SSL_CERT_FILE",
            "SSLKEYLOGFILE",
            "LESSOPEN",
            "MAKEFLAGS",
            "RSYNC_RSH",
            "npm_config_script_shell",
            "PIP_INDEX_URL",
            "ANSIBLE_LIBRARY",
            "XDG_CONFIG_HOME",
            "HOSTALIASES",
            "GCONV_PATH",
            "PGSERVICEFILE",
            "PGOPTIONS",
            "DOCKER_HOST",
            "TF_CLI_ARGS_apply",
            "BASH_FUNC",
            "SLACK_BOT_TOKEN",
            "BLOCKS_API_TOKEN",
        ] {
            assert!(check_variable(name).is_err(), "{name}");
        }
    }
}
