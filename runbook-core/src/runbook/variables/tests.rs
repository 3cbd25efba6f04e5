//! Tables of what is read, set and missing.

use proptest::prelude::*;

use super::super::{Document, parse};
use super::*;

fn document(front: &str, body: &str) -> Document {
    parse("x", &format!("{front}## S\n{body}"))
}

/// The variables of a single command that nothing sets.
fn open(text: &str) -> Vec<String> {
    let document = document("", &format!("```bash\n{text}\n```\n"));
    let commands = document.steps.iter().flat_map(Step::all_commands);
    commands.flat_map(|(_, command)| command.placeholders.clone()).collect()
}

fn codes(document: &Document) -> Vec<Code> {
    document.diagnostics.iter().map(|found| found.code).collect()
}

#[test]
fn a_variable_that_nothing_sets_is_a_placeholder() {
    for (text, expected) in [
        ("kubectl delete pod $POD", vec!["$POD"]),
        ("kubectl delete pod \"$POD\" -n \"${NS}\"", vec!["$POD", "$NS"]),
        ("kubectl delete pod $POD $POD", vec!["$POD"]),
        ("rm -rf \"$dir\"/*", vec!["$dir"]),
        ("X=$(kubectl get pod $POD)", vec!["$POD"]),
        ("X=`kubectl get pod $POD`", vec!["$POD"]),
        ("diff <(ls $A) <(ls \"$B\")", vec!["$A", "$B"]),
        ("cat <<EOF\nname: $NAME $(hostname -f $HOST)\nEOF", vec!["$NAME", "$HOST"]),
        ("kubectl scale deploy web --replicas=$((COUNT + 1))", vec!["$COUNT"]),
        ("(( N > 3 )) && ls", vec!["$N"]),
        ("ls > $OUT", vec!["$OUT"]),
        (
            "echo ${#LIST} ${!REF} ${FILE%.txt} ${NAME:0:3} ${ARRAY[0]} ${UP^^}",
            vec!["$LIST", "$REF", "$FILE", "$NAME", "$ARRAY", "$UP"],
        ),
        ("echo ${A:-$B}", vec!["$B"]),
        ("echo \"${A:-\"${B:-$C}\"}\"", vec!["$C"]),
        ("for i in $LIST; do echo $i; done", vec!["$LIST"]),
        ("case $KIND in a) ls;; esac", vec!["$KIND"]),
        ("ssh web \"sudo ls $DIR\"", vec!["$DIR"]),
        ("export NS; kubectl get pods -n $NS", vec!["$NS"]),
        ("POD=x kubectl delete pod $POD", vec!["$POD"]),
        ("f() { local pod=x; }; kubectl delete pod $pod", vec!["$pod"]),
        ("f() { kubectl logs $pod; }; f", vec!["$pod"]),
        ("if [ \"$A\" = yes ]; then ls; fi", vec!["$A"]),
        ("curl -H \"Authorization: Bearer $TOKEN_2\" https://x", vec!["$TOKEN_2"]),
        ("kubectl get pods -n <ns> -l app=$APP", vec!["<ns>", "$APP"]),
        ("kubectl get pod \\\n  $POD", vec!["$POD"]),
        ("x=1\nunset -v y\nls $z", vec!["$z"]),
        ("echo 名 $é $POD", vec!["$POD"]),
    ] {
        assert_eq!(open(text), expected, "{text}");
    }
}

