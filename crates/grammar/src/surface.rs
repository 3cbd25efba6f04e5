//! Which command can be asked for where, with the words that explain it.

/// A way to ask for something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Surface {
    /// A shell: `blocks ...`.
    Cli,
    /// Chat: `/blocks ...`.
    Chat,
    /// The HTTP API.
    Api,
}

/// One command of the language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandInfo {
    /// Its words, such as `runbook rollback`.
    pub path: &'static str,
    /// What follows them.
    pub arguments: &'static str,
    /// What it does, in a few words.
    pub about: &'static str,
    /// One line that a person could type, without the program's name.
    pub example: &'static str,
    /// Where it can be asked for.
    pub surfaces: &'static [Surface],
}

impl CommandInfo {
    /// The command with its arguments, as usage shows it.
    #[must_use]
    pub fn usage(&self) -> String {
        if self.arguments.is_empty() {
            self.path.to_owned()
        } else {
            format!("{} {}", self.path, self.arguments)
        }
    }

    /// `true` when `surface` offers it.
    #[must_use]
    pub fn is_on(&self, surface: Surface) -> bool {
        self.surfaces.contains(&surface)
    }
}

/// An option that only some surfaces know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SurfaceOption {
    /// As it is typed.
    pub spelling: &'static str,
    /// Where it can be given.
    pub surfaces: &'static [Surface],
}

use Surface::{Api, Chat, Cli};

const ALL: &[Surface] = &[Cli, Chat, Api];
const TERMINAL: &[Surface] = &[Cli];
/// What came in, or takes its time, is not shown in a channel: it may be about what not everybody there may see, or hold others up.
const NO_CHAT: &[Surface] = &[Cli, Api];

const fn on_all(
    path: &'static str,
    arguments: &'static str,
    about: &'static str,
    example: &'static str,
) -> CommandInfo {
    CommandInfo { path, arguments, about, example, surfaces: ALL }
}

