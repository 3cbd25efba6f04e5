//! The parts of a request's text, and where values go in them.

use super::{BASE_URL, BodyKind, body};
use crate::runbook::kinds::{Problem, Refused, name_length};

const METHODS: &[&str] = &["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"];

/// Headers that say where a request goes or how it is framed: the client's business.
const OWN_HEADERS: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A request's parts as written.
pub(super) struct Parsed<'a> {
    pub(super) method: &'a str,
    /// Without `{{BASE_URL}}`; may go over several lines.
    pub(super) target: &'a str,
    pub(super) target_at: usize,
    pub(super) headers: Vec<Header<'a>>,
    pub(super) body: &'a str,
    pub(super) body_at: usize,
    pub(super) body_kind: BodyKind,
}

pub(super) struct Header<'a> {
    pub(super) name: &'a str,
    pub(super) value: &'a str,
    pub(super) value_at: usize,
}

/// `{{NAME}}`, as bytes of the whole text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hole<'a> {
    pub(super) name: &'a str,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl<'a> Parsed<'a> {
    /// Reads a request whose first line is its request line.
    pub(super) fn read(text: &'a str) -> Result<Self, Problem> {
        if let Some(at) = text.find('\0') {
            return Err(Problem::new(at, "there is a NUL byte", "remove it"));
        }
        let mut lines = Lines { text, at: 0 };
        let (mut target_at, first) = lines
            .next()
            .ok_or_else(|| Problem::new(0, "there is no request", "write a method and an address"))?;
        let (method, mut target) = request_line(first)?;
        target_at += offset(first, target);
        // `?a=b` and `&c=d` on lines of their own, indented
        while let Some((at, line)) = lines.peek() {
            let more = line.trim();
            if !(line.starts_with([' ', '\t']) && more.starts_with(['?', '&'])) {
                break;
            }
            lines.next();
            target = text.get(target_at..at + line.trim_end().len()).unwrap_or_default();
        }
        let base = format!("{{{{{BASE_URL}}}}}");
        if let Some(rest) = target.strip_prefix(&base) {
            target_at += base.len();
            target = rest;
        }
        check_target(text, target, target_at)?;
        let mut headers: Vec<Header<'a>> = Vec::new();
        for (at, line) in lines.by_ref() {
            if line.trim().is_empty() {
                break;
            }
            if super::comment(line).is_some() {
                continue;
            }
            headers.push(header(text, at, line)?);
        }
        let body_at = lines.at;
        let body = text.get(body_at..).unwrap_or_default().trim_end();
        let body = if body.lines().all(|line| line.trim().is_empty() || super::comment(line).is_some()) {
            ""
        } else {
            body
        };
        let mut types = headers.iter().filter(|header| header.name.eq_ignore_ascii_case("content-type"));
        let body_kind = BodyKind::of(types.next().map(|header| header.value));
        if let Some(second) = types.next() {
            let hint = "keep one of them";
            return Err(Problem::new(second.value_at, "the content type is given twice", hint));
        }
        let parsed = Parsed { method, target, target_at, headers, body, body_at, body_kind };
        body::check(text, &parsed)?;
        Ok(parsed)
    }
}

/// Lines with where they begin, without their line breaks.
struct Lines<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lines<'a> {
    fn peek(&self) -> Option<(usize, &'a str)> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let line = rest.split('\n').next().unwrap_or_default();
        Some((self.at, line.trim_end_matches('\r')))
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = (usize, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let found = self.peek()?;
        let rest = self.text.get(self.at..).unwrap_or_default();
        self.at += rest.find('\n').map_or(rest.len(), |end| end + 1);
        Some(found)
    }
}

/// Where a part of a line begins in it.
fn offset(line: &str, part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(line.as_ptr() as usize).min(line.len())
}