#[test]
fn what_has_a_value_or_needs_none_is_left_alone() {
    for text in [
        "POD=web; kubectl delete pod $POD",
        "kubectl delete pod ${POD:-web} ${A-} ${B:?say which} ${C:+--x} ${D?} ${E=1}",
        ": \"${POD:?which}\"; kubectl delete pod $POD",
        ": \"${POD:=web}\"; kubectl delete pod $POD",
        "[ -z \"$POD\" ] && exit 1; kubectl delete pod $POD",
        "[ -n \"${POD:-}\" ] || exit 1\nkubectl delete pod $POD",
        "if [[ ! -v POD ]]; then exit 1; fi; kubectl delete pod $POD",
        "[[ -z $A || -z $B ]] && exit 1; ls $A $B",
        "[[ $A ]] && ls $A",
        "if [ ! \"$A\" ]; then exit 1; fi",
        "test -n \"$A\" && ls $A",
        "[ \"$A\" = \"\" ] && exit 1; ls $A",
        "for pod in a b; do kubectl logs $pod; done",
        "for ((i=0; i<3; i++)); do echo $i; done",
        "select x in a b; do echo $x; done",
        "while IFS= read -r pod; do kubectl logs \"$pod\"; done < pods",
        "kubectl get pods -o name | while read -r kind name; do echo $kind $name; done",
        "read -rp \"which? \" POD; kubectl logs $POD",
        "read -r -a list; echo ${list[0]}",
        "mapfile -t lines < f; echo \"${lines[@]}\"",
        "printf -v when '%s' x; echo $when",
        "declare -A map; map[a]=1; echo ${map[a]} ${!map[@]}",
        "declare x; echo $x",
        "local_only() { local a b=2; echo $a $b; }; local_only",
        "export A=1 B=2; echo $A $B",
        "readonly R=1; echo $R",
        "while getopts 'n:' opt; do case $opt in n) NS=$OPTARG;; esac; done; echo $NS",
        "(( i = 0 )); echo $i; (( i++ ))",
        "let x=1; echo $x",
        "n=0; while (( n < 3 )); do n=$((n + 1)); done",
        "list=(a b); echo ${list[1]} ${#list[@]}",
        "count+=1; echo $count",
        "source env.sh; kubectl delete pod $POD",
        ". ./env; kubectl delete pod $POD",
        "eval \"$(ssh-agent -s)\"; echo $SSH_AGENT_PID",
        "export $(grep -v '^#' .env); kubectl delete pod $POD",
        "read -r \"$name\"; echo $POD",
        "cat <<'EOF'\n$POD\nEOF",
        "cat <<\"EOF\"\n$POD\nEOF",
        "cat <<\\EOF\n$POD\nEOF",
        "cat <<'A' <<B\n$X\nA\nplain\nB",
        "awk '{print $1, $NF, $name}' f | jq '.x as $y | $y' | sed 's/a$/b/'",
        "bash -c 'echo $POD'",
        "echo \\$POD \"\\$POD\" '$POD' $'$POD'",
        "echo $1 $@ $# $? $$ $! $- $* $0 ${10} ${@:2} ${#@} ${?}",
        "echo $HOME $USER $PWD $PATH $RANDOM $BASH_VERSION $UID $HOSTNAME $BLOCKS_RUN $KUBECONFIG",
        "echo ok # $POD",
        "f() { kubectl logs -n $NS; }\nNS=prod\nf",
        "NS=prod f; f() { echo $NS; }",
        "function f {\n  echo $NS\n}\nNS=x; f",
        "X=$(a=1; echo $a)",
        "echo ${!PREFIX*}",
        "echo $((16#ff + 0x1F))",
        "curl -w '%{http_code}' \"https://x/?q=1$\"",
        "grep \"a$\" f; grep \"^$\" f; grep \"$|x\" f",
        "coproc WORKER { cat; }; echo ${WORKER[0]}",
    ] {
        assert_eq!(open(text), [""; 0], "{text}");
        assert!(!codes(&document("", &format!("```bash\n{text}\n```\n"))).contains(&codes::BAD_SUBSTITUTION));
    }
}

