//! What is told of runs that nobody carries on: no engine is at work, or the one that is gives no sign of life.
//!
//! The journal says `running` of them until somebody takes them up, so whoever looks must read it beside that word.

use serde_json::{Value, json};

use crate::origin::Reply;

/// Why nobody carries a run on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Absent {
    /// No engine is at work.
    None,
    /// One is there and gives no sign of life.
    Silent {
        /// What to type about it.
        line: String,
    },
}

impl Absent {
    /// The word for it in JSON (`engine`).
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Absent::None => "none",
            Absent::Silent { .. } => "silent",
        }
    }

    /// The line to type.
    #[must_use]
    pub fn line(&self) -> &str {
        match self {
            Absent::None => "blocks runbook recover",
            Absent::Silent { line } => line,
        }
    }

    fn means(&self) -> &'static str {
        match self {
            Absent::None => "takes it up, and says where it stands (`blocks serve` does the same)",
            Absent::Silent { .. } => "the engine that holds it gives no sign of life",
        }
    }

    /// In one line.
    #[must_use]
    pub fn words(&self) -> &'static str {
        match self {
            Absent::None => "no engine is at work: nothing carries this on until somebody does",
            Absent::Silent { .. } => "the engine gives no sign of life: nothing is known to carry this on",
        }
    }

    /// Tells it of a run that would go on by itself; of any other run it changes nothing.
    pub fn tell(&self, reply: &mut Reply) {
        let data = &mut reply.data;
        let has_live = data["status"] == "paused" && data["live"] == true;
        if !(moves(data["status"].as_str().unwrap_or_default()) || has_live) {
            return;
        }
        data["engine"] = json!(self.word());
        if !data["next"].is_array() {
            data["next"] = json!([]);
        }
        if let Some(next) = data["next"].as_array_mut() {
            next.insert(0, json!({ "command": self.line(), "means": self.means() }));
        }
        let after_title = reply.text.find('\n').map_or(reply.text.len(), |end| end + 1);
        reply.text.insert_str(after_title, &format!("  ! {}\n", self.words()));
        let title = "\nto go on:\n";
        let line = format!("  {}  {}\n", self.line(), self.means());
        match reply.text.find(title) {
            Some(at) => reply.text.insert_str(at + title.len(), &line),
            None => reply.text.push_str(&format!("{title}{line}")),
        }
    }

    /// Tells it of a row of a list; what to type about it, when it would go on by itself.
    pub(crate) fn tell_row(&self, row: &mut Value) -> Option<&str> {
        moves(row["status"].as_str().unwrap_or_default()).then(|| {
            row["engine"] = json!(self.word());
            self.line()
        })
    }
}

/// Whether a run with this status word goes on by itself.
fn moves(status: &str) -> bool {
    matches!(status, "planned" | "running" | "undoing")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_would_go_on_it_is_told_with_the_line_to_type_and_of_nothing_else() {
        let silent = Absent::Silent { line: "kill -CONT 7".to_owned() };
        for (absent, status, live, word, line) in [
            (&Absent::None, "running", true, Some("none"), "blocks runbook recover"),
            (&Absent::None, "undoing", false, Some("none"), "blocks runbook recover"),
            (&Absent::None, "paused", true, Some("none"), "blocks runbook recover"),
            (&silent, "running", false, Some("silent"), "kill -CONT 7"),
            (&Absent::None, "paused", false, None, ""),
            (&Absent::None, "waiting_for_approval", false, None, ""),
            (&Absent::None, "succeeded", false, None, ""),
        ] {
            let text = "Do it (0199): running\n  running  a\n".to_owned();
            let mut reply = Reply { text: text.clone(), data: json!({ "status": status, "live": live }) };
            absent.tell(&mut reply);
            assert_eq!(reply.data["engine"].as_str(), word, "{status}");
            if word.is_none() {
                assert_eq!(reply.text, text, "{status}");
                continue;
            }
            assert_eq!(reply.data["next"][0]["command"], line);
            let lines: Vec<_> = reply.text.lines().collect();
            assert!(lines[1].contains(absent.words()), "{lines:?}");
            assert!(lines.last().is_some_and(|last| last.trim().starts_with(line)), "{lines:?}");
        }
    }
}
