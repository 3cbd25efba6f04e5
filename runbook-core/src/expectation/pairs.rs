//! Names and values in JSON, YAML, tables and text.

use super::json::{self, Json};
use super::judge::shorten;
use super::model::Judgement;
use super::phrase::{decimal, quoted};
use super::rows::{self, Kind};
use super::scan;
use super::want::{Verdict, Want};

/// What the output says about a name.
#[derive(Debug, Default)]
struct Said {
    values: Vec<String>,
    /// The name is there in a way that is not understood.
    unclear: bool,
    /// The values are cells of psql's, which writes `t` and `f`.
    psql: bool,
}

pub(crate) fn judge(pairs: &[(String, String)], stdout: &str) -> Judgement {
    if stdout.trim().is_empty() {
        return Judgement::fail("no output");
    }
    let json = json::documents(stdout);
    let begins_like_json = stdout.trim_start().starts_with('{')
        || stdout
            .trim_start()
            .strip_prefix('[')
            .is_some_and(|rest| rest.trim_start().starts_with(['{', '"']));
    if json.is_none() && begins_like_json {
        return Judgement::ask("the output begins like JSON and is not complete");
    }
    let mut doubt = None;
    for (key, wanted) in pairs {
        let said = match &json {
            Some(documents) => in_json(documents, key),
            None => in_text(stdout, key),
        };
        let mut close = false;
        let same = said.values.iter().filter(|value| match alike(value, wanted) {
            Alike::Close
                if said.psql && psql_bool(value).is_some_and(|one| psql_bool(wanted) == Some(one)) =>
            {
                true
            }
            Alike::Same => true,
            Alike::Close => {
                close = true;
                false
            }
            Alike::Different => false,
        });
        let same = same.count();
        match said.values.first() {
            None if said.unclear => {
                doubt.get_or_insert_with(|| format!("`{key}` is there, but its value is not clear"));
            }
            None => {
                return Judgement::fail(format!(
                    "`{key}` is not in the output, wanted `{}`",
                    shorten(wanted)
                ));
            }
            Some(first) if same == 0 => {
                if close || said.unclear {
                    doubt.get_or_insert_with(|| {
                        format!("`{key}` is `{}`, wanted `{}`", shorten(first), shorten(wanted))
                    });
                    continue;
                }
                return Judgement::fail(format!(
                    "`{key}` is `{}`, wanted `{}`",
                    shorten(first),
                    shorten(wanted)
                ));
            }
            Some(_) if same < said.values.len() || said.unclear => {
                doubt.get_or_insert_with(|| {
                    format!("`{key}` has several values, `{}` among them", shorten(wanted))
                });
            }
            Some(_) => {}
        }
    }
    match doubt {
        Some(reason) => Judgement::ask(reason),
        None => Judgement::pass(
            pairs.iter().map(|(key, value)| format!("{key} is {value}")).collect::<Vec<_>>().join(", "),
        ),
    }
}

/// Judges every number that the output gives a name.
pub(crate) fn judge_number(name: &str, want: &Want, stdout: &str) -> Judgement {
    if stdout.trim().is_empty() {
        return Judgement::fail(format!("no output, wanted `{name}` {}", want.said()));
    }
    let json = json::documents(stdout);
    if json.is_none() && stdout.trim_start().starts_with(['{', '[']) {
        return Judgement::ask("the output begins like JSON and is not complete");
    }
    let said = match &json {
        Some(documents) => in_json(documents, name),
        None => in_text(stdout, name),
    };
    let mut doubt = said.unclear.then(|| format!("`{name}` is there, but its value is not clear"));
    for value in &said.values {
        let reason = format!("`{name}` is `{}`, wanted {}", shorten(value), want.said());
        let scan = scan::line(value);
        let clear = !scan.odd && !scan.suspicious;
        let verdict = match scan.amounts.as_slice() {
            [one] if clear && want.comparable(one.unit) => want.judge(one),
            _ => Verdict::Unclear,
        };
        match verdict {
            Verdict::Yes => {}
            Verdict::No => return Judgement::fail(reason),
            Verdict::Unclear => {
                doubt.get_or_insert(reason);
            }
        }
    }
    match (doubt, said.values.as_slice()) {
        (Some(doubt), _) => Judgement::ask(doubt),
        (None, []) => Judgement::ask(format!("the output does not say what `{name}` is")),
        (None, [one]) => Judgement::pass(format!("`{name}` is `{}`, wanted {}", shorten(one), want.said())),
        (None, many) => Judgement::pass(format!("all {} values of `{name}` are {}", many.len(), want.said())),
    }
}