#[test]
fn earlier_commands_count_where_their_shell_goes_on() {
    let fence = |info: &str, text: &str| format!("```bash {{{info}}}\n{text}\n```\n");
    let sets = fence("", "POD=$(kubectl get pods -o name | head -1)");
    let uses = fence("", "kubectl delete \"$POD\"");
    for (front, body, is_set) in [
        ("", format!("{sets}{uses}"), true),
        ("", format!("{uses}{sets}"), false),
        ("", format!("{sets}## T\n{uses}"), true),
        ("", format!("{sets}{}", fence("undo effect=once", "kubectl delete \"$POD\"")), false),
        ("", format!("{}{uses}", fence("baseline=POD pattern=[a-z]+ effect=read", "date")), true),
        ("", format!("{}{uses}", fence("capture=POD pattern=[a-z]+ effect=read", "date")), true),
        ("", format!("{uses}{}", fence("capture=POD pattern=[a-z]+ effect=read", "date")), false),
        (
            "",
            format!(
                "{}{}",
                fence("baseline=POD pattern=[a-z]+ effect=read", "date"),
                fence("undo effect=once", "kubectl delete \"$POD\"")
            ),
            true,
        ),
        ("---\nparams: { POD: }\n---\n", uses.clone(), true),
        ("---\nparams: { pod: }\n---\n", uses.clone(), false),
        ("", format!("{}{uses}", fence("", "source env.sh")), true),
        ("", format!("{}{uses}", fence("undo effect=once", "source env.sh")), false),
        ("", format!("```include\nrunbook: other\n```\n{uses}"), true),
        ("---\nparams: { PODS: }\n---\n", fence("foreach=\"POD in PODS\"", "kubectl delete \"$POD\""), true),
        ("", "```sql\nselect :'POD', '$POD';\n```\n".to_owned(), true),
        ("", format!("```promql\nup{{pod=\"$POD\"}}\n```\n{uses}"), false),
    ] {
        let document = document(front, &body);
        let open = document.steps.iter().flat_map(Step::all_commands).any(|(_, command)| {
            command.placeholders.contains(&"$POD".to_owned()) && command.reason().is_some()
        });
        assert_eq!(open, !is_set, "{front}{body}");
        assert_eq!(codes(&document).contains(&codes::UNSET_VARIABLE), !is_set, "{front}{body}");
    }
}

#[test]
fn it_is_offered_under_its_own_name_and_the_finding_points_at_it() {
    let document =
        document("---\nparams: { Pod: }\n---\n", "```bash\nls\n\nkubectl logs \"$POD\" -n ${ns}\n```\n");
    let offered: Vec<(&str, u32, &[String])> = document
        .params
        .iter()
        .map(|param| (param.name.as_str(), param.line, param.spellings.as_slice()))
        .collect();
    let spelled = |name: &str| [name.to_owned()];
    assert_eq!(
        offered,
        [("Pod", 2, &[][..]), ("POD", 8, &spelled("$POD")[..]), ("ns", 8, &spelled("$ns")[..])]
    );
    let about = document.diagnostics.iter().filter(|found| found.code == codes::UNSET_VARIABLE);
    let places: Vec<(u32, u32)> = about.map(|found| (found.line, found.column)).collect();
    assert_eq!(places, [(8, 15), (8, 24)]);
    // a name that steers programs is not offered, and its command does not run either
    let document = parse("x", "## S\n```bash\nls \"$GIT_DIR\"\n```\n");
    assert_eq!(document.params.len(), 0);
    assert!(document.steps[0].commands[0].reason().is_some());
}

