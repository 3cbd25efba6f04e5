//! kubectl's arguments, and the rules about revisions and namespaces.

use std::collections::BTreeSet;

use super::super::codes;
use super::super::diagnostic::Diagnostic;
use super::super::effects;
use super::calls::Call;
use super::script::Script;

/// Options that take their value as the next word.
const VALUES: &[&str] = &[
    "-n",
    "--namespace",
    "--context",
    "--cluster",
    "-l",
    "--selector",
    "-o",
    "--output",
    "--request-timeout",
    "-c",
    "--container",
    "-f",
    "--filename",
    "-k",
    "--kustomize",
    "--field-selector",
    "--sort-by",
    "--kubeconfig",
    "--as",
    "--tail",
    "--since",
    "--timeout",
    "--for",
    "--replicas",
    "--revision",
    "--to-revision",
    "--patch",
    "--type",
    "--image",
    "--grace-period",
    "--template",
];

/// kubectl's verb and operands without options.
pub(super) fn words<'c>(call: &'c Call<'_>) -> Vec<&'c str> {
    let mut words = Vec::new();
    let mut args = own_args(call).peekable();
    while let Some(arg) = args.next() {
        if !arg.starts_with('-') {
            words.push(arg);
        } else if VALUES.contains(&arg) {
            args.next();
        }
    }
    words
}

/// The arguments that are kubectl's own: those before `--`.
pub(super) fn own_args<'c>(call: &'c Call<'_>) -> impl Iterator<Item = &'c str> {
    call.args.iter().map(|word| &*word.value).take_while(|arg| *arg != "--")
}

/// The value of an option in its long (`--x=v`) or split form.
pub(super) fn value_of<'a>(call: &'a Call<'_>, names: &[&str]) -> Option<&'a str> {
    let mut args = own_args(call);
    while let Some(arg) = args.next() {
        if names.contains(&arg) {
            return args.next();
        }
        for name in names {
            let attached = if name.starts_with("--") {
                arg.strip_prefix(name).and_then(|rest| rest.strip_prefix('='))
            } else {
                arg.strip_prefix(name)
                    .map(|rest| rest.trim_start_matches('='))
                    .filter(|_| !arg.starts_with("--"))
            };
            if attached.is_some() {
                return attached;
            }
        }
    }
    None
}

fn namespace<'c>(call: &'c Call<'_>) -> Option<&'c str> {
    value_of(call, &["-n", "--namespace"])
}

/// Whether the option is there at all: its value may be a placeholder, which reads as a redirection.
fn names_namespace(call: &Call<'_>) -> bool {
    own_args(call)
        .any(|arg| arg.starts_with("--namespace") || (arg.starts_with("-n") && !arg.starts_with("--")))
}

fn all_namespaces(call: &Call<'_>) -> bool {
    own_args(call).any(|arg| arg == "-A" || arg.starts_with("--all-namespaces"))
}

/// `rollout undo` without a revision.
pub(super) fn unpinned_undo(script: &Script<'_>, found: &mut Vec<Diagnostic>) {
    for (_, call) in script.all_calls().filter(|(_, call)| call.program == "kubectl") {
        if words(call).starts_with(&["rollout", "undo"]) && value_of(call, &["--to-revision"]).is_none() {
            found.push(script.at_call(
                codes::UNPINNED_UNDO,
                call,
                "`rollout undo` without a revision goes back to the bad version when it runs twice",
                "capture the revision in a baseline and add --to-revision=\"$REVISION\"",
            ));
        }
    }
}

/// Changes without a namespace, and reads without the one that the document's other commands name.
pub(super) fn namespaces(script: &Script<'_>, found: &mut Vec<Diagnostic>) {
    let calls: Vec<&Call<'_>> =
        script.all_calls().map(|(_, call)| call).filter(|call| call.program == "kubectl").collect();
    let chosen_before = script.all_calls().any(|(_, call)| {
        matches!(call.program(), "kubens")
            || (call.program == "kubectl"
                && words(call).starts_with(&["config", "set-context"])
                && namespace(call).is_some())
    });
    if chosen_before {
        return;
    }
    let named: BTreeSet<&str> = calls.iter().filter_map(|call| namespace(call)).collect();
    let hint = match named.iter().next() {
        Some(only) if named.len() == 1 => {
            format!("name the namespace: the other commands have -n {}", in_shell(only))
        }
        _ => "name the namespace with -n".to_owned(),
    };
    for call in calls {
        let verb = words(call);
        let from_file = own_args(call).any(|arg| {
            matches!(arg, "-f" | "-k" | "--raw")
                || ["--filename", "--kustomize", "--raw"].iter().any(|option| arg.starts_with(option))
        });
        if names_namespace(call) || all_namespaces(call) || from_file || !is_namespaced(&verb) {
            continue;
        }
        if changes(&verb) && !only_looks(call) {
            let message =
                "this kubectl command changes something and takes the namespace from whoever runs it";
            found.push(script.at_call(codes::NO_NAMESPACE, call, message, &hint));
        } else if !named.is_empty() {
            let message = "this kubectl command names no namespace, and other commands of the document do";
            found.push(script.at_call(codes::NEIGHBOUR_NAMESPACE, call, message, &hint));
        }
    }
}

