//! Whom the severities' steps call: each of them has to be able to say that they have it.

use blocks_engine::{Clock as _, SystemClock, on_call};

use super::Check;
use crate::commands::shared::open_journal;
use crate::config::Config;

/// Who would be called, and could not take the incident here; nothing where nobody is configured.
pub(super) async fn standing(config: &Config) -> Option<Check> {
    const NAME: &str = "on call";
    if config.settings.directory.people().is_empty() {
        return None;
    }
    let seen = match open_journal(config) {
        Ok(store) => on_call::seen(&store).await.ok().flatten(),
        // what is wrong with the store is told by its own check
        Err(_) => None,
    };
    let without = on_call::called_without_standing(&config.settings, seen.as_ref(), SystemClock.now());
    let nobody = on_call::called_for_nobody(&config.settings, seen.as_ref(), SystemClock.now());
    if without.is_empty() && !nobody.is_empty() {
        let of = |(service, names): &(String, Vec<String>)| format!("{service}: {}", names.join(", "));
        let text = format!(
            "steps that call nobody, because nobody stands for the name: {}; hint: `duties` of a [[person]], or a [[rotation]], says who does; `blocks oncall test SERVICE` tries it",
            nobody.iter().map(of).collect::<Vec<_>>().join("; ")
        );
        return Some(Check::warning(NAME, text));
    }
    if without.is_empty() {
        return Some(Check::new(NAME, Ok("whoever the steps call may take an incident".to_owned())));
    }
    let groups = if config.settings.groups.is_empty() { "" } else { ", where no [[group]] gives it" };
    let text = format!(
        "called by the steps, and `ack` here is not theirs: {}; what they acknowledge at PagerDuty counts; hint: give them the role responder in blocks.toml{groups}",
        without.join(", ")
    );
    Some(Check::warning(NAME, text))
}