#[test]
fn what_bash_reads_as_a_default_is_a_placeholder_spelled_wrongly() {
    for (text, found) in [
        ("kubectl logs ${db-name}", Some(codes::DASHED_EXPANSION)),
        ("kubectl logs \"${pod-id}-x\"", Some(codes::DASHED_EXPANSION)),
        ("kubectl logs ${POD-ID}", Some(codes::DASHED_EXPANSION)),
        ("kubectl logs ${your-pod-name}", Some(codes::DASHED_EXPANSION)),
        ("db=x; kubectl logs ${db-name}", None),
        ("kubectl logs ${AWS_REGION-us-east-1} ${region:-eu} ${x-} ${y-/tmp/a} ${HOME-x}", None),
        ("kubectl logs ${my pod}", Some(codes::BAD_SUBSTITUTION)),
        ("kubectl logs \"${pod.name}\"", Some(codes::BAD_SUBSTITUTION)),
        ("kubectl logs ${ pod }", Some(codes::BAD_SUBSTITUTION)),
        ("kubectl logs ${}", Some(codes::BAD_SUBSTITUTION)),
        ("echo ${{ github.sha }}", Some(codes::BAD_SUBSTITUTION)),
        ("echo '${my pod}' \\${my pod}", None),
        ("echo ${ date; }", None),
        (
            "x=abc; echo ${x//a/b} ${x@Q} ${x,,} ${x#a} ${x##*/} ${x: -1} ${#} ${#x} ${1:-a} ${*%x} ${x~~}",
            None,
        ),
    ] {
        let document = document("", &format!("```bash\n{text}\n```\n"));
        let command = &document.steps[0].commands[0];
        let about = [codes::UNSET_VARIABLE, codes::DASHED_EXPANSION, codes::BAD_SUBSTITUTION];
        let found_here = codes(&document).into_iter().find(|code| about.contains(code));
        assert_eq!(found_here, found, "{text}: {:?}", document.diagnostics);
        assert_eq!(command.not_runnable.is_some(), found.is_some(), "{text}");
    }
    let declared = document("---\nparams: { db: { default: a } }\n---\n", "```bash\nls ${db-name}\n```\n");
    assert!(declared.steps[0].commands[0].reason().is_none());
}

#[test]
fn a_parameter_that_may_be_split_is_quoted() {
    let all = |front: &str, text: &str| -> Vec<(u32, u32)> {
        let document =
            document(&format!("---\nparams:\n  X: {front}\n---\n"), &format!("```bash\n{text}\n```\n"));
        let unquoted = document.diagnostics.iter().filter(|found| found.code == codes::UNQUOTED);
        unquoted.map(|found| (found.line, found.column)).collect()
    };
    for text in [
        "kubectl get pods -n $X",
        "kubectl get pods -n a-${X}-b",
        "[ $X = a ]",
        "ls \"$(ls $X)\"",
        "kubectl --namespace=$X get pods",
        "X=1 ls $X",
        "ls ${X%.txt}",
        "$X --help",
    ] {
        assert_eq!(all("{ default: a }", text).len(), 1, "{text}");
    }
    assert_eq!(all("{ default: a }", "ls\nls -l $X $X"), [(8, 7)]);
    for text in [
        "kubectl get pods -n \"$X\" 'y $X'",
        "[[ $X == a && -n $X ]]",
        "y=$X; export z=$X; local_only() { local w=$X; }",
        "case $X in a) ls;; esac",
        "cat <<E\n$X\nE",
        "cat <<< $X",
        "ls > $X",
        "echo $((X + 1)) $(( $X ))",
        "for one in $X; do ls \"$one\"; done",
        "echo $X ${#X}",
        "ls # $X",
        "awk '{ print $X }' f",
    ] {
        assert_eq!(all("{ default: a }", text), [], "{text}");
    }
    for (front, may_split) in [
        ("{ pattern: \"[a-z-]+\" }", false),
        ("{ pattern: \"[a-z ]+\" }", true),
        ("{ pattern: \".+\" }", true),
        ("{ pattern: \"[^/]+\" }", true),
        ("{ pattern: \"a|b\" }", false),
        ("{ type: integer }", false),
        ("{ type: boolean }", false),
        ("{ type: duration }", false),
        ("{ type: enum, values: [a, b] }", false),
        ("{ type: enum, values: [a, \"b c\"] }", true),
        ("{ secret: true }", true),
    ] {
        assert_eq!(!all(front, "ls $X").is_empty(), may_split, "{front}");
    }
}