fn in_shell(namespace: &str) -> String {
    if namespace.starts_with('$') { format!("\"{namespace}\"") } else { namespace.to_owned() }
}

/// `exec` of a program that only looks around inside.
pub(super) fn only_looks(call: &Call<'_>) -> bool {
    let inner: Vec<&str> =
        call.args.iter().map(|word| &*word.value).skip_while(|arg| *arg != "--").skip(1).collect();
    words(call).first() == Some(&"exec")
        && (matches!(inner.first(), Some(&("env" | "printenv"))) || effects::is_read_only(&inner.join(" ")))
}

/// Verbs that change something.
pub(super) fn changes(verb: &[&str]) -> bool {
    match verb {
        ["rollout", "undo" | "restart" | "pause" | "resume", ..] => true,
        [first, ..] => matches!(
            *first,
            "apply"
                | "create"
                | "delete"
                | "edit"
                | "patch"
                | "replace"
                | "scale"
                | "set"
                | "annotate"
                | "label"
                | "expose"
                | "run"
                | "autoscale"
                | "exec"
                | "cp"
                | "drain"
                | "cordon"
                | "uncordon"
                | "taint"
        ),
        [] => false,
    }
}

/// Whether the command acts inside a namespace.
fn is_namespaced(verb: &[&str]) -> bool {
    match verb {
        [
            "rollout" | "logs" | "exec" | "port-forward" | "expose" | "autoscale" | "run" | "attach" | "cp",
            ..,
        ] => true,
        ["events"] => true,
        ["set", "env" | "image" | "resources" | "selector" | "serviceaccount" | "subject", ..] => true,
        ["top", "pod" | "pods" | "po", ..] => true,
        [
            "get" | "describe" | "delete" | "edit" | "patch" | "scale" | "annotate" | "label" | "create"
            | "wait" | "replace",
            kind,
            rest @ ..,
        ] => {
            // a list of kinds, or `kind/name`; `node/a pod/b` has the kind in each
            let kind = kind.split('/').next().unwrap_or_default();
            !kind.starts_with(['$', '<'])
                && kind.split(',').any(|kind| !is_cluster_wide(kind))
                && !rest.contains(&"--raw")
        }
        _ => false,
    }
}

/// Kinds that live outside namespaces.
fn is_cluster_wide(kind: &str) -> bool {
    let kind = kind.to_ascii_lowercase();
    let kind = kind.split('.').next().unwrap_or_default();
    const EXACT: &[&str] = &[
        "no",
        "node",
        "nodes",
        "ns",
        "namespace",
        "namespaces",
        "pv",
        "persistentvolume",
        "persistentvolumes",
        "sc",
        "storageclass",
        "storageclasses",
        "crd",
        "crds",
        "customresourcedefinition",
        "customresourcedefinitions",
        "apiservice",
        "apiservices",
        "csr",
        "certificatesigningrequests",
        "priorityclass",
        "priorityclasses",
        "ingressclass",
        "ingressclasses",
        "componentstatuses",
        "cs",
        "validatingwebhookconfiguration",
        "validatingwebhookconfigurations",
        "mutatingwebhookconfiguration",
        "mutatingwebhookconfigurations",
        "csinode",
        "csinodes",
        "csidrivers",
        "volumeattachments",
        "runtimeclasses",
        "gatewayclass",
        "gatewayclasses",
        "nodepool",
        "nodepools",
        "nodeclaims",
        "machineconfig",
        "machineconfigpool",
        "mcp",
    ];
    EXACT.contains(&kind) || kind.starts_with("cluster")
}
