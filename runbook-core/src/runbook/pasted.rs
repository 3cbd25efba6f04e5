//! Output that was pasted among commands: lines that no command of this shell begins with.
//!
//! Only clear shapes are named. Whether what stands around them is a command is not guessed: the block does not run.

/// The shape of a list's item, which is no output.
pub(crate) const LIST: &str = "an item of a list";

/// What kind of output a line is that stands where a command begins; `next` is the line below it.
pub(crate) fn shape(line: &str, next: &str) -> Option<&'static str> {
    let line = line.trim();
    let first = line.split_whitespace().next()?;
    match first.as_bytes().first()? {
        b'{' | b'[' => {
            json(line, next).then_some("JSON").or_else(|| clock(line.get(1..)?).then_some("a log line"))
        }
        b'(' => rows(line).then_some("a count of rows"),
        b'-' | b'+' if rule(line) => Some("a rule of a table"),
        b'-' | b'*' | b'0'..=b'9' if item(line) => Some(LIST),
        b'|' => Some("a row of a table"),
        b'<' | b'>' => {
            let rest = line.get(1..)?.trim_start();
            (rest.starts_with("HTTP/") || rest.contains(" HTTP/")).then_some("what curl says about a request")
        }
        b'0'..=b'9' => (clock(line) || access_log(line)).then_some("a log line"),
        b'H' if first.get(5..6).is_some_and(|n| n.starts_with(|c: char| c.is_ascii_digit())) => {
            first.starts_with("HTTP/").then_some("an HTTP answer")
        }
        b'E' if line.starts_with("Error from server") => Some("an error"),
        b'F' if line.starts_with("Filesystem ") && line.ends_with("Mounted on") => {
            Some("the header of a table")
        }
        b'A'..=b'Z' if header(line) => Some("the header of a table"),
        0xE2 if item(line) => Some(LIST),
        _ if syslog(line) => Some("a log line"),
        _ if mode(first) => Some("a list of files"),
        _ if key(first) => Some("a name with its value"),
        _ if object(line) => Some("what kubectl says about an object"),
        _ => None,
    }
}

/// `{"a": 1}`, `{` above `"a": 1`, `[{`.
fn json(line: &str, next: &str) -> bool {
    let member = |text: &str| {
        text.strip_prefix('"')
            .and_then(|rest| rest.split_once('"'))
            .is_some_and(|(_, rest)| rest.trim_start().starts_with(':'))
    };
    match line.strip_prefix('{') {
        Some("") => member(next.trim_start()),
        Some(rest) => line == "{}" || member(rest.trim_start()),
        None => matches!(line, "[" | "[]") || line.starts_with("[{") || line.starts_with("[\""),
    }
}

/// `1. echo a`, `- echo a`: a list's marks that came along with the commands.
fn item(line: &str) -> bool {
    let Some((mark, rest)) = line.split_once(' ') else { return false };
    let number = mark
        .strip_suffix(['.', ')'])
        .is_some_and(|digits| (1..=3).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()));
    (number || matches!(mark, "-" | "*" | "•"))
        && rest.trim_start().starts_with(|c: char| c.is_alphabetic() || c == '$')
}

/// `(3 rows)`
fn rows(line: &str) -> bool {
    let inside = line.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    inside.and_then(|inside| inside.split_once(' ')).is_some_and(|(count, word)| {
        count.bytes().all(|b| b.is_ascii_digit()) && matches!(word, "row" | "rows")
    })
}

/// `-----+-----`
fn rule(line: &str) -> bool {
    line.len() > 2 && line.contains("--") && line.bytes().all(|b| matches!(b, b'-' | b'+' | b'|' | b' '))
}

/// `NAME   READY   STATUS`: words in capitals, and more than one.
fn header(line: &str) -> bool {
    let word = |word: &str| {
        word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b"%_()/.#-:".contains(&b))
            && word.bytes().any(|b| b.is_ascii_uppercase())
    };
    let words = line.split_whitespace().take(100);
    line.split_whitespace().next().is_some_and(|first| first.len() > 1)
        && words.clone().count() > 1
        && words.clone().all(word)
}

/// `2024-05-01 10:00:00`, `2024/05/01T10:00`, `10:00:00 `.
fn clock(line: &str) -> bool {
    let shape: Vec<u8> = line.bytes().take(19).map(|b| if b.is_ascii_digit() { b'0' } else { b }).collect();
    let time = |at: usize| shape.get(at..at + 5) == Some(b"00:00");
    let day = matches!(shape.get(..10), Some(b"0000-00-00" | b"0000/00/00"));
    (day && matches!(shape.get(10), Some(b' ' | b'T')) && time(11))
        || (time(0) && shape.get(5..8) == Some(b":00") && matches!(shape.get(8), Some(b' ' | b'.' | b',')))
}

/// `192.0.2.1 - - [`
fn access_log(line: &str) -> bool {
    line.split_once(" - ").is_some_and(|(address, rest)| {
        rest.contains(" [") && address.bytes().all(|b| b.is_ascii_hexdigit() || matches!(b, b'.' | b':'))
    })
}

