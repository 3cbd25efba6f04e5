//! A typed chat line into a request, or into what to show instead.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{FromArgMatches, Subcommand};
use runbook_core::request::Request;

use crate::command::{Command, RunbookCommand};
use crate::incident::{IncidentCommand, IncidentVerb, severity_id};
use crate::nearest::nearest;
use crate::split::split_words;
use crate::surface::{COMMANDS, CommandInfo, FORMS, SERVER_COMMANDS, Surface, TERMINAL_OPTIONS, commands_on};
use crate::update::params_of;

/// What a chat line came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChatParse {
    /// Something to do.
    Request(Request),
    /// Something to show to the one who typed it, and to nobody else.
    Usage {
        /// Plain text with code in backticks; holds words of the person, not yet escaped for any chat system.
        text: String,
        /// The line that was probably meant, where one press can type it: our own words.
        offer: Option<String>,
    },
}

/// Why nothing is drilled where real incidents are led, and where it is.
const DRILL: &str = "a drill is played in the sandbox, never among real incidents\nhint: `blocks drill run` in a shell lets a page go out there, gives you a workspace like this one to lead it in, and scores how it went";

/// Longest piece of a person's own words that is shown back, in characters.
const ECHO_MAX: usize = 40;

/// Reads what follows `/blocks`.
///
/// Total: whatever is typed, the answer is a request or something helpful to show. Chat never takes paths, options of
/// the terminal, or commands of the server.
#[must_use]
pub fn parse_chat(text: &str) -> ChatParse {
    let words = match split_words(text) {
        Ok(words) => fold(words),
        Err(error) => return ChatParse::Usage { text: error.to_string(), offer: None },
    };
    match read(&words) {
        Ok(request) => ChatParse::Request(request),
        Err(text) => ChatParse::Usage { text, offer: meant(&words) },
    }
}

/// The request, or the text to show.
fn read(words: &[String]) -> Result<Request, String> {
    // What makes sense next depends on the incident of the channel.
    let Some(first) = words.first() else { return Ok(Request::Menu { incident: None }) };
    if is_help(first) {
        return Err(help(words.get(1..).unwrap_or_default()));
    }
    if words.iter().any(|word| word == "--help" || word == "-h") {
        return Err(help(words));
    }
    if first == "drill" {
        return Err(DRILL.to_owned());
    }
    if SERVER_COMMANDS.contains(&first.as_str()) {
        return Err(not_in_chat(first));
    }
    if let Some(command) = info(words).filter(|command| !command.is_on(Surface::Chat)) {
        return Err(not_in_chat(command.path));
    }
    let parser = Command::augment_subcommands(clap::Command::new("blocks").no_binary_name(true))
        .subcommand_required(true)
        .disable_help_flag(true)
        .disable_help_subcommand(true)
        // Without a title a form asks for one.
        .mut_subcommand("declare", title_may_come_later)
        .mut_subcommand("incident", |group| group.mut_subcommand("declare", title_may_come_later));
    let matches = parser.try_get_matches_from(words).map_err(|error| explain(&error, words))?;
    let command = Command::from_arg_matches(&matches).map_err(|error| explain(&error, words))?;
    if let Command::Runbook(runbook) = &command {
        no_path(runbook)?;
    }
    if let Some(request) = untitled(&command) {
        return Ok(request);
    }
    let mut request = command.to_request().map_err(|error| error.to_string())?;
    match &mut request {
        Request::RunbookRun { params, .. }
        | Request::RunbookPlan { params, .. }
        | Request::RunbookRollback { params, .. } => {
            params.values_mut().for_each(|value| *value = as_typed(value));
        }
        _ => {}
    }
    if let Some(params) = params_of(&mut request) {
        params.values_mut().for_each(|value| *value = as_typed(value));
    }
    Ok(request)
}

fn title_may_come_later(declare: clap::Command) -> clap::Command {
    declare.mut_arg("title", |title| title.required(false))
}

/// A declaration without a word about what.
fn untitled(command: &Command) -> Option<Request> {
    let (Command::Verb(verb) | Command::Incident(IncidentCommand::Verb(verb))) = command else { return None };
    match verb {
        IncidentVerb::Declare { title, severity, service, private } if title.is_empty() => {
            Some(Request::IncidentDeclare {
                title: String::new(),
                severity: severity.as_deref().map(severity_id),
                service: service.clone(),
                private: *private,
                description: None,
            })
        }
        _ => None,
    }
}

