//! What is needed of a text, by what comes later.

use super::*;

/// What is said when a text was not handed on, after others that were.
fn missed(before: &[&str], text: &str, later: &[&str]) -> Option<String> {
    let all = before.iter().chain([&text]).chain(later).copied();
    let mut shell = Shell::new(all, &["TEAM_REGION".to_owned()]);
    for text in before {
        shell.after(text);
    }
    let later: Vec<Later<'_>> = later.iter().map(|text| Later { text, always: true }).collect();
    shell.used_later(text, &later)
}

#[test]
fn what_a_later_text_misses() {
    for (text, later, missed) in [
        ("NS=prod; cd /usr", &["kubectl -n $NS get pods"][..], "read $NS"),
        ("TMP=$(mktemp -d)", &["ls", "rm -rf \"$TMP\"/*"], "read $TMP"),
        ("read -r LINE < f", &["echo ${LINE:-none}"], "read $LINE"),
        ("export KUBECONFIG=/prod", &["kubectl get pods"], "KUBECONFIG, which it exports"),
        ("declare -x A=1", &["ls"], "A, which it exports"),
        ("cd /srv/web", &["make"], "folder"),
        ("true && pushd /srv", &["make"], "folder"),
        ("popd", &["make", "cd /a"], "folder"),
        ("if true; then cd /srv; fi", &["make"], "folder"),
        ("target() { echo web; }", &["kubectl get $(target)"], "call target"),
        ("function roll-back {\n echo web\n}", &["roll-back now"], "call roll-back"),
        ("source env.sh", &["ls"], "what it loads"),
        ("set -- a b", &["echo \"$@\""], "arguments"),
        ("X=1", &["X=$X:2", "echo hi"], "read $X"),
        ("X=1", &["if a; then X=2; fi", "echo $X"], "read $X"),
        ("X=1", &["X=2 env", "echo $X"], "read $X"),
        ("X=1", &["(X=2)", "echo $X"], "read $X"),
        ("X=1", &["x && X=2", "echo $X"], "read $X"),
        ("X=1", &["if a; then X=2; else exit 0; fi", "echo $X"], "read $X"),
        ("X=1", &["X=2; unset X", "echo $X"], "read $X"),
        ("X=1", &["[[ -v X ]] && echo $X"], "read $X"),
        ("X=1", &["[ -f v.sh ] && . ./v.sh; echo $X"], "read $X"),
        ("X=1", &["test -e /gone &&\n  X=2\necho $X"], "read $X"),
        ("X=1", &["test -e /gone ||\n# why\n\n  X=2\necho $X"], "read $X"),
        ("X=1", &["[ -e /here ] && exit 0; X=2", "echo $X"], "read $X"),
        ("X=1", &["if a; then\n X=2\nfi\necho $X"], "read $X"),
        ("X=1", &["f() {\n X=2\n}\necho $X"], "read $X"),
        ("X=1", &["echo \"$(printf %s \"$X\")\""], "read $X"),
        ("X=1", &["trap 'rm -rf /srv/$X' EXIT"], "read $X"),
        ("X=1", &["export X; sh deploy.sh"], "read $X"),
        ("X=1", &["n=X; echo ${!n}"], "read $X"),
        ("X=1", &["declare -n n=X; echo $n"], "read $X"),
        ("declare -n n=X; n=web", &["echo $X"], "read $X"),
        ("read -r <<< web", &["rm /srv/$REPLY"], "read $REPLY"),
        ("mapfile -t < f", &["rm \"/srv/${MAPFILE[0]}\""], "read $MAPFILE"),
        ("for p in a b; do :; done", &["rm /srv/$p"], "read $p"),
        ("p=1", &["for p in a b; do echo $p; done; rm /srv/$p"], "read $p"),
        ("p=1", &["echo $p; for p in a b; do echo $p; done"], "read $p"),
        ("p=1", &["for p in $p; do echo; done"], "read $p"),
        ("p=1", &["for q in $p; do for p in a; do echo; done; done"], "read $p"),
        ("if true; then export KUBECTX=/prod; fi", &["kubectl get pods"], "KUBECTX, which it exports"),
        ("for e in 1; do export A=eu; done", &["make"], "A, which it exports"),
        ("a || { export A=eu; }", &["make"], "A, which it exports"),
        ("case $x in a) export A=eu;; esac", &["make"], "A, which it exports"),
        ("set -a; A=1", &["make"], "A, which it exports"),
        ("export A=1", &["make; export A=1", "make"], "A, which it exports"),
        ("export A=1", &["A=1; make"], "A, which it exports"),
        ("export A=1", &["if a; then export A=1; fi; make"], "A, which it exports"),
        ("export EDITOR='sed -i s/a/b/'", &["kubectl edit deploy/web"], "EDITOR"),
        ("PATH=/opt/x:$PATH", &["make"], "PATH, which it sets"),
        ("HOME=/tmp", &["cd; make"], "HOME, which it sets"),
        ("TEAM_REGION=eu", &["make"], "TEAM_REGION, which it sets"),
        ("unset KUBECONFIG", &["kubectl get pods"], "KUBECONFIG, which it sets"),
        ("cd /srv/web", &["cd /tmp | true; make"], "folder"),
        ("cd /srv/web", &["(cd /srv/api); make"], "folder"),
        ("cd /srv/web", &["cd api; make"], "folder"),
        ("cd /srv/web", &["cd /srv/api & make"], "folder"),
        ("cd /srv/web", &["cd /srv/api || true; make"], "folder"),
        ("cd /srv/web", &["make; cd /srv/api"], "folder"),
        (". ./env.sh", &["make; . ./env.sh"], "what it loads"),
        (". ./env.sh", &[". ./other.sh; make"], "what it loads"),
        (". ./env.sh; eval $X", &[". ./env.sh; make"], "what it loads"),
        ("if a; then . ./env.sh; fi", &["make"], "what it loads"),
    ] {
        let said = tests::missed(&[], text, later).unwrap_or_default();
        assert!(said.contains(missed), "{text}, then {later:?}: {said:?}");
    }
    for (text, later) in [
        ("NS=prod kubectl get pods", &["kubectl -n $NS get pods"][..]),
        ("NS=prod", &["kubectl get pods", "echo NS"]),
        ("NS=prod", &["NS=staging\nkubectl -n $NS get pods", "echo $NS"]),
        ("NS=prod", &["export NS=staging; kubectl -n $NS get pods"]),
        ("(cd /srv/web && make)", &["make"]),
        ("X=$(cd /srv && pwd)", &["make"]),
        ("cd /srv/web", &["# here\ncd /srv/api\nmake", "make"]),
        ("target() { echo web; }", &["kubectl get targets", "echo my-target"]),
        ("kubectl apply -f x", &["kubectl get pods", "source x"]),
        ("cd /srv; export A=1; . ./x", &[]),
        ("export -n A", &["ls"]),
        ("export A=1", &["export A=1; make", "A=1 make", "make"]),
        (". ./env.sh", &[". ./env.sh; make", ". ./other.sh; make"]),
        ("export NS=prod", &["export NS=prod\nkubectl get pods", "kubectl get nodes"]),
        ("export NS=prod", &["# here\nset -euo pipefail\nexport NS=staging LIMIT=3\nkubectl get pods"]),
        ("export EDITOR=vi PAGER=less", &["date", "kubectl get pods"]),
        ("[[ abc =~ a(.)c ]]", &["make"]),
        ("[[ abc =~ (.) ]] && make", &["make"]),
        (". ./env.sh; kubectl drain a", &["set -e\n. ./env.sh\nkubectl uncordon a"]),
        ("cd /srv/web", &["set -e; cd /srv/api || exit 1; make"]),
        ("set -a; . ./env.sh; set +a; make", &["set -a\n. ./env.sh || exit 1\nset +a\nmake web"]),
        (
            "for i in 1 2; do [ -e f ] && break; done",
            &["until [ -e f ]; do for i in 1; do rm $i; done; done"],
        ),
        ("cd /srv/web", &["true; cd /; make", "make"]),
        ("cd /srv/web", &["NS=prod\ncd ~/api && make", "make"]),
        ("p=1", &["for p in a b; do echo $p; done"]),
        ("X=1", &["if a; then X=2; else X=3; fi; echo $X", "echo $X"]),
        ("X=1", &["X=$(a) || exit 1", "echo $X"]),
        ("X=1", &["if a; then X=2; else exit 1; fi; echo $X"]),
        ("while read -r l; do echo; done < f", &["kubectl get pods | while read -r l; do echo \"$l\"; done"]),
        ("X=1", &["X=2\nf() { echo $X; }\nf"]),
        ("helper() { X=1; }", &["kubectl get pods $X"]),
    ] {
        assert_eq!(missed(&[], text, later), None, "{text}, then {later:?}");
    }
    // what has a condition may set nothing
    for (text, later) in [("NS=prod", "NS=x; echo $NS"), ("cd /srv", "cd /a")] {
        let next = [Later { text: later, always: false }, Later { text: "echo $NS", always: true }];
        let shell = Shell::new([text, later].into_iter(), &[]);
        assert!(shell.used_later(text, &next).is_some(), "{text}");
    }
}

