//! What carries from one command to the next, and what does not.

use super::*;

#[tokio::test]
async fn variables_functions_and_directory_carry() {
    let cases = [
        ("a=1", "echo $a", "1\n"),
        ("export a=1", "bash -c 'echo $a'", "1\n"),
        ("a=1", "bash -c 'echo -$a'", "-\n"),
        ("a=(x 'y z' '')", "echo ${#a[@]} \"${a[1]}\"", "3 y z\n"),
        ("a=(); a[5]=f", "echo ${!a[@]}", "5\n"),
        ("declare -A a=([k v]='w $(x)')", "echo \"${a[k v]}\"", "w $(x)\n"),
        ("declare -i a=1", "a+=1; echo $a", "2\n"),
        ("declare -n ref=a; a=1", "ref=2; echo $a", "2\n"),
        ("declare -A a=(); b=()", "declare -p a b", "declare -A a=()\ndeclare -a b=()\n"),
        (
            "a=$'line\\n\"quote\" `tick` \\\\ \\'single\\' é \\x01\\xff'",
            "printf %s \"$a\" | od -An -c | tr -d ' \\n'",
            { "line\\n\"quote\"`tick`\\'single'303251001377" },
        ),
        ("readonly a=1", "a=2; echo $a", "2\n"),
        ("declare -rx a=1; declare -ra b=(1 2)", "bash -c 'echo $a'; b+=(3); echo ${b[*]}", "1\n1 2 3\n"),
        ("IFS=:", "a=x:y; echo $a", "x y\n"),
        ("export PATH=\"$PATH:/added\"", "echo ${PATH##*:}", "/added\n"),
        ("unset HOME", "echo ${HOME-gone}", "gone\n"),
        ("HOME=/h", "echo $HOME", "/h\n"),
        ("set -a; a=1", "bash -c 'echo $a'", "1\n"),
        ("set -u; a=1", "echo $a", "1\n"),
        ("f() { echo \"f $1\"; }", "f 'a b'", "f a b\n"),
        ("f() { echo exported; }; export -f f", "bash -c f", "exported\n"),
        ("shopt -s extglob\nf() { case $1 in +(a)) echo many;; esac; }", "shopt -s extglob; f aaa", "many\n"),
        ("f() { cat <<x\nhere $1\nx\n}", "f doc", "here doc\n"),
        ("cd() { builtin cd \"$@\"; }; printf() { echo no; }; declare() { echo no; }; a=1", "echo $a", "1\n"),
        ("f() { :; }", "unset -f f; declare -F f", ""),
        ("mkdir 'd e'; cd 'd e'", "echo \"${PWD##*/}\"; pwd -P >/dev/null", "d e\n"),
        ("mkdir d; ln -s d link; cd link", "echo \"${PWD##*/}\"", "link\n"),
        ("mkdir d; cd d", "cd - >/dev/null; echo \"${PWD##*/}\"", "work\n"),
        ("mkdir $'new\\nline\\n'; cd new*", "touch here; cd ..; echo new*/here", "new\nline\n/here\n"),
        ("a=1; exit 7", "echo $a", "1\n"),
        ("a=1; set -e; false", "echo $a", "1\n"),
        ("a=1; return 2", "echo $a", "1\n"),
        ("shopt -s nocasematch; blocks_a=1", "echo $blocks_a", "1\n"),
    ];
    for (first, second, expected) in cases {
        let bench = Bench::new();
        let finished = bench.chain(&[first, second]).await;
        assert_eq!(finished.stdout.text, expected, "{first} -> {second}: {finished:?}");
        assert_eq!(finished.stderr.text, "", "{first} -> {second}");
        assert_eq!(finished.state, StateOutcome::Written, "{first} -> {second}");
        // And on through one that does not touch it.
        if !first.contains("mkdir") {
            let finished = Bench::new().chain(&[first, "true", second]).await;
            assert_eq!(finished.stdout.text, expected, "{first} -> true -> {second}: {finished:?}");
        }
    }
}