/// `POST /x HTTP/1.1`, or an address alone, which is a GET.
fn request_line(line: &str) -> Result<(&str, &str), Problem> {
    let at = |part: &str| offset(line, part);
    let trimmed = line.trim();
    if trimmed.starts_with(['<', '>', '@']) {
        let hint = "write method and address; values are the runbook's parameters, bodies stand in the block";
        return Err(Problem::new(
            at(trimmed),
            "file variables, scripts and bodies from files do not run here",
            hint,
        ));
    }
    let is_address = |text: &str| {
        text.starts_with("http://") || text.starts_with("https://") || text.starts_with(['/', '{'])
    };
    let (method, rest) = match trimmed.split_once([' ', '\t']) {
        _ if is_address(trimmed) => ("GET", trimmed),
        Some((method, rest)) => (method, rest.trim_start()),
        None => (trimmed, trimmed.get(trimmed.len()..).unwrap_or_default()),
    };
    if !METHODS.contains(&method) {
        let shown: String = method.chars().take(40).collect();
        return Err(Problem::new(
            at(trimmed),
            format!("`{shown}` is no method of a request"),
            "begin with GET, HEAD, OPTIONS, POST, PUT, PATCH or DELETE, then the address",
        ));
    }
    let target = match rest.rsplit_once([' ', '\t']) {
        Some((target, version)) if version.starts_with("HTTP/") => {
            if !["HTTP/1.1", "HTTP/2", "HTTP/2.0"].contains(&version) {
                return Err(Problem::new(at(version), format!("`{version}` is not spoken"), "leave it out"));
            }
            target.trim_end()
        }
        _ => rest,
    };
    Ok((method, target))
}

/// A value must not complete a `%41` that is begun before it.
pub(super) fn check_percent(text: &str, holes: &[Hole<'_>]) -> Result<(), Problem> {
    let begun = holes.iter().find(|hole| {
        let before = text.get(..hole.start).unwrap_or_default();
        before.bytes().rev().take(2).any(|byte| byte == b'%')
    });
    match begun {
        Some(hole) => {
            let hint = "finish the %XX before it";
            Err(Problem::new(hole.start, "this value stands in the middle of a percent-encoded byte", hint))
        }
        None => Ok(()),
    }
}

fn check_target(text: &str, target: &str, at: usize) -> Result<(), Problem> {
    let holes = holes(text, target, at)?;
    let problem = |from: &str, message: String, hint: &'static str| {
        Problem::new(at + offset(target, from), message, hint)
    };
    let after_scheme = target.strip_prefix("https://").or_else(|| target.strip_prefix("http://"));
    let Some(after_scheme) = after_scheme else {
        if target.starts_with('/') && !target.starts_with("//") {
            return check_path(text, target, at, &holes);
        }
        let hint = "write https://host/path, or a path that begins with / and say connection=NAME";
        let message =
            if target.is_empty() { "there is no address" } else { "this is no address to send a request to" };
        return Err(problem(target, message.to_owned(), hint));
    };
    let end = after_scheme.find(['/', '?', '#']).unwrap_or(after_scheme.len());
    let (host, path) = after_scheme.split_at(end);
    if host.contains("{{") {
        let hint = "write the host, or say connection=NAME and begin with /";
        return Err(problem(host, "a value cannot say to which host a request goes".to_owned(), hint));
    }
    if host.contains('@') {
        let hint = "put the credentials into a connection, or into a header";
        return Err(problem(host, "an address holds no credentials".to_owned(), hint));
    }
    let good = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
    if host.is_empty() || !host.chars().all(good) {
        return Err(problem(host, "this is no host".to_owned(), "write it as https://host/path"));
    }
    check_path(text, path, at + offset(target, path), &holes)
}

