//! Runbooks from a seed, and what each of their commands comes to whenever it is started.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use runbook_core::ports::{Exit, Finished, Output, StateOutcome};

use crate::random::Random;

/// What a command is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Judged {
    /// Its exit status alone.
    Status,
    /// A word in its output.
    Word,
    /// That word, within three seconds.
    InTime,
    /// A person.
    Person,
    /// Its output becomes a value of at most four digits.
    Value,
    /// Its lines become the list of a loop.
    Lines,
}

/// How a step goes about its commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// One after the other.
    Plain,
    /// One, for each item of a list.
    Loop,
    /// All at once.
    Group,
    /// One, until it is as expected.
    Wait,
}

const IN_TIME_MS: u64 = 3_000;

#[derive(Debug, Clone, Copy)]
struct Command {
    judged: Judged,
    timeout_ms: u64,
}

/// The runbooks of a world.
#[derive(Debug, Clone)]
pub(crate) struct Books {
    seed: u64,
    /// Name and text. The first one is the diagnostics.
    pub(crate) texts: Vec<(String, String)>,
    commands: BTreeMap<String, Command>,
    /// What is written now reads the item at hand.
    of_item: bool,
    /// Of a hundred commands, so many come to what they should.
    good: u64,
}

/// What starting a command comes to.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Nothing is started.
    NotStarted,
    /// It is started and goes away, and nobody knows what it did.
    Lost { after_ms: u64 },
    /// It ends by itself. `passes` says whether a machine sees all that is expected; the answer comes `late_ms` later.
    Ends { after_ms: u64, late_ms: u64, passes: bool, finished: Box<Finished> },
}

/// Names, services and sizes of the runbooks.
const BOOKS: [(&str, &str, bool); 4] = [
    ("triage", "shop", true),
    ("rollback", "shop", false),
    ("restart", "shop", false),
    ("drain", "bank", false),
];

impl Books {
    pub(crate) fn of(seed: u64) -> Books {
        let mut random = Random::of(seed, "books", 0);
        let good = random.pick(&[60, 75, 85, 95, 100]);
        let mut books = Books { seed, texts: Vec::new(), commands: BTreeMap::new(), of_item: false, good };
        for (name, service, reads) in BOOKS {
            let text = if reads {
                books.diagnostics(name, service, &mut random)
            } else {
                books.remedy(name, service, &mut random)
            };
            books.texts.push((name.to_owned(), text));
        }
        books
    }

    /// The same runbooks, one of them with another byte in it.
    pub(crate) fn change(&mut self, number: usize) {
        let number = number % self.texts.len();
        self.texts[number].1.push_str("\nAnother line.\n");
    }

    fn diagnostics(&mut self, name: &str, service: &str, random: &mut Random) -> String {
        let mut text = front(name, service, None);
        for number in 1..=random.between(1, 2) {
            let _ = write!(text, "\n## Look {number} (1 min)\n\n");
            // an unasked run must pass over the third one
            let effect = random.pick(&["read", "read", "once"]);
            self.fence(&mut text, &format!("{name}-{number}"), &format!("effect={effect}"), random);
        }
        text
    }

    fn remedy(&mut self, name: &str, service: &str, random: &mut Random) -> String {
        let approvals = random.pick(&[None, None, None, Some(1), Some(2)]);
        let mut text = front(name, service, approvals);
        for step in 1..=random.between(1, 3) {
            let _ = write!(text, "\n## Step {step}: Part {step} (5 min)\n\n");
            if random.percent(25) {
                let info = format!("baseline=OLD_{step} pattern=[0-9]{{1,4}} max=8 effect=read");
                self.fenced(&mut text, &format!("{name}-{step}-base"), &info, Judged::Value, random);
            }
            let shape =
                random.weighted(&[(6, Shape::Plain), (3, Shape::Loop), (2, Shape::Group), (1, Shape::Wait)]);
            let effect = random.pick(&["read", "idempotent", "once", "once"]);
            let commands = match shape {
                Shape::Plain => random.pick(&[1, 1, 2]),
                Shape::Group => random.pick(&[2, 3]),
                Shape::Loop | Shape::Wait => 1,
            };
            let flow = match shape {
                Shape::Plain => String::new(),
                Shape::Group => format!(" parallel=group-{step}"),
                Shape::Wait => format!(" until={}s every={}s", random.pick(&[5, 40]), random.pick(&[1, 10])),
                Shape::Loop => self.looping(&mut text, &format!("{name}-{step}"), step, random),
            };
            for index in 1..=commands {
                let effect = match shape {
                    Shape::Wait => "read",
                    Shape::Loop => effect,
                    _ => random.pick(&["read", "idempotent", "once", "once"]),
                };
                let info = format!("effect={effect}{flow}");
                self.fence(&mut text, &format!("{name}-{step}-{index}"), &info, random);
            }
            // of a loop, each item is undone and probed by itself
            let of_item = shape == Shape::Loop && random.percent(70);
            if random.percent(70) {
                for index in 1..=random.pick(&[1, 1, 2]) {
                    let effect = random.pick(&["once", "idempotent"]);
                    let key = format!("{name}-{step}-undo-{index}");
                    let judged = random.pick(&[Judged::Status, Judged::Word]);
                    self.of_item = of_item;
                    self.fenced(&mut text, &key, &format!("undo effect={effect}"), judged, random);
                }
            }
            if random.percent(40) {
                let key = format!("{name}-{step}-probe");
                self.of_item = of_item;
                self.fenced(&mut text, &key, "probe effect=read", Judged::Status, random);
            }
            self.of_item = false;
        }
        text
    }

