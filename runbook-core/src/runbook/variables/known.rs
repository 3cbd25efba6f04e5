//! Variables that are there without anybody setting them in the runbook.

/// What bash sets by itself.
const BASH: &[&str] = &[
    "_",
    "BASH",
    "COLUMNS",
    "COPROC",
    "DIRSTACK",
    "EPOCHREALTIME",
    "EPOCHSECONDS",
    "EUID",
    "FUNCNAME",
    "GROUPS",
    "HISTCMD",
    "HOSTNAME",
    "HOSTTYPE",
    "IFS",
    "LINENO",
    "LINES",
    "MACHTYPE",
    "MAPFILE",
    "OLDPWD",
    "OPTARG",
    "OPTERR",
    "OPTIND",
    "OSTYPE",
    "PIPESTATUS",
    "PPID",
    "PS4",
    "PWD",
    "RANDOM",
    "REPLY",
    "SECONDS",
    "SHELL",
    "SHELLOPTS",
    "SHLVL",
    "SRANDOM",
    "TERM",
    "UID",
];
/// What `[exec] env` hands on when the configuration says nothing else. A plan asks the configuration.
const HANDED_ON: &[&str] = &["PATH", "HOME", "USER", "LANG", "TZ", "TMPDIR", "KUBECONFIG", "SSH_AUTH_SOCK"];
/// What Blocks tells each command.
const BLOCKS: &[&str] = &["BLOCKS_RUN", "BLOCKS_STEP", "BLOCKS_ATTEMPT", "BLOCKS_INCIDENT"];

/// Whether a variable needs nobody to set it.
pub(super) fn is_known(name: &str) -> bool {
    [BASH, HANDED_ON, BLOCKS].iter().any(|list| list.contains(&name)) || name.starts_with("BASH_")
}
