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

/// What becomes of values in the shell texts of the documents, which share one shell; baselines, probes and undos
/// included.
pub(super) fn flows<'a>(documents: impl Iterator<Item = &'a Document>) -> Flows {
    let commands = documents
        .flat_map(|document| document.steps.iter())
        .flat_map(|step| step.all_commands().map(|(_, command)| command))
        .filter(|command| command.kind == CommandKind::Shell);
    Flows::of(&commands.map(|command| command.text.as_str()).collect::<Vec<_>>())
}

/// The first parameter whose value would become a part of a program in a command's text, with the reason.
pub(super) fn becomes_syntax(
    text: &str,
    flows: &Flows,
    document: &Document,
    values: &BTreeMap<String, String>,
) -> Option<(String, &'static str)> {
    let unbound = |name: &str| values.get(name).is_some_and(|value| !is_bound(document, name, value));
    let places = flows.places_from(text, unbound);
    places.into_iter().find_map(|(name, places)| {
        let value = values.get(&name)?;
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
    let flows = Flows::of(&shell.map(|command| command.text.as_str()).collect::<Vec<_>>());
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
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
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

/// As for a parameter: neither an option nor code, and no name of what holds credentials.
pub(super) fn is_plain_item(value: &str) -> bool {
    is_plain(value) && !gives_credentials(value)
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
        "printf -v y 'echo %s' \"$X\"; eval \"$y\"",
        "build() {\n echo \"echo pod $X\"\n}\neval \"$(build)\"",
        "kubectl() { ssh bastion kubectl \"$@\"; }\nkubectl annotate deploy web note=\"$X\"",
        "notify() { eval \"echo $2\"; }\nnotify --message \"$X\"",
        "[[ $X =~ ^v(.+)$ ]]\nmajor=${BASH_REMATCH[1]}\necho $((major + 1))",
        "w() { local -i n=$X; echo \"$n\"; }; w",
        "w() { local -i n; n=$X; echo \"$n\"; }; w",
        "w() { local -n r=$X; echo \"$r\"; }; w",
        "if [[ -n a && 3 -lt $X ]]; then echo x; fi",
        "time for h in \"$X\"; do eval \"$h\"; done",
        "VERSION=\"$X\" make release",
        "export VERSION=\"$X\"; make release",
        "export TAG=\"$X\"; envsubst < d.yaml",
        "python3 <<'EOF'\nimport os; os.system(os.environ['X'])\nEOF",
        "bash <<'EOF'\nlet n=X+1\nEOF",
        "i=X; arr=(a b); echo \"${arr[i]}\"",
        "kubectl get pods -Al app=\"$X\"",
        "kubectl drain n1 --pod-selector=\"app=$X\"",
        "export \"$X=y\"",
        "unheard-of-program 'run $X'",
        "say() { eval \"$1\"; }; say \"$X\"",
    ];

    #[test]
    fn no_value_is_code_where_values_are_read_as_code() {
        for command in EVALUATING {
            // a place that names a program takes none, and one outside a query's quotes takes numbers
            let plain = why(command, "web1");
            let strict =
                |why: &String| why.contains("would name the program") || why.contains("only a number");
            assert!(plain.iter().all(strict), "{command}: {plain:?}");
            for value in ["a[$(id)]", "$(id)", "x'; id; '", "`id`", "a\nid", "{x}", "a|id", "-x"] {
                assert!(!planned(command, value).1, "{command} with {value}");
            }
        }
    }

    fn why(command: &str, value: &str) -> Vec<String> {
        let text =
            format!("---\nparams:\n  X: {{ description: d }}\n---\n# T\n\n## S\n\n```bash\n{command}\n```\n");
        let given = [("X".to_owned(), value.to_owned())].into();
        let document = parse("t", &text).with_hash_of(text.as_bytes());
        let drafted = draft(&document, &PlanRequest { given, ..PlanRequest::default() }).unwrap();
        drafted.problems.iter().map(|problem| problem.message.clone()).collect()
    }

    /// What an attacker made of values that look plain.
    #[test]
    fn plain_looking_values_are_no_syntax_either() {
        for (command, value) in [
            ("$X=1", "touch canary"),
            ("$X=1", "PATH"),
            ("export \"$X=1\"; ls", "PATH"),
            ("kubectl delete pod \"${X#pod/}\" -n prod", "pod/--all"),
            ("tar cf b.tar \"${X##*/}\" data", "a/-Itouch"),
            ("ssh \"${X#*@}\" uptime", "ops@-F/tmp/evil.conf"),
            ("x=${X#v}; tar cf b.tar \"$x\"", "v-Itouch"),
            ("tar cf b.tar \"${X/v/}\"", "v-Itouch"),
            ("IFS=:; for h in $X; do ssh \"$h\" uptime; done", "web:-F/tmp/evil.conf"),
            ("IFS=,\nfor h in $X; do kubectl delete pod \"$h\"; done", "web,--all"),
            ("psql -c \"delete from s where user_id = $X\"", "user_id"),
            ("psql <<EOF\ndelete from s where user_id = $X\nEOF", "user_id"),
            ("sed \"s/VERSION/$X/g\" t.txt", "x/wcanary"),
            ("perl -pi -e \"s/VERSION/$X/g\" t.txt", "eval/e/1"),
            ("python3 -c \"import os; print($X)\"", "os.environ"),
            ("awk \"\\$2 > $X\" f", "NF"),
            ("curl -d \"user=ops&note=$X\" https://example.com", "https://a&role=admin"),
            ("curl \"https://api.example.com/x?name=$X\"", "https://a&role=admin"),
            ("curl -H \"Authorization: x\" \"https://$X.example.com/\"", "evil.com/"),
            ("aws sns publish --message \"$X\"", "file:///etc/passwd"),
            ("vault kv put p note=\"$X\"", "@/etc/shadow"),
            ("mount -o ro,nosuid,uid=\"$X\"", "0,suid,rw"),
            ("usermod -aG \"deploy,$X\"", "web,sudo"),
            ("gcloud run deploy --update-env-vars \"A=$X\"", "1,B=2"),
            ("ctx=prod; [[ $ctx == $X ]] && echo x", "*"),
            ("grep -q \"^$X\\$\" allowed", ".*"),
            ("[ $X = yes ] && echo x", "! no"),
            ("kubectl delete pod $X", "*"),
            ("rm -rf \"/data/$X\"", ""),
            ("rm -rf \"/data/$X\"", ".."),
            ("\"$X\" --version", "/tmp/evil.sh"),
            ("echo \"$X\" > run.txt\nbash run.txt", "touch canary"),
            (
                "echo \"$X\" >> pods.txt\nfor p in $(cat pods.txt); do kubectl delete pod $p; done",
                "web --all",
            ),
            ("exec 3> run.sh; echo \"$X\" >&3; bash run.sh", "touch canary"),
            ("echo \"$X\" 2> run.sh >&2; bash run.sh", "touch canary"),
            ("kubectl create job x -- sh -c \"echo $X\"", "a; touch canary"),
            ("kubectl node-shell n1 -- sh -c \"ls $X\"", "a; touch canary"),
            ("kubectl ssh n1 \"ls $X\"", "a; touch canary"),
            ("sed -n \"${X}p\" f", "e/path/evil"),
            ("sed -n \"${X}p\" f", "w"),
            ("sed \"$X\" f", "e"),
            ("sed -i \"s@VERSION@$X@\" f", "x@w/path/canary"),
            ("SQL=\"delete from t where id = $X\"\npsql -c \"$SQL\"", "id"),
            ("echo \"delete from t where id = $X\" | psql", "id"),
            ("docker exec db psql -c \"delete from t where id = $X\"", "id"),
            ("bash -c \"psql -c 'delete from t where id = $X'\"", "id or 1"),
            ("psql <<< \"delete from t where id = $X\"", "id"),
            ("awk \"NR==$X\" f", "NR"),
            ("kubectl delete pod \"${X//_/-}\" -n prod", "__all"),
            ("kubectl delete pod \"${X/web/-}\" -n prod", "web-all"),
            ("kubectl delete pod \"$(echo \"$X\" | tr _ -)\"", "__all"),
            ("kubectl delete pod \"$(basename \"$X\")\"", "a/-A"),
            ("find . -exec \"$X\" {} \\;", "/path/evil"),
            ("bash -c \"$X\"", "/path/evil"),
            ("eval \"$X\"", "/path/evil"),
            ("GIT_SSH_COMMAND=\"$X\" git pull", "/path/evil"),
            ("PATH=\"$X:$PATH\" ls", "/path/evil"),
            ("export PATH=\"$X:$PATH\"\nls", "/path/evil"),
            ("curl --data-urlencode \"$X\" https://example.com", "note@/path/sec"),
            ("rm -rf \"/data/$X\"", "/"),
            ("bash <<< \"$X\"", "/path/evil"),
            ("trap \"$X\" EXIT", "/path/evil"),
            ("docker exec web \"$X\"", "/path/evil"),
            ("ssh web-1 \"$X\"", "reboot"),
            ("kubectl delete pod \"${X:1}\"", "a-A"),
            ("kubectl delete pod \"${X##*[!a-z-]}\"", "a1-A"),
            ("kubectl delete deploy \"${X//\\//-}\"", "//all"),
            ("rm -rf \"/data/$X\"", "."),
            ("rm -rf /data/$X", "a /etc"),
            ("kubectl create -f \"/srv/m/$X.yaml\"", "../../tmp/evil"),
            ("kubectl get pods --output=\"$X\"", "go-template-file=/etc/passwd"),
            ("kubectl delete pod -n \"$X\" --all", ""),
        ] {
            assert!(!planned(command, value).1, "{command} with {value}");
        }
    }

    #[test]
    fn what_people_write_with_plain_values_goes_through() {
        for (command, value) in [
            ("a=b; case \"$a\" in \"\") exit 2 ;; \"$X\") exit 1 ;; *) exit 0 ;; esac", "42"),
            ("kubectl rollout undo deployment/web -n prod --to-revision=\"$X\"", "42"),
            ("kubectl --namespace=prod get pod \"$X\"", "web-1"),
            ("kubectl -n \"$X\" get pods", "prod-eu"),
            ("kubectl logs deploy/$X --tail=5", "web-1"),
            ("kubectl delete pod \"${X#pod/}\" -n prod", "pod/web-7f9c-x2"),
            ("kubectl delete pod \"${X//_/-}\" -n prod", "web_1"),
            ("sed -i \"s|image:.*|image: $X|\" f.yaml", "registry.example.com/web:1.2"),
            ("sed -i s/a/b/ \"$X\"", "/srv/app/f.yaml"),
            ("sed -n \"${X}p\" f", "12"),
            ("psql -h \"$X\" -d app -c 'select 1'", "db-1.example.com"),
            ("psql \"host=$X dbname=app\" -c 'select 1'", "db-1.example.com"),
            ("psql -c \"select * from t where id = $X\"", "42"),
            ("psql -c \"select * from t where name = '$X'\"", "web-1"),
            ("curl -fsS \"https://$X/health\"", "api.example.com"),
            ("curl -fsS \"http://$X/health\"", "localhost:8080"),
            ("curl -fsS \"https://example.com/$X/health\"", "web-1"),
            ("systemctl restart \"$X\"", "nginx.service"),
            ("ssh \"$X\" uptime", "ops@web-1.example.com"),
            ("tar czf \"/backups/$X.tgz\" data", "2026-11-28"),
            ("export VERSION=\"$X\"; make release", "1.2.3"),
            ("POD=$(kubectl get pod -l app=\"$X\" -o name | head -1); kubectl delete \"$POD\"", "web-1"),
            ("aws s3 ls \"s3://$X/\"", "my-bucket"),
            ("for h in $X; do ssh \"$h\" uptime; done", "web-1 web-2"),
            ("while [ \"$X\" -gt 3 ]; do break; done", "5"),
        ] {
            assert_eq!(why(command, value), Vec::<String>::new(), "{command} with {value}");
        }
    }

    #[test]
    fn what_crosses_documents_is_followed() {
        let helpers = "# H\n\n## S\n\n```bash\nrun() { eval \"$@\"; }\nFULL=\"web-$NAME\"\n```\n";
        let helpers = format!("---\nparams:\n  NAME: {{ default: a }}\n---\n{helpers}");
        let include = "```include\nrunbook: helpers\nparams:\n  NAME: $X\n```\n";
        let text = format!(
            "---\nparams:\n  X: {{ description: d }}\n---\n# T\n\n## A\n\n{include}\n## S\n\n```bash\nCOMMAND\n```\n"
        );
        let draft_of = |command: &str, value: &str| {
            let text = text.replace("COMMAND", command);
            let inner = parse("helpers", &helpers).with_hash_of(helpers.as_bytes());
            let documents = [("helpers".to_owned(), inner)].into();
            let given = [("X".to_owned(), value.to_owned())].into();
            let document = parse("t", &text).with_hash_of(text.as_bytes());
            draft(&document, &PlanRequest { given, documents, ..PlanRequest::default() }).unwrap()
        };
        for (command, value) in
            [("run kubectl delete pod \"$X\"", "web --all"), ("eval \"echo $FULL\"", "$(id)")]
        {
            assert_eq!(draft_of(command, "web").problems, [], "{command}");
            assert!(!draft_of(command, value).problems.is_empty(), "{command}");
        }
    }

    #[test]
    fn long_ways_are_followed_once() {
        let mut command = "v0=$X\n".to_owned();
        for n in 0..20_000 {
            command.push_str(&format!("v{}=$v{n}\n", n + 1));
        }
        assert!(planned(&command, "a b").1);
        command.push_str("eval \"$v20000\"\n");
        assert!(!planned(&command, "a b").1);
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
            "echo \"[INFO] draining: $X\"",
            "echo \"$(date) $X\"",
            "kubectl get pods 2>/dev/null\necho \"because $X\"",
            "a=b; case \"$a\" in \"\") exit 2 ;; \"$X\") echo yes ;; esac",
            "echo \"$X\" | wc -l",
            "echo \"$X\" >&2",
            "kubectl annotate deploy/web kubernetes.io/change-cause=\"Rollback: $X\"",
            "kubectl annotate node n1 why=\"$X\"",
            "gh issue create --title test --body \"$X\"",
            "echo please wait for \"$X\"",
            "jq -n --arg t \"$X\" '{text:$t}'",
            "curl --data-urlencode \"text=$X\" https://example.com",
        ] {
            let value = "it's done; $(thanks) [1] `x`!";
            assert!(planned(command, value).1, "{command}: {:?}", why(command, value));
        }
        // a name that stands somewhere else is none
        assert!(planned("kubectl get pods --name X", "$(id)").1);
    }

    #[test]
    fn words_that_a_loop_goes_through_are_looked_at_one_by_one() {
        assert!(planned("for host in $X; do ssh \"$host\" uptime; done", "web-1 web-2").1);
        assert!(!planned("for host in $X; do ssh \"$host\" uptime; done", "web-1 -oProxyCommand=id").1);
        let loops = "while read -r p; do kubectl delete pod \"$p\"; done <<< \"$X\"";
        assert_eq!(why(loops, "a\nb"), Vec::<String>::new());
        assert!(!planned("while read -r p; do kubectl delete pod \"$p\"; done <<< \"$X\"", "a\n--all").1);
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
        assert!(declared("{ pattern: '[a-z,0-9]+' }", "ansible-playbook --limit \"$X\" p.yml", "web1,web2"));
        let list = "IFS=, read -ra a <<< \"$X\"; kubectl get pod \"${a[0]}\"";
        assert!(declared("{ pattern: '[a-z,]+' }", list, "a,b"));
        assert!(!declared("{ description: d }", list, "a,b"));
        assert!(!declared("{ description: d }", "ansible-playbook --limit \"$X\" p.yml", "web1,web2"));
        assert!(declared("{ description: d }", "apt-get install nginx \"$X\"", "1.18.0-6ubuntu14~22.04"));
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
        assert!(captured("V=$(thing) && echo \"V: $V\"", "it's; $(id)"));
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
