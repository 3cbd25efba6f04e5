use proptest::prelude::*;

use super::*;

fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn requests_are_told_apart() {
    let text = "# Look at it\nGET https://a.test/x HTTP/1.1\nAccept: text/plain\n\n# Expected: HTTP 200\n### Change it\n# Expected: HTTP 201\nPOST /items\nContent-Type: application/json\n\n{\"a\": 1}\n# Expected: ok\n# Verify it by eye\n\n###\n# @name third\nhttps://a.test/y\n    ?a=1\n    &b={{B}}\n// Expected: 5\n";
    let read = read(text, 10);
    assert_eq!(read.diagnostics, []);
    let seen: Vec<_> = read
        .pieces
        .iter()
        .map(|p| {
            let said: Vec<_> = p.expectations.iter().map(|e| (e.line, e.text.as_str())).collect();
            (p.line, p.title.as_deref(), p.text.as_str(), p.effect.0, said)
        })
        .collect();
    assert_eq!(
        seen,
        [
            (
                11,
                Some("Look at it"),
                "GET https://a.test/x HTTP/1.1\nAccept: text/plain\n",
                Effect::Read,
                vec![(14, "HTTP 200")]
            ),
            (
                17,
                Some("Change it"),
                "POST /items\nContent-Type: application/json\n\n{\"a\": 1}\n",
                Effect::Once,
                vec![(16, "HTTP 201"), (21, "ok"), (22, "Verify it by eye")]
            ),
            (26, None, "https://a.test/y\n    ?a=1\n    &b={{B}}\n", Effect::Read, vec![(29, "5")]),
        ]
    );
    let request = fill(&read.pieces[2].text, &values(&[("B", "x y")])).unwrap();
    assert_eq!((request.method.as_str(), request.target.as_str()), ("GET", "https://a.test/y?a=1&b=x%20y"));
}

#[test]
fn what_is_no_request_is_shown_at_its_place() {
    for (text, line, column, word) in [
        ("FETCH https://a.test/\n", 10, 1, "no method"),
        ("GET\n", 10, 4, "no address"),
        ("\nGET ftp://a.test/\n", 11, 5, "no address"),
        ("GET //a.test/\n", 10, 5, "no address"),
        ("GET https://{{HOST}}/\n", 10, 13, "which host"),
        ("GET {{URL}}/x\n", 10, 5, "no address"),
        ("GET https://u:p@a.test/\n", 10, 13, "credentials"),
        ("GET https://a.test/<pod>\n", 10, 20, "`<`"),
        ("GET https://a.test/a b\n", 10, 21, "` `"),
        ("GET https://a.test/x#y\n", 10, 21, "#"),
        ("GET https://a.test/{{$guid}}\n", 10, 20, "no parameter"),
        ("GET https://a.test/%{{A}}\n", 10, 21, "percent"),
        ("GET https://a.test/{{A}}%4{{A}}\n", 10, 27, "percent"),
        ("GET https://a.test/ HTTP/0.9\n", 10, 21, "not spoken"),
        ("GET https://a.test/\nno header\n", 11, 1, "no header"),
        ("GET https://a.test/\nHost: b\n", 11, 1, "by itself"),
        ("GET https://a.test/\nX: é\n", 11, 4, "plain"),
        ("GET https://a.test/\nX-{{A}}: é\n", 11, 1, "name"),
        ("POST https://a.test/\n\nx=1\n", 12, 1, "Content-Type"),
        ("POST https://a.test/\nContent-Type: application/json\n\n{\"a\": }\n", 13, 7, "not JSON"),
        ("POST https://a.test/\nContent-Type: application/json\n\n{\"a\": x{{A}}}\n", 13, 8, "beside"),
        ("POST https://a.test/\nContent-Type: application/json\n\n{\"a\": \"\\{{A}}\"}\n", 13, 9, "beside"),
        ("POST https://a.test/\nContent-Type: application/xml\n\n<a>{{A}}</a>\n", 13, 4, "syntax"),
        ("POST https://a.test/\nContent-Type: text/plain\nContent-Type: text/plain\n\nx\n", 12, 15, "twice"),
        ("POST https://a.test/\nContent-Type: application/x-www-form-urlencoded\n\na=b c\n", 13, 1, "blank"),
        ("@x = 1\nGET https://a.test/\n", 10, 1, "file variables"),
        ("GET https://a.test/{{BASE_URL}}\n", 10, 20, "BASE_URL"),
    ] {
        let read = read(text, 10);
        assert_eq!(read.diagnostics.len(), 1, "{text:?}: {:?}", read.diagnostics);
        let found = &read.diagnostics[0];
        assert_eq!((found.line, found.column), (line, column), "{text:?}: {found:?}");
        assert!(found.message.contains(word), "{text:?}: {found:?}");
        assert!(read.pieces.iter().all(|piece| piece.blocked.is_some()), "{text:?}");
    }
    assert_eq!(read("# nothing\n", 1).diagnostics[0].code, codes::HTTP_REQUEST);
    assert_eq!(read("# Expected: 1\n", 1).diagnostics[0].code, codes::STRAY_EXPECTATION);
}

#[test]
fn only_reading_methods_read() {
    for (text, effect_class) in [
        ("GET https://a.test/", Effect::Read),
        ("HEAD /x", Effect::Read),
        ("OPTIONS /x", Effect::Read),
        ("POST /x", Effect::Once),
        ("DELETE /x", Effect::Once),
        ("GET /x\nX-HTTP-Method-Override: DELETE", Effect::Once),
        ("nonsense", Effect::Once),
    ] {
        assert_eq!(effect(text).0, effect_class, "{text}");
    }
    assert!(needs_connection("GET {{BASE_URL}}/x"));
    assert!(!needs_connection("GET https://a.test/x"));
}

