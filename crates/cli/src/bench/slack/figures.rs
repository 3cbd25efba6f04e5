//! What was measured.

use crate::bench::times::Times;

/// Of the commands that were typed while runs were in flight, over one way in.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Typed {
    /// From sending to the acknowledgement.
    pub(super) acknowledged: Times,
    /// From sending to the answer that shows.
    pub(super) answered: Times,
    /// Not acknowledged with success.
    pub(super) refused: u64,
    /// Acknowledged, and never answered.
    pub(super) lost: u64,
    /// Runs in flight when the last one was typed.
    pub(super) in_flight: usize,
}

/// Of many incidents in a short time.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Flood {
    pub(super) pages: usize,
    /// From the page to the card, of all.
    pub(super) cards: Times,
    /// From the command to the plan with its button.
    pub(super) approvals: Times,
    /// Messages that waited when the last page was sent: 0 means that nothing was saturated.
    pub(super) backlog: usize,
    /// Cards, plans and webhooks that never came.
    pub(super) lost: u64,
    /// Cards and plans that came more than once.
    pub(super) doubled: u64,
    /// Messages that were given up.
    pub(super) given_up: u64,
}

/// Everything once.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Round {
    pub(super) http: Typed,
    pub(super) socket: Typed,
    /// From a page to its card, one page at a time.
    pub(super) cards: Times,
    /// Pages without a card.
    pub(super) cards_lost: u64,
    pub(super) flood: Flood,
}

impl Round {
    /// Everything that was lost, doubled or given up.
    pub(super) fn lost(&self) -> u64 {
        let Flood { lost, doubled, given_up, .. } = self.flood;
        self.http.lost + self.socket.lost + self.cards_lost + lost + doubled + given_up
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_did_not_come_or_came_twice_is_counted() {
        let typed = |lost| Typed { lost, refused: 9, ..Typed::default() };
        let flood = Flood { lost: 4, doubled: 8, given_up: 16, ..Flood::default() };
        let round = Round { http: typed(1), socket: typed(2), cards_lost: 32, flood, ..Round::default() };
        assert_eq!(round.lost(), 63);
    }
}
