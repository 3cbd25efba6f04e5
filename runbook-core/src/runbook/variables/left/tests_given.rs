//! Which texts read a variable that an earlier command may not have set.

use super::*;

fn misses(text: &str, name: &str) -> bool {
    !Shell::new(std::iter::once(text), &[]).missed(text, std::iter::once(name)).is_empty()
}

#[test]
fn what_a_text_sets_itself_in_time_it_does_not_miss() {
    for (text, name) in [
        // both ways are gone
        ("if test -e /etc; then DIR=x; else DIR=y; fi\nrm /srv/$DIR", "DIR"),
        ("if a; then DIR=x; elif b; then DIR=y; else exit 1; fi\nrm /srv/$DIR", "DIR"),
        ("case a in a) DIR=x ;; *) DIR=y ;; esac\nrm /srv/$DIR", "DIR"),
        ("case $A in (a|b) DIR=x;; c|*) echo no; exit 1; esac; rm /srv/$DIR", "DIR"),
        ("[ -d /etc ] && DIR=x || DIR=y\nrm /srv/$DIR", "DIR"),
        ("{ DIR=x; } > f\nrm /srv/$DIR", "DIR"),
        // the head runs in any case
        ("DIR=$(echo x) || exit 1\nrm /srv/$DIR", "DIR"),
        ("DIR=$(echo x) && rm /srv/$DIR", "DIR"),
        ("if DIR=$(echo x); then rm /srv/$DIR; fi", "DIR"),
        ("if ! DIR=$(echo x); then exit 1; fi\nrm /srv/$DIR", "DIR"),
        ("until DIR=$(echo x); do sleep 1; done\nrm /srv/$DIR", "DIR"),
        ("until STATE=$(date); do sleep 1; done; for i in 1 2; do rm $STATE $i; done", "STATE"),
        ("if read -r DIR <<< x; then rm /srv/$DIR; fi", "DIR"),
        ("if a; then b; elif DIR=$(x); then rm /srv/$DIR; fi", "DIR"),
        // within its block
        ("(DIR=x; rm /srv/$DIR)", "DIR"),
        ("(\n  cd /etc\n  DIR=x\n  rm /srv/$DIR\n)", "DIR"),
        ("for p in a b; do\n  DIR=/srv/$p\n  rm $DIR\ndone", "DIR"),
        ("echo a | while read -r p; do n=$(echo $p); rm $n; done", "n"),
        ("if true; then\n  DIR=x\n  rm /srv/$DIR\nfi", "DIR"),
        ("f() { DIR=x; rm /srv/$DIR; }\nf", "DIR"),
        ("f() { local DIR=$1; rm /srv/$DIR; }\nf q", "DIR"),
        ("echo x | { read -r DIR; rm /srv/$DIR; }", "DIR"),
        ("if test -e /x; then X=1; echo $X; fi\necho done", "X"),
        ("X=$(DIR=q; echo $DIR)", "DIR"),
        ("diff <(for p in a; do echo $p; done) f", "p"),
        ("case a in a) DIR=x; rm /srv/$DIR ;; esac", "DIR"),
        // what counts as giving a value
        ("set -- -a x\nwhile getopts a: opt; do echo $opt; done", "opt"),
        ("mapfile -t L < <(echo x)\nfor l in \"${L[@]}\"; do rm $l; done", "L"),
        ("L=()\nL+=(x)\nrm ${L[0]}", "L"),
        ("L=(x\n  y)\nrm ${L[*]}", "L"),
        ("declare -a L=(x y); rm ${L[1]}", "L"),
        ("declare -A M; M[x]=1; rm ${M[x]}", "M"),
        ("read -ra L <<< 'a b'; rm ${L[0]}", "L"),
        ("printf -v DIR %s x; rm $DIR", "DIR"),
        ("export DIR=x; rm $DIR", "DIR"),
        ("for ((i=0;i<2;i++)); do rm $i; done; rm $i", "i"),
        ("for (( i=0, j=1; i<2; i++ )); do rm $j; done", "j"),
        ("n=0; while [ $n -lt 2 ]; do n=$((n+1)); done; rm $n", "n"),
        ("((n=5)); rm $n", "n"),
        ("OPTS=\"\"\n[ -d /etc ] && OPTS=\"$OPTS -q\"\nrm $OPTS", "OPTS"),
        ("for ns in x; do\n  for pod in p; do rm $pod; done\ndone", "pod"),
        ("DIR=x; rm $DIR; unset DIR", "DIR"),
        ("unset DIR; DIR=x; rm $DIR", "DIR"),
        ("exec > log; DIR=x; rm $DIR", "DIR"),
        ("[ -e x ] || exit 1; DIR=x; rm $DIR", "DIR"),
        ("DIR=x; cat <<E\n$DIR\nE", "DIR"),
        // a file may bring it
        (". ./vars.sh\nrm $NS", "NS"),
        ("set -a; . ./vars.sh; set +a\nrm $NS", "NS"),
        ("source ./vars.sh || exit 1; rm $NS", "NS"),
        // others' names
        ("echo a b | awk '{for(i=1;i<=NF;i++) print $i}'", "i"),
        ("echo a b | awk -v n=2 '{print $n}'", "n"),
        ("echo a b | awk '{n=NF; print $n}'", "n"),
        ("jq '.[] | select(.n==$name)' f", "name"),
        ("echo 'set \\$DIR first: $DIR'", "DIR"),
        ("# not about $DIR\necho ok", "DIR"),
        ("cat > f <<'X'\nDIR=1; echo $DIR\nX", "DIR"),
        ("echo x | sed -n '$p' | sed 's/^/a/'", "p"),
        ("echo x | perl -ne 'my $line=$_; print $line'", "line"),
        ("curl -d 'sum by (x) ($rate)' http://localhost", "rate"),
        ("echo q | xargs -I{} sh -c 'x={}; rm $x'", "x"),
        ("bash -c 'H=$(echo h); rm $H'", "H"),
        ("bash -c 'for f in a; do echo $f; done'", "f"),
        ("DIR=x sh -c 'rm /srv/$DIR'", "DIR"),
        ("ssh h 'if true; then DIR=x; echo $DIR; fi'", "DIR"),
        ("export DIR=x; sh -c 'rm /srv/$DIR'", "DIR"),
        ("export DIR=x; python3 -c 'import os; os.environ[\"DIR\"]'", "DIR"),
        ("ssh h \"rm $OTHER\"", "DIR"),
    ] {
        assert!(!misses(text, name), "{text}");
    }
}

