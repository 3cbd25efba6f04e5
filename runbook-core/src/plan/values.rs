//! What values do to a command that reads them: where they would become syntax, and whether what the table knows about
//! the command still holds.
//!
//! A value reaches the shell as a variable and never as text, and still many places read a variable's content as a
//! language of their own: arithmetic, `eval`, `sh -c`, `awk`, an option that begins with `-`. Where a value goes is read
//! from the commands' text ([`Flows`]), and what may stand there is [`Guard`](crate::runbook::placeholders::Guard)'s.

use std::collections::BTreeMap;

use super::model::PlanStep;
use crate::runbook::variables::places::Flows;
use crate::runbook::{CommandKind, Document, ParamType, gives_credentials, is_identifier_byte};

/// What becomes of values in the shell texts of a document, baselines, probes and undos included.
pub(super) fn flows(document: &Document) -> Flows {
    let commands = document.steps.iter().flat_map(|step| step.all_commands().map(|(_, command)| command));
    Flows::of(
        commands.filter(|command| command.kind == CommandKind::Shell).map(|command| command.text.as_str()),
    )
}

/// The first parameter whose value would become a part of a program in a command's text, with the reason.
pub(super) fn becomes_syntax(
    text: &str,
    flows: &Flows,
    document: &Document,
    values: &BTreeMap<String, String>,
) -> Option<(String, &'static str)> {
    let places = flows.places_from(text);
    places.into_iter().find_map(|(name, places)| {
        let value = values.get(&name).filter(|value| !is_bound(document, &name, value))?;
        let pattern = document.front.params.get(&name).is_some_and(|declared| declared.pattern.is_some());
        let refused = places.iter().find_map(|place| place.check(value, pattern).err())?;
        Some((name, refused))
    })
}

/// Notes at each capture of a plan where the captured value goes.
pub(super) fn note_places(steps: &mut [PlanStep]) {
    let captures = |step: &PlanStep| all_of(step).any(|command| command.capture.is_some());
    if !steps.iter().any(captures) {
        return;
    }
    let shell = steps.iter().flat_map(all_of).filter(|command| command.kind == CommandKind::Shell);
    let flows = Flows::of(shell.map(|command| command.text.as_str()));
    for step in steps {
        let PlanStep { baselines, commands, probe, undo, .. } = step;
        for command in baselines.iter_mut().chain(commands).chain(probe).chain(undo) {
            if let Some(capture) = &mut command.capture {
                capture.places = flows.places(&capture.name);
            }
        }
    }
}

fn all_of(step: &PlanStep) -> impl Iterator<Item = &super::model::PlannedCommand> {
    step.baselines.iter().chain(&step.commands).chain(&step.probe).chain(&step.undo)
}

/// The first parameter that a command reads and whose value is not plain, unless its declaration says what it may be.
pub(super) fn not_plain<'a>(
    text: &str,
    document: &Document,
    values: &'a BTreeMap<String, String>,
) -> Option<&'a str> {
    let free = values.iter().filter(|(name, value)| !is_bound(document, name, value) && !is_plain(value));
    let names: Vec<&str> = free.map(|(name, _)| name.as_str()).collect();
    if names.is_empty() {
        return None;
    }
    words(text).find_map(|word| names.iter().find(|name| **name == word).copied())
}

/// Whether the text reads a parameter whose value names a file or an address that gives credentials, whoever says so.
pub(super) fn name_credentials(text: &str, values: &BTreeMap<String, String>) -> bool {
    words(text).any(|word| values.get(word).is_some_and(|value| gives_credentials(value)))
}

/// Arithmetic reads a name without `$`, so each word may be one.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !u8::try_from(c).is_ok_and(is_identifier_byte))
}

/// A type, the author's own default, or that it may be empty says what it may be. A pattern says less: `.+` is one.
fn is_bound(document: &Document, name: &str, value: &str) -> bool {
    document.front.params.get(name).is_some_and(|declared| {
        declared.kind != ParamType::String
            || declared.default.as_deref() == Some(value)
            || declared.required == Some(false) && value.is_empty()
    })
}

/// Letters, digits and a few marks that no shell, calculation or option reads as anything but themselves.
fn is_plain(value: &str) -> bool {
    // curl takes other protocols from an address, and guesses them from a host's name
    let lower = value.to_ascii_lowercase();
    let guessed = ["dict", "ftp", "gopher", "ldap", "imap", "pop3", "smtp", "tftp", "telnet", "file"];
    let other = !lower.starts_with("http://")
        && !lower.starts_with("https://")
        && (lower.contains("://") || guessed.iter().any(|scheme| lower.starts_with(scheme)));
    !other
        && !value.starts_with('-')
        && value.chars().all(|c| c.is_alphanumeric() || " _.:@/,+=%-".contains(c))
}

#[cfg(test)]
mod tests {
    use super::super::{PlanRequest, draft};
    use crate::runbook::{Effect, parse};

