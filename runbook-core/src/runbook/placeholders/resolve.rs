//! Puts the expansion of an environment variable in a placeholder's place.

use std::collections::BTreeMap;

use super::super::shell::{Kind, lex};
use super::{Guard, Placeholder, Quoting, find, mask};

/// A command text whose placeholders have become expansions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// What the shell gets.
    pub text: String,
    /// Which values each variable may have for this text to mean the same: the strictest of its places.
    pub guards: BTreeMap<String, Guard>,
}

/// Why a placeholder cannot be replaced.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unresolved {
    /// No variable stands for it.
    #[error("unresolved placeholder {0}")]
    NoValue(String),
    /// Dots stand for more than a value.
    #[error("`{0}` stands for something that is left out")]
    LeftOut(String),
    /// No expansion can stand there.
    #[error("placeholder {text} cannot take a value: {why}")]
    Nowhere {
        /// The placeholder.
        text: String,
        /// Why.
        why: String,
    },
}

/// Replaces each placeholder by the expansion of the variable that `variables` has for its parameter's name, in the way
/// its quoting needs. A value itself never enters the text.
///
/// # Errors
/// The first placeholder that has no variable, or whose place can hold no expansion.
pub fn resolve(text: &str, variables: &BTreeMap<String, String>) -> Result<Resolved, Unresolved> {
    let found = find(text);
    let mut out = String::with_capacity(text.len() + found.len() * 8);
    let mut guards = BTreeMap::new();
    let mut at = 0;
    for placeholder in &found {
        if placeholder.name.is_empty() {
            return Err(Unresolved::LeftOut(placeholder.text.clone()));
        }
        let variable =
            variables.get(&placeholder.name).ok_or_else(|| Unresolved::NoValue(placeholder.text.clone()))?;
        let expansion = expansion(placeholder, variable)?;
        out.push_str(text.get(at..placeholder.start).unwrap_or_default());
        out.push_str(&expansion);
        at = placeholder.end;
        let guard = guards.entry(variable.clone()).or_insert(placeholder.guard);
        *guard = (*guard).max(placeholder.guard);
    }
    out.push_str(text.get(at..).unwrap_or_default());
    check_shape(text, &found, &out)?;
    Ok(Resolved { text: out, guards })
}

fn expansion(placeholder: &Placeholder, variable: &str) -> Result<String, Unresolved> {
    Ok(match placeholder.quoting {
        Quoting::Bare => format!("\"${{{variable}}}\""),
        Quoting::Double | Quoting::HereDoc => format!("${{{variable}}}"),
        Quoting::Single => format!("'\"${{{variable}}}\"'"),
        Quoting::Ansi => format!("'\"${{{variable}}}\"$'"),
        Quoting::Nowhere(why) => {
            return Err(Unresolved::Nowhere { text: placeholder.text.clone(), why: why.to_owned() });
        }
    })
}

/// The new text must be the same list of words, operators and documents as with plain letters in each place.
fn check_shape(text: &str, found: &[Placeholder], out: &str) -> Result<(), Unresolved> {
    let Some(first) = found.first() else { return Ok(()) };
    let spots: Vec<(usize, usize)> =
        found.iter().map(|placeholder| (placeholder.start, placeholder.end)).collect();
    let shape = |text: &str| -> Vec<u8> {
        lex(text)
            .tokens
            .iter()
            .map(|token| match token.kind {
                Kind::Word(_) => 0,
                Kind::Op(_) => 1,
                Kind::Redirect(_) => 2,
                Kind::HereDoc => 3,
                Kind::Newline => 4,
                Kind::Comment => 5,
            })
            .collect()
    };
    if shape(&mask(text, &spots)) == shape(out) {
        return Ok(());
    }
    let why = "the text around it is too involved to be sure about".to_owned();
    Err(Unresolved::Nowhere { text: first.text.clone(), why })
}
