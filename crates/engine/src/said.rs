//! What people say, as it is recorded: one line, bounded, with people and channels by name.

use chrono::{Days, NaiveDate};
use runbook_core::people::Directory;
pub(crate) use runbook_core::update::one_line;

/// What something is, and how long it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// What an incident is about.
    Title,
    /// Why.
    Reason,
    /// An update, a note, an action.
    Text,
}

impl Said {
    fn limit(self) -> usize {
        match self {
            Said::Title => 200,
            Said::Reason => 500,
            Said::Text => 1_500,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Said::Title => "the title",
            Said::Reason => "the reason",
            Said::Text => "the text",
        }
    }
}

/// Longest mark of a chat that is looked for, in bytes.
const MARK_MAX: usize = 300;
/// Most days that a date may be away.
const DAYS_MAX: u64 = 3_650;

/// The text as it is recorded; the error says why it is not.
pub(crate) fn said(what: Said, text: &str, people: &Directory) -> Result<String, String> {
    // Looked at before anything is done with it: it may be as long as somebody likes.
    let long = || {
        format!(
            "{} is longer than {} characters; hint: say it in fewer, or put it in a file",
            what.word(),
            what.limit()
        )
    };
    if text.len() > what.limit() * 8 {
        return Err(long());
    }
    let line = one_line(&by_name(text, people));
    match line.chars().count() {
        0 => Err(format!("{} says nothing; hint: write it behind the command", what.word())),
        count if count > what.limit() => Err(long()),
        _ => Ok(line),
    }
}

/// Mentions of a chat as people read them: `<@U0ANA|ana>` is `@ana`, by the name of blocks.toml where it has one.
pub(crate) fn by_name(text: &str, people: &Directory) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        let (before, mark) = rest.split_at(start);
        plain.push_str(before);
        let near = mark.as_bytes().iter().take(MARK_MAX).position(|byte| *byte == b'>');
        let inside = near.and_then(|end| mark.get(1..end));
        let name = inside.and_then(|inside| name_of(inside, people));
        match (name, near) {
            (Some(name), Some(end)) => {
                plain.push_str(&name);
                rest = mark.get(end + 1..).unwrap_or_default();
            }
            _ => {
                plain.push('<');
                rest = mark.get(1..).unwrap_or_default();
            }
        }
    }
    plain.push_str(rest);
    plain
}

fn name_of(inside: &str, people: &Directory) -> Option<String> {
    let (mark, label) = inside.split_once('|').map_or((inside, None), |(mark, label)| (mark, Some(label)));
    let label = label.map(|label| label.trim_start_matches(['@', '#'])).filter(|label| !label.is_empty());
    let is_word = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '^' | '-'))
    };
    let (kind, rest) = (mark.chars().next()?, mark.get(1..)?);
    match kind {
        '@' if is_word(rest) => {
            let known = people.named(&format!("<@{rest}>")).map(|person| person.name.as_str());
            Some(format!("@{}", known.or(label).unwrap_or(rest)))
        }
        '#' if is_word(rest) => Some(format!("#{}", label.unwrap_or(rest))),
        '!' => {
            let word = rest.split('^').next().filter(|word| is_word(word))?;
            Some(format!("@{}", label.unwrap_or(word)))
        }
        _ => None,
    }
}

/// A day as people write it: `2026-12-31`, `today`, `tomorrow`, `5d`, `2w`.
pub(crate) fn day(text: &str, today: NaiveDate) -> Result<NaiveDate, String> {
    let word = text.trim().to_ascii_lowercase();
    let after = |days: u64| today.checked_add_days(Days::new(days.min(DAYS_MAX + 1)));
    let count = |unit: char, of: u64| {
        let number = word.strip_suffix(unit)?.parse::<u64>().ok()?;
        number.checked_mul(of)
    };
    let day = match word.as_str() {
        "today" => Some(today),
        "tomorrow" => after(1),
        _ => match count('d', 1).or_else(|| count('w', 7)) {
            Some(days) => after(days),
            None => NaiveDate::parse_from_str(&word, "%Y-%m-%d").ok(),
        },
    };
    let shown: String = text.chars().filter(|c| !c.is_control()).take(40).collect();
    match day {
        None => Err(format!("'{shown}' is no date; hint: 2026-12-31, today, tomorrow, 5d or 2w")),
        Some(day) if day < today => Err(format!("{day} is over; hint: name a day that comes")),
        Some(day) if after(DAYS_MAX).is_some_and(|last| day > last) => {
            Err(format!("'{shown}' is too far away; hint: 2026-12-31, today, tomorrow, 5d or 2w"))
        }
        Some(day) => Ok(day),
    }
}

#[cfg(test)]
mod tests {
    use runbook_core::people::Person;

    use super::*;

    fn people() -> Directory {
        let ana = Person {
            name: "ana".to_owned(),
            slack_id: Some("U0ANA".to_owned()),
            pagerduty_email: None,
            os_user: None,
            roles: Vec::new(),
            duties: Vec::new(),
            phone: None,
            reminders: true,
        };
        Directory::new(vec![ana]).unwrap()
    }

    #[test]
    fn what_is_recorded_is_one_line_with_names() {
        for (typed, kept) in [
            ("the page was false", "the page was false"),
            ("<@U0ANA|Ana B> looks", "@ana looks"),
            ("<@U0ANA> looks", "@ana looks"),
            ("<@U0BEN|ben> and <@U0CAT>", "@ben and @U0CAT"),
            ("told in <#C012|support>, <#C013>", "told in #support, #C013"),
            ("<!channel> <!here|here> <!subteam^S1|@sre>", "@channel @here @sre"),
            ("p95 < 150 and <pod> > 3 <", "p95 < 150 and <pod> > 3 <"),
            ("a\nb\u{202e}c <@> <|x>", "a bc <@> <|x>"),
        ] {
            assert_eq!(said(Said::Text, typed, &people()).as_deref(), Ok(kept), "{typed:?}");
        }
        assert!(said(Said::Title, " \u{200b}\n", &people()).unwrap_err().contains("says nothing"));
        for long in ["x".repeat(201), "<".repeat(5_000_000)] {
            assert!(said(Said::Title, &long, &people()).unwrap_err().contains("longer than 200"));
        }
    }

    #[test]
    fn days() {
        let today: NaiveDate = "2026-02-27".parse().unwrap();
        for (text, day_of) in [
            ("today", Some("2026-02-27")),
            ("Tomorrow", Some("2026-02-28")),
            ("5d", Some("2026-03-04")),
            ("2w", Some("2026-03-13")),
            ("2026-12-31", Some("2026-12-31")),
            ("2026-02-26", None),
            ("2026-13-01", None),
            ("99999999999999999999d", None),
            ("18446744073709551615w", None),
            ("9999-12-31", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(day(text, today).ok().map(|day| day.to_string()).as_deref(), day_of, "{text}");
        }
    }
}