/// Every command that the shared language has, in the order that help shows them.
pub const COMMANDS: &[CommandInfo] = &[
    on_all(
        "declare",
        "TITLE [--severity LEVEL] [--service NAME] [--private]",
        "open an incident without the pager",
        "declare checkout is slow --severity P2",
    ),
    on_all("status", "[INC]", "show how an incident stands", "status INC-12"),
    on_all("ack", "[INC]", "take an incident", "ack"),
    on_all("severity", "LEVEL [INC]", "change an incident's severity", "severity P2"),
    on_all(
        "role",
        "ROLE WHO [INC]",
        "give somebody a role; a commander passes command on",
        "role commander @ana",
    ),
    // Forms of `update`, before it: whoever asks for help with them means them.
    on_all(
        "update draft",
        "TEMPLATE [INC] [--param NAME=VALUE]... [--eta WHEN] [--to ADDRESS]",
        "write an update for others",
        "update draft outage --eta \"30 min\"",
    ),
    on_all("update edit", "CODE TEXT", "replace a draft's text", "update edit 4F2A we know the cause"),
    on_all("update send", "CODE [INC]", "send a draft as it is shown", "update send 4F2A"),
    on_all("update discard", "CODE [INC]", "throw a draft away", "update discard 4F2A"),
    on_all("update drafts", "[INC]", "the drafts, and the templates", "update drafts"),
    on_all(
        "update",
        "TEXT [--incident INC]",
        "record what people outside are told",
        "update \"v1.1 is back, we watch it\"",
    ),
    on_all("resolve", "[INC]", "say that an incident is over", "resolve INC-12"),
    on_all(
        "reopen",
        "REASON [--incident INC]",
        "say that it is not over",
        "reopen it fails again --incident INC-12",
    ),
    on_all(
        "not-an-incident",
        "REASON [--incident INC]",
        "end it as no incident: no review",
        "not-an-incident a drill of the night shift",
    ),
    on_all("merge", "INC into INC", "make one part of another, which goes on", "merge INC-2 into INC-1"),
    on_all("catch-up", "[INC]", "what whoever joins now needs", "catch-up"),
    on_all("snooze", "30|60|90 [INC]", "hold its reminders; approvals still come", "snooze 30"),
    on_all("reminders", "on|off [--all] [INC]", "its reminders, for you or for all", "reminders off"),
    on_all(
        "rollback request",
        "REASON [--incident INC]",
        "ask the commander for a rollback",
        "rollback request orders are lost",
    ),
    on_all(
        "timeline add",
        "TEXT [--incident INC]",
        "write something on an incident's timeline",
        "timeline add \"the provider says that it is them\"",
    ),
    on_all(
        "action add",
        "TEXT [--owner NAME] [--due DATE] [--incident INC]",
        "something to do because of an incident",
        "action add alert on p95 --owner ana --due 5d",
    ),
    on_all("action list", "[INC] [--all]", "what is to be done because of an incident", "action list"),
    on_all("action done", "NUMBER [INC]", "say that one of these is done", "action done 2"),
    on_all(
        "handover",
        "[INC] to WHO [NOTE] [--run RUN] | take [INC] | shift [to WHO] [--post]",
        "pass command, a run or the shift on",
        "handover INC-12 to @ben the pool is still full",
    ),
    on_all("escalate", "[INC] [to WHO] [REASON]", "page the next one, or whom you name", "escalate"),
    on_all("report", "[--since WHEN] [--service NAME]", "how incidents went", "report --since 7d"),
    // Forms of `oncall`, before it.
    CommandInfo {
        path: "oncall export",
        arguments: "[--from DAY] [--until DAY]",
        about: "the shifts of the rotations, as a calendar",
        example: "oncall export --from 2026-12-01",
        surfaces: NO_CHAT,
    },
    CommandInfo {
        path: "oncall test",
        arguments: "[SERVICE]",
        about: "page everybody of the steps, as a test",
        example: "oncall test flowengine",
        surfaces: NO_CHAT,
    },
    on_all("oncall", "[SERVICE]", "whom to ask", "oncall flowengine"),
    on_all("trigger list", "", "the triggers", "trigger list"),
    CommandInfo {
        path: "trigger test",
        arguments: "NAME",
        about: "send what a trigger sends, as a test",
        example: "trigger test failure-rate",
        surfaces: NO_CHAT,
    },
    on_all("menu", "[INC]", "what makes sense to type next", "menu"),
    on_all("runbook list", "", "name the runbooks", "runbook list"),
    on_all(
        "runbook suggest",
        "[INC] [--service NAME] [--title TEXT] [--priority NAME] [--urgency high|low] [--label NAME=VALUE]... [--detail NAME=VALUE]...",
        "the runbooks that may help, and why; with a page that nobody sent, what the rules make of it",
        "runbook suggest INC-12",
    ),
    on_all(
        "runbook show",
        "NAME",
        "show what Blocks understood of a runbook",
        "runbook show rollback_to_pilot",
    ),
    on_all(
        "runbook plan",
        "NAME [--section SECTION] [--param NAME=VALUE]...",
        "show what would run, without running it",
        "runbook plan rollback_to_pilot --param repo=shop",
    ),
    on_all(
        "runbook run",
        "NAME [--section SECTION] [--param NAME=VALUE]... [--incident INC]",
        "plan a runbook and run it once it is approved",
        "runbook run rollback_to_pilot --incident INC-12",
    ),
    on_all(
        "runbook rollback",
        "[SERVICE] [--param NAME=VALUE]...",
        "run the rollback that is configured for a service",
        "runbook rollback flowengine",
    ),
    on_all(
        "runbook runs",
        "[--all] [--incident INC]",
        "name the open runs, newest first",
        "runbook runs --all",
    ),
    on_all("runbook status", "[RUN]", "show where a run stands", "runbook status"),
    on_all(
        "runbook approve",
        "[RUN] [--fingerprint CODE] [--reason TEXT]",
        "say yes to one fingerprint",
        "runbook approve --fingerprint 4F2A --reason \"error budget is gone\"",
    ),
    on_all("runbook refuse", "[RUN] [--reason TEXT]", "say no: the run is cancelled", "runbook refuse"),
    on_all(
        "runbook answer",
        "[RUN] yes|no [--reason TEXT]",
        "answer what only a person can tell",
        "runbook answer yes",
    ),
    on_all("runbook attach", "[RUN]", "follow a run live", "runbook attach"),
    on_all(
        "runbook pause",
        "[RUN] [--reason TEXT]",
        "start nothing more of a run; what runs goes on to its end",
        "runbook pause",
    ),
    on_all("runbook resume", "[RUN] [--reason TEXT]", "let a paused run go on", "runbook resume"),
    on_all(
        "runbook skip",
        "[RUN] --reason TEXT [--rest]",
        "go on without the command in question, or the rest of its loop",
        "runbook skip --reason \"the dashboard is down\"",
    ),
    on_all(
        "runbook take-over",
        "[RUN] --reason TEXT",
        "end a run that only waits, so that its target is free",
        "runbook take-over 0198 --reason \"ana is not reachable\"",
    ),
    on_all("runbook cancel", "[RUN] [--reason TEXT]", "stop a run", "runbook cancel"),
    on_all("runbook retry", "[RUN] [--reason TEXT]", "run the step in question again", "runbook retry"),
    on_all(
        "runbook mark-done",
        "[RUN] [--step ID] [--reason TEXT]",
        "say that the step in question has happened",
        "runbook mark-done --reason \"the revision is 3 now\"",
    ),
    on_all("runbook undo", "[RUN] [--reason TEXT]", "undo what a run did", "runbook undo"),
    CommandInfo {
        path: "runbook recover",
        arguments: "",
        about: "take up what a Blocks that is gone has left",
        example: "runbook recover",
        surfaces: TERMINAL,
    },
    CommandInfo {
        path: "runbook lint",
        arguments: "PATH... [--deny LEVEL]",
        about: "check runbook files",
        example: "runbook lint runbooks",
        surfaces: TERMINAL,
    },
    CommandInfo {
        path: "runbook schema",
        arguments: "",
        about: "print the JSON Schema of the front matter",
        example: "runbook schema",
        surfaces: TERMINAL,
    },
    on_all("incident list", "[--all]", "show the open incidents", "incident list --all"),
    on_all("incident show", "[INC]", "show one incident with its timeline", "incident show INC-12"),
    on_all(
        "incident explain",
        "[INC]",
        "why it is as it is: severity, runbook, each alert",
        "incident explain INC-12",
    ),
    on_all(
        "incident declare",
        "TITLE [--severity LEVEL] [--service NAME] [--private]",
        "open an incident without the pager",
        "incident declare checkout is slow --severity P2",
    ),
    on_all("incident status", "[INC]", "show how an incident stands", "incident status INC-12"),
    on_all("incident ack", "[INC]", "take an incident", "incident ack"),
    on_all("incident severity", "LEVEL [INC]", "change an incident's severity", "incident severity P2"),
    on_all(
        "incident role",
        "ROLE WHO [INC]",
        "give somebody a role; a commander passes command on",
        "incident role commander @ana",
    ),
    on_all(
        "incident update",
        "TEXT [--incident INC]",
        "record what people outside are told",
        "incident update \"v1.1 is back, we watch it\"",
    ),
    on_all("incident resolve", "[INC]", "say that an incident is over", "incident resolve INC-12"),
    on_all(
        "incident reopen",
        "REASON [--incident INC]",
        "say that it is not over",
        "incident reopen it fails again --incident INC-12",
    ),
    on_all(
        "incident not-an-incident",
        "REASON [--incident INC]",
        "end it as no incident: no review",
        "incident not-an-incident a drill of the night shift",
    ),
    on_all(
        "incident merge",
        "INC into INC",
        "make one part of another, which goes on",
        "incident merge INC-2 into INC-1",
    ),
    on_all("incident catch-up", "[INC]", "what whoever joins now needs", "incident catch-up"),
    on_all(
        "incident snooze",
        "30|60|90 [INC]",
        "hold its reminders; approvals still come",
        "incident snooze 30",
    ),
    on_all(
        "incident reminders",
        "on|off [--all] [INC]",
        "its reminders, for you or for all",
        "incident reminders off",
    ),
    on_all("pir draft", "[INC]", "draft the post-incident review again", "pir draft INC-12"),
    on_all("journal verify", "[--expect HEAD]", "check that the journal is whole", "journal verify"),
    CommandInfo {
        path: "journal export",
        arguments: "[STREAM]",
        about: "print every event as JSON lines",
        example: "journal export run/0198",
        surfaces: TERMINAL,
    },
    CommandInfo {
        path: "inbox list",
        arguments: "[--source SOURCE] [--all] [--body]",
        about: "what came in and was not understood",
        example: "inbox list --body",
        surfaces: NO_CHAT,
    },
    CommandInfo {
        path: "inbox retry",
        arguments: "ID|--all [--source SOURCE]",
        about: "take it up again",
        example: "inbox retry --all --source pagerduty",
        surfaces: NO_CHAT,
    },
];