#[test]
fn what_may_not_be_set_is_missed() {
    for text in [
        "rm /srv/$DIR",
        "rm \"/srv/${DIR%/}\"",
        "rm /srv/$DIR\nDIR=x",
        "if test -e /x; then DIR=x; fi\nrm /srv/$DIR",
        "if a; then DIR=x; elif b; then DIR=y; fi; rm /srv/$DIR",
        "if a; then DIR=x; else echo; fi; rm /srv/$DIR",
        "if a; then DIR=x; rm $DIR; else rm $DIR; fi",
        "case a in a) DIR=x ;; b) DIR=y ;; esac\nrm /srv/$DIR",
        "case a in a) DIR=x ;; \"*\") DIR=y ;; esac\nrm /srv/$DIR",
        "case a in a) ;; *) DIR=y ;; esac\nrm /srv/$DIR",
        "case a in a) DIR=x ;; *) rm $DIR ;; esac",
        "x && DIR=y; rm /srv/$DIR",
        "x || DIR=y; rm /srv/$DIR",
        "x && DIR=x || y && DIR=y; rm /srv/$DIR",
        "x && { y && DIR=z; }; rm /srv/$DIR",
        "DIR=x true\nrm /srv/$DIR",
        "(DIR=x; true)\nrm /srv/$DIR",
        "echo x | read DIR\nrm /srv/$DIR",
        "echo x | { read -r DIR; }; rm /srv/$DIR",
        "{ DIR=x; } | cat; rm /srv/$DIR",
        "DIR=x & rm /srv/$DIR",
        "f() { DIR=x; }\nrm /srv/$DIR",
        "DIR=\"$DIR/sub\"\nrm $DIR",
        "DIR+=/sub\nrm /srv/$DIR",
        "DIR+=(x); rm ${DIR[0]}",
        "declare -A DIR; rm ${DIR[x]}",
        "[ -e x ] && export DIR=y\nsh -c 'rm /srv/$DIR'",
        "export DIR\nbash -c 'rm /srv/$DIR'",
        "while read -r DIR; do :; done < list; rm /srv/$DIR",
        "while x; do DIR=y; done; rm /srv/$DIR",
        "while true; do x && break; DIR=y; done; rm /srv/$DIR",
        "until x && break; DIR=$(y); do :; done; rm /srv/$DIR",
        "for p in $A; do DIR=y; done; rm /srv/$DIR",
        "for DIR in a; do :; done; rm /srv/$DIR",
        "for ((i=0;i<$DIR;i++)); do :; done; DIR=1",
        "X=$(DIR=q); rm $DIR",
        "DIR=x; unset DIR; rm $DIR",
        "DIR=x; [ -e a ] && unset DIR; rm $DIR",
        "DIR=x; for p in a b; do rm $DIR; unset DIR; done",
        "cat <<E; DIR=x\n$DIR\nE",
        "if [ -n \"$OTHER\" ]; then DIR=z; else rm /srv/$DIR; fi",
        "[ -e v.sh ] && . ./v.sh; rm $DIR",
        "(. ./v.sh); rm $DIR",
        "rm $DIR; . ./v.sh",
        "if a; then DIR=x; fi; fi; rm $DIR",
        "for; DIR=x; rm $DIR",
    ] {
        assert!(misses(text, "DIR"), "{text}");
    }
}