#[test]
fn how_a_value_is_read() {
    for (text, is) in [
        ("echo $ID", true),
        ("echo \"${ID:-none}\"", true),
        ("echo $((ID + 1))", true),
        ("printenv ID", true),
        ("python3 -c 'import os; print(os.environ[\"ID\"])'", true),
        ("echo ID", false),
        ("echo $IDS", false),
    ] {
        assert_eq!(reads(text, "ID"), is, "{text}");
    }
}

#[test]
fn what_functions_do_counts_where_they_are_called() {
    const PICK: &str = "pick() { TARGET=web; }\ndel() { echo \"rm -rf /srv/$TARGET\"; }";
    for (before, text, later, said) in [
        (PICK, "pick; sleep 5", "echo $TARGET", "read $TARGET"),
        (PICK, "TARGET=web", "del", "read $TARGET"),
        (PICK, "pick", "del", "read $TARGET"),
        (PICK, "echo \"$(pick)\"", "del", "read $TARGET"),
        ("go() { cd /srv/web; }", "go", "make", "folder"),
        ("ctx() { export CTX=prod; }", "ctx", "make", "CTX, which it exports"),
        ("env() { . ./env.sh; }", "env", "make", "what it loads"),
        ("a() { b; }\nb() { c; }\nc() { X=1; }", "a", "echo $X", "read $X"),
        ("a() { b; }\nb() { c; }\nc() { echo $X; }", "X=1", "a", "read $X"),
        ("function a { X=1; }", "a", "echo $X", "read $X"),
        ("a()\n{\n  inner() { X=1; }\n  inner\n}", "a", "echo $X", "read $X"),
        ("a() { X=1; }\na() { Y=1; }", "a", "echo $X", "read $X"),
        ("a() { echo $X; }", "X=1", "a; X=2", "read $X"),
        ("export X", "X=2", "make", "X, which it sets"),
        ("a() { export X; }\na", "X=2", "make", "X, which it sets"),
    ] {
        let missed = missed(&[before], text, &[later]).unwrap_or_default();
        assert!(missed.contains(said), "{before}: {text}, then {later}: {missed:?}");
    }
    for (before, text, later) in [
        (PICK, "kubectl get pods", "pick; del"),
        (PICK, "TARGET=web", "TARGET=api; del"),
        (PICK, "TARGET=web", "pick"),
        ("a() { local x=1; y=$x; echo $y; }", "a", "a"),
        ("a() { local d; d=$(mktemp -d); echo $d; }", "a", "a"),
        ("a() { for i in 1 2; do echo $i; done; }", "a", "a"),
        ("a() { echo $X; }", "X=1", "kubectl get pods"),
    ] {
        assert_eq!(missed(&[before], text, &[later]), None, "{before}: {text}, then {later}");
    }
}

