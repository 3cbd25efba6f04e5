//! The table of commands that change nothing, as data. To teach Blocks another one, add a row here and to the tests.
//!
//! A row passes only when its words match, its options are allowed and its check agrees. When in doubt, leave it out:
//! what is missing is `once`, and a runbook can still say `effect=read`.

use super::super::shell::Word;
use super::{clouds, credentials, curl, kubectl, machine, predicates};

/// Programs of one kind, and the ways of calling them that only read.
pub(super) struct Program {
    /// Names, separated by blanks.
    pub(super) names: &'static str,
    /// Options with a value that may stand before the subcommand.
    pub(super) before: &'static [&'static str],
    /// What must hold of all its arguments.
    pub(super) whole: fn(&[Word<'_>]) -> bool,
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
    Program { names, before: &[], whole: predicates::any, forms }
}

/// kubectl's options that write files, take other settings, or give the credentials to another server.
const KUBECTL_WRITES: &[&str] = &[
    "--profile",
    "--log-",
    "--log_",
    "--output-dir",
    "--cache-dir",
    "--kubeconfig",
    "--kuberc",
    "--token",
    "--insecure",
    "--tls-server-name",
    "--username",
    "--password",
];

const fn kube(words: &'static str, check: fn(&[Word<'_>]) -> bool) -> Form {
    Form { options: Options::Except { beginnings: KUBECTL_WRITES, letters: "" }, check, ..every(words) }
}

