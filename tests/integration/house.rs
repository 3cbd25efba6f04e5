//! Rules of the house that no compiler checks: who may depend on whom, licences, error pages, links.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use blocks_tests::{Finished, repository, run};
use serde_json::Value;

/// Asks one of the toolchain's programs, with its own variables and nothing else of the caller's.
async fn toolchain(variable: &str, program: &str, arguments: &[&str]) -> Finished {
    let program = std::env::var_os(variable).map_or_else(|| PathBuf::from(program), PathBuf::from);
    let keep = |name: &String| {
        name == "PATH" || name == "HOME" || name.starts_with("CARGO_") || name.starts_with("RUSTUP_")
    };
    let environment: BTreeMap<_, _> = std::env::vars().filter(|(name, _)| keep(name)).collect();
    run(&program, arguments, &environment).await
}

/// `cargo metadata` without the network: what the build has already brought.
async fn metadata(more: &[&str]) -> Finished {
    let mut arguments = vec!["metadata", "--format-version", "1", "--locked", "--offline", "--all-features"];
    arguments.extend(more);
    toolchain("CARGO", "cargo", &arguments).await
}

/// The packages that are built on this machine.
async fn built_here() -> Value {
    let rustc = toolchain("RUSTC", "rustc", &["-vV"]).await;
    let host = rustc.stdout.lines().find_map(|line| line.strip_prefix("host: "));
    let finished = metadata(&["--filter-platform", host.unwrap_or_else(|| panic!("{rustc:?}"))]).await;
    assert_eq!(finished.code, 0, "cargo metadata: {}", finished.stderr);
    finished.json()
}

fn each<'a>(value: &'a Value) -> impl Iterator<Item = &'a Value> + use<'a> {
    value.as_array().into_iter().flatten()
}

fn name_of(value: &Value) -> String {
    value["name"].as_str().unwrap_or_default().to_owned()
}

/// Direct dependencies of each package of ours, without those of its tests.
fn own_dependencies(metadata: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let ours: Vec<_> = each(&metadata["workspace_members"]).collect();
    let packages = each(&metadata["packages"]).filter(|package| ours.contains(&&package["id"]));
    packages
        .map(|package| {
            let direct = each(&package["dependencies"]).filter(|dependency| dependency["kind"] != "dev");
            (name_of(package), direct.map(name_of).collect())
        })
        .collect()
}

/// Defects that can be switched on are in nothing that is released.
#[tokio::test]
async fn the_binary_has_no_defects_on_purpose() {
    let tree = [
        "tree",
        "--package",
        "blocks-cli",
        "--edges",
        "features",
        "--prefix",
        "none",
        "--locked",
        "--offline",
    ];
    let features = toolchain("CARGO", "cargo", &tree).await;
    assert_eq!(features.code, 0, "cargo tree: {}", features.stderr);
    assert!(features.stdout.contains("runbook-core"), "{}", features.stdout);
    for feature in ["sabotage", "crash-points"] {
        assert!(!features.stdout.contains(feature), "{}", features.stdout);
    }
    // Nor can anybody ask for it through the packages that are released.
    let metadata = metadata(&["--no-deps"]).await.json();
    let asking: BTreeSet<_> = each(&metadata["packages"])
        .filter(|package| {
            let features = package["features"].to_string();
            features.contains("sabotage") || features.contains("crash-points")
        })
        .map(name_of)
        .collect();
    assert_eq!(asking, BTreeSet::from(["blocks-crash", "blocks-sim", "runbook-core"].map(str::to_owned)));
}

#[tokio::test]
async fn the_core_depends_on_nothing_that_acts() {
    let metadata = built_here().await;
    let allowed = [
        "chrono",
        "handlebars",
        "hex",
        "aho-corasick",
        "memchr",
        "pulldown-cmark",
        "serde",
        "serde-saphyr",
        "serde_json",
        "sha2",
        "thiserror",
        "toml",
        "uuid",
    ];
    let have = &own_dependencies(&metadata)["runbook-core"];
    let surplus: Vec<_> = have.iter().filter(|name| !allowed.contains(&name.as_str())).collect();
    assert!(surplus.is_empty(), "runbook-core may not depend on {surplus:?}: it is pure (design section 3)");

    // Nor does anything below it bring a runtime, a network or a database.
    let acting = [
        "tokio",
        "async-std",
        "smol",
        "reqwest",
        "hyper",
        "axum",
        "rusqlite",
        "libsqlite3-sys",
        "sqlx",
        "mio",
        "socket2",
        "rustls",
        "getrandom",
        "rand",
    ];
    let below = closure(&metadata, "runbook-core");
    assert!(below.len() > have.len(), "{below:?}");
    let found: Vec<_> = acting.iter().filter(|name| below.contains(**name)).collect();
    // uuid and chrono read no clock and no randomness without their features for it.
    assert!(found.is_empty(), "below runbook-core there is {found:?}");
}