/// A value as it was typed: Slack makes a mark of `#incidents` and `@ana`, which no command would know.
fn as_typed(value: &str) -> String {
    let inside = value.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    let mark =
        inside.and_then(|inside| inside.split_once('|')).filter(|(_, label)| !label.contains(['<', '|']));
    match mark {
        Some((id, label)) if id.starts_with(['@', '#']) && !label.is_empty() => {
            let sign = id.get(..1).unwrap_or_default();
            format!("{sign}{}", label.trim_start_matches(sign))
        }
        _ => value.to_owned(),
    }
}

/// Phones write a line's first word with a capital; values keep their case.
fn fold(mut words: Vec<String>) -> Vec<String> {
    let groups = ["trigger", "runbook", "incident", "pir", "journal", "timeline", "action", "rollback"];
    let mut is_group = false;
    if let Some(first) = words.first_mut() {
        *first = first.to_lowercase();
        is_group = groups.contains(&first.as_str());
    }
    if is_group && let Some(second) = words.get_mut(1) {
        *second = second.to_lowercase();
    }
    words
}

fn is_help(word: &str) -> bool {
    matches!(word, "help" | "--help" | "-h" | "?" | "-?")
}

/// Chat names runbooks; a path would read a file of the server for whoever can type.
fn no_path(command: &RunbookCommand) -> Result<(), String> {
    match command.name() {
        Some(name) if name.contains(['/', '\\']) || name.to_lowercase().ends_with(".md") => Err(format!(
            "paths are not available in chat: {} looks like one\nhint: name the runbook; `runbook list` shows the names",
            echo(name)
        )),
        _ => Ok(()),
    }
}

fn not_in_chat(what: &str) -> String {
    format!(
        "`{what}` is not available in chat\nhint: it is for a shell on the machine that runs Blocks; `help` lists what chat can do"
    )
}

/// The listed command that these words start with.
fn info(words: &[String]) -> Option<&'static CommandInfo> {
    let two = words.get(..2).map(|two| two.join(" "));
    COMMANDS.iter().find(|command| {
        two.as_deref() == Some(command.path) || words.first().is_some_and(|w| w == command.path)
    })
}

/// Help about a topic, or all of it.
fn help(topic: &[String]) -> String {
    let topic: Vec<String> = topic.iter().filter(|word| !is_help(word)).cloned().collect();
    if let Some(command) = info(&topic).filter(|command| command.is_on(Surface::Chat)) {
        let mut text = format!("{}: {}\n{}", code(&command.usage()), command.about, example(command));
        let forms = commands_on(Surface::Chat)
            .filter(|form| FORMS.contains(&form.path) && form.path.split(' ').next() == Some(command.path));
        text.extend(forms.map(|form| format!("\n{}", line(form))));
        return text;
    }
    let Some(first) = topic.first() else { return overview() };
    group(first).unwrap_or_else(|| unknown(&topic))
}

/// Every command that starts with this word.
fn group(first: &str) -> Option<String> {
    let of_group = |command: &&CommandInfo| command.path.split(' ').next() == Some(first);
    if commands_on(Surface::Chat).filter(of_group).count() == 0 {
        return None;
    }
    // The word may be the second one of another command: `rollback` alone most often means `runbook rollback`.
    let meant =
        |command: &&CommandInfo| of_group(command) || command.path.split(' ').next_back() == Some(first);
    Some(commands_on(Surface::Chat).filter(meant).map(line).collect::<Vec<_>>().join("\n"))
}

fn overview() -> String {
    let lines: Vec<String> = commands_on(Surface::Chat)
        // What is done with a draft is told where one is written, and by `help update`.
        .filter(|command| !FORMS.iter().skip(1).any(|form| *form == command.path))
        // The shorthands stand for these.
        .filter(|command| {
            let short = command.path.strip_prefix("incident ");
            short.is_none_or(|short| commands_on(Surface::Chat).all(|other| other.path != short))
        })
        .map(short_line)
        .collect();
    format!(
        "What Blocks can do here:\n{}\n`help COMMAND` says more, such as {}",
        lines.join("\n"),
        code("help runbook run")
    )
}

