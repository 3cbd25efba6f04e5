//! Everything that one look at the page shows, gathered before anything is rendered.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::mrkdwn::Names;
use super::place::{Place, Seat, Side};
use crate::clock;
use crate::server::App;
use crate::shared::lock;
use crate::slack::view::{Lines, Person, Room};

/// The target answers at once or is not there.
const TARGET_LIMIT: Duration = Duration::from_millis(700);
/// Incidents of PagerDuty, e-mails, and incidents of the status page that are listed.
const INCIDENTS_MAX: usize = 8;

/// What one pane shows.
#[derive(Debug)]
pub(super) struct PaneView {
    pub(super) side: Side,
    pub(super) user: Person,
    pub(super) names: Names,
    pub(super) rooms: Vec<Room>,
    /// The channel that is open; `None` when the workspace has none for that person.
    pub(super) room: Option<Room>,
    pub(super) thread: Option<String>,
    pub(super) lines: Lines,
    pub(super) modal: Option<(Value, Value)>,
    pub(super) notice: Option<String>,
}

/// The simulated PagerDuty.
#[derive(Debug, Default)]
pub(super) struct Pager {
    pub(super) incidents: Vec<Value>,
    pub(super) total: usize,
    pub(super) waiting: usize,
    pub(super) services: Vec<(String, String)>,
    pub(super) priorities: Vec<(String, String)>,
}

/// What has left the house, newest first: e-mails, and what stands at the status page.
#[derive(Debug, Default)]
pub(super) struct Outside {
    pub(super) mails: Vec<Value>,
    pub(super) incidents: Vec<Value>,
}

/// The whole page.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) place: Place,
    pub(super) people: Vec<Person>,
    pub(super) panes: Vec<PaneView>,
    pub(super) pager: Pager,
    pub(super) outside: Outside,
    /// What came of the last thing that was done outside Slack.
    pub(super) notice: Option<String>,
    /// The target's state; `None` when none answers.
    pub(super) target: Option<Value>,
    pub(super) target_stays_bad: bool,
    pub(super) blocks_url: Option<String>,
    pub(super) socket_mode: bool,
    pub(super) slack_down: bool,
    pub(super) pagerduty_down: bool,
    /// Slack refuses calls until this second, UTC.
    pub(super) throttled_until: Option<String>,
}

/// Looks at everything once.
pub(super) async fn gather(app: &Arc<App>, place: &Place) -> Shown {
    let target = target(app).await;
    let faults = app.faults();
    let now = clock::now();
    let throttled = faults.slack_throttled_for(now).and_then(|s| i64::try_from(s).ok());
    let people = lock(&app.slack).people();
    let pager = {
        let account = lock(&app.pagerduty);
        let (mut incidents, total) = account.newest(INCIDENTS_MAX);
        for incident in &mut incidents {
            for note in incident["notes"].as_array_mut().into_iter().flatten() {
                note["user"] = account.name_of(note["user"].as_str().unwrap_or_default()).into();
            }
        }
        let (services, priorities) = (account.services(), account.priorities());
        Pager { incidents, total, waiting: account.webhooks_waiting(), services, priorities }
    };
    let newest = |all: &Value| {
        let all = all.as_array().into_iter().flatten();
        all.rev().take(INCIDENTS_MAX).cloned().collect()
    };
    let outside = Outside {
        mails: newest(&lock(&app.mail).state()["mails"]),
        incidents: newest(&lock(&app.statuspage).state()["incidents"]),
    };
    Shown {
        place: place.clone(),
        panes: [Side::A, Side::B].into_iter().filter_map(|side| pane(app, place, side, &people)).collect(),
        people,
        pager,
        outside,
        notice: lock(&app.page).notices.get("").cloned(),
        target,
        target_stays_bad: faults.target_stays_bad(),
        blocks_url: app.blocks_url(""),
        socket_mode: lock(&app.sockets).is_on(),
        slack_down: faults.slack_is_down(),
        pagerduty_down: faults.pagerduty_is_down(),
        throttled_until: throttled
            .map(|s| (now + chrono::TimeDelta::seconds(s)).format("%H:%M:%S UTC").to_string()),
    }
}

/// A pane. From now on its person has read what it shows.
fn pane(app: &App, place: &Place, side: Side, people: &[Person]) -> Option<PaneView> {
    let seat = place.seat(side);
    let by_default = if side == Side::A { people.first() } else { people.get(1) };
    let user = people.iter().find(|p| p.id == seat.user).or(by_default)?.clone();
    let mut memory = lock(&app.page);
    let workspace = lock(&app.slack);
    let rooms = workspace.rooms(&user.id, &memory.marks);
    let room = rooms.iter().find(|r| r.id == seat.channel).or(rooms.first()).cloned();
    let thread = seat.thread.clone();
    let lines = room.as_ref().map_or_else(Lines::default, |room| {
        workspace.lines(&user.id, &room.id, thread.as_deref(), &memory.marks)
    });
    // The second pane is not on every screen: only who was seated in it has seen what it shows.
    let is_seen = side == Side::A || !seat.user.is_empty();
    if let (Some(room), Some(newest), true) = (&room, &lines.newest, is_seen) {
        let read = thread.as_ref().map_or_else(|| room.id.clone(), |ts| format!("{}/{ts}", room.id));
        memory.marks.insert((user.id.clone(), read), newest.clone());
    }
    let known = workspace.people().into_iter().chain([workspace.bot()]);
    let names = Names {
        users: known.map(|person| (person.id, person.name)).collect(),
        channels: workspace.channel_names(&user.id),
    };
    let modal = workspace.modal_of(&user.id);
    let notice = memory.notices.get(&user.id).cloned();
    Some(PaneView { side, user, names, rooms, room, thread, lines, modal, notice })
}

async fn target(app: &App) -> Option<Value> {
    let base = lock(&app.target_url).clone()?;
    let url = format!("{}/_state", base.as_str().trim_end_matches('/'));
    let asked = async { app.client.get(url).send().await.ok()?.json::<Value>().await.ok() };
    tokio::time::timeout(TARGET_LIMIT, asked).await.ok().flatten()
}

impl PaneView {
    /// Where this pane is, with nothing left to defaults.
    pub(super) fn seat(&self) -> Seat {
        Seat {
            user: self.user.id.clone(),
            channel: self.room.as_ref().map(|room| room.id.clone()).unwrap_or_default(),
            thread: self.thread.clone(),
        }
    }
}
