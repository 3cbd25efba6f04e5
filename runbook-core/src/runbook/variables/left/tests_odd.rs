//! What bash makes of what stands seldom in a runbook: brackets in substitutions, calculations, descriptors, feeding of programs.

use super::tests_bash::are_as_told;

#[test]
fn a_substitution_ends_where_bash_ends_it() {
    are_as_told(
        "DIR",
        &[
            (
                "OLD=$(\n  # 1) the folder that is live\n  DIR=$(readlink x)\n  echo \"$DIR\"\n)\nrm /srv/$DIR",
                true,
            ),
            (
                "OLD=$(\n  # 1) it's live\n  DIR=blue\n  N=$(readlink x)\n  echo \"$DIR\"\n)\nrm /srv/$DIR",
                true,
            ),
            ("N=$(case $E in prod) DIR=blue; echo 1;; *) DIR=green; echo 2;; esac)\nrm /srv/$DIR", true),
            ("N=$(case $E in (prod) DIR=blue;; (*) DIR=green;; esac)\nrm /srv/$DIR", true),
            ("N=\"$(case $E in a) DIR=x;; esac; DIR=y; echo \")\")\"\nrm /srv/$DIR", true),
            ("N=$(for i in case; do echo $i; done)\nrm /srv/$DIR", true),
            ("CONF=$(cat <<EOF\n# 1) where it lives\nDIR=/srv/web\nEOF\n)\nrm /srv/$DIR", true),
            ("CONF=$(cat <<-'E F'\n\t) \"\n\tE F\nDIR=x)\nrm /srv/$DIR", true),
            ("MSG=$(cat <<EOF\n1) restart\nEOF\n)\nDIR=x\nrm /srv/$DIR", false),
            ("MSG=$(cat <<EOF\n1) restart\nEOF)\nDIR=x\nrm /srv/$DIR", false),
            ("MSG=$(cat <<< ')'; echo a)\nDIR=x\nrm /srv/$DIR", false),
            ("N=$(case $E in a) echo 1;; *) echo 2;; esac)\nDIR=x\nrm /srv/$DIR", false),
            (
                "N=$(case $E in\n  a|b) (echo 1);;\n  *) echo \"$(case x in x) echo 3;; esac)\"\nesac)\nDIR=x\nrm /srv/$DIR",
                false,
            ),
            ("N=$(echo case; echo esac)\nDIR=x\nrm /srv/$DIR", false),
            ("N=$(( (1 << 2) + 3 ))\nDIR=x\nrm /srv/$DIR", false),
            ("N=$(echo $((1 << 2)) ${A#*)} \"${A:-a}\" $'it\\'s' \\))\nDIR=x\nrm /srv/$DIR", false),
            ("N=$(echo a#b $# 'a # b)')\nDIR=x\nrm /srv/$DIR", false),
            ("diff <(sort a # 1) old\n) b\nDIR=x\nrm /srv/$DIR", false),
            ("DIR=$(\n# don't\necho x\n)\nrm /srv/$DIR", false),
        ],
    );
}

/// `N++` is nought and one where `N` is missing.
#[test]
fn what_counts_on_reads_what_it_counts() {
    are_as_told(
        "N",
        &[
            ("k scale --replicas=$((N++))", true),
            ("k scale --replicas=$((--N))", true),
            ("N=$((++N)); k scale --replicas=$N", true),
            ("N=$((N += 2)); k scale --replicas=$N", true),
            ("while (( N-- > 0 )); do x; done", true),
            ("until x || (( --N == 0 )); do y; done", true),
            ("let N++", true),
            ("echo $((N=3))", false),
            ("N=0; for i in a b; do ((N++)); done; echo $N", false),
            ("N=3; until x || (( --N == 0 )); do y; done", false),
            ("for ((N=0; N<3; N++)); do echo $N; done", false),
            ("for ((N=0, i=1; N<3; N++, i+=2)); do echo $N; done", false),
        ],
    );
}

#[test]
fn a_signal_that_nothing_is_trapped_for_leaves_unset_what_is_under_way() {
    are_as_told(
        "W",
        &[
            ("trap 'rm -rf \"/srv/$W\"' EXIT\nW=$(k get x)\nmake", true),
            ("trap 'rm -rf \"/srv/$W\"' EXIT\nexport W=$(k get x)\nmake", true),
            ("trap 'rm -rf \"/srv/$W\"' EXIT INT\nW=$(k get x)\nmake", true),
            ("trap 'rm -rf \"/srv/$W\"' EXIT\nW=$(mktemp -d; sleep 9)\nmake", true),
            ("trap 'rm -rf \"/srv/$W\"' EXIT SIGINT TERM HUP\nW=$(k get x)\nmake", false),
            ("trap 'rm -rf \"/srv/$W\"' EXIT\nW=\"$(mktemp -d)\"\nmake", false),
            ("trap 'rm -rf \"/srv/$W\"' EXIT\nW=x\nmake", false),
            // what asks for a value may end the shell
            ("trap 'rm -rf \"/srv/$W\"' EXIT; : \"${A:?}\"; W=x", true),
            ("trap 'rm -rf \"/srv/$W\"' EXIT; X=${A:?}; W=x", true),
            ("trap 'rm -rf \"/srv/$W\"' EXIT; echo ${A:-${B?}}; W=x", true),
            (": \"${A:?}\"; trap 'rm -rf \"/srv/$W\"' EXIT; W=x", false),
            ("trap 'rm -rf \"/srv/$W\"' EXIT; echo \"${A:-a}\"; W=x", false),
        ],
    );
}

