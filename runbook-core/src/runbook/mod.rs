//! Runbooks: Markdown documents whose commands can be run and judged.
//!
//! [`parse()`] turns any text into a [`Document`]. It never fails: what is wrong becomes a [`Diagnostic`], and a
//! command that would run wrongly says why it is not runnable. The language is described in
//! `docs/reference/runbook-format.md`.
//!
//! ```
//! use runbook_core::runbook::{Effect, parse};
//!
//! let text = "# Web is slow\n\n## Look (5 min)\n\n```bash\nkubectl get pods -n shop\n# Expected: 3/3 ready\n```\n";
//! let document = parse("web_is_slow", text);
//!
//! let step = &document.steps[0];
//! assert_eq!((step.id.as_str(), step.timebox_s), ("look", Some(300)));
//! let command = &step.commands[0];
//! assert_eq!((command.text.as_str(), command.line), ("kubectl get pods -n shop\n", 6));
//! assert_eq!((command.effect, command.reason()), (Effect::Read, None));
//! assert_eq!(document.coverage_line(), "1 command: 1 runnable (1 judged by machine)");
//! assert!(document.diagnostics.is_empty());
//! ```
//!
//! Bytes of unknown origin go through [`parse_bytes()`], which says where they are not UTF-8.

mod blocks;
mod branches;
mod checks;
pub mod codes;
mod commands;
mod comments;
mod conditional;
mod console;
mod diagnostic;
mod effects;
mod flow;
mod forbidden;
mod frontmatter;
mod grammar;
mod handed_on;
pub mod hash;
mod info;
pub mod kinds;
mod lines;
mod lints;
mod markdown;
mod model;
mod mojibake;
mod names;
mod outline;
mod params;
mod parse;
mod pasted;
mod phrases;
pub mod placeholders;
mod plain_yaml;
mod prompts;
mod prose;
mod schema;
mod shell;
mod steps;
#[cfg(test)]
mod tests;
mod titles;
mod typography;
pub(crate) mod variables;
mod yaml;

pub(crate) use checks::answers_by_status;
pub use console::session_to_shell;
pub use diagnostic::*;
pub(crate) use effects::gives_credentials;
pub use flow::{Condition, condition};
pub(crate) use flow::{check_items, items_of, lines_of};
pub use handed_on::hand_on;
pub use info::{Info, InfoProblem, Role, read_info};
pub(crate) use kinds::include::reference;
pub use lints::{check_links, silence_remarks};
pub use model::*;
pub use names::{OWN_SECRETS, check_variable, is_identifier};
pub(crate) use names::{closest, is_identifier_byte};
pub use outline::{CommandOutline, Coverage, ExpectationOutline, Outline, StepOutline};
pub(crate) use params::parameter_of;
pub use params::{MAX_VALUE_BYTES, check_value};
pub(crate) use parse::settle_blocks;
pub use parse::{LARGE_DOCUMENT_BYTES, MAX_DOCUMENT_BYTES, parse, parse_bytes};
pub use schema::front_matter_schema;
pub(crate) use shell::{ends_in_search, single_call};
pub(crate) use variables::{Later, Shell, Touched, possible_calls, reads, touched, unsure_part};
