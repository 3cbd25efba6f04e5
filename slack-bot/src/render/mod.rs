//! Views into Block Kit. Outside text is escaped and bounded here, and nowhere else.

mod answer;
mod ask;
mod brief;
mod card;
mod draft;
mod form;
mod offer;
mod page;
mod plan;
mod progress;
pub(crate) mod text;

pub(crate) use answer::offers;
pub(crate) use ask::ask;
pub(crate) use brief::brief;
pub(crate) use card::card;
pub(crate) use draft::draft;
pub(crate) use form::form;
pub(crate) use offer::offer;
pub(crate) use page::Rendered;
pub(crate) use plan::plan;
pub(crate) use progress::progress;

#[cfg(test)]
pub(crate) mod tests;
#[cfg(test)]
mod word_tests;