/// helm's options that start a program, write files, or say more than they should.
const fn helm(words: &'static str) -> Form {
    let beginnings = &[
        "--post-renderer",
        "--output-dir",
        "--kubeconfig",
        "--kube-",
        "--repository",
        "--registry-config",
        "--debug",
    ];
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

const GCLOUD: &[&str] = &["--flag", "--log-h", "--verb"];
/// Where the whole object may hold credentials: the usual table alone.
const GCLOUD_TABLE: &[&str] = &["--flag", "--log-h", "--verb", "--fo"];

/// Every program with its reading forms.
pub(super) const PROGRAMS: &[Program] = &[
    // files and text
    program(
        "cat head wc cut tr tac rev nl paste join comm cmp column fold md5sum sha1sum sha256sum sha512sum",
        &[checked("", credentials::reads_files)],
    ),
    program("grep egrep fgrep zgrep", &[checked("", credentials::searches_files)]),
    program(
        "tail",
        &[Form {
            options: Options::Except { beginnings: &["--f"], letters: "fF" },
            ..checked("", credentials::reads_files)
        }],
    ),
    program("basename dirname", &[checked("", credentials::shows_no_secret_variable)]),
    program("realpath readlink stat ls du df", &[every("")]),
    program("true false : pwd which", &[every("")]),
    program("cd", &[checked("", credentials::plain_folder)]),
    program("echo", &[checked("", credentials::shows_no_secret_variable)]),
    program("seq", &[checked("", predicates::seq)]),
    program("jq", &[checked("", predicates::jq)]),
    program("sleep", &[checked("", predicates::sleep)]),
    program("printf", &[checked("", predicates::printf)]),
    program("test [", &[checked("", predicates::test)]),
    program("[[", &[checked("", predicates::double_bracket)]),
    program("date", &[checked("", predicates::date)]),
    program("uniq", &[Form { trusts_expansions: false, ..checked("", predicates::at_most_one_operand) }]),
    program(
        "sort",
        &[Form { check: credentials::reads_files, ..except("", &["--o", "--co", "--t", "--files0"], "oT") }],
    ),
    program("awk", &[checked("", predicates::awk)]),
    program("sed", &[checked("", predicates::sed)]),
    program("find", &[except("", &["-exec", "-ok", "-fls", "-fprint", "-delete", "-files0-from"], "")]),
    program("timeout", &[checked("", predicates::timeout)]),
    // the machine
    program("whoami id groups uname uptime nproc lsblk lscpu", &[every("")]),
    program("free", &[goes_on("", &["--s", "--c"], "sc")]),
    program("ps", &[checked("", machine::ps)]),
    program("vmstat iostat mpstat", &[checked("", machine::samples)]),
    program("ss", &[except("", &["--k", "--di", "--F", "--ev"], "KDFE")]),
    program("netstat", &[goes_on("", &["--c"], "c")]),
    program("ip", &[checked("", machine::ip)]),
    // `-f` asks for each line of a file
    program("dig host", &[goes_on("", &[], "fky")]),
    program("ping", &[checked("", machine::ping)]),
    program("nslookup", &[Form { trusts_expansions: false, ..every("") }]),
    program(
        "systemctl",
        &[
            systemctl("status|is-active|is-enabled|is-failed|is-system-running|get-default"),
            Form { check: machine::systemctl_show, ..systemctl("show") },
            systemctl("list-units|list-unit-files|list-timers|list-sockets|list-dependencies|list-jobs"),
        ],
    ),
    program("journalctl", &[checked("", machine::journalctl)]),
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
        whole: kubectl::is_discreet,
        forms: &[
            kube("get", kubectl::get),
            kube("logs", kubectl::logs),
            kube("events", kubectl::get),
            kube("describe|top|version|api-resources|api-versions|explain|wait", predicates::any),
            kube("rollout status|history", predicates::any),
            kube("auth can-i|whoami", predicates::any),
            kube("config view", predicates::not_raw),
            kube("config current-context|get-contexts|get-clusters", predicates::any),
            kube("cluster-info", predicates::nothing),
        ],
    },
    Program {
        names: "helm",
        before: &["-n", "--namespace", "--kube-context"],
        whole: predicates::any,
        forms: &[
            helm("list|ls|history|version"),
            // with an output format it is the whole release, values included
            Form { check: predicates::no_output_format, ..helm("status") },
            helm("get notes|metadata"),
            helm("search repo"),
        ],
    },
    program(
        "docker podman",
        &[
            goes_on("logs", &["--f"], "f"),
            goes_on("container|compose logs", &["--f"], "f"),
            every("ps|images|version|info|port|diff"),
            checked("inspect", predicates::docker_inspect),
            checked("container|image inspect", predicates::docker_inspect),
            // more words are options of ps
            checked("top", predicates::one),
            checked("container top", predicates::one),
            every("container ls|list|port"),
            every("image ls|list"),
            every("network ls|inspect"),
            every("volume|node|service|stack|config ls|ps"),
            every("system df|info"),
            every("compose ps|ls|images|top|port"),
            Form {
                check: predicates::once_only,
                ..only("stats", &["--no-stream", "-a", "--all", "--no-trunc"], &["--format"])
            },
        ],
    ),
    Program {
        whole: predicates::no_at_files,
        ..program(
            "promtool",
            &[
                except(
                    "check rules|config|metrics|web-config|healthy|ready",
                    &["--write", "--http.config"],
                    "",
                ),
                except("query instant|range|series|labels", &["--write", "--http.config"], ""),
            ],
        )
    },
    Program {
        names: "etcdctl",
        before: &["--endpoints", "--cacert", "--cert", "--key", "-w", "--write-out"],
        whole: predicates::any,
        forms: &[
            every("version"),
            checked("get", predicates::keys_only),
            every("endpoint status|health|hashkv"),
            every("member|alarm list"),
            every("snapshot status"),
        ],
    },
    program(
        "terraform",
        &[
            every("version|validate"),
            // as JSON and by name, what is marked as sensitive is not hidden
            except("show", &["-j", "--j"], ""),
            Form { check: predicates::no_operands, ..only("output", &["-no-color"], &[]) },
            every("state list|show"),
            every("workspace list|show"),
        ],
    ),
    // source code
    program(
        "git",
        &[
            git("status|log|rev-parse|describe|show|diff|blame|ls-files", credentials::reads_files),
            Form {
                check: predicates::no_operands,
                ..only("branch", &["-a", "-r", "-v", "-vv", "--list", "--all", "--show-current"], &[])
            },
            git("stash list", predicates::nothing),
        ],
    ),
    // clouds
    Program {
        names: "aws",
        before: &["--profile", "--region", "--output", "--query"],
        whole: clouds::aws_is_discreet,
        forms: &[checked("", clouds::aws)],
    },
    program(
        "gcloud",
        &[
            except(
                "compute disks|addresses|firewall-rules|networks|regions|zones|snapshots list|describe",
                GCLOUD,
                "",
            ),
            except(
                "compute forwarding-rules|backend-services|url-maps|instance-groups list|describe",
                GCLOUD,
                "",
            ),
            // metadata, environment, keys
            except("compute instances list", GCLOUD_TABLE, ""),
            except("container clusters list", GCLOUD_TABLE, ""),
            except("run services|revisions|jobs list", GCLOUD_TABLE, ""),
            except("functions|builds list", GCLOUD_TABLE, ""),
            except("container node-pools|operations|images list|describe", GCLOUD, ""),
            except("sql instances|databases|backups|operations list|describe", GCLOUD, ""),
            except("pubsub topics|subscriptions list|describe", GCLOUD, ""),
            except("dns managed-zones|record-sets list|describe", GCLOUD, ""),
            except("projects list|describe", GCLOUD, ""),
            except("logging read", GCLOUD, ""),
            except(
                "config get-value|get project|account|compute/region|compute/zone|core/project",
                GCLOUD,
                "",
            ),
            except("services|auth|components list", GCLOUD_TABLE, ""),
            except("iam service-accounts|roles list|describe", GCLOUD, ""),
            except("info|version", GCLOUD, ""),
        ],
    ),
    Program {
        whole: predicates::no_at_files,
        ..program(
            "az",
            &[
                except(
                    "group|vm|aks|webapp|functionapp|acr|account|disk|lock|redis list|show",
                    &["--de"],
                    "",
                ),
                except("network vnet|nsg|lb|public-ip|nic|application-gateway list|show", &["--de"], ""),
                except("sql server|db list|show", &["--de"], ""),
                except("postgres|mysql server|flexible-server list|show", &["--de"], ""),
                except("storage account list|show", &["--de"], ""),
                except("monitor metrics|activity-log list", &["--de"], ""),
                except("keyvault list|show", &["--de"], ""),
                except("version", &["--de"], ""),
            ],
        )
    },
    // data
    program("psql", &[checked("", predicates::psql)]),
    program("redis-cli", &[checked("", predicates::redis)]),
    program("curl", &[checked("", curl::reads)]),
];