#[test]
fn what_is_only_said_calls_nothing() {
    are_as_told(
        "DIR",
        &[
            ("wipe() { rm -rf \"/srv/$DIR\"; }\n# wipe comes at the end\nDIR=x\nwipe", false),
            ("deploy() { k -n \"$DIR\"; }\necho \"deploy to prod\"\nDIR=x\ndeploy", false),
            ("deploy() { k -n \"$DIR\"; }\nprintf '%s\\n' deploy >&2\nDIR=x\ndeploy", false),
            ("wipe() { rm -rf \"/srv/$DIR\"; }\necho $(wipe)\nDIR=x\nwipe", true),
            ("wipe() { rm -rf \"/srv/$DIR\"; }\necho \"`wipe`\"\nDIR=x", true),
            ("wipe() { rm -rf \"/srv/$DIR\"; }\necho wipe | while read -r f; do $f; done\nDIR=x", true),
            ("wipe() { rm -rf \"/srv/$DIR\"; }\nprintf -v f wipe; $f\nDIR=x", true),
            ("wipe() { rm -rf \"/srv/$DIR\"; }\nf=wipe; $f\nDIR=x", true),
            ("wipe() { rm -rf \"/srv/$DIR\"; }\necho a; wipe # echo\nDIR=x", true),
            ("wipe() { rm -rf \"/srv/$DIR\"; }\necho a && wipe\nDIR=x", true),
        ],
    );
}

#[test]
fn what_looks_like_a_value_may_be_none() {
    are_as_told(
        "DIR",
        &[
            ("[ -n \"$DIR\" ] || exec {fd}>log; rm -rf \"/srv/$DIR\"", true),
            ("[ -n \"$DIR\" ] || exec true; rm -rf \"/srv/$DIR\"", false),
            ("rm -rf /srv/`basename \\$DIR`", true),
            ("rm -rf \"/srv/`basename \\\"\\${DIR}\\\"`\"", true),
            ("rm -rf /srv/`echo '\\$DIR'`", false),
            ("X=`ps | awk '{print \\$2}'`; DIR=x; rm /srv/$DIR", false),
            ("DIR[1]=x; rm -rf \"/srv/$DIR\"", true),
            ("DIR[0]=x; rm -rf \"/srv/$DIR\"", false),
            ("DIR=x command; rm /srv/$DIR", true),
            ("command DIR=x; rm /srv/$DIR", true),
            ("DIR=x command true; rm /srv/$DIR", true),
            ("command export DIR=x; rm /srv/$DIR", false),
        ],
    );
}

/// `exec` goes on without the file.
#[test]
fn a_descriptor_may_not_be_open() {
    are_as_told(
        "DIR",
        &[
            ("exec 3< list; read -r DIR <&3; rm -rf \"/srv/$DIR\"", true),
            ("exec 3< list; read -r -u 3 DIR; rm -rf \"/srv/$DIR\"", true),
            ("exec 3< list; read -ru3 DIR; rm -rf \"/srv/$DIR\"", true),
            ("{ DIR=x; } >&3; rm -rf \"/srv/$DIR\"", true),
            ("exec 3< list; read -r -u 3 DIR || exit 1; rm -rf \"/srv/$DIR\"", false),
            ("while read -r DIR <&3; do rm /srv/$DIR; done 3< list", false),
            ("while read -r -u 3 DIR; do rm /srv/$DIR; done 3< list", false),
            ("exec 3>&1; echo a >&3; DIR=x; rm /srv/$DIR", false),
            ("{ DIR=x; } 2>&1; rm /srv/$DIR", false),
            ("read -r DIR <<< x; rm /srv/$DIR", false),
        ],
    );
}