/// What the parser reads out of a command's words, or what is so rare that the overview leaves it to the help of its first word.
pub(crate) const FORMS: &[&str] = &[
    "update draft",
    "update edit",
    "update send",
    "update discard",
    "update drafts",
    "oncall export",
    "oncall test",
    "trigger list",
    "trigger test",
];

/// Commands of the program itself: a shell's alone. Chat names them only to say so.
pub const SERVER_COMMANDS: &[&str] = &[
    "serve",
    "demo",
    "drill",
    "sandbox",
    "doctor",
    "completions",
    "slack",
    "pagerduty",
    "token",
    "bench",
    "config",
];

/// Options of the terminal that no other surface takes.
pub const TERMINAL_OPTIONS: &[SurfaceOption] = &[
    SurfaceOption { spelling: "--yes", surfaces: TERMINAL },
    SurfaceOption { spelling: "-y", surfaces: TERMINAL },
    SurfaceOption { spelling: "--config", surfaces: TERMINAL },
    SurfaceOption { spelling: "-o", surfaces: TERMINAL },
    SurfaceOption { spelling: "--output", surfaces: TERMINAL },
    SurfaceOption { spelling: "--wait", surfaces: TERMINAL },
];

/// The commands that a surface offers.
pub fn commands_on(surface: Surface) -> impl Iterator<Item = &'static CommandInfo> {
    COMMANDS.iter().filter(move |command| command.is_on(surface))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::Subcommand;

    use super::*;
    use crate::Command;

    fn leaves(command: &clap::Command, prefix: &str, found: &mut BTreeSet<String>) {
        for sub in command.get_subcommands() {
            let path = format!("{prefix} {}", sub.get_name()).trim().to_owned();
            if sub.has_subcommands() {
                leaves(sub, &path, found);
            } else {
                found.insert(path);
            }
        }
    }

    #[test]
    fn the_table_and_the_parser_name_the_same_commands() {
        let mut parsed = BTreeSet::new();
        leaves(&Command::augment_subcommands(clap::Command::new("blocks")), "", &mut parsed);
        let listed: BTreeSet<String> = COMMANDS.iter().map(|command| command.path.to_owned()).collect();
        parsed.extend(FORMS.iter().map(|form| (*form).to_owned()));
        assert_eq!(parsed, listed);
        assert_eq!(listed.len(), COMMANDS.len(), "no command twice");
    }

    #[test]
    fn the_parser_is_well_formed() {
        Command::augment_subcommands(clap::Command::new("blocks")).debug_assert();
    }

    #[test]
    fn every_example_is_of_its_command() {
        for command in COMMANDS {
            assert!(command.example.starts_with(command.path), "{}", command.path);
            assert!(command.is_on(Cli), "{}", command.path);
        }
    }
}