/// psql's `t` and `f`, and the words for them.
pub(crate) fn psql_bool(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "t" | "true" => Some(true),
        "f" | "false" => Some(false),
        _ => None,
    }
}

/// How near two values are.
enum Alike {
    Same,
    /// A person would want to look: `true (cached)`, `compliance`, `7.0`, `yes`.
    Close,
    Different,
}

fn alike(value: &str, wanted: &str) -> Alike {
    const TRUE: &[&str] = &["true", "yes", "on", "1", "enabled", "t", "y"];
    const FALSE: &[&str] = &["false", "no", "off", "0", "disabled", "f", "n"];
    let (low, wanted_low) = (value.to_lowercase(), wanted.to_lowercase());
    let both = |words: &[&str]| words.contains(&low.as_str()) && words.contains(&wanted_low.as_str());
    let number = |text: &str| decimal(text.trim_start_matches('+'));
    // YAML and Python write `True`
    if value == wanted || (low == wanted_low && matches!(low.as_str(), "true" | "false")) {
        return Alike::Same;
    }
    let begins =
        low.strip_prefix(wanted_low.as_str()).is_some_and(|rest| rest.starts_with([' ', ',', ';', '(', '"']));
    let equal = number(value).zip(number(wanted)).is_some_and(|(a, b)| a == b);
    let blanks = low.split_whitespace().eq(wanted_low.split_whitespace());
    let wrapped = low.trim_matches(|c: char| !c.is_alphanumeric()) == wanted_low;
    if begins || equal || blanks || wrapped || both(TRUE) || both(FALSE) {
        Alike::Close
    } else {
        Alike::Different
    }
}

fn in_json(documents: &[Json], key: &str) -> Said {
    let mut said = Said::default();
    let mut open: Vec<&Json> = documents.iter().collect();
    while let Some(value) = open.pop() {
        match value {
            Json::Object(object) => {
                for (name, value) in object {
                    if same_name(name, key) {
                        match value.scalar() {
                            Some(text) if name == key => said.values.push(text),
                            _ => said.unclear = true,
                        }
                    }
                    open.push(value);
                }
            }
            Json::List(items) => open.extend(items),
            _ => {}
        }
    }
    if said.values.is_empty() && !said.unclear && key.contains('.') {
        // `status.phase`
        for document in documents {
            let end = key.split('.').try_fold(document, |value, name| value.get(name));
            said.values.extend(end.and_then(Json::scalar));
        }
        said.unclear = said.values.is_empty() && !in_json(documents, last_name(key)).values.is_empty();
    }
    said
}

/// `ENABLED`, `is-enabled` and `isEnabled` are near each other; only the same spelling is the same name.
fn same_name(name: &str, key: &str) -> bool {
    fn plain(text: &str) -> impl Iterator<Item = char> {
        text.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase)
    }
    name == key || (name.len() <= 2 * key.len() + 2 && plain(name).eq(plain(key)))
}

