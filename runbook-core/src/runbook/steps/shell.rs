//! Shell blocks: sessions, prompts and output told from commands.

use std::borrow::Cow;

use super::super::blocks::Fence;
use super::super::codes;
use super::super::commands::{self, Cut, Odd, split};
use super::super::console::{self, Foreign, Whose};
use super::super::effects;
use super::super::forbidden;
use super::super::grammar;
use super::super::info::Info;
use super::super::kinds;
use super::super::model::{CommandKind, Effect, EffectSource};
use super::super::outline::CONSOLE_SHELL;
use super::super::pasted;
use super::super::placeholders;
use super::super::shell::{Token, lex};
use super::super::typography;
use super::fence::{Fault, Read, is_session, looks_like_shell};
use super::{Builder, forbid};

/// Why a block runs nothing, or not all, of what stands in it.
const ONLY_FOREIGN: &str = "its commands are for root or for another program";
const SOME_FOREIGN: &str = "some of its commands are for root or for another program";
const MIXED: &str = "it mixes commands with lines that begin with a prompt";
const TEMPLATE: &str = "a placeholder `#{...}` in it reads as a comment";
const PASTED: &str = "output stands among its commands";
/// Why a command behind a prompt does not run.
const FOR_ROOT: &str = "it is for root";
const FOR_PROGRAM: &str = "it is for another program";
const FOR_NOBODY: &str = "it begins with what may be a prompt";

/// Whether the reason why a command does not run is that it is none, or none of this shell.
pub(crate) fn is_no_command(reason: &str) -> bool {
    matches!(reason, FOR_ROOT | FOR_PROGRAM | FOR_NOBODY | PASTED) || forbid::REASONS.contains(&reason)
}

impl Builder<'_> {
    pub(super) fn shell(&mut self, fence: &Fence<'_>, info: &Info, above: &str) -> Option<String> {
        let at = (fence.line, self.lines.indent(fence.line));
        let tagged = info.language == "console";
        let session = (tagged || is_session(fence)).then(|| console::read(&fence.text, tagged));
        let (shell, cut) = match &session {
            _ if info.is_one_command() => {
                (session.as_ref().map_or(&*fence.text, |session| session.shell.as_str()), Cut::Nowhere)
            }
            Some(session) => (session.shell.as_str(), Cut::AtLines),
            None => (&*fence.text, Cut::AtTitles),
        };
        let split = split(shell, fence.line + 1, cut);
        let said = forbidden::said_in_comments(shell);
        let foreign = session.as_ref().map_or(&[][..], |session| session.foreign.as_slice());
        if let Some(first) = foreign.first() {
            self.foreign_prompt(fence.line + 1 + first.line, first.whose);
        }
        for line in split.stray.into_iter().filter(|_| foreign.is_empty()) {
            self.note(
                codes::STRAY_EXPECTATION,
                (line, self.lines.indent(line)),
                "this expectation stands before any command of its block, so nothing is judged by it",
                "put it below the command that it is about",
            );
        }
        for line in split.misspelt {
            self.misspelt(line);
        }
        let only_foreign = split.pieces.is_empty();
        let tokens = &split.tokens;
        let mut reads: Vec<Read> =
            split.pieces.into_iter().map(|piece| Read::shell(piece, tokens, info.effect)).collect();
        let left_out = foreign.iter().filter(|found| !found.text.is_empty());
        reads.extend(left_out.map(|found| Read::foreign(found, fence.line + 1)));
        reads.sort_by_key(|read| read.piece.line);
        if reads.is_empty() {
            if !foreign.is_empty() {
                return Some(ONLY_FOREIGN.to_owned());
            }
            let hint = if tagged {
                "begin each command with `$ `"
            } else {
                "add a command, or tag the block as text"
            };
            self.note(codes::NO_COMMAND, at, "this shell block holds no command", hint);
            let reason =
                if tagged && looks_like_shell(&fence.text) { CONSOLE_SHELL } else { "it holds no command" };
            return Some(reason.to_owned());
        }
        let odd = split.odd.map(|(line, odd)| self.odd(line, odd));
        let forbidden = self.not_meant_to_run(fence, info, said, above);
        let blocked = forbidden.or(odd);
        self.open_step_for(fence);
        let several = reads.len() > 1;
        if several && info.capture.is_some() {
            self.note(
                codes::ATTRIBUTE_CONFLICT,
                at,
                "a captured value needs a block with one command, and expectations split this one",
                "put the command whose output is captured into a block of its own",
            );
        }
        if several && (info.flow.foreach.is_some() || info.flow.parallel.is_some()) {
            self.note(
                codes::ATTRIBUTE_CONFLICT,
                at,
                "`foreach` and `parallel` need a block with one command, and expectations split this one",
                "give each command a block of its own, or put the expectations behind the last command",
            );
        }
        for (n, mut read) in reads.into_iter().enumerate() {
            if let Some(blocked) = blocked {
                read.piece.blocked = Some(blocked.to_owned());
            }
            self.command(fence, info, n, several, read);
        }
        // a line that is left out leaves the rest of the block in question
        let left_out =
            (!foreign.is_empty()).then_some(if only_foreign { ONLY_FOREIGN } else { SOME_FOREIGN });
        forbidden.or(left_out).map(str::to_owned)
    }

    fn foreign_prompt(&mut self, line: u32, whose: Whose) {
        let message = match whose {
            Whose::Root => "this line has the prompt of root, so it never runs",
            Whose::Program => "this line has the prompt of another program, so it never runs",
            Whose::Nobody => "this line begins with what may be a prompt, so it never runs",
        };
        let hint = match whose {
            Whose::Nobody => "begin each command with `$ `",
            _ => "write what this shell can run, or give the text to the program as a file or an argument",
        };
        self.note(codes::OTHER_PROMPT, (line, self.lines.indent(line)), message, hint);
    }

    /// Tells of a line that stands where a command begins; gives the reason why nothing of its block runs.
    fn odd(&mut self, line: u32, odd: Odd) -> &'static str {
        let at = (line, self.lines.indent(line));
        let hint = "put sessions into a block of their own, tagged console";
        match odd {
            Odd::Prompt => {
                let message = "this line begins with a prompt and the block's first one does not, so nothing of it runs";
                self.note(codes::OTHER_PROMPT, at, message, hint);
                MIXED
            }
            Odd::OtherPrompt => {
                let message =
                    "this line has the prompt of root or of another program, so nothing of the block runs";
                self.note(codes::OTHER_PROMPT, at, message, hint);
                MIXED
            }
            Odd::Template => {
                let message = "`#{...}` is a placeholder here, and a shell takes it and all behind it for a comment, so nothing of the block runs";
                let hint = "declare a parameter under `params:` and write \"$NAME\" in its place";
                self.note(codes::PLACEHOLDER, at, message, hint);
                TEMPLATE
            }
            Odd::Output(shape) => {
                self.note(
                    codes::PASTED_OUTPUT,
                    at,
                    format!("this line looks like {shape} and not like a command, so nothing of the block runs"),
                    if shape == pasted::LIST {
                        "take the marks of the list out, or put them outside of the block"
                    } else {
                        "put output into a block of its own below \"Expected output:\", or tag the block console and \
                         begin each command with `$ `"
                    },
                );
                PASTED
            }
        }
    }
}