#[test]
fn a_question_counts_where_something_follows_from_it() {
    for (text, missed) in [
        ("echo \"${DIR:-?}\"; rm /srv/$DIR", true),
        ("echo \"cleaning ${DIR:-?}\"\nrm \"/srv/$DIR\"", true),
        ("rm /srv/$DIR\n[ -n \"$DIR\" ] && echo fine", true),
        ("rm /srv/$DIR; : ${DIR:?}", true),
        ("[ -n \"$DIR\" ] || echo none\nrm /srv/$DIR", true),
        ("[ -z \"$DIR\" ] && echo none; rm /srv/$DIR", true),
        ("[ -n \"$DIR\" ] && echo some; rm /srv/$DIR", true),
        ("if [ -n \"$DIR\" ]; then echo some; fi; rm /srv/$DIR", true),
        ("if [ -z \"$DIR\" ]; then rm /srv/$DIR; fi", true),
        ("if [ -n \"$DIR\" ]; then :; else rm /srv/$DIR; fi", true),
        ("echo \"$(echo ${DIR:?})\"; rm /srv/$DIR", true),
        ("x && : ${DIR:?}; rm /srv/$DIR", true),
        ("(: ${DIR:?}); rm /srv/$DIR", true),
        ("[ -n \"$DIR\" -o -n \"$B\" ] && rm /srv/$DIR", true),
        ("[ \"$DIR\" != prod ] && rm /srv/$DIR", true),
        ("[[ $DIR == prod ]] || rm /srv/$DIR", true),
        ("test ${#DIR} -lt 3 && rm /srv/$DIR", true),
        ("case $DIR in prod) ;; *) rm /srv/$DIR;; esac", true),
        ("[ -z \"$DIR\" ] && (exit 1); rm /srv/$DIR", true),
        ("echo ${DIR:-none}", false),
        ("echo /srv/${DIR:+$DIR/}", false),
        ("rm \"/srv/${DIR:?}\"", false),
        ("rm \"/srv/${DIR:?}/$DIR\"", false),
        (": \"${DIR:?which}\"; rm /srv/$DIR", false),
        (": \"${DIR:=web}\"; rm /srv/$DIR", false),
        ("(: ${DIR:?}; rm /srv/$DIR)", false),
        ("[ -n \"$DIR\" ] && rm /srv/$DIR", false),
        ("[ \"$DIR\" ] && cd /srv && rm $DIR", false),
        ("[ -n \"$DIR\" ] || exit 1; rm /srv/$DIR", false),
        ("[ -n \"$DIR\" ] || { echo none >&2; exit 1; }\nrm /srv/$DIR", false),
        ("[ -n \"$DIR\" ] || DIR=web; rm /srv/$DIR", false),
        ("[ -z \"${DIR:-}\" ] && exit 1; rm /srv/$DIR", false),
        ("[ -z \"$DIR\" ] && DIR=web; rm /srv/$DIR", false),
        ("[ \"$DIR\" = \"\" ] && exit 1; rm /srv/$DIR", false),
        ("if [ -z \"$DIR\" ]; then exit 1; fi; rm /srv/$DIR", false),
        ("if [ -n \"$DIR\" ]; then rm /srv/$DIR; fi", false),
        ("if [[ ! -v DIR ]]; then exit 1; fi; rm /srv/$DIR", false),
        ("[[ -z $B || -z $DIR ]] && exit 1; rm /srv/$DIR", false),
        ("[[ -n $B && -n $DIR ]] && rm /srv/$DIR", false),
        ("test -n \"$DIR\" && rm /srv/$DIR", false),
        ("! [ -z \"$DIR\" ] && rm /srv/$DIR", false),
        ("f() { [ -n \"$DIR\" ] || return 1; rm /srv/$DIR; }\nf", false),
        ("bash -c '[ -n \"$DIR\" ] && rm /srv/$DIR'", false),
        ("for h in a; do [ -n \"$DIR\" ] || continue; rm $DIR; done", false),
    ] {
        assert_eq!(misses(text, "DIR"), missed, "{text}");
    }
}

