use proptest::prelude::*;

use super::*;
use crate::runbook::diagnostic::Diagnostic;

fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn only_finding(text: &str) -> Diagnostic {
    let read = read(text, 10);
    assert_eq!(read.diagnostics.len(), 1, "{text:?}: {:?}", read.diagnostics);
    assert!(read.pieces.iter().any(|piece| piece.blocked.is_some()), "{text:?} would run");
    read.diagnostics[0].clone()
}

#[test]
fn statements_are_cut_at_expectations() {
    let text = "-- Count\nselect count(*) from repos;\n-- Expected: 3\n\n/* Look\n   well */\nselect 1;\nselect 2 -- Expected: 1 row\n;\n\n-- Expected: 2 rows\n";
    let read = read(text, 10);
    assert_eq!(read.diagnostics, []);
    let seen: Vec<_> = read
        .pieces
        .iter()
        .map(|p| {
            let said: Vec<_> = p.expectations.iter().map(|e| (e.line, e.text.as_str())).collect();
            (p.line, p.title.as_deref(), p.text.as_str(), said)
        })
        .collect();
    assert_eq!(
        seen,
        [
            (11, Some("Count"), "select count(*) from repos;\n", vec![(12, "3")]),
            (16, Some("Look well"), "select 1;\nselect 2\n", vec![(17, "1 row"), (20, "2 rows")]),
        ]
    );
    assert!(read.pieces.iter().all(|p| p.effect == (Effect::Read, EffectSource::Table)));
}

#[test]
fn an_expectation_in_a_statement_does_not_cut_it() {
    let read = read("select a\n-- Expected: 1 row\nfrom b;\n", 1);
    assert_eq!((read.pieces.len(), read.diagnostics.len()), (1, 0), "{read:?}");
    assert_eq!(read.pieces[0].expectations.len(), 1);
}

#[test]
fn what_may_not_run_is_shown_at_its_place() {
    for (text, line, column, word) in [
        ("select 'a\n", 10, 8, "never closed"),
        ("select 1;\nselect E'a\\'\n", 11, 8, "never closed"),
        ("select $x$ $y$\n", 10, 8, "never closed"),
        ("select /* /* */\n", 10, 8, "never closed"),
        ("select \"a\n", 10, 8, "never closed"),
        ("select (1;\n", 10, 8, "never closed"),
        ("select 1);\n", 10, 9, "closes nothing"),
        ("BEGIN;\nselect 1;\n", 10, 1, "steers"),
        ("select 1;\n  commit;\n", 11, 3, "steers"),
        ("-- x\rcommit;\n", 10, 6, "steers"),
        ("set role admin;\n", 10, 1, "steers"),
        ("copy t from '/etc/passwd';\n", 10, 1, "steers"),
        ("\\dt\n", 10, 1, "psql"),
        ("select 1 \\gexec\n", 10, 10, "psql"),
        ("select :NAME;\n", 10, 8, "single quotes"),
        ("select :\"NAME\";\n", 10, 8, "single quotes"),
        ("select :'a b';\n", 10, 8, "no parameter"),
        ("select 'a':'B';\n", 10, 11, "directly behind"),
        ("select :'A' 'b';\n", 10, 13, "directly behind"),
        ("select E'a'\n 'b';\n", 11, 2, "directly behind"),
        ("do $$ begin perform :'X'; end $$;\n", 10, 21, "inside a string"),
        ("select $1;\n", 10, 8, "`$`"),
        ("frobnicate;\n", 10, 1, "begins no statement"),
        ("create database x;\n", 10, 8, "transaction"),
        ("create index concurrently i on t (a);\n", 10, 14, "transaction"),
        ("äö;\n", 10, 1, "begins no statement"),
        ("select 1; prepare transaction 'x';\n", 10, 11, "steers"),
    ] {
        let found = only_finding(text);
        assert_eq!((found.line, found.column), (line, column), "{text:?}: {found:?}");
        assert!(found.message.contains(word), "{text:?}: {found:?}");
        assert_eq!(found.code, codes::SQL_TEXT);
    }
    assert_eq!(read("-- nothing\n", 1).diagnostics[0].code, codes::SQL_TEXT);
    assert_eq!(read("-- Expected: 1\nselect 1;\n", 1).diagnostics[0].code, codes::STRAY_EXPECTATION);
}

#[test]
fn what_only_reads() {
    for text in [
        "select 1",
        "SELECT count(*) FROM repos WHERE name = :'REPO' AND at > now() - interval '1 day';",
        "with x as materialized (select a, max(b) from t group by (a)) select * from x order by 2 limit 5",
        "select date_trunc('hour', at), percentile_cont(0.5) within group (order by ms) from t",
        "select pg_catalog.pg_size_pretty(pg_total_relation_size(c.oid)) from pg_class as c (a, b)",
        "values (1), (2); table t; show work_mem",
        "explain select 1; explain (analyze, buffers) select count(*) from t; explain delete from t",
        "select x::numeric(10, 2), cast(y as varchar(3)) from t where a in (1, 2)",
        "select 'delete from t; drop table t', \"update\" from t -- insert",
        "(select 1) union all (select 2)",
        "select pid, state from pg_stat_activity",
    ] {
        assert_eq!(effect(text), (Effect::Read, EffectSource::Table), "{text}");
        assert_eq!(known_change(text), None, "{text}");
    }
}

