//! Updates for stakeholders: written from a template, seen by a person, and sent by one.
//!
//! A template is data (`runbooks/templates/updates/`). It is filled from the incident's journal and from what a person gives;
//! what nobody has said is written as unknown. The draft is an event on the incident's stream, bound to its text by a code:
//! what is sent is what was seen, and nothing leaves by anything but a person's send.

mod clean;
mod decide;
mod draft;
mod fill;
mod page;
mod state;
mod template;
#[cfg(test)]
mod tests;
mod view;

pub use clean::{lines, one_line};
pub use decide::{Refusal, UpdateCommand, may_publish};
pub(crate) use decide::{decide, shown_again};
pub use draft::{Arrival, Component, Delivery, Draft, DraftState, RECIPIENTS_MAX, Way, address};
pub use fill::{Known, Values, eta};
pub use page::{ComponentStatus, Impact, NoWord, PageState};
pub use state::{Drafts, Held, Outdated};
pub use template::{
    Audience, Channel, OnPage, SUBJECT_MAX, TEXT_MAX, Template, TemplateError, UNKNOWN, bounded,
};
pub use view::{DraftView, as_text, view};