    /// What a loop says; one over lines that appear has their command before it.
    fn looping(&mut self, text: &mut String, key: &str, step: u64, random: &mut Random) -> String {
        let source = if random.percent(40) {
            let info = format!("capture=LIST_{step} pattern=[a-z]+ lines effect=read");
            self.fenced(text, &format!("{key}-list"), &info, Judged::Lines, random);
            format!("LIST_{step}")
        } else {
            random.pick(&["[a]", "[a, b]", "[a, b, c, d]"]).to_owned()
        };
        let concurrency = random.pick(&[1, 1, 2, 3]);
        let canary = if random.percent(30) { " canary" } else { "" };
        let budget = random.pick(&[0, 0, 1, 2]);
        format!(" foreach=\"item in {source}\" concurrency={concurrency} budget={budget}{canary}")
    }

    fn fence(&mut self, text: &mut String, key: &str, info: &str, random: &mut Random) {
        let judged = random.weighted(&[
            (4, Judged::Word),
            (2, Judged::Status),
            (2, Judged::InTime),
            (1, Judged::Person),
        ]);
        self.fenced(text, key, info, judged, random);
    }

    fn fenced(&mut self, text: &mut String, key: &str, info: &str, judged: Judged, random: &mut Random) {
        let timeout_s = random.pick(&[5, 8, 20]);
        let expected = match judged {
            Judged::Status | Judged::Value | Judged::Lines => "",
            Judged::Word => "# Expected: \"fine\"\n",
            Judged::InTime => "# Expected: \"fine\" within 3s\n",
            Judged::Person => "# Expected: the dashboard looks as it did before\n",
        };
        let reads = if self.of_item { "echo \"$item\"\n" } else { "" };
        let _ = write!(text, "```bash {{{info} timeout={timeout_s}s}}\n{reads}{key}-run\n{expected}```\n\n");
        let command = Command { judged, timeout_ms: timeout_s * 1_000 };
        self.commands.insert(format!("{key}-run"), command);
    }

    /// The name of the command in a text that is carried out.
    pub(crate) fn key_of(text: &str) -> &str {
        text.lines().map(str::trim).find(|line| line.ends_with("-run")).unwrap_or(text)
    }

    /// What the `number`th start of this command comes to.
    pub(crate) fn act(&self, key: &str, number: u64) -> Act {
        let mut random = Random::of(self.seed, key, number);
        let command =
            self.commands.get(key).copied().unwrap_or(Command { judged: Judged::Status, timeout_ms: 5_000 });
        let late_ms = random.weighted(&[(8, 0), (1, 40), (1, 2_500)]);
        let quick = random.between(100, 2_500);
        let lists = ["a\nb\n", "a\nb\nc\n", "a\n", "a\nb\nc\nd\ne\n"];
        let (right, wrong) = match command.judged {
            Judged::Value => ("17\n", "seventeen\n"),
            Judged::Lines => (random.pick(&lists), "a\nB 7\n"),
            // more than a card shows, in some worlds
            _ if self.seed.is_multiple_of(4) => ("fine\n1\n2\n3\n4\n", "broken\n1\n2\n3\n4\n"),
            _ => ("fine\n", "broken\n"),
        };
        let ends = |after_ms: u64, code: i32, output: &str| {
            let passes = match command.judged {
                _ if code != 0 => false,
                Judged::Status => true,
                Judged::Word | Judged::Value | Judged::Lines => output == right,
                Judged::InTime => output == right && after_ms <= IN_TIME_MS,
                Judged::Person => false,
            };
            let exit = Exit::Code { code };
            Act::Ends { after_ms, late_ms, passes, finished: Box::new(finished(exit, output, after_ms)) }
        };
        let other = |exit: Exit, after_ms: u64| Act::Ends {
            after_ms,
            late_ms,
            passes: false,
            finished: Box::new(finished(exit, "", after_ms)),
        };
        if random.percent(self.good) {
            return ends(quick, 0, right);
        }
        match random.below(10) {
            0 | 1 => ends(quick, 1, wrong),
            2 => ends(quick, 0, wrong),
            // it lies: a good word and a bad status
            3 => ends(quick, 3, right),
            4 => ends(4_500, 0, right),
            5 => other(Exit::TimedOut, command.timeout_ms),
            6 => other(Exit::Signal { signal: 9 }, quick),
            7 => Act::Lost { after_ms: quick },
            8 => Act::NotStarted,
            _ => match ends(quick, 0, right) {
                // its shell ends without handing on its variables
                Act::Ends { after_ms, late_ms, passes, mut finished } => {
                    finished.state = StateOutcome::Missing;
                    Act::Ends { after_ms, late_ms, passes, finished }
                }
                other => other,
            },
        }
    }
}

/// What a command that ended so is reported as.
pub(crate) fn finished(exit: Exit, output: &str, elapsed_ms: u64) -> Finished {
    Finished {
        exit,
        stdout: Output { text: output.to_owned(), dropped_bytes: 0 },
        stderr: Output::default(),
        elapsed_ms,
        state: if matches!(exit, Exit::Code { .. }) { StateOutcome::Written } else { StateOutcome::Missing },
        survivors: Vec::new(),
    }
}

fn front(name: &str, service: &str, approvals: Option<u8>) -> String {
    let approvals = approvals.map_or_else(String::new, |number| format!("approvals: {number}\n"));
    format!("---\ntitle: The {name}\nservice: {service}\n{approvals}---\n# The {name}\n")
}