/// Everything that is built into a package on this machine, without what builds it.
fn closure(metadata: &Value, package: &str) -> BTreeSet<String> {
    let names: BTreeMap<&str, String> =
        each(&metadata["packages"]).filter_map(|one| Some((one["id"].as_str()?, name_of(one)))).collect();
    let nodes: BTreeMap<&str, &Value> =
        each(&metadata["resolve"]["nodes"]).filter_map(|node| Some((node["id"].as_str()?, node))).collect();
    let root = names.iter().find(|(_, name)| *name == package).map(|(id, _)| *id).unwrap();
    let (mut open, mut seen) = (vec![root], BTreeSet::new());
    while let Some(id) = open.pop() {
        for dependency in each(&nodes[id]["deps"]) {
            let is_normal =
                each(&dependency["dep_kinds"]).any(|kind| kind["kind"].is_null() && kind["target"].is_null());
            let pkg = dependency["pkg"].as_str().unwrap();
            if is_normal && seen.insert(pkg) {
                open.push(pkg);
            }
        }
    }
    seen.into_iter().map(|id| names[id].clone()).collect()
}

#[tokio::test]
async fn the_arrows_between_our_packages_hold() {
    // Design section 3. The binary, the tests and the chores may know everybody; nobody may know them.
    let arrows: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("runbook-core", &[][..]),
        // named moments, for tests; without its feature it is nothing at all
        ("blocks-crash", &["runbook-core"]),
        ("slack-bot", &["blocks-grammar", "runbook-core"]),
        // what the ways in over HTTP have in common; it knows no sender
        ("blocks-hooks", &["runbook-core"]),
        ("pagerduty-hook", &["blocks-hooks", "runbook-core"]),
        ("blocks-notices", &["runbook-core"]),
        ("blocks-alerts", &["blocks-hooks", "runbook-core"]),
        ("blocks-changes", &["blocks-hooks", "runbook-core"]),
        ("blocks-store", &["blocks-crash", "runbook-core"]),
        ("blocks-exec", &["blocks-crash", "runbook-core"]),
        ("runbooks", &["runbook-core"]),
        ("blocks-sandbox", &["runbook-core"]),
        ("blocks-grammar", &["runbook-core"]),
        ("blocks-engine", &["blocks-crash", "runbook-core"]),
        ("blocks-bench", &["runbook-core"]),
        // worlds for the core and the engine; the tests' own
        ("blocks-sim", &["blocks-engine", "blocks-store", "runbook-core"]),
        // The engine's handle is made of the core's values, so the server names both.
        ("blocks-server", &["blocks-engine", "blocks-grammar", "runbook-core"]),
    ]);
    let all = own_dependencies(&built_here().await);
    let ours: BTreeSet<_> = all.keys().cloned().collect();
    for (package, dependencies) in &all {
        let of_ours: Vec<_> = dependencies.intersection(&ours).map(String::as_str).collect();
        for dependency in &of_ours {
            assert!(
                !["blocks-cli", "blocks-tests", "xtask"].contains(dependency),
                "{package} depends on {dependency}"
            );
        }
        if ["blocks-cli", "blocks-tests", "xtask"].contains(&package.as_str()) {
            continue;
        }
        let allowed = arrows
            .get(package.as_str())
            .unwrap_or_else(|| panic!("{package} has no arrows in design section 3"));
        let surplus: Vec<_> = of_ours.iter().filter(|name| !allowed.contains(name)).collect();
        assert!(surplus.is_empty(), "{package} may not depend on {surplus:?} (design section 3)");
    }
    assert!(arrows.keys().all(|name| ours.contains(*name)), "{ours:?}");
}