#[test]
fn a_place_refuses_what_it_cannot_hold() {
    let json = |body: &str| format!("POST /x\nContent-Type: application/json\n\n{body}");
    for (text, value, word) in [
        ("GET /pods/{{V}}/log".to_owned(), "..", "path"),
        ("GET /pods/{{V}}/log".to_owned(), "", "path"),
        ("GET /pods/.{{V}}".to_owned(), ".", "path"),
        ("GET /pods/%2e{{V}}".to_owned(), ".", "path"),
        ("GET /x\nA: {{V}}".to_owned(), "a\r\nB: c", "header"),
        ("GET /x\nA: {{V}}".to_owned(), "é", "header"),
        (json("{\"n\": {{V}}}"), "1, \"m\": 2", "number"),
        (json("{\"n\": {{V}}}"), "\"x\"", "number"),
        (json("{\"n\": {{V}}}"), " 1", "number"),
        (json("{\"n\": {{V}}}"), "[]", "number"),
        (json("{\"n\": {{V}}}"), "", "number"),
        ("GET /x?a={{V}}".to_owned(), "a\0", "NUL"),
    ] {
        let refused = fill(&text, &values(&[("V", value)])).unwrap_err();
        assert!(refused.reason.contains(word), "{text:?} with {value:?}: {refused}");
    }
    let missing = fill("GET /x\nA: {{V}}", &values(&[])).unwrap_err();
    assert_eq!(missing.line, 2);
    assert!(missing.reason.contains("`V`"), "{missing}");
    let filled =
        fill(&json("{\"n\": {{V}}, \"s\": \"a{{ W }}\"}"), &values(&[("V", "-1.5e3"), ("W", "\"\\\n")]))
            .unwrap();
    assert_eq!(filled.body, "{\"n\": -1.5e3, \"s\": \"a\\\"\\\\\\n\"}");
    assert_eq!(
        variables(&json("{\"n\": {{V}}, \"s\": \"a{{ W }}\"}")),
        [("V".to_owned(), 4), ("W".to_owned(), 4)]
    );
}

/// Undoes percent-encoding.
fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next().unwrap(), rest.next().unwrap()];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).unwrap()
}

fn hostile() -> impl Strategy<Value = String> {
    let parts = prop::sample::select(vec![
        "'",
        "\"",
        "\\",
        "\n",
        "\r\n",
        ";",
        "$( )",
        "{{",
        "}}",
        "{{V}}",
        "/",
        "..",
        "?",
        "#",
        "&",
        "=",
        "%",
        "%2f",
        "+",
        "@",
        ":",
        "é",
        "\u{1f600}",
        "x",
        " ",
        "\u{1}",
        "//",
        "<",
    ]);
    prop::collection::vec(parts, 1..10).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn a_value_is_one_part_with_that_value(value in hostile()) {
        let with = values(&[("V", &value)]);
        if let Ok(request) = fill("GET https://a.test/p/{{V}}/q?a={{V}}&b=1", &with) {
            let (path, query) = request.target.strip_prefix("https://a.test/").unwrap().split_once('?').unwrap();
            let segments: Vec<_> = path.split('/').collect();
            prop_assert_eq!(segments.len(), 3);
            prop_assert_eq!(decode(segments[1]), value.clone());
            let pairs: Vec<_> = query.split('&').collect();
            prop_assert_eq!(pairs.len(), 2);
            prop_assert_eq!(decode(pairs[0].strip_prefix("a=").unwrap()), value.clone());
            prop_assert!(request.target.is_ascii());
        } else {
            prop_assert_eq!(value.as_str(), "..");
        }
        let json = fill("POST /x\nContent-Type: application/json\n\n{\"k{{V}}\": [\"a{{V}}b\"]}", &with).unwrap();
        let read: serde_json::Value = serde_json::from_str(&json.body).unwrap();
        let (k, v) = (format!("k{value}"), format!("a{value}b"));
        prop_assert_eq!(read, serde_json::json!({ k: [v] }));
        let form = fill("POST /x\nContent-Type: application/x-www-form-urlencoded\n\na={{V}}\n&b=1", &with).unwrap();
        let (a, b) = form.body.split_once('&').unwrap();
        prop_assert_eq!((decode(a.strip_prefix("a=").unwrap()), b), (value.clone(), "b=1"));
        if let Ok(request) = fill("GET /x\nA: b{{V}}", &with) {
            prop_assert!(request.headers[0].1.bytes().all(|b| (0x20..0x7f).contains(&b)));
            prop_assert_eq!(request.headers[0].1.clone(), format!("b{value}").trim().to_owned());
        } else {
            prop_assert!(value.chars().any(|c| !(' '..='~').contains(&c)));
        }
    }

    #[test]
    fn any_text_is_read_without_panic(text in "(GET |POST |### |# |https://a/|\\{\\{|\\}\\}|[a-z:?&%é \n\"{}]){0,20}") {
        let read = read(&text, 1);
        for piece in read.pieces {
            let _all = (effect(&piece.text), variables(&piece.text), fill(&piece.text, &values(&[])));
        }
    }
}

#[test]
fn many_requests_are_read_in_one_pass() {
    // searching from the start for each line, this took minutes
    let text = "GET /x\n###\nNO\n###\n".repeat(100_000);
    let pieces = read(&text, 1);
    assert_eq!((pieces.pieces.len(), pieces.diagnostics.len()), (200_000, 100_000));
    assert_eq!(pieces.diagnostics.last().map(|found| (found.line, found.column)), Some((399_999, 1)));
}
