//! Which values may stand in a place: any at all, or only some where the shell or a program reads them as a language of
//! its own (SQL, JSON, a shell on another machine, ...).

use serde::{Deserialize, Serialize};

/// Which values may stand in a place, from any to none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// Any, but none that begins with `-` unless a declared pattern allows it.
    Free,
    /// Letters, digits, blanks and `_ . : @ / , + = % ~ -`, not beginning with `-` or `@`: no syntax of any shell. What a
    /// declared pattern allows may stand there too.
    Tame,
    /// As [`Guard::Plain`], or an address that begins with `http://` or `https://`.
    Address,
    /// Letters, digits and `_ . : @ / -`, beginning with a letter, a digit, `.` or `/`, without `--` and `..`. Where a
    /// declared pattern allows them, `, + = ~` too.
    Plain,
    /// The name of a host, with a port or not.
    Host,
    /// Letters, digits and `_ . -`: no separator of anything.
    Word,
    /// Digits, with at most one dot.
    Number,
    /// None: it would be the name of the program that runs.
    Never,
}

impl Guard {
    /// Whether a value may stand there; `pattern` says that a declared pattern has been met; an integer that meets one may
    /// stand wherever any value may.
    ///
    /// # Errors
    /// Why not, in lowercase, with a hint; the value is not repeated.
    pub fn check(self, value: &str, pattern: bool) -> Result<(), &'static str> {
        if value.contains('\0') {
            return Err("it holds a NUL byte");
        }
        if self == Guard::Never && !is_number(value) {
            return Err(
                "it would name the program that runs; hint: write the program's name, or declare an enum",
            );
        }
        if pattern && is_integer(value) {
            return Ok(());
        }
        if value.starts_with('-') && !(pattern && self <= Guard::Tame) {
            return Err(
                "it begins with `-`, so a program would take it as an option; hint: where that is meant, declare the parameter with a pattern and write \"$NAME\" as a word of its own",
            );
        }
        match self {
            Guard::Free if value.is_empty() => Err(EMPTY),
            Guard::Never | Guard::Free => Ok(()),
            Guard::Tame if pattern => Ok(()),
            Guard::Tame => tame(value),
            Guard::Address if is_address(value) => Ok(()),
            Guard::Address | Guard::Plain
                if pattern && !value.contains([' ', '%']) && !value.contains("--") =>
            {
                tame(value)
            }
            Guard::Address | Guard::Plain => plain(value),
            Guard::Host if is_host(value) => Ok(()),
            Guard::Word if is_word(value) => Ok(()),
            Guard::Host | Guard::Word => Err(
                "only letters, digits and _ . - may stand there, because any other mark ends that part of the text; hint: give a plain value",
            ),
            Guard::Number if is_number(value) => Ok(()),
            Guard::Number => Err(
                "only a number may stand there, because a word would be a name of the query or program; hint: put it into the query's own quotes, or use an `sql` block",
            ),
        }
    }
}

/// What the shell does with a value before it stands there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Nothing.
    #[default]
    No,
    /// It is split at blanks, and `*` and `?` in it become file names.
    Blanks,
    /// It is split at whatever `IFS` says.
    Marks,
}

/// What is cut off a value before it stands there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// Nothing at its beginning.
    #[default]
    No,
    /// All up to some such mark: `${X##*/}`.
    After(char),
    /// Nothing, but a `-` takes the place of this mark: `${X//_/-}`.
    Becomes(char),
    /// Some beginning.
    Somewhere,
}