fn line(command: &CommandInfo) -> String {
    format!("{}: {}", code(&command.usage()), command.about)
}

/// Without options: its own help tells them.
fn short_line(command: &CommandInfo) -> String {
    let usage = command.usage();
    let usage = usage.split(" [--").next().unwrap_or(&usage);
    format!("{}: {}", code(usage), command.about)
}

fn example(command: &CommandInfo) -> String {
    format!("example: {}", code(&format!("/blocks {}", command.example)))
}

/// The command that an unknown word was meant for, where it needs nothing behind it.
fn meant(words: &[String]) -> Option<String> {
    if words.is_empty() || info(words).is_some() || words.first().is_some_and(|first| is_help(first)) {
        return None;
    }
    let path = nearest(words, Surface::Chat)?.path;
    let line: Vec<String> = path.split(' ').map(str::to_owned).collect();
    read(&line).is_ok().then(|| path.to_owned())
}

fn unknown(words: &[String]) -> String {
    let typed = echo(&words.iter().take(2).map(String::as_str).collect::<Vec<_>>().join(" "));
    match nearest(words, Surface::Chat) {
        Some(command) => format!(
            "unknown command {typed}\nhint: did you mean {}? It can {}\n{}",
            code(&command.usage()),
            command.about,
            example(command)
        ),
        None => {
            let group = words.first().and_then(|first| group(first));
            let rest = group.unwrap_or_else(|| "hint: `help` tells what there is".to_owned());
            format!("unknown command {typed}\n{rest}")
        }
    }
}

/// Why clap did not take it, in our words: its own text is made for a terminal.
fn explain(error: &clap::Error, words: &[String]) -> String {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        _ => String::new(),
    };
    let what = match error.kind() {
        ErrorKind::InvalidSubcommand | ErrorKind::MissingSubcommand => return unknown_or_group(words),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => return unknown_or_group(words),
        ErrorKind::UnknownArgument => {
            let argument = context(ContextKind::InvalidArg);
            let name = argument.split('=').next().unwrap_or_default();
            if TERMINAL_OPTIONS.iter().any(|option| name == option.spelling) {
                return not_in_chat(name);
            }
            format!("{} does not belong there", echo(&argument))
        }
        ErrorKind::MissingRequiredArgument => {
            format!("{} is missing", echo(&context(ContextKind::InvalidArg)))
        }
        ErrorKind::InvalidValue if context(ContextKind::InvalidValue).is_empty() => {
            format!("{} needs a value", echo(&context(ContextKind::InvalidArg)))
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let reason =
                std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default();
            format!(
                "{} is no value for {}{reason}",
                echo(&context(ContextKind::InvalidValue)),
                echo(&context(ContextKind::InvalidArg))
            )
        }
        ErrorKind::ArgumentConflict => format!("{} is given twice", echo(&context(ContextKind::InvalidArg))),
        _ => "that is not understood".to_owned(),
    };
    match info(words) {
        Some(command) => format!("{what}\nusage: {}\n{}", code(&command.usage()), example(command)),
        None => what,
    }
}

/// A group without its second word gets the group's help; anything else is unknown.
fn unknown_or_group(words: &[String]) -> String {
    match words {
        [only] => help(std::slice::from_ref(only)),
        _ => unknown(words),
    }
}

/// Our own words as code.
fn code(text: &str) -> String {
    format!("`{text}`")
}

