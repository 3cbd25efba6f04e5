//! Output is bounded and redacted.

use super::*;

#[tokio::test]
async fn fifty_megabytes_are_bounded_and_counted() {
    let bench = Bench::with(|config| config.secrets = vec!["never-in-there".to_owned()]);
    let text = "echo first; head -c 50000000 /dev/zero | tr '\\0' x; echo last; seq 100000 >&2";
    let finished = bench.run(text).await;
    let all = "first\n".len() + 50_000_000 + "last\n".len();
    assert_eq!(finished.stdout.dropped_bytes, (all - 2 * 64 * 1024) as u64);
    let note = format!("\n[... {} bytes dropped ...]\n", finished.stdout.dropped_bytes);
    assert_eq!(finished.stdout.text.len(), 2 * 64 * 1024 + note.len());
    assert!(finished.stdout.text.starts_with("first\nxxx"));
    assert!(finished.stdout.text.contains(&note));
    assert!(finished.stdout.text.ends_with("xxxlast\n"));
    assert!(finished.stderr.dropped_bytes > 0 && finished.stderr.text.ends_with("\n100000\n"));
}

#[tokio::test]
async fn a_gibibyte_passes_through_little_memory() {
    let bench = Bench::with(|config| config.secrets = Vec::new());
    let text = "head -c 1073741824 /dev/zero; grep VmHWM /proc/$PPID/status >&2; ls -s ../*/runs/*/1.stdout";
    let finished = bench.run(text).await;
    assert!(finished.stdout.dropped_bytes > (1 << 30) - 2 * 64 * 1024, "{}", finished.stdout.dropped_bytes);
    let peak: u64 = finished.stderr.text.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(peak < 64 * 1024, "{peak} KiB");
}

#[tokio::test]
async fn binary_output_is_text_afterwards() {
    let finished = Bench::new().run("printf '\\xff\\x00\\xc3\\xa9\\xc3'").await;
    assert_eq!(finished.stdout.text, "\u{FFFD}\u{FFFD}é\u{FFFD}");
    assert_eq!(finished.stdout.dropped_bytes, 0);
}

#[tokio::test]
async fn secrets_are_redacted_in_both_streams_however_they_come() {
    let bench = Bench::with(|config| config.secrets = vec!["tok/en+12345678".to_owned()]);
    let text = "s='tok/en+'; s+=12345678
                printf 'a %s b\\n' \"$s\"; printf 'tok/en+'; printf '12345678\\n'; printf 'err %s\\n' \"$s\" >&2
                printf 'user:%s' \"$s\" | base64; echo 'https://x/?t=tok%2Fen%2B12345678'
                for ((i = 0; i < ${#s}; i++)); do printf %s \"${s:i:1}\"; done";
    let finished = bench.run(text).await;
    let lines: Vec<&str> = finished.stdout.text.lines().collect();
    assert_eq!(lines[0], "a [redacted] b");
    assert_eq!(lines[1], "[redacted]");
    assert!(lines[2].contains("[redacted]"), "{lines:?}");
    assert_eq!(lines[3], "https://x/?t=[redacted]");
    assert_eq!(lines[4], "[redacted]");
    // `s` holds it, and a variable that is handed on is kept on disk
    assert!(finished.stderr.text.starts_with("err [redacted]\n\n[blocks: "), "{finished:?}");
    assert_eq!(finished.state, StateOutcome::Missing);
}

#[tokio::test]
async fn a_limit_next_to_a_secret_does_not_show_its_half() {
    for limit in 0..40 {
        let bench = Bench::with(|config| {
            config.secrets = vec!["abcdefghijklmnop".to_owned()];
            config.output_limit_bytes = limit;
        });
        let finished =
            bench.run("echo xxxabcdefghijklmnopyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyabcdefghijklmnopzzz").await;
        let kept = finished.stdout.text.replace("[redacted]", "").replace("bytes dropped", "");
        assert!(!kept.contains("abc") && !kept.contains("nop"), "{limit}: {finished:?}");
    }
}