#[test]
fn a_quoted_text_counts_where_it_is_given_to_a_shell() {
    for text in [
        "sh -c 'rm /srv/$DIR'",
        "bash -ec 'rm /srv/$DIR'",
        "sudo -u web /bin/bash -c 'rm /srv/$DIR'",
        "kubectl exec web -- sh -c 'rm /srv/$DIR'",
        "ssh host 'rm /srv/$DIR'",
        "eval 'rm /srv/$DIR'",
        "su web -c 'rm /srv/$DIR'",
        "ls | xargs sh -c 'rm /srv/$DIR/$1'",
        "env A=1 sh -c 'rm /srv/$DIR'",
        "sh -c \"rm /srv/\\$DIR\"",
        "sh -c 'rm $DIR; DIR=x'",
        "sh -c 'f() { rm $DIR; }; f'",
        "echo 'rm /srv/$DIR' | ssh host bash",
        "sh <<'X'\nrm /srv/$DIR\nX",
        "ssh host <<'X'\nrm /srv/$DIR\nX",
        "cat <<X\n/srv/$DIR\nX",
        "X=$(ssh host 'rm /srv/$DIR')",
        "trap 'rm /srv/$DIR' EXIT\ntrue",
        "f() { sh -c 'rm /srv/$DIR'; }; f",
        "python3 -c 'import os; print(os.environ.get(\"DIR\",\"\"))'",
        "python3 - <<'E'\nimport os\nos.environ[\"DIR\"]\nE",
        "awk 'BEGIN { print ENVIRON[\"DIR\"] }'",
        "perl -e 'print $ENV{DIR}'",
        "jq -n 'env.DIR'",
        "printenv DIR",
        "echo $((DIR*2))",
        "(( DIR > 3 )) || echo low",
    ] {
        assert!(misses(text, "DIR"), "{text}");
    }
}

#[test]
fn a_walk_through_any_text_ends() {
    let deep = |open: &str, close: &str| format!("{}DIR=x; rm $DIR{}", open.repeat(500), close.repeat(500));
    for text in [
        deep("{ ", "; }"),
        deep("( ", " )"),
        deep("if a; then ", "; fi"),
        deep("$(", ")"),
        "a && ".repeat(5_000),
        "X=1\n".repeat(20_000),
        "X=(".repeat(1_000),
    ] {
        misses(&text, "DIR");
    }
    // what comes before is set all the same
    assert!(!misses(&format!("DIR=x; rm $DIR; {}", deep("{ ", "; }")), "DIR"));
}