/// Texts that would take minutes if the rest of the text were looked at for each expansion.
#[test]
fn hostile_texts_end() {
    for unit in [
        "$a ",
        "${a",
        "${a-",
        "$(",
        "$((",
        "$[",
        "`",
        "\"$a\" ",
        "<(",
        "[ -z \"$a\" ",
        "f() {\n",
        "<<E\n",
        "x=${a:-",
        "((a",
        "'$",
        "${a[$",
        "case $a in ",
        "$b;",
    ] {
        let text = unit.repeat(60_000 / unit.len());
        let scanned = scan(&text);
        assert!(scanned.reads.len() <= text.len());
        let _ = document("", &format!("```bash\n{text}\n```\n"));
    }
    for read in scan("for ((((<<E\n").reads {
        assert_eq!(read.at, 10, "where it stands: {}", read.text);
    }
    let distinct: String = (0..20_000).map(|n| format!("echo $v{n} ${{w{n}-x}}\n")).collect();
    assert_eq!(open(&distinct).len(), MOST);
}

proptest! {
    #[test]
    fn any_text_is_read(text in "[ -~\n\té]{0,80}") {
        for read in scan(&text).reads {
            prop_assert_eq!(text.get(read.at..read.at + read.text.len()), Some(read.text));
        }
    }

    #[test]
    fn shell_like_text_is_read(
        text in "(\\$\\{?|a|:-|\\}|\\$\\(|\\)|\"|'|`|\\(\\(|\\[\\[ | \\]\\]|-z |=|for |in |do |;|\n|<<E\n|E\n|#|\\\\| |read |f\\(\\) \\{|eval |<pod>){0,30}"
    ) {
        for read in scan(&text).reads {
            prop_assert_eq!(text.get(read.at..read.at + read.text.len()), Some(read.text));
        }
        let _ = parse("x", &format!("## S\n```bash\n{text}\n```\n"));
    }

    /// Whatever stands around it, a value that is set is not looked for, and one that is not is.
    #[test]
    fn a_name_is_found_in_any_quoting(place in 0..6_usize, name in "[a-z]{3,8}_q") {
        let place = ["ls @", "ls \"x@y\"", "ls a@", "X=$(ls \"@\")", "cat <<E\n@\nE", "[[ @ == y ]]"][place];
        let text = place.replace('@', &format!("${{{name}}}"));
        prop_assert_eq!(open(&text), [format!("${name}")]);
        prop_assert_eq!(open(&format!("{name}=1\n{text}")), [""; 0]);
    }
}

#[test]
fn arguments_are_nothing_at_the_top() {
    let of = |body: &str| {
        let document = document("", body);
        let stopped = document.steps[0].commands.last().is_some_and(|command| command.not_runnable.is_some());
        let said = codes(&document).contains(&codes::POSITIONAL);
        assert_eq!(stopped, said, "{body}");
        said
    };
    for text in [
        "rm -rf /data/$1",
        "rm -rf \"/data/${1}\"",
        "ls ${2%/} x",
        "ls \"$@\"",
        "ls $*",
        "ls ${@:2}",
        "X=$(ls $1)",
        "awk \"{print $1}\" f",
        "cat <<E\n$1\nE",
        "set -e\nls $1",
        "f() { ls $1; }; ls $1",
        "for x in \"$@\"; do ls; done; ls $1",
    ] {
        assert!(of(&format!("```bash\n{text}\n```\n")), "{text}");
    }
    for text in [
        "awk '{print $1}' f",
        "awk \"{print \\$1}\" f",
        "f() { ls $1 \"$@\"; }; f a",
        "set -- a b; ls $1",
        "shift; ls $1",
        "getopts ab: o; ls $1",
        "for x in \"$@\"; do ls $x; done",
        "[ -z \"$1\" ] && exit; ls $1",
        "if [ $# -lt 1 ]; then exit; fi; ls $1",
        "ls ${1:-x} ${2?} ${3-}",
        "ls $? $$ $! $0 $- ${#@} ${?}",
        "sh -c 'ls \"$1\"' x y",
        "cat <<'E'\n$1\nE",
        "source a.sh; ls $1",
    ] {
        assert!(!of(&format!("```bash\n{text}\n```\n")), "{text}");
    }
    assert!(!of("```bash\nset -- a\n# Expected: x\nls $1\n```\n"));
    assert!(of("```bash\nls\n# Expected: x\nls $1\n```\n"));
}
