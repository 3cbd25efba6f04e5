//! The table of commands that change nothing, as data. To teach Blocks another one, add a row here and to the tests.
//!
//! A row passes only when its words match, its options are allowed and its check agrees. When in doubt, leave it out:
//! what is missing is `once`, and a runbook can still say `effect=read`.

use super::super::shell::Word;
use super::{curl, predicates};

/// Programs of one kind, and the ways of calling them that only read.
pub(super) struct Program {
    /// Names, separated by blanks.
    pub(super) names: &'static str,
    /// Options with a value that may stand before the subcommand.
    pub(super) before: &'static [&'static str],
    /// Any one of these must fit.
    pub(super) forms: &'static [Form],
}

/// One way of calling a program.
pub(super) struct Form {
    /// The words that come first: `rollout status|history`. Empty when there is no subcommand.
    pub(super) words: &'static str,
    /// Which options may follow.
    pub(super) options: Options,
    /// Whether an argument may begin with a variable: fine where no single option can do harm.
    pub(super) trusts_expansions: bool,
    /// What else must hold.
    pub(super) check: fn(&[Word<'_>]) -> bool,
}

/// Which options a form allows.
pub(super) enum Options {
    /// All but long ones with these beginnings and short ones with these letters.
    Except { beginnings: &'static [&'static str], letters: &'static str },
    /// These alone: without a value, and with one.
    Only { flags: &'static [&'static str], values: &'static [&'static str] },
}

/// No option of these words writes or starts anything.
const fn every(words: &'static str) -> Form {
    Form {
        words,
        options: Options::Except { beginnings: &[], letters: "" },
        trusts_expansions: true,
        check: predicates::any,
    }
}

/// Every option but these.
const fn except(words: &'static str, beginnings: &'static [&'static str], letters: &'static str) -> Form {
    Form { options: Options::Except { beginnings, letters }, trusts_expansions: false, ..every(words) }
}

/// Every option but these, with which it never ends.
const fn goes_on(words: &'static str, beginnings: &'static [&'static str], letters: &'static str) -> Form {
    Form { options: Options::Except { beginnings, letters }, ..every(words) }
}

/// These options and no others.
const fn only(words: &'static str, flags: &'static [&'static str], values: &'static [&'static str]) -> Form {
    Form { options: Options::Only { flags, values }, ..every(words) }
}

/// The check decides alone.
const fn checked(words: &'static str, check: fn(&[Word<'_>]) -> bool) -> Form {
    Form { check, ..every(words) }
}

const fn program(names: &'static str, forms: &'static [Form]) -> Program {
    Program { names, before: &[], forms }
}

/// kubectl's options that write files or take other settings.
const KUBECTL_WRITES: &[&str] =
    &["--profile", "--log-", "--log_", "--output-dir", "--cache-dir", "--kubeconfig", "--kuberc"];

const fn kubectl(words: &'static str, check: fn(&[Word<'_>]) -> bool) -> Form {
    Form { options: Options::Except { beginnings: KUBECTL_WRITES, letters: "" }, check, ..every(words) }
}

/// helm's options that start a program or write files.
const fn helm(words: &'static str) -> Form {
    let beginnings =
        &["--post-renderer", "--output-dir", "--kubeconfig", "--repository", "--registry-config"];
    Form { options: Options::Except { beginnings, letters: "" }, ..every(words) }
}

/// git's options that write a file or start a program, abbreviations included.
const fn git(words: &'static str, check: fn(&[Word<'_>]) -> bool) -> Form {
    Form { check, ..except(words, &["--o", "--e", "--textconv", "--upload-pack"], "") }
}

/// systemctl's options that ask another machine, through programs of their own.
const fn systemctl(words: &'static str) -> Form {
    except(words, &["--host", "--machine", "--root", "--image"], "HM")
}

const GCLOUD: &[&str] = &["--flags-file", "--log-http"];

