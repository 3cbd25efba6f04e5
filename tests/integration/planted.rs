//! A thousand planted secrets, written by real commands in every spelling and split in every way: no place where Blocks keeps
//! or shows something holds one of them in any spelling.
//!
//! The spellings are made here, by bash itself or by encoders of this file's own, so that one misreading is not shared.
//! `BLOCKS_PROOF_SECRETS` says how many there are, `BLOCKS_PROOF_SEED` which.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use blocks_tests::{AppConfig, TestApp, run, text, until};
use serde_json::json;

/// Numbers from a seed (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((x ^ (x >> 31)) % limit as u64).unwrap()
    }

    fn text(&mut self, alphabet: &str, length: usize) -> String {
        let all: Vec<char> = alphabet.chars().collect();
        (0..length).map(|_| all[self.below(all.len())]).collect()
    }
}

const PLAIN: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const ODD: &str = "ABCXYZabcxyz0189\"'\\$`&<>%/+=:;!?*()[]{}~#@|^-_. éß€";
/// Beginnings of tokens that nobody has configured.
const SHAPES: [(&str, usize); 12] = [
    ("ghp_", 36),
    ("github_pat_", 60),
    ("glpat-", 20),
    ("xoxp-", 40),
    ("xapp-", 40),
    ("AKIA", 16),
    ("sk_live_", 24),
    ("npm_", 36),
    ("hvs.", 24),
    ("blk_", 64),
    ("AIza", 35),
    ("glsa_", 40),
];

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Configured secrets, tokens that are known by their shape, and values of secret parameters.
fn plant(count: usize, dice: &mut Dice) -> (Vec<String>, Vec<String>, Vec<String>) {
    let configured = (0..count - count / 10 - 6).map(|index| {
        let length = 8 + dice.below(50);
        let alphabet = if index % 3 == 0 { PLAIN } else { ODD };
        // a list is trimmed: its members begin and end with something
        format!("{}{}{}", dice.text(PLAIN, 2), dice.text(alphabet, length - 4), dice.text(PLAIN, 2))
    });
    let configured = configured.collect();
    let tokens = (0..count / 10).map(|index| {
        let (prefix, length) = SHAPES[index % SHAPES.len()];
        let alphabet = if prefix == "AKIA" { "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567" } else { PLAIN };
        format!("{prefix}{}", dice.text(alphabet, length))
    });
    let tokens = tokens.collect();
    let params = (0..6).map(|_| format!("{}, \n{}\t", dice.text(ODD, 14), dice.text(ODD, 30))).collect();
    (configured, tokens, params)
}

fn base64(bytes: &[u8], last: &str) -> String {
    let digits = format!("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789{last}").into_bytes();
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = (0..3).fold(0_usize, |bits, at| (bits << 8) | usize::from(*group.get(at).unwrap_or(&0)));
        for at in 0..=group.len() {
            text.push(char::from(digits[(bits >> (18 - 6 * at)) & 63]));
        }
    }
    text
}

fn percent(secret: &str, capital: bool, space: &str) -> String {
    let mut text = String::new();
    for byte in secret.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(byte));
            }
            b' ' => text.push_str(space),
            _ if capital => write!(text, "%{byte:02X}").unwrap(),
            _ => write!(text, "%{byte:02x}").unwrap(),
        }
    }
    text
}

/// What of two texts is the same, at the same places: the part that the secret alone decides.
fn common(one: &str, other: &str) -> String {
    let same: Vec<bool> = one.bytes().zip(other.bytes()).map(|(a, b)| a == b).collect();
    let middle = same.len() / 2;
    let from = same[..middle].iter().rposition(|same| !same).map_or(0, |at| at + 1);
    let to = same[middle..].iter().position(|same| !same).map_or(same.len(), |at| middle + at);
    one[from..to].to_owned()
}