/// Path and query: what cannot stand in an address is percent-encoded by who writes it.
fn check_path(text: &str, path: &str, at: usize, holes: &[Hole<'_>]) -> Result<(), Problem> {
    check_percent(text, holes)?;
    let mut index = 0;
    let mut next_hole = holes.iter().skip_while(|hole| hole.start < at).peekable();
    while let Some(c) = path.get(index..).and_then(|rest| rest.chars().next()) {
        if let Some(hole) = next_hole.next_if(|hole| hole.start == at + index) {
            index = hole.end - at;
            continue;
        }
        if c == '#' {
            let hint = "leave it out; in a value it is written %23";
            return Err(Problem::new(at + index, "what stands behind # is never sent", hint));
        }
        // the only line breaks are those before a line that begins with ? or &
        let behind = path.get(index..).unwrap_or_default();
        let blank = behind.get(..behind.len() - behind.trim_start().len()).unwrap_or_default();
        if blank.contains('\n') && behind.trim_start().starts_with(['?', '&']) {
            index += blank.len();
            continue;
        }
        if !c.is_ascii_graphic() || "\"<>\\^`{|}".contains(c) {
            let hint = "percent-encode it, or make it a parameter: {{NAME}}";
            let message = format!("`{}` cannot stand in an address", c.escape_debug());
            return Err(Problem::new(at + index, message, hint));
        }
        index += c.len_utf8();
    }
    Ok(())
}

fn header<'a>(text: &'a str, at: usize, line: &'a str) -> Result<Header<'a>, Problem> {
    let hint = "write `Name: value`; an empty line stands before the body";
    let Some((name, value)) = line.split_once(':') else {
        return Err(Problem::new(at, "this line is no header", hint));
    };
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || !name.chars().all(token) {
        return Err(Problem::new(at, "this is no header's name", hint));
    }
    if OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
        return Err(Problem::new(at, format!("the header `{name}` is set by itself"), "leave it out"));
    }
    let value = value.trim();
    let value_at = at + offset(line, value);
    if let Some((index, _)) = value.char_indices().find(|(_, c)| !matches!(c, ' '..='~' | '\t')) {
        let hint = "use plain ASCII characters";
        return Err(Problem::new(value_at + index, "a header holds plain characters only", hint));
    }
    holes(text, value, value_at)?;
    Ok(Header { name, value, value_at })
}

/// The `{{NAME}}`s of a part that begins at `at`.
pub(super) fn holes<'a>(text: &'a str, part: &str, at: usize) -> Result<Vec<Hole<'a>>, Problem> {
    let mut holes = Vec::new();
    let mut from = at;
    let end = at + part.len();
    while let Some(found) = text.get(from..end).and_then(|rest| rest.find("{{")) {
        let start = from + found;
        let inner = text.get(start + 2..end).unwrap_or_default();
        let blank = inner.len() - inner.trim_start_matches(' ').len();
        let name = inner.get(blank..).and_then(|rest| rest.get(..name_length(rest))).unwrap_or_default();
        let behind = inner.get(blank + name.len()..).unwrap_or_default();
        let close = behind.trim_start_matches(' ');
        if name.is_empty() || !close.starts_with("}}") {
            let hint = "a value is written {{NAME}}; nothing else stands in double braces";
            return Err(Problem::new(start, "this is no parameter's name", hint));
        }
        if name == BASE_URL {
            let hint = "it stands for the connection's address, so only at the start of the target";
            return Err(Problem::new(start, "`BASE_URL` cannot stand here", hint));
        }
        let after = start + 2 + blank + name.len() + (behind.len() - close.len()) + 2;
        holes.push(Hole { name, start, end: after });
        from = after;
    }
    Ok(holes)
}

/// Puts something in the place of each hole.
pub(super) fn fill<'a>(
    text: &'a str,
    at: usize,
    part: &str,
    holes: &[Hole<'a>],
    mut with: impl FnMut(&Hole<'a>) -> Result<String, Refused>,
) -> Result<String, Refused> {
    let mut filled = String::with_capacity(part.len());
    let mut from = at;
    for hole in holes {
        filled.push_str(text.get(from..hole.start).unwrap_or_default());
        filled.push_str(&with(hole)?);
        from = hole.end;
    }
    filled.push_str(text.get(from..at + part.len()).unwrap_or_default());
    Ok(filled)
}