#[test]
fn what_may_change_something() {
    // true: known to, so that a block may not say effect=read
    for (text, known) in [
        ("", false),
        ("insert into t values (1)", true),
        ("update t set a = 1", true),
        ("create table t (a int)", true),
        ("call p()", true),
        ("do $$ begin end $$", true),
        ("with x as (delete from t returning a) select * from x", true),
        ("with x as (select 1) update t set a = 2", true),
        ("select * into new from t", true),
        ("select * from t for update", true),
        ("select * from t for no key update skip locked", true),
        ("explain analyze delete from t", true),
        ("explain (analyze) update t set a = 1", true),
        ("explain (costs off, analyze true, verbose) insert into t values (1)", true),
        ("select nextval('s')", true),
        ("select pg_catalog.pg_terminate_backend(1)", true),
        ("select \"pg_terminate_backend\" (1)", true),
        ("select pg_terminate_backend /* x */ (pid) from pg_stat_activity", true),
        ("select lo_unlink(5)", true),
        ("select dblink_exec('x', 'delete from t')", true),
        ("select set_config('a.b', 'c', false)", true),
        ("select pg_try_advisory_xact_lock(1)", true),
        ("select pg_advisory_lock(1)", true),
        ("select pg_sleep(1000)", false),
        ("select my_function()", false),
        ("select public.count(1)", false),
        ("select 1; select f()", false),
        ("lock table t", true),
        ("truncate t", true),
        ("select 'x", false),
    ] {
        assert_eq!(effect(text), (Effect::Once, EffectSource::Unknown), "{text}");
        assert_eq!(known_change(text).is_some(), known, "{text}: {:?}", known_change(text));
    }
}

#[test]
fn statements_are_filled_one_by_one() {
    let text = "-- x\nselect :'A', ':''A', a::text -- :'B'\n;\n\nupdate t set b = (:'B');;";
    assert_eq!(variables(text), [("A".to_owned(), 2), ("B".to_owned(), 5)]);
    let filled = statements(text, &values(&[("A", "it's"), ("B", "a\\b")])).unwrap();
    let seen: Vec<_> = filled.iter().map(|s| (s.verb.as_str(), s.line, s.text.as_str())).collect();
    assert_eq!(
        seen,
        [("SELECT", 2, "select  'it''s', ':''A', a::text"), ("UPDATE", 5, "update t set b = ( E'a\\\\b')"),]
    );
    let missing = statements(text, &values(&[("A", "")])).unwrap_err();
    assert_eq!(missing.line, 5);
    assert!(missing.reason.contains("`B`"), "{missing}");
    assert!(statements("select :'A'", &values(&[("A", "x\0")])).unwrap_err().reason.contains("NUL"));
    assert!(statements("commit", &values(&[])).is_err());
    let with = statements("with x as (select 1) insert into t select * from x", &values(&[])).unwrap();
    assert_eq!(with[0].verb, "INSERT");
}

/// Reads a literal back as the server would with `standard_conforming_strings` on.
fn read_back(literal: &str) -> Option<String> {
    let (escapes, rest) = match literal.trim_start().strip_prefix('E') {
        Some(rest) => (true, rest),
        None => (false, literal.trim_start()),
    };
    let mut value = String::new();
    let mut chars = rest.strip_prefix('\'')?.chars();
    loop {
        match chars.next()? {
            '\'' => match chars.next() {
                Some('\'') => value.push('\''),
                None => return Some(value),
                Some(_) => return None,
            },
            '\\' if escapes => value.push(chars.next().filter(|c| *c == '\\')?),
            c => value.push(c),
        }
    }
}

fn hostile() -> impl Strategy<Value = String> {
    let parts = prop::sample::select(vec![
        "'",
        "''",
        "\\",
        "\\'",
        "\"",
        "\n",
        "\r",
        ";",
        "--",
        "/*",
        "*/",
        "$$",
        "$x$",
        "$( )",
        "{{",
        "}}",
        ":'A'",
        "E'",
        "U&'",
        "é",
        "\u{2028}",
        "x",
        " ",
        "commit",
        "0",
        "%27",
        "\u{1f600}",
        "\u{7f}",
    ]);
    prop::collection::vec(parts, 0..12).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn a_value_is_one_literal_with_that_value(value in hostile()) {
        prop_assert_eq!(read_back(&literal(&value)), Some(value.clone()));
        for text in ["select :'V'", "select E:'V'", "select (:'V')::text", "select a:'V'b", "select x=:'V';"] {
            let filled = statements(text, &values(&[("V", &value)])).unwrap();
            prop_assert_eq!(filled.len(), 1);
            let tokens = lex(&filled[0].text).unwrap();
            let texts: Vec<_> = tokens.iter().filter(|token| token.kind == Kind::Text).collect();
            prop_assert_eq!(texts.len(), 1, "{}", filled[0].text);
            prop_assert_eq!(read_back(texts[0].of(&filled[0].text)), Some(value.clone()));
            prop_assert_eq!(tokens.len(), lex(text.trim_end_matches(';')).unwrap().len());
        }
    }

    #[test]
    fn any_text_is_read_without_panic(text in "[a-z'\"$;:\\\\()\\[\\]/*\n -]{0,60}") {
        let read = read(&text, 1);
        let _effect = (effect(&text), known_change(&text), variables(&text));
        let told = !read.diagnostics.is_empty();
        prop_assert!(told || read.pieces.iter().all(|piece| statements(&piece.text, &values(&[])).is_ok() || !variables(&piece.text).is_empty()));
    }
}