    fn planned(command: &str, value: &str) -> (Effect, bool) {
        let text =
            format!("---\nparams:\n  X: {{ description: d }}\n---\n# T\n\n## S\n\n```bash\n{command}\n```\n");
        let given = [("X".to_owned(), value.to_owned())].into();
        let document = parse("t", &text).with_hash_of(text.as_bytes());
        let drafted = draft(&document, &PlanRequest { given, ..PlanRequest::default() }).unwrap();
        (drafted.plan.steps[0].commands[0].effect, drafted.problems.is_empty())
    }

    #[test]
    fn a_value_that_could_be_an_option_or_code_is_nothing_that_only_reads() {
        assert_eq!(planned("ls \"$X\"", "web-1"), (Effect::Read, true));
        assert_eq!(planned("ls \"$X\"", "-R"), (Effect::Once, false));
        assert_eq!(planned("cat \"$X\"", "a[$(id)]"), (Effect::Once, true));
        assert_eq!(planned("curl -s \"$X/health\"", "http://127.0.0.1:1"), (Effect::Read, true));
        assert_eq!(planned("curl -s \"$X/health\"", "gopher://127.0.0.1:1"), (Effect::Once, true));
        assert_eq!(planned("cat \"$X\"", "/home/app/.aws/credentials"), (Effect::Once, true));
        assert_eq!(planned("curl -s \"$X/x\"", "http://169.254.169.254"), (Effect::Once, true));
        assert_eq!(planned("ls /", "-R"), (Effect::Read, true), "a command that does not read it");
    }

    /// Every shape in which a value was seen to run as code.
    const EVALUATING: &[&str] = &[
        "echo $((X))",
        "echo $[X]",
        "(( X > 5 ))",
        "[[ $X -gt 5 ]]",
        "[[ X -gt 5 ]]",
        "test -v \"$X\"",
        "let y=X",
        "let\ty=X",
        "eval \"echo $X\"",
        "eval\t\"echo $X\"",
        "\"eval\" \"echo $X\"",
        "e'v'al \"echo $X\"",
        "\\eval \"echo $X\"",
        "builtin eval \"$X\"",
        "bash -c \"echo $X\"",
        "bash -lc \"echo $X\"",
        "bash -c 'eval \"$X\"'",
        "bash <<EOF\necho $X\nEOF",
        "bash <<'EOF'\neval $X\nEOF",
        "sh -s <<< \"$X\"",
        "echo \"$X\" | bash",
        "printf '%s' \"$X\" | tee x.sh; bash x.sh",
        "echo \"$X\" > y.sh; . ./y.sh",
        "echo \"$X\" | while read -r line; do eval \"$line\"; done",
        "source <(echo \"$X\")",
        "echo \"${X@P}\"",
        "echo \"${X@E}\"",
        "echo \"${!X}\"",
        "list=(a b); echo \"${list[$X]}\"",
        "list=(a b); echo \"${list[X]}\"",
        "echo \"${HOME:$X}\"",
        "echo \"${HOME:X}\"",
        "echo \"${HOME:0:$X}\"",
        "list[$X]=1",
        "list[X]=1",
        "x=$X; list[x]=1",
        "x=$X; (( x ))",
        "x=\"$X\"; y=$x; eval \"$y\"",
        "for x in \"$X\"; do eval \"$x\"; done",
        "x=X; echo $((x))",
        "PS4=\"$X\"; set -x; true",
        "trap \"echo $X\" EXIT",
        "alias greet=\"echo $X\"",
        "compgen -W \"$X\"",
        "read -r \"${X}\" <<< 1",
        "printf -v \"$X\" 1",
        "printf \"$X\"",
        "declare \"$X=1\"",
        "make -f - <<< \"$X\"",
        "python3 <<EOF\nprint($X)\nEOF",
        "python3 -c \"print('$X')\"",
        "awk \"{ print \\\"$X\\\" }\"",
        "sed \"s/x/$X/\" f",
        "perl -e \"print '$X'\"",
        "node -e \"console.log('$X')\"",
        "psql -c \"select '$X'\"",
        "sqlite3 db \"select '$X'\"",
        "mysql -e \"select '$X'\"",
        "env -S \"$X\" true",
        "script -qc \"$X\"",
        "sg adm \"$X\"",
        "watch \"ls $X\"",
        "parallel ::: \"$X\"",
        "echo \"$X\" | crontab -",
        "ssh host \"ls $X\"",
        "kubectl exec web -- sh -c \"ls $X\"",
        "kubectl get pods -l \"app=$X\"",
        "kubectl get pods -o jsonpath=\"{.items[?(@.a=='$X')]}\"",
        "kubectl apply -f - <<EOF\nname: $X\nEOF",
        "\"$X\" --version",
        "tar cf a.tar \"$X\"",
        "unheard-of-program \"$X\"",
        "unheard-of-program 'run $X'",
        "say() { eval \"$1\"; }; say \"$X\"",
    ];

    #[test]
    fn no_value_is_code_where_values_are_read_as_code() {
        for command in EVALUATING {
            assert!(planned(command, "web-1").1, "{command}");
            for value in ["a[$(id)]", "$(id)", "x'; id; '", "`id`", "a\nid", "{x}", "a|id", "-x"] {
                assert!(!planned(command, value).1, "{command} with {value}");
            }
        }
    }