impl Read {
    /// A command that this shell does not get.
    fn foreign(found: &Foreign, first_line: u32) -> Read {
        let reason = match found.whose {
            Whose::Root => FOR_ROOT,
            Whose::Program => FOR_PROGRAM,
            Whose::Nobody => FOR_NOBODY,
        };
        let piece = kinds::Piece {
            line: first_line + found.line,
            title: None,
            text: format!("{}\n", found.text),
            expectations: Vec::new(),
            effect: (Effect::Once, EffectSource::Unknown),
            include: None,
            blocked: Some(reason.to_owned()),
        };
        Read {
            kind: CommandKind::Shell,
            piece,
            unfinished: None,
            fault: None,
            placeholders: Vec::new(),
            alternative: false,
        }
    }

    /// `tokens` are those of the fence.
    fn shell(piece: commands::Piece, tokens: &[Token<'_>], declared: Option<Effect>) -> Read {
        let commands::Piece { line, title, text, expectations, unfinished, alternative, tokens: own } = piece;
        // a placeholder becomes one quoted word, never syntax
        let (placeholders, masked) = placeholders::spellings(&text);
        let own = own.and_then(|own| tokens.get(own));
        let own = own.filter(|_| matches!(masked, Cow::Borrowed(_)));
        let lexed;
        let (tokens, whole) = match own {
            Some(own) => (own, true),
            None => {
                lexed = lex(&masked);
                (lexed.tokens.as_slice(), lexed.complete())
            }
        };
        // tokens of the fence count from its beginning
        let begin = own.and_then(|own| own.first()).map_or(0, |first| first.start);
        let fault = Fault::odd(&masked, tokens, begin)
            .or_else(|| if whole { Fault::refused(tokens, begin) } else { None });
        let effect = match (declared, own) {
            (Some(effect), _) => (effect, EffectSource::Declared),
            (None, Some(own)) => effects::of_tokens(own),
            (None, None) => effects::of(&masked),
        };
        let piece = kinds::Piece { line, title, text, expectations, effect, include: None, blocked: None };
        Read { kind: CommandKind::Shell, piece, unfinished, fault, placeholders, alternative }
    }
}

impl Fault {
    /// A character that only looks like syntax. Offsets count from `begin`.
    fn odd(text: &str, tokens: &[Token<'_>], begin: usize) -> Option<Fault> {
        if text.is_ascii() {
            return None;
        }
        let found = typography::find(text, tokens, begin)?;
        Some(Fault {
            code: codes::TYPOGRAPHY,
            at: found.at,
            what: found.written.to_string(),
            reason: format!(
                "{} (`{}`) stands where a shell knows only plain ones",
                found.what,
                found.written.escape_unicode()
            ),
            hint: format!("probably meant: `{}`", found.meant),
        })
    }

    fn refused(tokens: &[Token<'_>], begin: usize) -> Option<Fault> {
        let found = grammar::refused(tokens)?;
        Some(Fault {
            code: codes::SHELL_REFUSED,
            at: found.at.saturating_sub(begin),
            reason: found.reason(),
            what: found.what,
            hint: "correct it, or tag the block as text; `bash -n FILE` tries a text without running it"
                .to_owned(),
        })
    }
}
