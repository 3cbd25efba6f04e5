//! Dead letters: what came in, was accepted, and could not be understood or acted on. A person looks at them, and has them
//! taken up again.

use std::fmt::Write as _;
use std::time::Duration;

use chrono::{SecondsFormat, TimeDelta};
use runbook_core::inbox_text;
use runbook_core::ports::{
    Commit, CommitError, DeadLetter, InboxOutcome, InboxStand, Letters, Signal, Store, Translated,
};
use runbook_core::request::Request;
use runbook_core::update::one_line;
use serde_json::{Value, json};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::origin::{Asker, Reply};

/// So many are shown, and taken up, in one go.
const AT_ONCE: usize = 500;
/// Characters of a body that a person is shown, and a program.
const BODY_LINE: usize = 150;
const BODY_DATA: usize = 2_000;
/// Of a body so many bytes are read to be shown.
const BODY_READ: usize = 16 * 1024;
/// Longest id, kind or reason that is shown, in characters: they are other people's words.
const WORDS: usize = 300;
/// What somebody asked for in chat is done in their name at most so much later.
const IN_THEIR_NAME: TimeDelta = TimeDelta::minutes(15);
/// So long an answer waits for what becomes of them, looking so often.
const PATIENCE: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(50);
/// Incidents that are looked through for private ones.
const ROWS: usize = 10_000;

/// Where what comes in may be from, in order of their names.
pub const SOURCES: [&str; 7] = ["alertmanager", "change", "grafana", "json", "pagerduty", "slack", "trigger"];

/// What is told of one that is about something private.
const PRIVATE: &str = "about something private";
/// What is told of the others to whoever does not see everything, where anything is private: no body says for certain what it is about.
const VEILED: &str = "not shown: what came in may be about something private; a commander sees it";

/// What somebody is not shown.
#[derive(Debug, Default)]
struct Veil {
    /// The pager's ids of what is private to them.
    ids: Vec<String>,
    /// Something is private, and they do not see everything: they are shown no word of a sender.
    all: bool,
}

impl Veil {
    /// What is told instead of the reason, and of the body.
    fn over(&self, letter: &DeadLetter) -> Option<&'static str> {
        match letter.has_word {
            true => Some(PRIVATE),
            false => self.all.then_some(VEILED),
        }
    }
}

/// What of the kept messages is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// Only what came from there.
    pub source: Option<String>,
    /// What is of no consequence too.
    pub all: bool,
    /// With the beginning of each body.
    pub body: bool,
}

/// The kept messages, as whoever reads the files of this machine sees them.
///
/// # Errors
/// When the store does not read.
pub async fn letters(store: &dyn Store, shown: &Shown) -> Result<Reply, EngineError> {
    list(store, shown, &Veil::default()).await
}

async fn list(store: &dyn Store, shown: &Shown, veil: &Veil) -> Result<Reply, EngineError> {
    let which = Letters {
        source: shown.source.clone(),
        id: None,
        dead: !shown.all,
        body: Some(if shown.body { BODY_READ } else { 0 }),
        words: veil.ids.clone(),
    };
    let mut found = store.letters(which, AT_ONCE + 1).await?;
    check_source(shown.source.as_deref(), &found)?;
    let more = found.len() > AT_ONCE;
    found.truncate(AT_ONCE);
    let (mut text, mut data) = (String::new(), Vec::new());
    for letter in &found {
        let (line, value) = shown_letter(letter, shown.body, veil.over(letter));
        text.push_str(&line);
        data.push(value);
    }
    if found.is_empty() {
        text.push_str("nothing: all that came in was understood\n");
    }
    if more {
        let _ = writeln!(text, "and older ones: these are the newest {AT_ONCE}");
    }
    Ok(Reply { text, data: json!({ "letters": data, "more": more }) })
}

/// That there is such a source. One whose messages were kept is there, whatever this release knows.
fn check_source(source: Option<&str>, found: &[DeadLetter]) -> Result<(), EngineError> {
    match source {
        Some(source) if found.is_empty() && !SOURCES.contains(&source) => Err(EngineError::Usage(format!(
            "nothing comes from '{}'; hint: --source is one of {}",
            words(source),
            SOURCES.join(", ")
        ))),
        _ => Ok(()),
    }
}

fn words(text: &str) -> String {
    one_line(text).chars().take(WORDS).collect()
}