/// Every program with its reading forms.
pub(super) const PROGRAMS: &[Program] = &[
    // files and text
    program(
        "cat head wc grep egrep fgrep zgrep cut tr tac rev nl paste join comm cmp column fold md5sum sha1sum sha256sum sha512sum",
        &[checked("", predicates::ends)],
    ),
    program(
        "tail",
        &[Form {
            options: Options::Except { beginnings: &["--f"], letters: "fF" },
            ..checked("", predicates::ends)
        }],
    ),
    program("basename dirname realpath readlink stat ls du df", &[every("")]),
    program("jq echo true false : pwd cd seq which", &[every("")]),
    program("sleep", &[checked("", predicates::sleep)]),
    program("printf", &[checked("", predicates::printf)]),
    program("test [", &[checked("", predicates::test)]),
    program("[[", &[checked("", predicates::double_bracket)]),
    program("date", &[checked("", predicates::date)]),
    program("uniq", &[Form { trusts_expansions: false, ..checked("", predicates::at_most_one_operand) }]),
    program("sort", &[except("", &["--o", "--co", "--t"], "oT")]),
    program("awk", &[checked("", predicates::awk)]),
    program("sed", &[checked("", predicates::sed)]),
    program("find", &[except("", &["-exec", "-ok", "-fls", "-fprint", "-delete", "-files0-from"], "")]),
    program("timeout", &[checked("", predicates::timeout)]),
    // the machine
    program(
        "whoami id groups uname uptime free ps nproc lsblk lscpu printenv vmstat iostat mpstat",
        &[every("")],
    ),
    program("ss", &[except("", &["--k", "--di", "--F"], "KDF")]),
    program("netstat", &[goes_on("", &["--c"], "c")]),
    program("ip", &[checked("", predicates::ip)]),
    program("dig host", &[every("")]),
    program("ping", &[checked("", predicates::ping)]),
    program("nslookup", &[Form { trusts_expansions: false, ..every("") }]),
    program(
        "systemctl",
        &[
            systemctl("status|is-active|is-enabled|is-failed|is-system-running|show|cat|get-default"),
            systemctl("list-units|list-unit-files|list-timers|list-sockets|list-dependencies|list-jobs"),
        ],
    ),
    program("journalctl", &[checked("", predicates::journalctl)]),
    program(
        "openssl",
        &[
            only("version", &["-a"], &[]),
            only(
                "x509",
                &[
                    "-noout",
                    "-dates",
                    "-enddate",
                    "-startdate",
                    "-subject",
                    "-issuer",
                    "-text",
                    "-fingerprint",
                    "-serial",
                    "-sha256",
                    "-ext_key_usage",
                ],
                &["-in", "-inform", "-checkend", "-checkhost", "-ext", "-nameopt"],
            ),
        ],
    ),
    // Kubernetes
    Program {
        names: "kubectl",
        before: &[
            "-n",
            "--namespace",
            "--context",
            "--cluster",
            "-l",
            "--selector",
            "-o",
            "--output",
            "--request-timeout",
        ],
        forms: &[
            kubectl("get", predicates::kubectl_get),
            kubectl("logs", predicates::kubectl_logs),
            kubectl("events", predicates::kubectl_get),
            kubectl("describe|top|version|api-resources|api-versions|explain|wait", predicates::any),
            kubectl("rollout status|history", predicates::any),
            kubectl("auth can-i|whoami", predicates::any),
            kubectl("config view|current-context|get-contexts|get-clusters", predicates::any),
            kubectl("cluster-info", predicates::nothing),
        ],
    },
    Program {
        names: "helm",
        before: &["-n", "--namespace", "--kube-context"],
        forms: &[
            helm("list|ls|status|history|version"),
            helm("get all|values|manifest|notes|hooks|metadata"),
            helm("search repo"),
        ],
    },
    program(
        "docker podman",
        &[
            goes_on("logs", &["--f"], "f"),
            goes_on("container|compose logs", &["--f"], "f"),
            every("ps|inspect|images|version|info|top|port|diff"),
            every("container ls|list|inspect|top|port"),
            every("image ls|list|inspect|history"),
            every("network|volume|node|service|stack|config ls|inspect|ps"),
            every("system df|info"),
            every("compose ps|ls|images|top|port"),
            Form {
                check: predicates::once_only,
                ..only("stats", &["--no-stream", "-a", "--all", "--no-trunc"], &["--format"])
            },
        ],
    ),
    program(
        "promtool",
        &[
            except("check rules|config|metrics|web-config|healthy|ready", &["--write", "--http.config"], ""),
            except("query instant|range|series|labels", &["--write", "--http.config"], ""),
        ],
    ),
    Program {
        names: "etcdctl",
        before: &["--endpoints", "--cacert", "--cert", "--key", "-w", "--write-out"],
        forms: &[
            every("get|version"),
            every("endpoint status|health|hashkv"),
            every("member|alarm list"),
            every("snapshot status"),
        ],
    },
    program(
        "terraform",
        &[every("show|output|version|validate"), every("state list|show"), every("workspace list|show")],
    ),
    // source code
    program(
        "git",
        &[
            git("status|log|rev-parse|describe|show|diff|blame|ls-files", predicates::any),
            Form {
                check: predicates::no_operands,
                ..only("branch", &["-a", "-r", "-v", "-vv", "--list", "--all", "--show-current"], &[])
            },
            git("remote -v", predicates::nothing),
            git("stash list", predicates::nothing),
            git("config --get", predicates::one),
        ],
    ),
    // clouds
    Program {
        names: "aws",
        before: &["--profile", "--region", "--output", "--query"],
        forms: &[checked("", predicates::aws)],
    },
    program(
        "gcloud",
        &[
            except(
                "compute instances|disks|addresses|firewall-rules|networks|regions|zones|snapshots list|describe",
                GCLOUD,
                "",
            ),
            except(
                "compute forwarding-rules|backend-services|url-maps|instance-groups list|describe",
                GCLOUD,
                "",
            ),
            except("container clusters|node-pools|operations|images list|describe", GCLOUD, ""),
            except("sql instances|databases|backups|operations list|describe", GCLOUD, ""),
            except("run services|revisions|jobs list|describe", GCLOUD, ""),
            except("pubsub topics|subscriptions list|describe", GCLOUD, ""),
            except("dns managed-zones|record-sets list|describe", GCLOUD, ""),
            except("functions|projects|builds list|describe", GCLOUD, ""),
            except("logging read", GCLOUD, ""),
            except("config list|get-value|get", GCLOUD, ""),
            except("services|auth|components list", GCLOUD, ""),
            except("iam service-accounts|roles list|describe", GCLOUD, ""),
            except("info|version", GCLOUD, ""),
        ],
    ),
    program(
        "az",
        &[
            except("group|vm|aks|webapp|functionapp|acr|account|disk|lock|redis list|show", &[], ""),
            except("network vnet|nsg|lb|public-ip|nic|application-gateway list|show", &[], ""),
            except("sql server|db list|show", &[], ""),
            except("postgres|mysql server|flexible-server list|show", &[], ""),
            except("storage account list|show", &[], ""),
            except("monitor metrics|activity-log list", &[], ""),
            except("keyvault list|show", &[], ""),
            except("version", &[], ""),
        ],
    ),
    // data
    program("psql", &[checked("", predicates::psql)]),
    program("redis-cli", &[checked("", predicates::redis)]),
    program("curl", &[checked("", curl::reads)]),
];
