//! Which secrets a command gets: those that it names, and those that the shell it goes on with may hold already.

use std::collections::BTreeSet;

use super::model::{Plan, PlannedCommand};
use crate::runbook::{CommandKind, is_identifier_byte};

impl Plan {
    /// The names of the secrets that a command gets, by its id.
    ///
    /// - Those that stand in its text.
    /// - The steps' own shell commands go on with one another's variables and functions, which may hold or read a secret: each
    ///   gets what those before it name.
    /// - Text that is put together while it runs (`eval`, `source`, `${!name}`) may name any, so it gets all.
    /// - A secret that no command of the plan names is for programs that look for it in their environment by themselves: every
    ///   shell command gets it.
    #[must_use]
    pub fn secrets_for(&self, id: &str) -> BTreeSet<&str> {
        if self.secrets.is_empty() {
            return BTreeSet::new();
        }
        let Some(command) = self.all_commands().find(|command| command.id == id) else {
            return BTreeSet::new();
        };
        let mut given = self.named_by(command);
        if command.kind != CommandKind::Shell {
            return given;
        }
        let named: BTreeSet<&str> = self.all_commands().flat_map(words).collect();
        given.extend(self.secrets.keys().map(String::as_str).filter(|name| !named.contains(name)));
        let mut before = BTreeSet::new();
        for one in self.steps.iter().flat_map(|step| &step.commands) {
            if one.id == id {
                given.append(&mut before);
                break;
            }
            if one.kind == CommandKind::Shell {
                before.extend(self.named_by(one));
            }
        }
        given
    }

    fn named_by(&self, command: &PlannedCommand) -> BTreeSet<&str> {
        let any = command.kind == CommandKind::Shell && may_read_any(&command.text);
        let words: BTreeSet<&str> = words(command).collect();
        self.secrets.keys().map(String::as_str).filter(|name| any || words.contains(name)).collect()
    }
}

/// Whatever could be a variable's name in a command's text.
fn words(command: &PlannedCommand) -> impl Iterator<Item = &str> {
    command.text.split(|c: char| !u8::try_from(c).is_ok_and(is_identifier_byte))
}

/// Whether a shell text reads variables whose names do not stand in it.
fn may_read_any(text: &str) -> bool {
    text.contains("${!")
        || text
            .split(|c: char| c.is_whitespace() || ";&|(){}`\"".contains(c))
            .any(|word| matches!(word, "eval" | "source" | "."))
}

#[cfg(test)]
mod tests {
    use super::super::{PlanRequest, build};
    use crate::runbook::parse;

    #[test]
    fn a_command_gets_the_secrets_that_it_names_or_may_hold() {
        let front = "---\nparams:\n  A: { secret: true }\n  B: { secret: true }\n  C: { secret: true }\n---\n# T\n\n## S\n\n";
        let fence = |info: &str, text: &str| format!("```{info}\n{text}\n```\n\n");
        let given = |body: &[String], id: &str| {
            let text = format!("{front}{}", body.concat());
            let document = parse("x", &text).with_hash_of(text.as_bytes());
            let secrets = ["A", "B", "C"].map(|name| (name.to_owned(), "aa".to_owned())).into();
            let plan = build(&document, &PlanRequest { secrets, ..PlanRequest::default() }).unwrap();
            plan.secrets_for(id).into_iter().collect::<Vec<_>>().join("")
        };
        let body = [
            fence("bash {name=plain}", "ls"),
            fence("bash {name=first}", "login \"$A\""),
            fence("bash {name=later}", "ls -l"),
            fence("http {name=ask}", "GET https://a.example.com/?t={{B}}"),
            fence("sql {name=rows}", "select :'C';"),
            fence("promql {name=query}", "up{a=\"$B\"}"),
            fence("bash {name=both}", "login \"${B}\" AB"),
            fence("bash {undo name=back}", "logout \"$C\""),
            fence("bash {baseline name=look effect=read}", "ls /"),
        ];
        for (id, names) in [
            ("plain", ""),
            ("first", "A"),
            ("later", "A"),
            ("ask", "B"),
            ("rows", "C"),
            ("query", "B"),
            ("both", "AB"),
            ("back", "C"),
            ("look", ""),
            ("nobody", ""),
        ] {
            assert_eq!(given(&body, id), names, "{id}");
        }
        for (text, names) in [
            ("login $A $B", "ABC"),
            ("eval \"$cmd\"; $A $B $C", "ABC"),
            (". ./env.sh $C $B", "ABC"),
            ("source env.sh # A B C", "ABC"),
            ("name=A; echo \"${!name}\" B C", "ABC"),
        ] {
            assert_eq!(given(&[fence("bash {name=x}", text)], "x"), names, "{text}");
        }
        // a function of an earlier command, and what nobody names
        let body = [fence("bash {name=def}", "f() { login $A $B; }"), fence("bash {name=call}", "f")];
        assert_eq!((given(&body, "def").as_str(), given(&body, "call").as_str()), ("ABC", "ABC"));
        let body = [fence("bash {name=one}", "login $A $B"), fence("sql {name=two}", "select 1;")];
        assert_eq!((given(&body, "one").as_str(), given(&body, "two").as_str()), ("ABC", ""));
    }
}