fn shown_letter(letter: &DeadLetter, with_body: bool, veiled: Option<&str>) -> (String, Value) {
    let DeadLetter { item, reason, size, .. } = letter;
    let (id, source, kind) = (words(&item.id), words(&item.source), words(&item.kind));
    let reason = veiled.map_or_else(|| words(reason), str::to_owned);
    let received = item.received_at.to_rfc3339_opts(SecondsFormat::Millis, true);
    let mut line = format!("{id}  {source} {kind}  {received}  {size} bytes  {reason}\n");
    let mut value = json!({
        "id": id, "source": source, "kind": kind, "received_at": received, "bytes": size, "reason": reason,
        "dead": letter.is_dead(),
    });
    if with_body && veiled.is_none() {
        let _ = writeln!(line, "    {}", inbox_text::beginning(&item.body, BODY_LINE));
        if let Some(object) = value.as_object_mut() {
            object.insert("body".to_owned(), json!(inbox_text::beginning(&item.body, BODY_DATA)));
        }
    }
    (line, value)
}

/// What became of one that was to be taken up again.
struct Became {
    source: String,
    id: String,
    /// `acted_on`, `kept`, `waits` or `refused`.
    word: &'static str,
    why: String,
}

impl Became {
    fn of(letter: &DeadLetter, word: &'static str, why: &str) -> Became {
        let (source, id) = (words(&letter.item.source), words(&letter.item.id));
        Became { source, id, word, why: words(why) }
    }

    fn line(&self) -> String {
        let (said, why) = match self.word {
            "acted_on" => ("acted on", ""),
            "kept" => ("kept again: ", self.why.as_str()),
            "waits" => ("waits to be taken up", ""),
            _ => ("not taken up: ", self.why.as_str()),
        };
        format!("{}  {}  {said}{why}\n", self.id, self.source)
    }
}

impl Engine {
    pub(crate) async fn letter_request(
        &self,
        request: &Request,
        asker: &Asker,
    ) -> Result<Reply, EngineError> {
        match request {
            Request::InboxRetry { id, source } => {
                self.require_standing(asker, "have what came in taken up again")?;
                self.retry(id.as_deref(), source.as_deref(), asker).await
            }
            Request::InboxList { source, all, body } => {
                if *body {
                    self.require_standing(asker, "read what came in")?;
                }
                let shown = Shown { source: source.clone(), all: *all, body: *body };
                list(self.store(), &shown, &self.veil(asker).await?).await
            }
            _ => Err(EngineError::Refused("that is not about what came in".to_owned())),
        }
    }

    /// What of the kept messages is hidden from somebody.
    async fn veil(&self, asker: &Asker) -> Result<Veil, EngineError> {
        if self.seer(asker).sees_all() {
            return Ok(Veil::default());
        }
        let hidden = self.hidden_from(asker).await?;
        let services = &self.settings().services;
        let is_one_private = services.iter().any(|service| service.private);
        let private = services.iter().filter(|service| service.private);
        let mut ids: Vec<String> = private.filter_map(|service| service.pagerduty_id.clone()).collect();
        let rows = self.store().incidents(false, ROWS).await?;
        // what lies behind those that are looked through may be private too
        let all = is_one_private || rows.len() >= ROWS || rows.iter().any(|row| row.private);
        ids.extend(rows.into_iter().filter(|row| hidden.hides(Some(row.id))).filter_map(|row| row.pager_id));
        Ok(Veil { ids, all })
    }

    /// Has kept messages taken up again, oldest first, and says what became of each.
    async fn retry(
        &self,
        id: Option<&str>,
        source: Option<&str>,
        asker: &Asker,
    ) -> Result<Reply, EngineError> {
        let veil = self.veil(asker).await?;
        let which = Letters {
            source: source.map(str::to_owned),
            id: id.map(str::to_owned),
            dead: id.is_none(),
            body: Some(0),
            words: veil.ids.clone(),
        };
        let mut found = self.store().letters(which, AT_ONCE + 1).await?;
        check_source(source, &found)?;
        let more = found.len() > AT_ONCE;
        found.truncate(AT_ONCE);
        found.reverse();
        if let Some(id) = id {
            self.check_one(id, source, &found).await?;
        }
        let (mut became, mut again) = (Vec::new(), Vec::new());
        for letter in found {
            if let Some(why) = self.objection(&letter).await? {
                became.push(Became::of(&letter, "refused", &why));
                continue;
            }
            let (source, id) = (letter.item.source.clone(), letter.item.id.clone());
            let commit = Commit { inbox_done: Some((source, id, InboxOutcome::Again)), ..Commit::default() };
            match self.store().commit(commit).await {
                // somebody else has taken it up meanwhile
                Ok(()) | Err(CommitError::Conflict(_)) => again.push(letter),
                Err(error) => return Err(error.into()),
            }
        }
        if !again.is_empty() {
            tracing::info!(by = %asker.actor, count = again.len(), "kept messages are taken up again");
            self.inner.inbox_wake.notify_one();
        }
        became.extend(self.outcomes(again, &veil).await?);
        let mut text: String = became.iter().map(Became::line).collect();
        if became.is_empty() {
            text.push_str("nothing: there is no dead letter\n");
        }
        if more {
            let _ = writeln!(text, "and newer ones: ask again for them, {AT_ONCE} are taken up in one go");
        }
        let letters: Vec<_> = became
            .iter()
            .map(|one| json!({ "id": one.id, "source": one.source, "outcome": one.word, "reason": one.why }))
            .collect();
        Ok(Reply { text, data: json!({ "letters": letters, "more": more }) })
    }