/// `May  1 10:00:00 web-1 `, `I0501 10:00:00.000000 `.
fn syslog(line: &str) -> bool {
    const MONTHS: &[&str] =
        &["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = line.split_whitespace();
    let (first, second, third) =
        (words.next().unwrap_or_default(), words.next().unwrap_or_default(), words.next());
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let at = |text: &str| clock(&format!("{text} "));
    let level = first.strip_prefix(['I', 'W', 'E', 'F']).is_some_and(|rest| rest.len() == 4 && digits(rest));
    level && at(second) || MONTHS.contains(&first) && digits(second) && third.is_some_and(at)
}

/// `-rw-r--r--`
fn mode(word: &str) -> bool {
    matches!(word.len(), 10 | 11)
        && word.starts_with(['-', 'd', 'l', 'c', 'b', 's', 'p'])
        && word.bytes().skip(1).take(9).all(|b| b"rwxsStT-".contains(&b))
}

/// `Name:`
fn key(word: &str) -> bool {
    word.strip_suffix(':').is_some_and(|name| {
        name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
    })
}

/// `deployment.apps/web restarted`, `deployment "web" successfully rolled out`.
fn object(line: &str) -> bool {
    const DONE: &[&str] = &[
        "annotated",
        "condition met",
        "configured",
        "cordoned",
        "created",
        "deleted",
        "drained",
        "evicted",
        "labeled",
        "patched",
        "restarted",
        "rolled back",
        "scaled",
        "unchanged",
        "uncordoned",
    ];
    let Some((name, done)) = line.split_once(' ') else { return false };
    let kind = name.split_once('/').is_some_and(|(kind, rest)| {
        !rest.is_empty() && kind.starts_with(|c: char| c.is_ascii_lowercase()) && !kind.contains(['$', '"'])
    });
    kind && DONE.contains(&done) || done.ends_with("\" successfully rolled out")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::shape;

    #[test]
    fn output_is_told_from_commands() {
        let rows = [
            ("NAME READY STATUS", "", true),
            ("NAME        READY   STATUS", "", true),
            ("  CONTAINER ID   IMAGE", "", true),
            ("USER PID %CPU %MEM", "", true),
            ("Filesystem  Size  Used Avail Use% Mounted on", "", true),
            ("HTTP/1.1 200 OK", "", true),
            ("HTTP/2 200", "", true),
            ("< HTTP/1.1 200 OK", "", true),
            ("> GET /health HTTP/1.1", "", true),
            ("{\"status\": \"ok\"}", "", true),
            ("{", "  \"status\": \"ok\"", true),
            ("{}", "", true),
            ("[", "  1", true),
            ("[{\"a\": 1}]", "", true),
            ("2024-05-01T10:00:00Z started", "", true),
            ("2024-05-01 10:00:00,123 INFO started", "", true),
            ("[2024-05-01 10:00:00] started", "", true),
            ("10:00:00.123 INFO started", "", true),
            ("May  1 10:00:00 web-1 systemd[1]: started", "", true),
            ("I0501 10:00:00.123456 1 main.go:1] started", "", true),
            ("192.0.2.1 - - [01/May/2024:10:00:00 +0000] \"GET /\"", "", true),
            (" (1 row)", "", true),
            ("(25 rows)", "", true),
            ("-------+-----", "", true),
            ("-------", "", true),
            ("+----+----+", "", true),
            ("| id | name |", "", true),
            ("-rw-r--r-- 1 ana ana 5 May  1 10:00 a", "", true),
            ("drwxr-xr-x. 2 ana ana 5 May  1 10:00 a", "", true),
            ("Name:         web-1", "", true),
            ("pod/web-1 deleted", "", true),
            ("deployment.apps/web restarted", "", true),
            ("deployment \"web\" successfully rolled out", "", true),
            ("Error from server (NotFound): pods not found", "", true),
            ("kubectl get pods", "", false),
            ("NAME=web READY=1 run", "", false),
            ("A B", "", false),
            ("R CMD BATCH x.R", "", false),
            ("GET /health", "", false),
            ("MAKE", "", false),
            ("{ ls; }", "", false),
            ("{", "  ls", false),
            ("{", "  \"$run\" --all", false),
            ("[ -f x ] && ls", "", false),
            ("[[ -f x ]] && ls", "", false),
            ("(cd a && ls)", "", false),
            ("7z x a.7z", "", false),
            ("./deploy created", "", false),
            ("bin/web restarted now", "", false),
            ("\"$dir/run\" created", "", false),
            (": \"${A:=b}\"", "", false),
            ("May 1", "", false),
            ("> out.txt", "", false),
            ("- echo a", "", true),
            ("* kubectl get pods", "", true),
            ("• ls", "", true),
            ("1. echo a", "", true),
            ("12) $x b", "", true),
            ("- 1", "", false),
            ("*.sh x", "", false),
            ("1.5 x", "", false),
            ("", "", false),
        ];
        for (line, next, output) in rows {
            assert_eq!(shape(line, next).is_some(), output, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_survived(line in "\\PC{0,30}", next in "\\PC{0,10}") {
            let _ = shape(&line, &next);
        }
    }
}