#[test]
fn a_text_for_a_shell_may_be_given_in_other_ways() {
    are_as_told(
        "DIR",
        &[
            (". /dev/stdin <<'E'\nrm -rf /srv/$DIR\nE", true),
            ("while read -r c; do eval \"$c\"; done <<'E'\nrm -rf /srv/$DIR\nE", true),
            ("while read -r c; do\n  eval \"$c\"\ndone <<'E'\nrm -rf /srv/$DIR\nE", true),
            ("bash -c -- 'rm -rf /srv/$DIR'", true),
            ("bash -c -e 'rm -rf /srv/$DIR'", true),
            ("bash -c -o pipefail 'rm -rf /srv/$DIR'", true),
            ("su app --command 'rm -rf /srv/$DIR'", true),
            ("su app --command='rm -rf /srv/$DIR'", true),
            ("envsubst <<'E' | k apply -f -\nnamespace: $DIR\nE", true),
            ("envsubst <<'E' | k apply -f -\ntext: \"it's\"\nnamespace: '$DIR'\nE", true),
            ("cat <<'E' | envsubst | k apply -f -\nnamespace: $DIR\nE", true),
            ("echo 'namespace: $DIR' | envsubst | k apply -f -", true),
            ("envsubst <<< 'namespace: $DIR' | k apply -f -", true),
            ("docker run -e DIR cleaner", true),
            ("sudo podman run --env DIR cleaner", true),
            ("DIR=x; docker run -e DIR cleaner", false),
            ("DIR=x docker run -e DIR cleaner", false),
            ("docker run -e DIR=x cleaner", false),
            ("grep -e DIR list", false),
            ("eval \"$(x)\"\ncat > f <<'E'\nrm -rf /srv/$DIR\nE", false),
            ("cat <<'E' > deploy.sh\nrm -rf /srv/$DIR\nE", false),
            ("bash -c 'rm -rf \"/srv/$1\"' _ \"${DIR:?}\"", false),
        ],
    );
}

#[test]
fn a_builtin_fills_what_it_fills_unless_told_otherwise() {
    are_as_told("REPLY", &[("read -r <<< x; rm $REPLY", false), ("read -r A <<< x; rm $REPLY", true)]);
    are_as_told("MAPFILE", &[("mapfile -t < <(x); rm ${MAPFILE[0]}", false)]);
    are_as_told(
        "OPTARG",
        &[("while getopts n: o; do case $o in n) N=$OPTARG;; esac; done", false), ("rm $OPTARG", true)],
    );
    are_as_told(
        "DIR",
        &[
            ("export \"DIR=/tmp/x\"; rm $DIR", false),
            ("export \"A=/tmp/x\"; rm $DIR", true),
            ("A=( \"${DIR:?}\" ); rm $DIR", false),
            ("A=( \"${DIR:-}\" ); rm $DIR", true),
        ],
    );
}

#[test]
fn a_value_is_asked_for_in_old_ways_too() {
    are_as_told(
        "DIR",
        &[
            ("[ ${#DIR} -gt 0 ] || exit 1; rm $DIR", false),
            ("[[ ${#DIR} -eq 0 ]] && exit 1; rm $DIR", false),
            ("[ ${#DIR} -eq 0 ] || exit 1; rm $DIR", true),
            ("[ ${#DIR} -gt 0 ] || echo none; rm $DIR", true),
            ("[ \"x$DIR\" = x ] && exit 1; rm $DIR", false),
            ("[ x\"$DIR\" = x ] && exit 1; rm $DIR", true),
            ("[ \"x$DIR\" != \"x\" ] || exit 1; rm $DIR", false),
            ("[ \"x$DIR\" != x ] && exit 1; rm $DIR", true),
            ("[ \"x$DIR\" = xa ] && exit 1; rm $DIR", true),
            ("case \"$DIR\" in \"\") exit 1;; esac; rm $DIR", false),
            ("case $DIR in '') echo none >&2; exit 1;; a) rm $DIR;; esac; rm $DIR", false),
            ("case $DIR in '') echo none;; esac; rm $DIR", true),
            ("case $DIR in *) true;; '') exit 1;; esac; rm $DIR", true),
            ("case $DIR in a) exit 1;; esac; rm $DIR", true),
        ],
    );
}

#[test]
fn a_function_that_went_well_did_not_return_one() {
    are_as_told(
        "DIR",
        &[
            ("f() { case $1 in a) DIR=x;; *) echo no; return 1;; esac; }\nf a || exit 1\nrm $DIR", false),
            ("f() { if a; then DIR=x; else exit 1; fi; }\nf && rm $DIR", false),
            ("f() { a || return 1; DIR=x; }\nif f; then rm $DIR; fi", false),
            ("f() { a || return 1; DIR=x; }\nf; rm $DIR", true),
            ("f() { a || return 1; DIR=x; }\nf || rm $DIR", true),
            ("f() { a || return 1; DIR=x; }\n! f && rm $DIR", true),
            ("f() { a || return 0; DIR=x; }\nf && rm $DIR", true),
            ("f() { a && return; DIR=x; }\nf && rm $DIR", true),
            ("f() { a || return $N; DIR=x; }\nf && rm $DIR", true),
            ("f() { a || return 256; DIR=x; }\nf && rm $DIR", true),
        ],
    );
}