/// A person's words as code: short, and without a backtick that would end it.
fn echo(text: &str) -> String {
    let mut short: String = text.chars().filter(|c| *c != '`' && !c.is_control()).take(ECHO_MAX).collect();
    if text.chars().count() > ECHO_MAX {
        short.push('…');
    }
    format!("`{short}`")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use runbook_core::rules::TriedPage;

    use super::*;

    fn request(text: &str) -> Request {
        match parse_chat(text) {
            ChatParse::Request(request) => request,
            ChatParse::Usage { text: usage, .. } => panic!("{text:?} gave: {usage}"),
        }
    }

    fn usage(text: &str) -> String {
        match parse_chat(text) {
            ChatParse::Usage { text, .. } => text,
            ChatParse::Request(request) => panic!("{text:?} gave {request:?}"),
        }
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    fn rollback(service: Option<&str>) -> Request {
        Request::RunbookRollback {
            service: service.map(str::to_owned),
            params: BTreeMap::new(),
            incident: None,
        }
    }

    #[test]
    fn typed_lines_that_are_requests() {
        let approve =
            |run: Option<&str>, fingerprint: Option<&str>, reason: Option<&str>| Request::RunbookApprove {
                run: run.map(str::to_owned),
                fingerprint: fingerprint.map(str::to_owned),
                reason: reason.map(str::to_owned),
            };
        let run = |params: &[(&str, &str)], incident: Option<&str>| Request::RunbookRun {
            name: "rollback_to_pilot".into(),
            section: None,
            params: params.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            incident: incident.map(str::to_owned),
        };
        let table = [
            ("runbook list", Request::RunbookList),
            ("Runbook List", Request::RunbookList),
            ("runbook suggest", Request::RunbookSuggest { incident: None, page: TriedPage::default() }),
            (
                "runbook suggest 12",
                Request::RunbookSuggest { incident: some("INC-12"), page: TriedPage::default() },
            ),
            (
                "runbook suggest --service shop --title “pool is full” --urgency high --label a.b=c=d",
                Request::RunbookSuggest {
                    incident: None,
                    page: TriedPage {
                        service: Some("shop".into()),
                        title: Some("pool is full".into()),
                        high_urgency: Some(true),
                        labels: [("a.b".to_owned(), "c=d".to_owned())].into(),
                        ..TriedPage::default()
                    },
                },
            ),
            ("runbook show rollback_to_pilot", Request::RunbookShow { name: "rollback_to_pilot".into() }),
            (
                "runbook plan x",
                Request::RunbookPlan { name: "x".into(), params: BTreeMap::new(), section: None },
            ),
            (
                "runbook plan x --section rollback-to-pilot",
                Request::RunbookPlan {
                    name: "x".into(),
                    params: BTreeMap::new(),
                    section: Some("rollback-to-pilot".into()),
                },
            ),
            ("runbook rollback", rollback(None)),
            ("runbook rollback flowengine", rollback(Some("flowengine"))),
            ("  runbook\u{a0}rollback  flowengine ", rollback(Some("flowengine"))),
            ("runbook rollback FlowEngine", rollback(Some("FlowEngine"))),
            ("runbook run rollback_to_pilot", run(&[], None)),
            ("runbook run rollback_to_pilot --param repo=org/shop", run(&[("repo", "org/shop")], None)),
            ("runbook run rollback_to_pilot —param repo=shop", run(&[("repo", "shop")], None)),
            ("runbook run rollback_to_pilot –param repo=“two words”", run(&[("repo", "two words")], None)),
            (
                "runbook run rollback_to_pilot --param a=1 --param b= --incident 3",
                run(&[("a", "1"), ("b", "")], Some("INC-3")),
            ),
            ("runbook run rollback_to_pilot --incident=inc-3", run(&[], Some("INC-3"))),
            ("runbook runs", Request::RunbookRuns { all: false, incident: None }),
            ("runbook runs –all --incident 3", Request::RunbookRuns { all: true, incident: some("INC-3") }),
            ("runbook status", Request::RunbookStatus { run: None }),
            ("runbook status 0192", Request::RunbookStatus { run: some("0192") }),
            ("runbook approve", approve(None, None, None)),
            ("runbook approve 0192 --fingerprint 4F2A", approve(Some("0192"), Some("4F2A"), None)),
            ("runbook approve --reason “I don’t see a fix”", approve(None, None, Some("I don’t see a fix"))),
            (
                "runbook approve --reason 'error rate &gt; 10 %'",
                approve(None, None, Some("error rate > 10 %")),
            ),
            ("runbook refuse", Request::RunbookRefuse { run: None, reason: None }),
            ("runbook refuse --reason no", Request::RunbookRefuse { run: None, reason: some("no") }),
            ("runbook answer yes", Request::RunbookAnswer { run: None, yes: true, reason: None, step: None }),
            ("runbook answer No", Request::RunbookAnswer { run: None, yes: false, reason: None, step: None }),
            (
                "runbook answer 0192 y",
                Request::RunbookAnswer { run: some("0192"), yes: true, reason: None, step: None },
            ),
            ("runbook attach 01", Request::RunbookAttach { run: some("01"), cursor: None }),
            ("runbook pause", Request::RunbookPause { run: None, reason: None }),
            ("runbook pause 01 --reason odd", Request::RunbookPause { run: some("01"), reason: some("odd") }),
            ("runbook resume", Request::RunbookResume { run: None, reason: None }),
            (
                "runbook skip --reason “we see it”",
                Request::RunbookSkip { run: None, reason: "we see it".to_owned(), rest: false, step: None },
            ),
            (
                "runbook skip 01 --rest --reason enough",
                Request::RunbookSkip { run: some("01"), reason: "enough".to_owned(), rest: true, step: None },
            ),
            (
                "runbook take-over 01 --reason gone",
                Request::RunbookTakeOver { run: some("01"), reason: "gone".to_owned() },
            ),
            (
                "runbook answer 01 no --reason “still red”",
                Request::RunbookAnswer { run: some("01"), yes: false, reason: some("still red"), step: None },
            ),
            (
                "runbook retry --reason again",
                Request::RunbookRetry { run: None, reason: some("again"), step: None },
            ),
            (
                "runbook undo 01 --reason worse",
                Request::RunbookUndo { run: some("01"), reason: some("worse") },
            ),
            ("runbook cancel --reason no", Request::RunbookCancel { run: None, reason: some("no") }),
            ("runbook cancel", Request::RunbookCancel { run: None, reason: None }),
            ("runbook retry 01", Request::RunbookRetry { run: some("01"), reason: None, step: None }),
            ("runbook mark-done", Request::RunbookMarkDone { run: None, reason: None, step: None }),
            (
                "runbook mark-done --reason \"saw it\"",
                Request::RunbookMarkDone { run: None, reason: some("saw it"), step: None },
            ),
            ("runbook undo", Request::RunbookUndo { run: None, reason: None }),
            ("incident list", Request::IncidentList { all: false }),
            ("incident list –all", Request::IncidentList { all: true }),
            ("incident show", Request::IncidentShow { incident: None }),
            ("incident show 12", Request::IncidentShow { incident: some("INC-12") }),
            ("incident ack", Request::IncidentAck { incident: None }),
            ("Ack", Request::IncidentAck { incident: None }),
            ("ack inc-7", Request::IncidentAck { incident: some("INC-7") }),
            ("severity p2", Request::IncidentSeverity { incident: None, severity: "P2".into() }),
            (
                "severity P1 INC-3",
                Request::IncidentSeverity { incident: some("INC-3"), severity: "P1".into() },
            ),
            ("resolve", Request::IncidentResolve { incident: None }),
            ("pir draft INC-2", Request::PirDraft { incident: some("INC-2") }),
            ("journal verify", Request::JournalVerify { expect: None }),
            ("journal verify --expect 00ff", Request::JournalVerify { expect: some("00ff") }),
        ];
        for (text, expected) in table {
            assert_eq!(request(text), expected, "{text}");
        }
    }

    #[test]
    fn typed_lines_that_are_not() {
        let table = [
            ("help", "What Blocks can do here"),
            ("Help", "runbook rollback"),
            ("?", "What Blocks can do here"),
            ("help runbook run", "[--incident INC]"),
            ("help ack", "take an incident"),
            ("help pir", "pir draft"),
            ("runbook run –help", "[--incident INC]"),
            ("runbook", "runbook rollback"),
            ("runbok list", "did you mean `runbook list`"),
            ("rolback", "did you mean `runbook rollback"),
            ("runbook rolback flowengine", "did you mean `runbook rollback"),
            ("rollback", "runbook rollback"),
            ("rollback flowengine", "did you mean `runbook rollback"),
            ("rollback request", "is missing\nusage: `rollback request REASON"),
            ("snooze", "snooze 30|60|90 [INC]"),
            ("snooze 45", "snooze"),
            ("reminders maybe", "reminders"),
            ("runbook frobnicate", "unknown command `runbook frobnicate`\n`runbook list`"),
            ("make coffee", "unknown command `make coffee`"),
            ("help coffee", "unknown command `coffee`"),
            ("runbook show", "`<NAME>` is missing"),
            ("severity", "usage: `severity LEVEL [INC]`"),
            ("declare \"\"", "the title is missing"),
            ("update INC-3", "the text is missing"),
            ("not-an-incident", "is missing"),
            ("merge INC-2", "`merge INC-2 into INC-1`"),
            ("merge INC-2 with INC-1", "`merge INC-2 into INC-1`"),
            ("handover", "is missing\nusage: `handover [INC] to WHO"),
            ("handover INC-3", "say who takes it over"),
            ("handover to", "say who takes it over"),
            ("handover shift to", "say who takes it over"),
            ("handover to ben --post", "say who takes it over"),
            ("role boss @ana", "`boss` is no role"),
            ("role scribe", "usage: `role ROLE WHO [INC]`"),
            ("action done first", "is no value for"),
            ("action", "`action list [INC] [--all]`"),
            ("timeline", "timeline add"),
            ("declare it fails --fast", "`--fast` does not belong there"),
            ("declar it fails", "did you mean `declare"),
            ("catchup", "did you mean `catch-up"),
            ("on-call", "did you mean `oncall"),
            ("reopn", "did you mean `reopen"),
            ("runbook answer", "is missing"),
            ("runbook answer maybe", "is no value for"),
            ("runbook run x --param", "needs a value"),
            ("runbook run x --param a", "write it as NAME=VALUE"),
            ("runbook run x --param a=1 --param a=2", "given twice"),
            ("runbook run x y", "does not belong there"),
            ("runbook list --force", "`--force` does not belong there"),
            ("runbook show ./x", "paths are not available in chat"),
            ("runbook show /etc/passwd", "paths are not available in chat"),
            ("runbook plan x.md", "paths are not available in chat"),
            ("runbook run ..\\x", "paths are not available in chat"),
            ("runbook run X.MD", "paths are not available in chat"),
            ("runbook lint x", "`runbook lint` is not available in chat"),
            ("runbook schema", "`runbook schema` is not available in chat"),
            ("runbook run x --yes", "`--yes` is not available in chat"),
            ("runbook run x --config=/etc/x", "`--config` is not available in chat"),
            ("runbook list -o json", "`-o` is not available in chat"),
            ("serve", "`serve` is not available in chat"),
            ("token create --person ana", "`token` is not available in chat"),
            ("demo", "`demo` is not available in chat"),
            ("drill", "a drill is played in the sandbox"),
            ("drill run", "`blocks drill run` in a shell"),
            ("runbook approve --reason “open", "has no end"),
            ("<!channel>", "unknown command"),
        ];
        for (text, expected) in table {
            let shown = usage(text);
            assert!(shown.contains(expected), "{text:?} gave: {shown}");
        }
    }

    #[test]
    fn what_was_probably_meant_is_offered_where_it_needs_nothing_more() {
        for (text, offered) in [
            ("runbok list", Some("runbook list")),
            ("statsu", Some("status")),
            ("rolback", Some("runbook rollback")),
            ("declar", Some("declare")),
            ("reopn", None),
            ("severty", None),
            ("help", None),
            ("make coffee", None),
            ("runbook show", None),
            ("runbook approve --reason \u{201c}open", None),
        ] {
            let ChatParse::Usage { offer, .. } = parse_chat(text) else { panic!("{text}") };
            assert_eq!(offer.as_deref(), offered, "{text}");
        }
    }

    #[test]
    fn what_is_echoed_is_short_and_ends_no_code() {
        let shown = usage(&format!("`rm` {}", "x".repeat(5_000)));
        assert!(shown.len() < 200, "{}", shown.len());
        assert!(shown.starts_with("unknown command `rm "), "{shown}");
    }

    #[test]
    fn examples_and_usage_of_the_table_parse() {
        for command in commands_on(Surface::Chat) {
            request(command.example);
            assert!(usage(&format!("help {}", command.path)).contains(command.about), "{}", command.path);
        }
    }
}

#[cfg(test)]
#[path = "typed_tests.rs"]
mod typed_tests;
