use proptest::prelude::*;

use super::*;

fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn queries_are_told_apart() {
    let text = "# Error rate\nsum(rate(errors_total{ns=\"$NS\"}[5m]))\n  / sum(rate(requests_total[5m]))\n\n# Expected: < 0.05\n\nup == 0 # Expected: 0 rows\n\n\nsum by (job) (\n\n  up # in brackets\n)\n\nvector(1)\n";
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
            (
                11,
                Some("Error rate"),
                "sum(rate(errors_total{ns=\"$NS\"}[5m]))\n  / sum(rate(requests_total[5m]))\n",
                vec![(14, "< 0.05")]
            ),
            (16, None, "up == 0\n", vec![(16, "0 rows")]),
            (19, None, "sum by (job) (\n\n  up # in brackets\n)\n", vec![]),
            (24, None, "vector(1)\n", vec![]),
        ]
    );
    assert!(read.pieces.iter().all(|p| p.effect == (Effect::Read, EffectSource::Table)));
}

#[test]
fn what_is_no_query_is_shown_at_its_place() {
    for (text, line, column, word) in [
        ("sum(up\n", 10, 4, "never closed"),
        ("up}\n", 10, 3, "closes nothing"),
        ("up{a=\"x}\n", 10, 6, "never closed"),
        ("sum(up]\n", 10, 7, "closes nothing"),
        ("up; drop\n", 10, 3, "no meaning"),
        ("up\n\n/ up\n", 12, 1, "middle"),
        ("up +\n", 10, 4, "not finished"),
        ("up{a=$X}\n", 10, 6, "quotes"),
        ("a$X\n", 10, 2, "word"),
        ("up > ${X}s\n", 10, 6, "word"),
        ("up > $\n", 10, 6, "begins no"),
        ("label_replace(up, \"a\", \"$X\", \"b\", \"c\")\n", 10, 25, "pattern"),
        ("up{a=~\"\\\\$X\"}\n", 10, 10, "backslash"),
        ("up ! 1\n", 10, 4, "alone"),
    ] {
        let read = read(text, 10);
        assert_eq!(read.diagnostics.len(), 1, "{text:?}: {:?}", read.diagnostics);
        let found = &read.diagnostics[0];
        assert_eq!((found.line, found.column), (line, column), "{text:?}: {found:?}");
        assert!(found.message.contains(word), "{text:?}: {found:?}");
        assert!(read.pieces.iter().any(|piece| piece.blocked.is_some()), "{text:?}");
    }
    assert_eq!(read("# only\n", 1).diagnostics[0].code, codes::PROMQL_TEXT);
}

#[test]
fn values_go_where_they_fit() {
    let with = values(&[("N", "-5"), ("W", "1h30m"), ("P", "0.05"), ("T", "a.b|c\"\\")]);
    for (text, filled) in [
        ("up > $N", "up > (-5)"),
        ("rate(x[$W:${W}]) > $P", "rate(x[1h30m:1h30m]) > 0.05"),
        ("up{a=\"$T\"}", "up{a=\"a.b|c\\\"\\\\\"}"),
        ("up{a='$T'}", "up{a='a.b|c\"\\\\'}"),
        ("up{a=~\"x${T}y$\"}", "up{a=~\"xa\\\\.b\\\\|c\\\"\\\\\\\\y$\"}"),
        (
            "label_replace(up, \"a\", \"$1\", \"b\", \"(.*)\")",
            "label_replace(up, \"a\", \"$1\", \"b\", \"(.*)\")",
        ),
        ("up # $T", "up # $T"),
    ] {
        assert_eq!(fill(text, &with).unwrap(), filled, "{text}");
    }
    for (text, word) in [
        ("up > $T", "number"),
        ("up{a=`$T`} > $Z", "`Z`"),
        ("up > $E", "number"),
        ("up{a=`$B`}", "backticks"),
    ] {
        let with = values(&[("T", "1 or up"), ("E", ""), ("B", "a`b")]);
        assert!(fill(text, &with).unwrap_err().reason.contains(word), "{text}");
    }
    for bad in
        ["", "5mm", "m", "5 m", "+1", "1.", ".5", "1e", "0x5", "NaN", "Inf", "1_0", "--1", "5m ", "1e5m"]
    {
        assert!(plain(bad).is_none(), "{bad}");
    }
    assert_eq!(variables("up{a=\"$T\"}\n> $N + $N"), [("T".to_owned(), 1), ("N".to_owned(), 2)]);
}

/// Reads a string back as Prometheus does.
fn read_back(written: &str) -> String {
    let inner = &written[1..written.len() - 1];
    if written.starts_with('`') {
        return inner.to_owned();
    }
    let mut value = String::new();
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match (c, &mut chars) {
            ('\\', chars) => match chars.next().unwrap() {
                'n' => value.push('\n'),
                'r' => value.push('\r'),
                't' => value.push('\t'),
                'u' => {
                    let digits: String = chars.take(4).collect();
                    value.push(char::from_u32(u32::from_str_radix(&digits, 16).unwrap()).unwrap());
                }
                c => value.push(c),
            },
            (c, _) => value.push(c),
        }
    }
    value
}

fn hostile() -> impl Strategy<Value = String> {
    let parts = prop::sample::select(vec![
        "'",
        "\"",
        "`",
        "\\",
        "\n",
        "\r",
        "$X",
        "${V}",
        "}",
        "{",
        "|",
        ".*",
        "]",
        "[a-",
        "#",
        ",",
        "é",
        "\u{1}",
        "\u{1f600}",
        "x",
        " ",
        "=~",
        "$( )",
        ";",
    ]);
    prop::collection::vec(parts, 0..10).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn a_value_is_one_string_with_that_value(value in hostile()) {
        let with = values(&[("V", &value)]);
        for (text, pattern) in [("up{a=\"$V\"}", false), ("up{a='$V'}", false), ("up{a!~'$V'}", true), ("up{a=`$V`}", false)] {
            let Ok(filled) = fill(text, &with) else {
                prop_assert!(text.contains('`'));
                continue;
            };
            let tokens = lex(&filled).unwrap();
            prop_assert_eq!(tokens.len(), lex(text).unwrap().len(), "{}", filled);
            let string = tokens.iter().find(|token| matches!(token.kind, Kind::Text { .. })).unwrap();
            let read = read_back(string.of(&filled));
            let expected = if pattern { quote_pattern(&value) } else { value.clone() };
            prop_assert_eq!(read, expected);
        }
    }

    #[test]
    fn any_text_is_read_without_panic(text in "[a-z\"'`$#{}()\\[\\]=~!<>\\\\é\n :]{0,60}") {
        let read = read(&text, 1);
        for piece in read.pieces {
            let _all = (variables(&piece.text), fill(&piece.text, &values(&[])));
        }
    }
}