    /// One message is named: it must be there, kept, and the only one of this id.
    async fn check_one(
        &self,
        id: &str,
        source: Option<&str>,
        found: &[DeadLetter],
    ) -> Result<(), EngineError> {
        let shown = words(id);
        if found.len() > 1 {
            let sources: Vec<_> = found.iter().map(|letter| words(&letter.item.source)).collect();
            return Err(EngineError::Usage(format!(
                "{shown} came from several: {}; hint: name one with --source",
                sources.join(", ")
            )));
        }
        if !found.is_empty() {
            return Ok(());
        }
        let known: Vec<&str> = match source {
            Some(source) => vec![source],
            None => self.inner.translators.keys().copied().collect(),
        };
        for source in known {
            let why = match self.store().inbox_stand(source.to_owned(), id.to_owned()).await? {
                Some(InboxStand::Done) => "was acted on already, or let go",
                Some(InboxStand::Pending) => "waits to be taken up already",
                Some(InboxStand::Kept { .. }) | None => continue,
            };
            return Err(EngineError::Refused(format!("{shown} {why}; hint: `blocks inbox list`")));
        }
        Err(EngineError::NotFound(format!(
            "nothing with the id '{shown}' was kept; hint: `blocks inbox list --all` names what was"
        )))
    }

    /// Why this one is not taken up again.
    async fn objection(&self, letter: &DeadLetter) -> Result<Option<String>, EngineError> {
        if letter.has_word {
            return Ok(Some(format!("it is {PRIVATE}, which you have no part in")));
        }
        let Some(translator) = self.inner.translators.get(letter.item.source.as_str()) else {
            let source = words(&letter.item.source);
            let why = format!("nothing here understands what comes from {source}: it is not configured");
            return Ok(Some(why));
        };
        if self.now() - letter.item.received_at <= IN_THEIR_NAME {
            return Ok(None);
        }
        // Nobody acts in another one's name later than they meant to act themselves.
        let (source, id) = (letter.item.source.clone(), letter.item.id.clone());
        let which = Letters { source: Some(source), id: Some(id), ..Letters::default() };
        let whole = self.store().letters(which, 1).await?.pop();
        let asks = whole.is_some_and(|whole| {
            matches!(translator.translate(&whole.item), Translated::Signal(Signal::Chat(_)))
        });
        Ok(asks.then(|| {
            format!(
                "somebody asked for it in chat more than {} min ago; hint: they ask again",
                IN_THEIR_NAME.num_minutes()
            )
        }))
    }

    /// What becomes of these, as far as it is known within [`PATIENCE`].
    async fn outcomes(&self, again: Vec<DeadLetter>, veil: &Veil) -> Result<Vec<Became>, EngineError> {
        let mut became = Vec::new();
        let mut waits = again;
        let mut left = PATIENCE;
        loop {
            let mut still = Vec::new();
            for letter in waits {
                let item = &letter.item;
                match self.store().inbox_stand(item.source.clone(), item.id.clone()).await? {
                    Some(InboxStand::Kept { reason }) => {
                        let why = veil.over(&letter).unwrap_or(&reason);
                        became.push(Became::of(&letter, "kept", why));
                    }
                    Some(InboxStand::Pending) => still.push(letter),
                    Some(InboxStand::Done) | None => became.push(Became::of(&letter, "acted_on", "")),
                }
            }
            waits = still;
            if waits.is_empty() || left.is_zero() || self.is_draining() {
                break;
            }
            tokio::time::sleep(LOOK).await;
            left = left.saturating_sub(LOOK);
        }
        became.extend(waits.iter().map(|letter| Became::of(letter, "waits", "")));
        Ok(became)
    }
}
