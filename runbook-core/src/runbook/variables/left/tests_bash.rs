//! What bash makes of tests, loops, calls, traps and texts for other shells, where a variable may not be set.

use super::*;

/// Whether each of these texts misses a variable, all those together for which it is not as it should be.
pub(super) fn are_as_told(name: &str, texts: &[(&str, bool)]) {
    let misses =
        |text: &str| !Shell::new(std::iter::once(text), &[]).missed(text, std::iter::once(name)).is_empty();
    let wrong: Vec<&(&str, bool)> = texts.iter().filter(|(text, missed)| misses(text) != *missed).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// In `[`, what is not quoted and has no value is no word.
#[test]
fn a_test_counts_as_bash_reads_it() {
    are_as_told(
        "DIR",
        &[
            ("[ -n $DIR ] && rm /srv/$DIR", true),
            ("[ -n $DIR ] || exit 1; rm /srv/$DIR", true),
            ("if [ -n $DIR ]; then rm /srv/$DIR; fi", true),
            ("test -n $DIR && rm /srv/$DIR", true),
            ("[ ! -n $DIR ] && exit 1; rm /srv/$DIR", true),
            ("[ -n \"${DIR[@]}\" ] && rm /srv/$DIR", true),
            ("[ $DIR = \"\" ] && exit 1; rm /srv/$DIR", true),
            ("[ \"\" = $DIR ] && exit 1; rm /srv/$DIR", true),
            ("[ ! $DIR = \"\" ] || exit 1; rm /srv/$DIR", true),
            ("[ -n $B -a \"$DIR\" ] && rm /srv/$DIR", true),
            ("[ ! \"$B\" -a \"$DIR\" ] && rm /srv/$DIR", true),
            ("[ \\( \"$B\" -o \"$DIR\" \\) ] && rm /srv/$DIR", true),
            ("[ ! \\( a -a \"$DIR\" = x -a b \\) ] && rm /srv/$DIR", true),
            ("[ -z \"$DIR\" -o \"$N\" -gt 3 ] && exit 1; rm /srv/$DIR", true),
            ("[[ $N -gt 3 || -z $DIR ]] && exit 1; rm /srv/$DIR", true),
            ("[ \"$DIR\" = $'' ] && rm /srv/$DIR", true),
            ("[ $DIR ] && rm /srv/$DIR", false),
            ("[ -z $DIR ] && exit 1; rm /srv/$DIR", false),
            ("[ ! -z $DIR ] && rm /srv/$DIR", false),
            ("[ $DIR != \"\" ] && rm /srv/$DIR", false),
            ("[[ -n $DIR ]] && rm /srv/$DIR", false),
            ("[[ -n $DIR ]] || exit 1; rm /srv/$DIR", false),
            ("[[ -z $DIR || $N -gt 3 ]] && exit 1; rm /srv/$DIR", false),
            ("[ ! \"$B\" -a \"$DIR\" ] || rm /srv/$DIR", false),
            ("[ ! -n \"$B\" -a \"$DIR\" ] && rm /srv/$DIR", false),
            ("[ -n \"$B\" -a -n \"$DIR\" ] && rm /srv/$DIR", false),
            ("[ ! -d /srv -o -z \"$DIR\" ] && exit 1; rm /srv/$DIR", false),
        ],
    );
}

#[test]
fn a_text_for_a_shell_may_come_from_elsewhere() {
    are_as_told(
        "DIR",
        &[
            ("CMD='rm /srv/$DIR'; eval \"$CMD\"", true),
            ("CMD='rm /srv/$DIR'; eval $CMD", true),
            ("CMD='rm /srv/$DIR'; sh -c \"$CMD\"", true),
            ("CMD=\"rm /srv/\\$DIR\"; ssh host \"cd /; ${CMD}\"", true),
            ("CMD=ls; CMD+=' $DIR'; eval \"$CMD\"", true),
            ("CMD='rm /srv/$DIR'; X=$(eval \"$CMD\")", true),
            ("CMD='rm /srv/$DIR'; echo \"$CMD\" | bash", true),
            ("CMD='rm /srv/$DIR'; bash <<< \"$CMD\"", true),
            ("CMD=$(cat <<'E'\nrm /srv/$DIR\nE\n); eval \"$CMD\"", true),
            ("eval \"$(echo 'rm /srv/$DIR')\"", true),
            ("bash <<< 'rm /srv/$DIR'", true),
            ("cat <<< 'rm /srv/$DIR' | bash", true),
            (". <(echo 'rm /srv/$DIR')", true),
            ("source /dev/stdin <<< 'rm /srv/$DIR'", true),
            ("bash <(echo 'rm /srv/$DIR')", true),
            ("bash < <(echo 'rm /srv/$DIR')", true),
            ("bash <(cat <<'E'\nrm /srv/$DIR\nE\n)", true),
            ("${BASH} -c 'rm /srv/$DIR'", true),
            ("\"$BASH\" -c 'rm /srv/$DIR'", true),
            ("${BASH:-bash} -c 'rm /srv/$DIR'", true),
            ("\"/bin/bash\" -c 'rm /srv/$DIR'", true),
            ("$SH -c 'rm /srv/$DIR'", true),
        ],
    );
    are_as_told(
        "DIR",
        &[
            ("DIR=x; CMD='rm /srv/$DIR'; eval \"$CMD\"", false),
            ("CMD='rm /srv/$DIR'; DIR=x; eval \"$CMD\"", false),
            ("CMD='DIR=x; rm /srv/$DIR'; eval \"$CMD\"", false),
            ("CMD='rm /srv/$DIR'; echo \"$CMD\"", false),
            ("CMD='rm /srv/$DIR'; eval \"$OTHER\"", false),
            ("CMD='rm /srv/${DIR:?}'; eval \"$CMD\"", false),
            ("cat <<< 'rm /srv/$DIR'", false),
            ("bash <<< 'DIR=x; rm /srv/$DIR'", false),
            (". <(echo 'DIR=x; rm /srv/$DIR')", false),
            ("diff <(echo '$DIR') f", false),
            ("${BASH} -c 'DIR=x; rm /srv/$DIR'", false),
            ("echo $BASH_VERSION", false),
        ],
    );
}

#[test]
fn what_is_left_of_loops() {
    are_as_told(
        "DIR",
        &[
            // where there is no loop, bash goes on
            ("[ -n \"$DIR\" ] || break; rm /srv/$DIR", true),
            ("[ -n \"$DIR\" ] || continue; rm /srv/$DIR", true),
            ("f() { [ -n \"$DIR\" ] || break; rm $DIR; }; for p in a; do f; done", true),
            ("for p in a; do ([ -n \"$DIR\" ] || break; rm $DIR); done", true),
            ("for p in a; do { [ -n \"$DIR\" ] || break; rm $DIR; } | cat; done", true),
            ("for p in a; do x | { [ -n \"$DIR\" ] || break; rm $DIR; }; done", true),
            ("for p in a; do { [ -n \"$DIR\" ] || break; rm $DIR; } & done", true),
            ("for p in a; do [ -n \"$DIR\" ] || break; rm $DIR; done", false),
            ("for p in a; do (for q in b; do [ -n \"$DIR\" ] || break; rm $DIR; done); done", false),
            // every `break` comes with it
            ("while true; do DIR=$(x); [ -n \"$DIR\" ] && break; done; rm /srv/$DIR", false),
            (
                "while :; do\n  DIR=$(x)\n  if [ -n \"$DIR\" ]; then break; fi\n  sleep 1\ndone\nrm /srv/$DIR",
                false,
            ),
            ("until false; do DIR=$(x) && break; sleep 1; done; rm /srv/$DIR", false),
            ("while true; do DIR=x; case $a in b) break;; *) break;; esac; done; rm $DIR", false),
            ("while true; do x || continue; DIR=x; break; done; rm $DIR", false),
            ("while true; do DIR=x; for p in a; do break; done; break; done; rm $DIR", false),
            ("while true; do read -r DIR; [ -n \"$DIR\" ] && break; done; rm $DIR", false),
            ("until [ -n \"$DIR\" ]; do DIR=$(x); done; rm $DIR", false),
            ("for i in 1 2 3; do DIR=$(x) && break; done; rm /srv/$DIR", false),
            ("for i in 1 2 3; do DIR=$(x); y || continue; z; done; rm /srv/$DIR", false),
            ("for p in a; do DIR=y; done; rm /srv/$DIR", false),
            ("while true; do x && break; DIR=y; done; rm /srv/$DIR", true),
            ("while true; do [ -n \"$DIR\" ] || break; done; rm /srv/$DIR", true),
            ("while true; do DIR=x; break; done | cat; rm /srv/$DIR", true),
            ("while true; do if a; then DIR=x; break; else break; fi; done; rm $DIR", true),
            ("while true; do for p in a; do x && break 2; done; DIR=x; break; done; rm $DIR", true),
            ("while true; do eval \"$x\"; DIR=x; break; done; rm $DIR", true),
            ("while true; do read -r DIR || break; done; rm /srv/$DIR", true),
            ("while x; do DIR=y; break; done; rm /srv/$DIR", true),
            ("for i in 1 2 3; do x && break; DIR=y; done; rm /srv/$DIR", true),
            ("for i in 1 2 3; do x || continue; DIR=y; done; rm /srv/$DIR", true),
            ("for i in $L; do DIR=$(x) && break; done; rm /srv/$DIR", true),
            ("for i in *.sh; do DIR=$i; done; rm /srv/$DIR", true),
            ("for i in \"./none\"*; do DIR=$i; done; rm /srv/$DIR", true),
            ("for i in \"a*\" 'b?'; do DIR=$i; done; rm /srv/$DIR", false),
            ("for i; do DIR=$i; done; rm /srv/$DIR", true),
            ("select i in a b; do DIR=$i; done; rm /srv/$DIR", true),
        ],
    );
}

#[test]
fn what_is_called_sets_and_unsets() {
    are_as_told(
        "DIR",
        &[
            ("pick() { DIR=new; }; pick; rm /srv/$DIR", false),
            ("pick() {\n  if a; then DIR=x; return; fi\n  DIR=y\n}\npick || exit 1\nrm /srv/$DIR", false),
            ("one() { DIR=x; }\nfunction two { one; }\ntwo && rm /srv/$DIR", false),
            ("pick() { unset DIR; DIR=new; }; pick; rm /srv/$DIR", false),
            ("pick() { DIR=new; }; (pick; rm /srv/$DIR)", false),
            ("clear() { unset DIR; }; clear; DIR=x; rm /srv/$DIR", false),
            ("clear() { local DIR=a; unset DIR; }; DIR=x; clear; rm /srv/$DIR", false),
            ("clear() { rm $DIR; unset DIR; }; DIR=x; clear", false),
            ("pick() { DIR=new; }; rm /srv/$DIR; pick", true),
            ("pick() { a && DIR=new; }; pick; rm /srv/$DIR", true),
            ("pick() { a && return; DIR=new; }; pick; rm /srv/$DIR", true),
            ("pick() { local DIR=new; }; pick; rm /srv/$DIR", true),
            ("pick() { declare DIR=new; }; pick; rm /srv/$DIR", true),
            ("pick() ( DIR=new ); pick; rm /srv/$DIR", true),
            ("pick; pick() { DIR=new; }; rm /srv/$DIR", true),
            ("a && pick() { DIR=new; }; pick; rm /srv/$DIR", true),
            ("a &&\npick() { DIR=new; }\npick; rm /srv/$DIR", true),
            ("if a; then pick() { DIR=new; }; fi; pick; rm /srv/$DIR", true),
            ("pick() { DIR=new; }; pick() { :; }; pick; rm /srv/$DIR", true),
            ("pick() { DIR=new; }; unset -f pick; pick; rm /srv/$DIR", true),
            ("pick() { DIR=new; }; command pick; rm /srv/$DIR", true),
            ("pick() { DIR=new; }; DIR=a pick; rm /srv/$DIR", true),
            ("pick() { DIR=new; }; x=$(pick); rm /srv/$DIR", true),
            ("pick() { DIR=new; }; pick | cat; rm /srv/$DIR", true),
            ("pick() { rm $DIR; DIR=new; }; pick", true),
            ("clear() { unset DIR; }; DIR=x; clear; rm /srv/$DIR", true),
            ("clear() { unset DIR; }; all() { clear; }; DIR=x; all; rm /srv/$DIR", true),
            ("clear() { unset DIR; }; all() { DIR=x; clear; rm $DIR; }; all", true),
            ("clear() { unset DIR; }; DIR=x; for p in a b; do rm $DIR; clear; done", true),
            ("clear() { unset DIR; }; DIR=x; retry clear; rm /srv/$DIR", true),
        ],
    );
    // a function of an earlier text may not be there, so it sets nothing for sure, but it may unset
    for (before, text) in
        [("pick() { DIR=new; }", "pick; rm /srv/$DIR"), ("clear() { unset DIR; }", "DIR=x; clear; rm $DIR")]
    {
        let missed = Shell::new([before, text].into_iter(), &[]).missed(text, std::iter::once("DIR"));
        assert!(!missed.is_empty(), "{before}: {text}");
    }
}

#[test]
fn a_trap_is_read_where_its_signal_comes() {
    are_as_told(
        "W",
        &[
            ("clean() { rm -rf \"$W\"; }; trap clean EXIT; W=$(mktemp -d)", false),
            (
                "set -euo pipefail\nclean() {\n  rm -rf \"$W\"\n}\ntrap clean EXIT INT TERM\nW=$(mktemp -d)\nmake",
                false,
            ),
            ("trap 'rm -rf \"$W\"' EXIT\nW=$(mktemp -d) || exit 1\nmake", false),
            ("trap -- 'rm -rf \"$W\"' SIGINT; export W=$(mktemp -d); make", false),
            ("trap '[ -n \"$W\" ] && rm -rf \"$W\"' EXIT; make", false),
            ("clean() { [ -n \"$W\" ] && rm -rf \"$W\"; }; trap clean EXIT; make", false),
            ("W=$(mktemp -d); trap 'rm -rf \"$W\"' EXIT", false),
            ("trap 'rm -rf \"$W\"' EXIT", true),
            ("trap \"rm -rf $W\" EXIT; W=$(mktemp -d)", true),
            ("trap 'rm -rf \"$W\"' EXIT; [ -e x ] || exit 1; W=$(mktemp -d)", true),
            ("trap 'rm -rf \"$W\"' EXIT; make; W=$(mktemp -d)", true),
            ("trap 'rm -rf \"$W\"' EXIT; N=$(make); W=$(mktemp -d)", true),
            ("trap 'rm -rf \"$W\"' EXIT; make && W=$(mktemp -d)", true),
            ("trap 'rm -rf \"$W\"' EXIT; W=$(mktemp -d); unset W", true),
            ("trap 'rm -rf \"$W\"' EXIT; ((n++)); W=$(mktemp -d)", true),
            ("trap 'rm -rf \"$W\"' EXIT; let n++; W=$(mktemp -d)", true),
            ("trap 'rm -rf \"$W\"' EXIT; shopt -q nullglob; W=$(mktemp -d)", true),
            ("trap 'rm -rf \"$W\"' EXIT; unset q; W=$(mktemp -d)", true),
            ("trap 'rm -rf \"$W\"' EXIT; echo > /nodir/f; W=$(mktemp -d)", true),
            ("trap 'rm -rf \"$W\"' EXIT; { W=x; } > /nodir/f", true),
            ("trap 'rm -rf \"$W\"' EXIT; ((W=0))", false),
            ("trap 'rm -rf \"$W\"' EXIT; shopt -s nullglob; echo > f 2>&1; W=$(mktemp -d)", false),
            ("trap 'rm -rf \"$W\"' DEBUG; W=$(mktemp -d)", true),
            ("clean() { rm -rf \"$W\"; }; trap clean EXIT; clean; W=$(mktemp -d)", true),
            ("clean() { rm -rf \"$W\"; }; trap clean EXIT; (W=$(mktemp -d))", true),
            ("f() { trap 'rm -rf \"$W\"' EXIT; W=x; }; f; unset W", true),
        ],
    );
}

#[test]
fn a_name_without_a_dollar_may_be_a_number() {
    are_as_told(
        "LIMIT",
        &[
            ("[[ $N -gt LIMIT ]] && echo high", true),
            ("if [[ LIMIT -le $N ]]; then echo low; fi", true),
            ("[[ $N -gt LIMIT+1 && -e x ]]", true),
            ("echo ${A[LIMIT]}", true),
            ("echo \"${A[LIMIT-1]}\"", true),
            ("A[LIMIT]=x", true),
            ("echo ${A:LIMIT}", true),
            ("echo ${A:0:LIMIT}", true),
            ("declare -i N=LIMIT", true),
        ],
    );
    are_as_told(
        "LIMIT",
        &[
            ("LIMIT=3; [[ $N -gt LIMIT ]] && echo high", false),
            ("LIMIT=3; echo ${A[LIMIT]}", false),
            ("for LIMIT in 1 2; do echo ${A[LIMIT]}; done", false),
            ("[[ $N == LIMIT ]]", false),
            ("[[ -n LIMIT ]]", false),
            ("declare -A A; A[LIMIT]=x; echo ${A[LIMIT]}", false),
            ("echo ${A:-LIMIT}", false),
            ("echo ${A/LIMIT/x}", false),
            ("declare N=LIMIT", false),
            ("echo ${A[@]} ${A[*]} ${A[0]} ${A[-1]}", false),
        ],
    );
}

#[test]
fn a_file_may_bring_any_and_what_is_printed_for_eval_does_not_say() {
    are_as_told(
        "DIR",
        &[
            ("eval \"$(./env.sh)\"; rm /srv/$DIR", true),
            ("source <(./env.sh); rm /srv/$DIR", false),
            ("eval $(./env.sh) || exit 1; rm /srv/$DIR", true),
            ("rm /srv/$DIR; eval \"$(./env.sh)\"", true),
            ("a && eval \"$(./env.sh)\"; rm /srv/$DIR", true),
            ("(eval \"$(./env.sh)\"); rm /srv/$DIR", true),
            ("eval 'A=1'; rm /srv/$DIR", true),
            ("eval \"$A\"; rm /srv/$DIR", true),
            ("eval \"$(./env.sh $DIR)\"", true),
        ],
    );
}

#[test]
fn a_redirection_that_fails_sets_nothing() {
    are_as_told(
        "DIR",
        &[
            ("{ DIR=$(x); } >> /nodir/x.log; rm /srv/$DIR", true),
            ("{ DIR=$(x); } >> \"$LOG\"; rm /srv/$DIR", true),
            ("pick() { DIR=new; }; pick > /nodir/x; rm /srv/$DIR", true),
            ("export DIR=new > /nodir/x; rm /srv/$DIR", true),
            ("((DIR=1)) > /nodir/x; rm /srv/$DIR", true),
            ("if a; then DIR=x; else DIR=y; fi < f; rm /srv/$DIR", true),
            ("case $a in *) DIR=x;; esac < f; rm /srv/$DIR", true),
            ("for i in 1 2; do DIR=x; done < f; rm /srv/$DIR", true),
            ("while true; do read -r l; DIR=$l; break; done < f; rm /srv/$DIR", true),
            ("read -r DIR < dir.txt; rm /srv/$DIR", true),
            ("mapfile -t DIR < f; rm /srv/$DIR", true),
            ("printf -v DIR x > /nodir/x; rm /srv/$DIR", true),
            ("[ -n \"$DIR\" ] || exit 1 > /nodir/x; rm /srv/$DIR", true),
            ("[ -n \"$DIR\" ] || { echo no; exit 1; } > /nodir/x; rm /srv/$DIR", true),
            ("for i in 1; do [ -n \"$DIR\" ] || break > /nodir/x; rm /srv/$DIR; done", true),
            ("! [ -z \"$DIR\" ] < f && rm /srv/$DIR", true),
            ("{ DIR=x; } >& /nodir/x; rm /srv/$DIR", true),
            ("{ DIR=x; } 3<> /nodir/x; rm /srv/$DIR", true),
            ("{ DIR=$(x); } >> /nodir/x.log && rm /srv/$DIR", false),
            ("{ DIR=$(x); rm /srv/$DIR; } >> /nodir/x.log", false),
            ("export DIR=new > /nodir/x || exit 1; rm /srv/$DIR", false),
            ("read -r DIR < dir.txt || exit 1; rm /srv/$DIR", false),
            ("read -r DIR < dir.txt; [ -n \"$DIR\" ] || exit 1; rm /srv/$DIR", false),
            ("mapfile -t DIR < <(x); rm /srv/$DIR", false),
            ("mapfile -t DIR <<< \"$a\"; rm /srv/$DIR", false),
            ("mapfile -t DIR <<E\n$a\nE\nrm /srv/$DIR", false),
            ("DIR=x < f; rm /srv/$DIR", false),
            ("DIR=$(x) > /nodir/x; rm /srv/$DIR", false),
            (": ${DIR:=x} > /nodir/x; rm /srv/$DIR", false),
            ("DIR=$(x < /nodir/f); rm /srv/$DIR", false),
            ("{ DIR=x; } > out.txt; rm /srv/$DIR", false),
            ("{ DIR=x; } >> ./x.log 2>&1; rm /srv/$DIR", false),
            ("pick() { DIR=new; }; pick >/dev/null 2>&1 </dev/null; rm /srv/$DIR", false),
            ("pick() { DIR=new; }; pick 2>&1 >&2 3>&-; rm /srv/$DIR", false),
            ("[ -n \"$DIR\" ] || { echo no >&2; exit 1; } >/dev/stderr; rm /srv/$DIR", false),
        ],
    );
}

#[test]
fn a_variable_is_a_functions_own_from_its_declaration_on() {
    are_as_told(
        "NS",
        &[
            ("wipe() { local NS=\"${NS}\"; k -n \"$NS\"; }; wipe", true),
            ("wipe() { local NS=\"${1:-$NS}\"; k -n \"$NS\"; }; wipe", true),
            ("wipe() { local NS=\"$NS/sub\"; k -n \"$NS\"; }; wipe", true),
            ("wipe() { declare -r NS=\"$NS\"; k -n \"$NS\"; }; wipe", true),
            ("wipe() { k -n \"$NS\"; local NS=x; }; wipe", true),
            ("wipe() { k -n \"$NS\"; local NS; }; wipe", true),
            ("wipe() { if a; then local NS=x; fi; k -n \"$NS\"; }; wipe", true),
            ("wipe() { a && local NS; k -n \"$NS\"; }; wipe", true),
            ("clear() { unset NS; }; wipe() { local NS=x; clear; k -n \"$NS\"; }; wipe", true),
            ("wipe() { local NS=x; k -n \"$NS\"; }; wipe", false),
            ("wipe() { local NS; NS=$(a); k -n \"$NS\"; }; wipe", false),
            ("wipe() { local NS; a && NS=x; k -n \"$NS\"; }; wipe", false),
            ("wipe() { local A NS B; k -n \"$NS\"; }; wipe", false),
            ("wipe() { declare -a NS; k \"${NS[@]}\"; }; wipe", false),
            ("wipe() { if a; then local NS; k -n \"$NS\"; fi; }; wipe", false),
            ("wipe() { local NS=a; unset NS; k -n \"$NS\"; }; wipe", false),
            ("wipe() { local NS; for p in a b; do k $NS; unset NS; done; }; wipe", false),
            ("wipe() { local NS=$1; k \"$(k -n \"$NS\")\"; }; wipe a", false),
        ],
    );
}