#[tokio::test]
async fn a_command_does_not_begin_without_a_variable_that_must_be_set() {
    let needs = |bench: &Bench, attempt| Job {
        must_be_set: ["DIR".to_owned()].into(),
        ..bench.job(attempt, "touch begun; echo \"/srv/${DIR[0]}\"; echo \"[$NONE]\"")
    };
    for (first, stdout) in [
        ("true", None),
        ("unset DIR; declare -a DIR", None),
        ("unset DIR; declare -A DIR", None),
        ("declare -i DIR", None),
        ("export DIR", None),
        ("declare -n DIR=OTHER", None),
        ("DIR=web; unset DIR", None),
        ("DIR=work", Some("/srv/work\n[]\n")),
        ("DIR=", Some("/srv/\n[]\n")),
        ("DIR=(work here)", Some("/srv/work\n[]\n")),
        ("DIR=()", Some("/srv/\n[]\n")),
        ("DIR=(work); DIR=()", Some("/srv/\n[]\n")),
        ("declare -A DIR=()", Some("/srv/\n[]\n")),
        ("declare -A DIR; DIR[x]=1", Some("/srv/\n[]\n")),
        ("DIR=(); DIR[3]=last", Some("/srv/\n[]\n")),
        ("DIR=$'two\\nlines='", Some("/srv/two\nlines=\n[]\n")),
        ("OTHER=work; declare -n DIR=OTHER", Some("/srv/work\n[]\n")),
    ] {
        let bench = Bench::new();
        bench.chain(&[first]).await;
        if let Some(stdout) = stdout {
            assert_eq!(bench.executor.run(needs(&bench, 2)).await.unwrap().stdout.text, stdout, "{first}");
        } else {
            let refused = bench.refused(needs(&bench, 2)).await;
            assert!(refused.starts_with("DIR has no value"), "{first}: {refused}");
            assert!(!bench.work().join("begun").exists(), "{first}");
        }
    }
}

#[tokio::test]
async fn nothing_else_carries() {
    let questions =
        "set +o; shopt; trap -p; alias; umask; jobs; declare -F; compgen -A variable | grep -v BASH";
    let changes = [
        "set -euf +o pipefail; set -o noclobber",
        "shopt -s extglob nullglob dotglob expand_aliases nocasematch",
        "trap 'echo trapped' TERM DEBUG ERR RETURN",
        "shopt -s expand_aliases; alias ls='echo no'",
        "umask 000",
        "set -- one two; POSIXLY_CORRECT=1",
    ];
    let untouched = Bench::new().chain(&["true", questions]).await;
    assert!(untouched.stdout.text.contains("set -o pipefail"), "{untouched:?}");
    for change in changes {
        let finished = Bench::new().chain(&[change, questions]).await;
        assert_eq!(finished.stdout.text, untouched.stdout.text, "{change}");
        assert_eq!(finished.stderr.text, "", "{change}");
    }
    assert_eq!(Bench::new().chain(&["set -- one two", "echo $#"]).await.stdout.text, "0\n");
}

#[tokio::test]
async fn a_shell_that_ends_past_us_leaves_no_state() {
    let cases = [
        "a=1; exec true",
        "a=1; trap 'true' EXIT",
        "a=1; trap - EXIT",
        "a=1; kill -KILL $$",
        "a=1; kill -TERM $$",
        // Local variables would stand where the real ones do.
        "a=1; f() { local a=2; exit 0; }; f",
    ];
    for text in cases {
        let bench = Bench::new();
        let finished = bench.run(text).await;
        assert_eq!(finished.state, StateOutcome::Missing, "{text}");
        let reason = bench.refused(bench.job(2, "true")).await;
        assert!(reason.contains("no shell state of attempt 1"), "{reason}");
    }
    let finished = Bench::new().run("a=1; (exit 0); $(exit 0); exit 0 | cat; f() { local a=2; }; f").await;
    assert_eq!(finished.state, StateOutcome::Written);
}

#[tokio::test]
async fn parameters_win_over_what_was_carried() {
    let before = [
        "pod=old",
        "declare -A pod=([x]=y)",
        "declare -i pod=3",
        "declare -n pod=other",
        "readonly pod=1",
        "declare -u pod=x",
    ];
    for first in before {
        let bench = Bench::new();
        bench.run(first).await;
        let variables = BTreeMap::from([("pod".to_owned(), "new '$(x)\"\n".to_owned())]);
        let second = Job { variables, ..bench.job(2, "bash -c 'printf %s \"$pod\"'; printf %s \"$pod\"") };
        let finished = bench.executor.run(second).await.unwrap();
        assert_eq!(finished.stdout.text, "new '$(x)\"\nnew '$(x)\"\n", "{first}: {finished:?}");
    }
}

#[tokio::test]
async fn a_damaged_state_or_a_directory_that_is_gone_stops_before_the_command() {
    let bench = Bench::new();
    bench.run("a=1").await;
    let state = bench.run_folder().join("1.state");
    std::fs::write(&state, "declare -- a=\"1\nif (").unwrap();
    let reason = bench.refused(bench.job(2, "touch ran")).await;
    assert!(reason.contains("does not load"), "{reason}");
    assert!(!bench.work().join("ran").exists());

    let bench = Bench::new();
    bench.run("mkdir d; cd d; rmdir ../d").await;
    let reason = bench.refused(bench.job(2, "touch ran")).await;
    assert!(reason.contains("d is not there"), "{reason}");
}

#[tokio::test]
async fn the_next_command_may_start_from_any_earlier_one() {
    let bench = Bench::new();
    bench.chain(&["a=1", "a=2; exit 1"]).await;
    let retry = Job { carry_from: Some(1), ..bench.job(3, "echo $a") };
    assert_eq!(bench.executor.run(retry).await.unwrap().stdout.text, "1\n");
}