/// What may not have happened when a text failed: `OK` is a variable that has its value, others are not known.
#[test]
fn the_beginning_that_cannot_fail_has_happened() {
    for (text, rest) in [
        ("X=prod; deploy", "deploy"),
        ("set -euo pipefail\nexport NS=prod A=\"b c\"\necho \"to $NS\"\ndeploy\nB=1", "deploy\nB=1"),
        ("X=$OK-web\ndeploy", "deploy"),
        ("X=$OTHER-web\ndeploy", "X=$OTHER-web\ndeploy"),
        ("X=a; Y=$X; Z=${OK:-b}; deploy", "deploy"),
        ("DIR=$(cat /nonexistent/file)", "DIR=$(cat /nonexistent/file)"),
        ("DIR=`cat f`", "DIR=`cat f`"),
        ("N=$((N+1))", "N=$((N+1))"),
        ("read -r X < f", "read -r X < f"),
        ("mapfile -t X < f", "mapfile -t X < f"),
        ("X=$?", "X=$?"),
        ("X=${OK:?gone}", "X=${OK:?gone}"),
        ("X=${Y:=1}", "X=${Y:=1}"),
        ("cd /usr; X=1; make", "make"),
        ("cd /srv/web && make", "cd /srv/web && make"),
        ("cd /usr || exit 1", "cd /usr || exit 1"),
        ("X=1 make", "X=1 make"),
        ("if a; then X=1; fi", "if a; then X=1; fi"),
        ("(X=1); make", "X=1); make"),
        ("echo > /full; X=1", "echo > /full; X=1"),
        ("f() { false; }\nX=1\nf\nY=1", "f\nY=1"),
        ("set -a; X=1", "set -a; X=1"),
        ("X=1 | cat", "X=1 | cat"),
        ("X=(a b)", "X=(a b)"),
        ("echo 'open", "echo 'open"),
        ("X=1\n", ""),
    ] {
        assert_eq!(unsure_part(text, &|name| name == "OK"), rest, "{text}");
    }
}

/// What is looked at again for each text would take forever in a document that is made for it.
#[test]
fn many_texts_and_functions_take_time_in_proportion() {
    let mut defined: String =
        (0..20_000).map(|n| format!("f{n}() {{ f{}; echo $V{n}; }}\n", n + 1)).collect();
    defined.push_str(&"a() { ".repeat(2_000));
    let text: String = (0..20_000).map(|n| format!("W{n}=1\n")).collect();
    let call = "f0; for p in a; do echo $p; done; X=1";
    let later = vec![call; 5_000];
    assert_eq!(missed(&[&defined], &text, &later), None);
    let before = vec![call; 5_000];
    let shell = Shell::new(std::iter::once(defined.as_str()), &[]);
    assert!(shell.sets(before.iter().copied()).is_some_and(|sets| sets.contains("X")));
    assert!(!shell.is_read(before.iter().copied(), "W1"));
    let mut shell = shell;
    for text in before {
        shell.after(text);
    }
    let exports: String = (0..20_000).map(|n| format!("export W{n}=1\n")).collect();
    assert_eq!(missed(&[], &exports, &[&exports, "make"]), None);
}