/// Every spelling of one secret: what is printed, and what must be found nowhere.
fn spellings(secret: &str) -> Vec<(String, String)> {
    let inner = |text: String| text[1..text.len() - 1].to_owned();
    let whole = |text: String| (text.clone(), text);
    let json = inner(json!(secret).to_string());
    let mut all = vec![
        whole(secret.to_owned()),
        whole(json.clone()),
        whole(json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")),
        whole(percent(secret, true, "%20")),
        whole(percent(secret, false, "%20")),
        whole(percent(secret, true, "+")),
        whole(hex::encode(secret)),
        whole(hex::encode_upper(secret)),
    ];
    for last in ["+/", "-_"] {
        for before in ["", "u", "us", "user:"] {
            let printed = base64(format!("{before}{secret}").as_bytes(), last);
            let other: String = before.chars().map(|_| 'z').collect();
            let ends = |before: &str, end: char| base64(format!("{before}{secret}{end}").as_bytes(), last);
            all.push((printed, common(&ends(before, 'A'), &ends(&other, '\u{7f}'))));
        }
    }
    all
}

/// `%q` and `@Q`, as bash itself writes them.
async fn shell_spellings(secrets: &[String], folder: &Path) -> Vec<(String, String)> {
    std::fs::write(folder.join("all"), secrets.join("\0") + "\0").unwrap();
    let script =
        "while IFS= read -r -d '' s; do printf '%q\\0' \"$s\"; printf '%s\\0' \"${s@Q}\"; done < all";
    let mut environment = BTreeMap::new();
    environment.insert("LC_ALL".to_owned(), "C.UTF-8".to_owned());
    let script = format!("cd {} && {script}", folder.display());
    let finished = run(Path::new("/bin/bash"), &["-c", &script], &environment).await;
    assert_eq!(finished.code, 0, "{finished:?}");
    let bare = |word: &str| {
        let word = word.strip_prefix('$').unwrap_or(word);
        word.strip_prefix('\'').and_then(|word| word.strip_suffix('\'')).unwrap_or(word).to_owned()
    };
    finished.stdout.split_terminator('\0').map(|word| (word.to_owned(), bare(word))).collect()
}

/// Texts that must be found nowhere, by their first eight bytes.
struct Needles {
    all: Vec<String>,
    by_start: HashMap<[u8; 8], Vec<usize>>,
}

impl Needles {
    fn new(all: impl IntoIterator<Item = String>) -> Needles {
        let mut needles = Needles { all: Vec::new(), by_start: HashMap::new() };
        for text in all {
            assert!(text.len() >= 8, "{text:?} is too short to be looked for");
            needles
                .by_start
                .entry(*text.as_bytes().first_chunk().unwrap())
                .or_default()
                .push(needles.all.len());
            needles.all.push(text);
        }
        needles
    }

    /// The first one that is in there.
    fn find(&self, bytes: &[u8]) -> Option<&str> {
        (0..bytes.len().saturating_sub(7)).find_map(|at| {
            let starts = self.by_start.get(bytes[at..].first_chunk::<8>()?)?;
            let found = starts.iter().find(|index| bytes[at..].starts_with(self.all[**index].as_bytes()))?;
            Some(self.all[*found].as_str())
        })
    }
}

/// Every file below, but for what is planted.
fn files(folder: &Path, planted: &[PathBuf], found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if planted.contains(&path) {
            continue;
        }
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => files(&path, planted, found),
            Ok(kind) if kind.is_file() => found.push(path),
            _ => {}
        }
    }
}

fn step(number: usize, commands: &str) -> String {
    format!("## Step {number}\n\n```bash {{name=s{number} effect=read timeout=300s}}\n{commands}\n```\n\n")
}