#[tokio::test]
async fn every_licence_is_one_that_we_allow() {
    let deny: toml::Value = toml::from_str(&read(&repository().join("deny.toml"))).unwrap();
    let allowed: BTreeSet<String> = deny["licenses"]["allow"]
        .as_array()
        .unwrap()
        .iter()
        .map(|id| id.as_str().unwrap().to_owned())
        .collect();
    // Other platforms' packages count too, and a build here does not bring them.
    let finished = metadata(&[]).await;
    assert_eq!(
        finished.code, 0,
        "not run: `cargo metadata` has not every package at hand; run `cargo fetch --locked` first\n{}",
        finished.stderr
    );
    let metadata = finished.json();
    let mut seen = 0;
    for package in each(&metadata["packages"]).filter(|package| package["source"].is_string()) {
        let name = name_of(package);
        let licence = package["license"].as_str().unwrap_or_else(|| panic!("{name} names no licence"));
        assert!(is_allowed(licence, &allowed), "{name} is under {licence}, which deny.toml does not allow");
        seen += 1;
    }
    assert!(seen > 100, "only {seen} dependencies were seen");
    assert!(!is_allowed("GPL-3.0-only", &allowed) && !is_allowed("MIT AND GPL-3.0", &allowed));
    assert!(
        is_allowed("MIT OR ISC AND GPL-3.0", &allowed) && !is_allowed("(MIT OR ISC) AND GPL-3.0", &allowed)
    );
    assert!(
        is_allowed("(MIT OR GPL-3.0) AND Unicode-3.0", &allowed) && is_allowed("MIT/Apache-2.0", &allowed)
    );
}

/// An SPDX expression: one part of an OR, all parts of an AND, which binds tighter. `/` is an older OR.
fn is_allowed(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let text = expression.trim().replace('/', " OR ");
    if let Some((left, right)) = split_outside(&text, " OR ") {
        return is_allowed(&left, allowed) || is_allowed(&right, allowed);
    }
    if let Some((left, right)) = split_outside(&text, " AND ") {
        return is_allowed(&left, allowed) && is_allowed(&right, allowed);
    }
    match text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        Some(inner) => is_allowed(inner, allowed),
        None => allowed.contains(&text),
    }
}

/// Splits at the first such word that stands in no parentheses.
fn split_outside(text: &str, word: &str) -> Option<(String, String)> {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        depth += i32::from(c == '(') - i32::from(c == ')');
        if depth == 0 && text[at..].starts_with(word) {
            return Some((text[..at].to_owned(), text[at + word.len()..].to_owned()));
        }
    }
    None
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn files(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in
        std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())).flatten()
    {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "target" && !name.starts_with('.') {
                files(&path, extension, found);
            }
        } else if name.ends_with(extension) {
            found.push(path);
        }
    }
}

/// The codes in a text: `RB` and four digits; in the list of the parser's findings `NAME = 123, Error,`.
fn codes(text: &str) -> BTreeSet<String> {
    let written = text.match_indices("RB").filter_map(|(at, _)| {
        let digits = text.get(at + 2..at + 6)?;
        let ends = text[at + 6..].chars().next().is_none_or(|c| !c.is_ascii_alphanumeric());
        (digits.bytes().all(|b| b.is_ascii_digit()) && ends).then(|| format!("RB{digits}"))
    });
    let numbered = text.lines().filter_map(|line| {
        let (number, level) = line.split_once(" = ")?.1.split_once(", ")?;
        let is_listed = level.starts_with("Error,") || level.starts_with("Warning,");
        Some(format!("RB{:04}", number.parse::<u16>().ok().filter(|_| is_listed)?))
    });
    written.chain(numbered).collect()
}

#[test]
fn every_error_code_has_a_page_and_every_page_a_code() {
    let root = repository();
    let mut sources = Vec::new();
    for folder in ["crates", "runbook-core", "slack-bot", "pagerduty-hook", "runbooks"] {
        files(&root.join(folder), ".rs", &mut sources);
    }
    let in_code: BTreeSet<_> = sources.iter().flat_map(|path| codes(&read(path))).collect();
    assert!(in_code.len() > 20, "only {in_code:?} were found");
    let mut pages = Vec::new();
    files(&root.join("docs/errors"), ".md", &mut pages);
    let mut with_page = BTreeSet::new();
    for page in pages.iter().filter(|page| page.file_name().is_some_and(|name| name != "README.md")) {
        let name = page.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(
            read(page).lines().next().is_some_and(|line| line.contains(&name)),
            "{}: its title names its code",
            page.display()
        );
        with_page.insert(name);
    }
    let pageless: Vec<_> = in_code.difference(&with_page).collect();
    assert!(pageless.is_empty(), "docs/errors has no page for {pageless:?}");
    let codeless: Vec<_> = with_page.difference(&in_code).collect();
    assert!(codeless.is_empty(), "docs/errors has pages for codes that nothing says: {codeless:?}");
    let listed = codes(&read(&root.join("docs/errors/README.md")));
    assert_eq!(listed, with_page, "docs/errors/README.md lists every page");
}

/// Targets of Markdown links outside code, without the title.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut is_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        }
        if is_code {
            continue;
        }
        // Code in a line is cut out: every second part between backticks.
        let plain: String = line.split('`').step_by(2).collect::<Vec<_>>().join("x");
        for (at, _) in plain.match_indices("](") {
            let target = plain[at + 2..].split([')', ' ']).next().unwrap_or_default();
            found.push(target.trim_matches(['<', '>']).to_owned());
        }
    }
    found
}