    #[test]
    fn any_value_may_stand_where_it_is_data() {
        for command in [
            "echo \"$X\"",
            "echo \"rolled back: $X (asked for)\"",
            "printf '%s\\n' \"$X\"",
            "kubectl annotate deploy web note=\"$X\"",
            "kubectl get pod \"${X}\" -o wide",
            "gh issue create --body \"$X\"",
            "git commit -m \"$X\"",
            "grep -F \"$X\" /var/log/app.log",
            "[ -n \"$X\" ] && echo \"$X\"",
            "[[ $X == prod ]] && echo yes",
            "if [ \"$X\" = prod ]; then echo yes; fi",
            "case \"$X\" in a) echo a ;; esac",
            "note=\"because $X\"; echo \"$note\"",
            "export X; echo \"${X:-nothing}\"",
            "kubectl create configmap c --from-literal=x=\"$X\"",
            "echo other; kubectl logs web --prefix X",
        ] {
            assert!(planned(command, "it's done; $(thanks) [1] `x`!").1, "{command}");
        }
        // a name that stands somewhere else is none
        assert!(planned("kubectl get pods --name X", "$(id)").1);
    }

    #[test]
    fn words_that_a_loop_goes_through_are_looked_at_one_by_one() {
        assert!(planned("for host in $X; do ssh \"$host\" uptime; done", "web-1 web-2").1);
        assert!(!planned("for host in $X; do ssh \"$host\" uptime; done", "web-1 -oProxyCommand=id").1);
        assert!(!planned("for host in \"$X\"; do ssh \"$host\" uptime; done", "web-1 web-2").1);
    }

    #[test]
    fn what_the_shell_splits_is_looked_at_part_by_part() {
        assert!(planned("kubectl get pod $X", "web-1 web-2").1);
        assert!(!planned("kubectl get pod $X", "web-1 --all").1);
        assert!(planned("kubectl get pod \"$X\"", "web-1 --all").1, "one word, which is no option");
        assert!(!planned("x=$X; kubectl get pod $x", "web-1 --all").1);
    }

    #[test]
    fn addresses_may_be_fetched() {
        assert!(planned("curl -s \"$X\"", "https://example.com/health?full=1&x=a%20b").1);
        assert!(!planned("curl -s \"$X\"", "https://example.com/{a,b}").1);
        assert!(!planned("curl -d \"$X\" https://example.com", "@/etc/passwd").1);
        assert!(!planned("bash -c \"curl $X\"", "https://example.com/?a=1&id").1);
    }

    fn declared(declaration: &str, command: &str, value: &str) -> bool {
        let text = format!("---\nparams:\n  X: {declaration}\n---\n# T\n\n## S\n\n```bash\n{command}\n```\n");
        let given = [("X".to_owned(), value.to_owned())].into();
        let document = parse("t", &text).with_hash_of(text.as_bytes());
        draft(&document, &PlanRequest { given, ..PlanRequest::default() }).unwrap().problems.is_empty()
    }

    #[test]
    fn a_pattern_opens_programs_that_nothing_is_known_about_and_no_interpreter() {
        let any = "{ pattern: '.+' }";
        assert!(declared(any, "notify \"$X\"", "it's done; thanks!"));
        assert!(!declared("{ description: d }", "notify \"$X\"", "it's done; thanks!"));
        assert!(!declared(any, "eval \"$X\"", "it's done; thanks!"));
        assert!(!declared(any, "echo $((X))", "(1)"));
        assert!(!declared(any, "say() { eval \"$1\"; }; say \"$X\"", "$(id)"));
        assert!(declared("{ type: integer }", "echo $((X))", "-5"));
        assert!(declared("{ default: '(1)' }", "echo $((X))", "(1)"), "the author's own text");
    }

    #[test]
    fn what_a_command_captures_is_held_to_where_it_goes() {
        let captured = |later: &str, value: &str| {
            let text = format!(
                "# T\n\n## S\n\n```bash {{capture=V pattern=\".+\" effect=read}}\nthing\n```\n\n```bash\n{later}\n```\n"
            );
            let document = parse("t", &text).with_hash_of(text.as_bytes());
            let plan = draft(&document, &PlanRequest::default()).unwrap().plan;
            plan.steps[0].commands[0].capture.as_ref().unwrap().check(value).is_ok()
        };
        assert!(captured("echo \"$V\"", "it's; $(id)"));
        assert!(captured("eval \"echo $V\"", "web-1"));
        assert!(!captured("eval \"echo $V\"", "$(id)"));
        assert!(!captured("echo $((V))", "a[$(id)]"));
        assert!(captured("echo $((V))", "-3"));
        assert!(!captured("kill \"$V\"", "-1"));
        assert!(!captured("kubectl delete pod \"$V\"", "--all"));
        assert!(!captured("x=$V; eval \"$x\"", "$(id)"));
        assert!(!captured("notify \"$V\"", "it's; $(id)"));
    }
}
