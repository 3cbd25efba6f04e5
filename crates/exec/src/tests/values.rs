//! No value of a parameter becomes code: whatever a plan lets through is run by a real bash.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::select;
use runbook_core::plan::{PlanRequest, draft};
use runbook_core::ports::{Executor as _, Job};
use runbook_core::runbook::parse;

use super::Bench;

/// Commands in which some text is evaluated, beside others in which it is data.
const COMMANDS: &[&str] = &[
    "printf '%s\\n' \"$X\" && echo \"got $X\"",
    "echo $((X))",
    "echo $[X]",
    "(( X > 5 ))",
    "[[ $X -gt 5 ]]",
    "[[ X -gt 5 ]]",
    "[[ $X == a* ]] && echo yes",
    "[ \"$X\" = a ] || [ -n \"$X\" ]",
    "test -v \"$X\"",
    "let y=X",
    "let\ty=X",
    "eval\t\"echo $X\"",
    "\"eval\" \"echo $X\"",
    "\\eval \"echo $X\"",
    "bash -lc \"echo $X\"",
    "bash -c 'eval \"$X\"'",
    "bash <<EOF\necho $X\nEOF",
    "bash <<'EOF'\neval \"$X\"\nEOF",
    "sh -s <<< \"$X\"",
    "echo \"$X\" | bash",
    "printf '%s' \"$X\" > y.sh; . ./y.sh; rm -f y.sh",
    "source <(echo \"$X\")",
    "echo \"${X@P}\"",
    "echo \"${!X}\"",
    "list=(a b); echo \"${list[$X]}\"",
    "list=(a b); echo \"${list[X]}\"",
    "echo \"${HOME:$X}\" \"${HOME:0:X}\"",
    "list[$X]=1",
    "x=$X; list[x]=1",
    "x=\"$X\"; y=$x; eval \"$y\"",
    "for x in $X; do eval \"echo $x\"; done",
    "x=X; echo $((x))",
    "PS4=\"$X\"; set -x; true",
    "trap \"echo $X\" EXIT",
    "alias greet=\"echo $X\"",
    "compgen -W \"$X\"",
    "read -r \"${X}\" <<< 1",
    "printf -v \"$X\" 1",
    "declare \"$X=1\"",
    "declare -i y; y=$X",
    "mapfile -C \"$X\" -c 1 y <<< 1",
    "awk \"BEGIN { print \\\"$X\\\" }\"",
    "sed \"s/x/$X/e\" <<< x",
    "env -S \"$X\"",
    "find . -maxdepth 0 -exec sh -c \"$X\" ';'",
    "xargs -I{} sh -c \"$X\" <<< 1",
    "\"$X\"",
    "$X",
    "say() { eval \"$1\"; }; say \"$X\"",
    "case $X in a) echo a ;; esac",
    "cat <<< \"$X\"",
    "wait -n \"$X\"",
    "unset \"$X\"",
    "exec {fd}<<< \"$X\"",
    "printf '%d' \"$X\"",
    "echo {1..\"$X\"}",
    "command -v \"$X\"; hash \"$X\"",
    "timeout 5 sh -c \"$X\"",
];

fn hostile() -> impl Strategy<Value = String> {
    select(&[
        "$(touch ran)",
        "`touch ran`",
        "; touch ran;",
        "a\ntouch ran\n",
        "' ; touch ran '",
        "\"; touch ran; \"",
        "a[$(touch ran)]",
        "x[$(touch ran)0]",
        "1 + a[`touch ran`]",
        "touch ran",
        "a && touch ran",
        "@P",
        "-c touch ran",
        "system(\"touch ran\")",
        "\" system(\"touch ran\") \"",
        "x/e; 1 e touch ran",
        "\nEOF\ntouch ran\n",
        "touch\tran",
        "$X",
        "a",
        "web-1",
    ])
    .prop_map(str::to_owned)
}

proptest! {
    // each case starts a shell for the commands that its value is let into
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn what_a_plan_lets_through_runs_nothing(value in hostile(), pattern in any::<bool>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let bench = Bench::new();
            for (attempt, command) in (1..).zip(COMMANDS) {
                let declared = if pattern { "pattern: '(.|\\s)*'" } else { "description: d" };
                let text = format!("---\nparams:\n  X: {{ {declared} }}\n---\n# T\n\n## S\n\n```bash\n{command}\n```\n");
                let given = BTreeMap::from([("X".to_owned(), value.clone())]);
                let document = parse("t", &text).with_hash_of(text.as_bytes());
                let drafted = draft(&document, &PlanRequest { given, ..PlanRequest::default() }).unwrap();
                if !drafted.problems.is_empty() {
                    continue;
                }
                let variables = drafted.plan.params.clone();
                let text: Vec<&str> =
                    drafted.plan.all_commands().map(|command| command.text.as_str()).collect();
                let job = Job { variables, carry_from: None, ..bench.job(attempt, &text.join("\n")) };
                bench.executor.run(job).await.unwrap();
                assert!(!bench.work().join("ran").exists(), "{command} ran {value:?}");
            }
        });
    }
}