#[test]
fn links_in_the_documents_lead_somewhere() {
    let root = repository();
    let mut documents = Vec::new();
    files(&root.join("docs"), ".md", &mut documents);
    files(&root.join("runbooks"), ".md", &mut documents);
    for name in ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"] {
        documents.push(root.join(name));
    }
    let (mut dead, mut followed) = (Vec::new(), 0);
    for document in &documents {
        for link in links(&read(document)) {
            let path = link.split('#').next().unwrap_or_default();
            if path.is_empty() || path.contains("://") || path.starts_with("mailto:") || path.contains("{{") {
                continue;
            }
            followed += 1;
            if !document.parent().unwrap().join(path).exists() {
                dead.push(format!("{} -> {link}", document.strip_prefix(&root).unwrap().display()));
            }
        }
    }
    assert!(followed > 10, "only {followed} links were seen");
    assert!(dead.is_empty(), "dead links:\n{}", dead.join("\n"));
}

/// Lines of the product's own source (no tests, no sandbox) that hold this text, with the file.
fn lines_with(what: &str) -> Vec<String> {
    let root = repository();
    let mut found = Vec::new();
    let mut folders = vec![
        root.join("crates"),
        root.join("runbook-core"),
        root.join("slack-bot"),
        root.join("pagerduty-hook"),
    ];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                let is_product = !["tests", "testkit", "sandbox", "bench", "demo", "conformance", "target"]
                    .contains(&name.as_str());
                folders.extend(is_product.then_some(path));
            } else if name.ends_with(".rs") && !name.ends_with("tests.rs") && name != "testkit.rs" {
                let text = std::fs::read_to_string(&path).unwrap();
                let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
                let lines =
                    text.lines().map(str::trim).filter(|line| line.contains(what) && !line.starts_with("//"));
                let file = path.strip_prefix(&root).unwrap().display().to_string();
                found.extend(lines.map(|line| format!("{file}: {line}")));
            }
        }
    }
    found.sort();
    found
}

/// Every way in, and the one place where a yes is asked about. What is new here is listed, and tried in
/// `tests/sim/tests/authority`.
#[test]
fn every_way_in_goes_through_one_check() {
    for (what, wanted) in [
        ("RunCommand::Approve {", &["crates/engine/src/approving.rs", "runbook-core/src/run/decide.rs"][..]),
        ("approve::objection(", &["runbook-core/src/run/approvals.rs"]),
        // planned without anybody's yes (what only reads), and approved
        (
            "events.push(RunEvent::Started)",
            &["runbook-core/src/run/approvals.rs", "runbook-core/src/run/approvals.rs"],
        ),
        ("events: vec![RunEvent::Started", &[]),
        ("fn has_standing(", &["crates/engine/src/approving.rs"]),
        // chat, and the API with the socket; the terminal's own run
        (
            "Asker {",
            &[
                "crates/cli/src/commands/local.rs",
                "crates/engine/src/inbox.rs",
                "crates/engine/src/origin.rs",
                // a trigger's plan: asked for by nobody, whose yes counts for nothing
                "crates/engine/src/triggers/act.rs",
                "crates/server/src/api.rs",
            ],
        ),
        (
            ".route(",
            &[
                "crates/alerts/src/inbound.rs",
                "crates/changes/src/inbound.rs",
                "crates/server/src/api.rs",
                "crates/server/src/health.rs",
                "crates/server/src/health.rs",
                "crates/server/src/health.rs",
                "pagerduty-hook/src/inbound.rs",
                "slack-bot/src/inbound.rs",
                "slack-bot/src/inbound.rs",
                "slack-bot/src/inbound.rs",
            ],
        ),
        // over HTTP, and from Slack over sockets too
        ("intake.accept(", &["crates/hooks/src/door.rs", "slack-bot/src/take.rs"]),
        (
            "door.keep(",
            &[
                "crates/alerts/src/inbound.rs",
                "crates/changes/src/inbound.rs",
                "pagerduty-hook/src/inbound.rs",
            ],
        ),
        (
            "impl Translator for",
            &[
                "crates/alerts/src/translate.rs",
                "crates/changes/src/translate.rs",
                // what a trigger tells is handed in by the engine itself
                "crates/engine/src/triggers/look.rs",
                "pagerduty-hook/src/translate.rs",
                "slack-bot/src/translate.rs",
            ],
        ),
    ] {
        let lines = lines_with(what);
        let files: Vec<_> = lines.iter().filter_map(|line| line.split(": ").next()).collect();
        assert_eq!(files, wanted, "{what}: {lines:#?}");
    }
}