fn last_name(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

fn in_text(stdout: &str, key: &str) -> Said {
    let mut said = Said::default();
    let rows = rows::read(stdout);
    if rows.kind != Kind::Plain
        && let Some(column) = rows.column(key)
    {
        for line in &rows.lines {
            match rows.cell(line, column) {
                Some(cell) => said.values.push(cell.to_owned()),
                None => said.unclear = true,
            }
        }
        said.unclear |= rows.more || rows.contradicts_itself();
        said.psql = rows.kind == Kind::Ruled && rows.declared.is_some();
        return said;
    }
    let mut items = Items::default();
    for line in stdout.lines() {
        items.see(line);
        let before = said.values.len();
        // tables drawn with `|` hold a pair per row
        let cells: Vec<&str> = match line.contains(['|', '│']) {
            true => line.split(['|', '│']).map(str::trim).filter(|cell| !cell.is_empty()).collect(),
            false => Vec::new(),
        };
        if matches!(cells.as_slice(), [name, _] if *name == key) {
            said.values.extend(cells.get(1).map(|cell| (*cell).to_owned()));
        } else {
            read_line(line, key, &mut said);
        }
        if before == 0 && !said.values.is_empty() {
            // the first item that was asked for has none, this one belongs to another
            said.unclear |= items.count > 1;
        }
    }
    if said.values.is_empty() && !said.unclear && key.contains('.') {
        let last = in_text(stdout, last_name(key));
        said.unclear = last.unclear || !last.values.is_empty();
    }
    said
}

/// Counts the items of a YAML list, where the output begins with one (`grep -A 2` does that).
#[derive(Default)]
struct Items {
    count: usize,
    indent: Option<usize>,
    other: bool,
}

impl Items {
    fn see(&mut self, line: &str) {
        let trimmed = line.trim_start();
        let indent = line.len() - trimmed.len();
        if trimmed.is_empty() || self.other {
            return;
        }
        match self.indent {
            None if trimmed.starts_with("- ") => (self.indent, self.count) = (Some(indent), 1),
            None => self.other = true,
            Some(first) if trimmed.starts_with("- ") && indent <= first => self.count += 1,
            Some(_) => {}
        }
    }
}

fn read_line(line: &str, key: &str, said: &mut Said) {
    let line = line.trim();
    if ["#", "//", "--", ";", "<!--", "/*"].iter().any(|comment| line.starts_with(comment)) {
        return;
    }
    let item = line.strip_prefix("- ").unwrap_or(line).trim();
    if let Some((name, value)) = item.split_once([':', '='])
        && same_name(name.trim().trim_matches(['"', '\'']), key)
    {
        let equals = item.get(name.len()..).is_some_and(|rest| rest.starts_with('='));
        let exact = name.trim().trim_matches(['"', '\'']) == key;
        // redis writes `role:master`, grep -c `app.log:3`
        let joined = exact && !value.contains(|c: char| c.is_whitespace() || c == ':');
        let apart = equals || joined || value.starts_with([' ', '\t']);
        // several `a=1 b=2` on one line are read word by word below
        if apart && !(equals && value.contains('=')) {
            match clean(value) {
                Some(value) if exact => said.values.push(value),
                _ => said.unclear = true,
            }
            return;
        }
    }
    // two columns: a name, two blanks or a tab, a value
    if let Some((name, value)) = line.split_once("  ").or_else(|| line.split_once('\t'))
        && name == key
        && value.split_whitespace().count() == 1
        && !value.trim().starts_with(['=', ':'])
    {
        said.values.push(value.trim().to_owned());
        return;
    }
    // in `run: tool set a=1` the pair is advice, in `a=1 b=2` it is what there is
    let begins_with_pair = line.split_whitespace().next().is_some_and(|word| word.contains('='));
    let has_comment = begins_with_pair && comment_at(line).is_some();
    for word in
        line.split(|c: char| c.is_whitespace() || c == ',' || c == ';').filter(|word| !word.is_empty())
    {
        if let Some((name, value)) = word.split_once('=')
            && name == key
            && begins_with_pair
        {
            said.values.push(quoted(value).unwrap_or(value).to_owned());
            said.unclear |= has_comment;
        } else if same_name(
            word.split(['=', ':']).next().unwrap_or_default().trim_matches(['"', '\'', '{', '[']),
            key,
        ) {
            // the name stands in the middle of a line
            said.unclear = true;
        }
    }
}

/// A value without its quotes and trailing comma; `None` when nothing is left. A comment stays behind the value: it may
/// take it back, so that such a value is only close to the wanted one.
fn clean(value: &str) -> Option<String> {
    let value = value.trim().trim_end_matches(',').trim_end();
    if let Some(inside) = quoted(value) {
        return Some(inside.to_owned());
    }
    let (head, comment) = match comment_at(value).and_then(|at| value.split_at_checked(at)) {
        Some((head, comment)) => (head.trim_end().trim_end_matches(','), comment),
        None => (value, ""),
    };
    let head = quoted(head).unwrap_or(head);
    let said = !comment.trim_matches(|c: char| c == '#' || c.is_whitespace()).is_empty();
    (!head.is_empty()).then(|| if said { format!("{head} {comment}") } else { head.to_owned() })
}

/// Where a `#` with a blank before it stands.
fn comment_at(text: &str) -> Option<usize> {
    let mut blank = true;
    text.char_indices().find_map(|(at, c)| {
        let here = (c == '#' && blank).then_some(at);
        blank = c.is_whitespace();
        here
    })
}