/// A place that a value reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// Which values may stand there.
    pub guard: Guard,
    /// What it is split into before.
    #[serde(default, skip_serializing_if = "is_default")]
    pub split: Split,
    /// What is cut off before.
    #[serde(default, skip_serializing_if = "is_default")]
    pub cut: Cut,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Place {
    /// A place where a value stands as it is.
    #[must_use]
    pub fn of(guard: Guard) -> Place {
        Place { guard, split: Split::No, cut: Cut::No }
    }

    /// As [`Guard::check`].
    ///
    /// # Errors
    /// Why the value may not stand there.
    pub fn check(self, value: &str, pattern: bool) -> Result<(), &'static str> {
        let guard = if self.split == Split::No { self.guard } else { self.guard.max(Guard::Tame) };
        let one = |part: &str| {
            let option = match self.cut {
                Cut::No => false,
                Cut::Becomes(mark) => part.starts_with(mark),
                Cut::After(mark) => part.split(mark).skip(1).any(|rest| rest.starts_with('-')),
                Cut::Somewhere => part.contains('-'),
            };
            if option {
                return Err(
                    "what is left of it could begin with `-`, and a program would take that as an option",
                );
            }
            guard.check(part, pattern)
        };
        let is_mark = |c: char| !c.is_alphanumeric() && !matches!(c, '_' | '.' | '-');
        match self.split {
            Split::No => one(value),
            Split::Blanks => value.split_whitespace().try_for_each(one),
            // where it is split is not known, so a part may be as long as all of it
            Split::Marks => value.split_whitespace().try_for_each(|word| {
                word.split(is_mark).filter(|part| !part.is_empty()).chain([word]).try_for_each(one)
            }),
        }
    }
}

fn is_integer(value: &str) -> bool {
    let digits = value.strip_prefix('-').unwrap_or(value);
    !digits.is_empty() && digits.len() <= 20 && digits.bytes().all(|b| b.is_ascii_digit())
}

fn is_number(value: &str) -> bool {
    let (whole, rest) = value.split_once('.').unwrap_or((value, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits(whole) && digits(rest)
}

fn is_word(value: &str) -> bool {
    !value.is_empty()
        && !matches!(value, "." | "..")
        && value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

const EMPTY: &str = "it is empty; hint: where that is meant, declare the parameter with `required: false`";

fn is_host(value: &str) -> bool {
    let (name, port) = value.split_once(':').unwrap_or((value, "80"));
    is_word(name) && !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit())
}

/// What is wrong with any value but one for people or in quotes.
fn common(value: &str) -> Result<(), &'static str> {
    if value.is_empty() {
        return Err(EMPTY);
    }
    if value.split('/').any(|part| part == "..") || value.chars().all(|c| matches!(c, '.' | '/')) {
        return Err("it is a folder as a whole, or leads out of one (`/`, `.`, `..`)");
    }
    if value.starts_with('@') || value.starts_with("file:") || value.starts_with("fileb:") {
        return Err("it begins like the name of a file that a program would read (`@`, `file:`)");
    }
    Ok(())
}

fn plain(value: &str) -> Result<(), &'static str> {
    common(value)?;
    if value.contains("--") {
        return Err("it holds `--`, which begins a comment in some languages");
    }
    // programs that change `_` to `-`, or take the last part, must not make an option of it
    let dashes = value.match_indices('-').all(|(at, _)| {
        value
            .get(..at)
            .is_some_and(|before| before.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))
    });
    if !dashes {
        return Err("a part of it begins with `-`, so that it could become an option");
    }
    let begins = value.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '/'));
    if begins
        && value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '@' | '/' | '-'))
    {
        return Ok(());
    }
    Err(
        "only letters, digits and _ . : @ / - may stand there, because it may be read as a part of a program; hint: give a plain value, or hand it over where it is data, as in `kubectl ... \"$NAME\"`, `echo` or an `sql` or `http` block",
    )
}

/// Without the marks that curl takes as a list of addresses.
fn is_address(value: &str) -> bool {
    (value.starts_with("https://") || value.starts_with("http://"))
        && value.chars().all(|c| c.is_ascii_alphanumeric() || "_.:@/-?&=%+~#,;".contains(c))
}

fn tame(value: &str) -> Result<(), &'static str> {
    common(value)?;
    let tame = |c: char| c.is_alphanumeric() || "_.:@/,+=% ~-".contains(c);
    if !value.starts_with('~') && value.chars().all(tame) {
        return Ok(());
    }
    Err(
        "only letters, digits, blanks and _ . : @ / , + = % ~ - may stand there, because the program may run what it is given; hint: declare a parameter with a pattern that says what it may be",
    )
}
