//! Where somebody is on the page: for each pane a person, a channel and perhaps a thread. It lives in the address, so that
//! links, the back button and a reload need nothing else.

/// One pane.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Seat {
    /// A person's id; empty = the one who sits there by default.
    pub(super) user: String,
    /// A channel's id; empty = the first.
    pub(super) channel: String,
    /// The thread's first message.
    pub(super) thread: Option<String>,
}

/// Both panes.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Place {
    pub(super) a: Seat,
    pub(super) b: Seat,
}

/// Which pane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    A,
    B,
}

impl Side {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }

    pub(super) fn read(word: &str) -> Self {
        if word == "b" { Self::B } else { Self::A }
    }
}

impl Place {
    /// From the parts of a query. What is too long to be an id is none.
    pub(super) fn read(query: &[(String, String)]) -> Self {
        let value = |name: &str| {
            let found = query.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
            found.filter(|value| value.len() <= 64).unwrap_or_default()
        };
        let seat = |side: &str| Seat {
            user: value(side),
            channel: value(&format!("{side}c")),
            thread: Some(value(&format!("{side}t"))).filter(|ts| !ts.is_empty()),
        };
        Self { a: seat("a"), b: seat("b") }
    }

    pub(super) fn seat(&self, side: Side) -> &Seat {
        match side {
            Side::A => &self.a,
            Side::B => &self.b,
        }
    }

    /// The same, but for one pane.
    pub(super) fn with(&self, side: Side, seat: Seat) -> Self {
        match side {
            Side::A => Self { a: seat, b: self.b.clone() },
            Side::B => Self { a: self.a.clone(), b: seat },
        }
    }

    /// The query, without its `?`.
    pub(super) fn query(&self) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (side, seat) in [("a", &self.a), ("b", &self.b)] {
            let parts =
                [("", &seat.user), ("c", &seat.channel), ("t", seat.thread.as_ref().unwrap_or(&EMPTY))];
            for (part, value) in parts.into_iter().filter(|(_, value)| !value.is_empty()) {
                query.append_pair(&format!("{side}{part}"), value);
            }
        }
        query.finish()
    }

    /// The address.
    pub(super) fn address(&self) -> String {
        let query = self.query();
        if query.is_empty() { "/".to_owned() } else { format!("/?{query}") }
    }
}

static EMPTY: String = String::new();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_its_address() {
        for query in ["", "a=U0ANA", "a=U0ANA&ac=C1&at=17.5&b=U0BEN&bc=C2", "a=%22%3E%26"] {
            let place = Place::read(&crate::shared::pairs(query));
            assert_eq!(place.query(), query);
            assert_eq!(Place::read(&crate::shared::pairs(&place.query())), place);
        }
        let long = format!("a={}", "x".repeat(65));
        assert_eq!(Place::read(&crate::shared::pairs(&long)), Place::default());
    }
}
