//! What functions do to variables where they are called.

use std::collections::{BTreeMap, BTreeSet};

use super::functions::{defined, without_functions};
use super::walk::assigned;

/// The variables that functions unset, by the functions' names, through others that they call included.
pub(super) type Unsetting = BTreeMap<String, BTreeSet<String>>;

/// What a function sets for sure.
#[derive(Debug, Clone, Default)]
pub(super) struct Sets {
    /// However it ends.
    pub(super) always: BTreeSet<String>,
    /// Where it goes well.
    pub(super) well: BTreeSet<String>,
}

/// What calls in one text do.
#[derive(Debug, Default)]
pub(super) struct Calls<'u> {
    /// What its own functions set for sure, and where each is defined then. Those of other texts may not be there.
    sets: BTreeMap<String, (usize, Sets)>,
    unsets: Option<&'u Unsetting>,
    /// The text is the inside of a function, which may have variables of its own.
    pub(super) in_function: bool,
}

impl<'u> Calls<'u> {
    /// Those of a text, with its functions in it.
    pub(super) fn of(text: &str, unsets: &'u Unsetting) -> Calls<'u> {
        let mut calls = Calls { unsets: Some(unsets), ..Calls::default() };
        if text.contains("unset -f") {
            return calls;
        }
        // a function may call those before it
        let mut earlier = Calls { unsets: Some(unsets), in_function: true, ..Calls::default() };
        for function in defined(text) {
            let mut sets = Sets::default();
            if function.is_there {
                let inside = without_functions(function.inside);
                let (sure, _) = assigned(&inside, &earlier);
                let own = super::facts::locals(&inside);
                let known = |name: &&str| !own.contains(*name);
                sets.always = sure.at_end().filter(known).map(str::to_owned).collect();
                sets.well = sure.at_good_end().filter(known).map(str::to_owned).collect();
            }
            for (calls, from) in [(&mut earlier, 0), (&mut calls, function.end)] {
                calls.defines(function.name, from, &sets);
            }
        }
        calls
    }

    /// Those of a function's inside.
    pub(super) fn in_function(self) -> Calls<'u> {
        Calls { in_function: true, ..self }
    }

    /// Of one that is defined twice, nobody knows which is called.
    fn defines(&mut self, name: &str, from: usize, sets: &Sets) {
        match self.sets.get_mut(name) {
            Some(known) => {
                known.0 = from;
                known.1.always.retain(|name| sets.always.contains(name));
                known.1.well.retain(|name| sets.well.contains(name));
            }
            None => drop(self.sets.insert(name.to_owned(), (from, sets.clone()))),
        }
    }

    /// What a call sets for sure.
    pub(super) fn set_by(&self, name: &str, at: usize) -> Option<&Sets> {
        self.sets.get(name).filter(|(from, _)| *from <= at).map(|(_, sets)| sets)
    }

    /// What a call may unset.
    pub(super) fn unset_by(&self, name: &str) -> impl Iterator<Item = &'u str> + use<'u> {
        let found = self.unsets.and_then(|all| all.get(name));
        found.into_iter().flatten().map(String::as_str)
    }
}