#[tokio::test]
async fn a_thousand_planted_secrets_are_found_nowhere() {
    let mut dice = Dice(number("BLOCKS_PROOF_SEED", 1));
    let count = usize::try_from(number("BLOCKS_PROOF_SECRETS", 1_000)).unwrap();
    let (configured, tokens, params) = plant(count, &mut dice);
    let all: Vec<String> = configured.iter().chain(&tokens).chain(&params).cloned().collect();
    let folder = tempfile::tempdir().unwrap();
    let mut spelled: Vec<(String, String)> = all.iter().flat_map(|secret| spellings(secret)).collect();
    spelled.extend(shell_spellings(&all, folder.path()).await);
    // in any order, so that neighbours differ
    for at in (1..spelled.len()).rev() {
        spelled.swap(at, dice.below(at + 1));
    }
    let needles = Needles::new(spelled.iter().map(|(_, needle)| needle.clone()));

    let own = Needles::new(
        configured.iter().chain(&tokens).flat_map(|secret| spellings(secret)).map(|(_, text)| text),
    );

    // what is printed, in parts that are kept whole
    let mut parts = vec![String::new()];
    for (printed, _) in &spelled {
        if parts.last().unwrap().len() > 60_000 {
            parts.push(String::new());
        }
        let part = parts.last_mut().unwrap();
        part.push_str(printed);
        part.push(*[' ', '\n', '|', '"'].get(dice.below(4)).unwrap());
    }
    // and around the places where the head ends and the tail begins
    let mut huge = "x".repeat(65_400);
    huge.extend(spelled.iter().take(30).map(|(printed, _)| printed.as_str()));
    huge.push_str(&"y".repeat(200_000));
    huge.extend(spelled.iter().rev().take(30).map(|(printed, _)| printed.as_str()));
    huge.push_str(&"z".repeat(65_400));

    let names: Vec<String> = (0..params.len()).map(|index| format!("S{index}")).collect();
    let mut book = "---\ntitle: Planted\nservice: vault\nparams:\n".to_owned();
    for name in &names {
        writeln!(book, "  {name}: {{ secret: true }}").unwrap();
    }
    book.push_str("---\n# Planted\n\n");
    let uses: String = names.iter().map(|name| format!(": \"${name}\"; ")).collect();
    let carries = "auth=\"Bearer $S0\"; both=\"$S1$S2\"\nset -x; : \"$S3\"; set +x; declare -p S4; printf '%s' \"$S5\" | base64 -w0";
    book.push_str(&step(1, &format!("{uses}\n{carries}")));
    let ways = ["cat FILE", "cat FILE >&2", "dd if=FILE bs=7 status=none", "tail -c +1 FILE; cat FILE >&2"];
    for index in 0..parts.len() {
        let way = ways[index % ways.len()].replace("FILE", &format!("planted/{index}"));
        book.push_str(&step(index + 2, &way));
    }
    book.push_str(&step(900, "cat planted/huge; head -c 4000 planted/0 | dd bs=1 status=none"));
    book.push_str(&step(901, "while [ ! -e gate ] && [ -d \"$PWD\" ]; do sleep 0.05; done"));
    // the last one fails, so that its output is shown to people; what it leaves in a variable is kept on no disk
    let last = "head -c 3000 planted/1; left=$(cat planted/0)\n# Expected: \"what is never printed\"";
    book.push_str(&step(902, last));

    let places: Vec<String> =
        names.iter().map(|name| format!("{name} = {{ file = \"planted/{name}\" }}")).collect();
    let config = AppConfig {
        triage: None,
        approvals: 0,
        runbooks: vec![("planted", book)],
        environment: vec![("PAGERDUTY_ROUTING_KEY", configured.join(",")), ("RUST_LOG", "trace".to_owned())],
        more: format!(
            "[[service]]\nname = \"vault\"\npagerduty_id = \"PVAULT\"\nchannel = \"incidents\"\nparams = {{ {} }}\n",
            places.join(", ")
        ),
        ..AppConfig::default()
    };
    let mut app = TestApp::start(&config).await;
    for planted in [app.dir.join("planted"), app.dir.join("runbooks/planted")] {
        std::fs::create_dir(&planted).unwrap();
        for (index, part) in parts.iter().enumerate() {
            std::fs::write(planted.join(index.to_string()), part).unwrap();
        }
        std::fs::write(planted.join("huge"), &huge).unwrap();
        for (name, value) in names.iter().zip(&params) {
            std::fs::write(planted.join(name), value).unwrap();
        }
    }
    let page = app.page("Secrets everywhere").await;
    app.acknowledged(&page).await;
    app.incident_when("INC-1", "its channel is open", |shown| shown["channel"].is_string()).await;
    let ana = app.token("ana").await;
    let request = json!({ "request": "runbook_run", "name": "planted", "params": {}, "incident": "INC-1" });
    let asked = app.api(Some(&ana), request).await;
    assert_eq!(asked.status, 200, "{asked:?}");
    let run = text(&asked.json()["data"]["id"]);
    until("the commands have printed", async || {
        let shown = app.blocks_json(&["runbook", "status", &run]).await;
        assert_eq!(shown["status"], "running", "{shown}");
        let begun = app.dir.join(format!("data/runs/{run}/{}.begun", parts.len() + 3));
        begun.exists().then_some(())
    })
    .await;
    // who lives meanwhile shows none of it; a command is marked as begun before its process is there
    until("the supervisor and its command are alive", async || {
        let mut seen = 0;
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
            let words = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let mark = format!("={run}").into_bytes();
            if environment.windows(mark.len()).any(|window| window == mark) {
                seen += 1;
                // a secret parameter is in the environment of the commands that name it, and there alone
                assert_eq!(own.find(&environment), None, "the environment of {:?}", entry.path());
                assert_eq!(needles.find(&words), None, "the words of {:?}", entry.path());
            }
        }
        (seen >= 2).then_some(())
    })
    .await;
    app.open_gate("gate");
    app.run_when(&run, "failed").await;
    let drafted = app.api(Some(&ana), json!({ "request": "pir_draft", "incident": "INC-1" })).await;
    assert_eq!(drafted.status, 200, "{drafted:?}");
    app.outbox_is_empty().await;

    let mut shown = vec![format!("{asked:?}{drafted:?}"), app.state().await.to_string()];
    for words in [
        vec!["runbook", "status", &run],
        vec!["runbook", "status", &run, "-o", "json"],
        vec!["runbook", "plan", "planted", "-o", "json"],
        vec!["incident", "show", "INC-1"],
        vec!["incident", "show", "INC-1", "-o", "json"],
        vec!["journal", "export"],
    ] {
        let finished = app.blocks(&words).await;
        shown.push(format!("{}{}", finished.stdout, finished.stderr));
    }
    assert!(shown.iter().any(|text| text.contains("[redacted]")), "something was taken out");
    for text in &shown {
        let found = needles.find(text.as_bytes());
        assert_eq!(found, None, "in what is shown: {}", text.chars().take(200).collect::<String>());
    }
    let planted = [app.dir.join("planted"), app.dir.join("runbooks/planted")];
    let look = |when: &str| {
        let mut all = Vec::new();
        files(&app.dir, &planted, &mut all);
        for path in &all {
            let bytes = std::fs::read(path).unwrap_or_default();
            assert_eq!(needles.find(&bytes), None, "{when}: in {}", path.display());
        }
        all.len()
    };
    assert!(look("while it serves") > 20);
    assert!(!app.log("server.log").is_empty(), "there is a log");
    let size = |name: &str| std::fs::metadata(app.dir.join("data").join(name)).map_or(0, |file| file.len());
    assert!(size("blocks.db") + size("blocks.db-wal") > 100_000, "the output is kept");
    assert_eq!(app.end_server().await, 0);
    let mut all = Vec::new();
    files(&app.dir, &planted, &mut all);
    for path in &all {
        // what a supervisor takes away as it ends is gone
        let Ok(bytes) = std::fs::read(path) else { continue };
        assert_eq!(needles.find(&bytes), None, "in the end: in {}", path.display());
    }
}
