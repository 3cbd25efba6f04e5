//! Ranges in titles that are windows: `(0-5 min)`, `(5-10 min)`, `(10-15 min)` one after the other.

use std::collections::BTreeMap;

/// A title with a range.
struct Ranged {
    line: u32,
    from_s: u32,
    to_s: u32,
}

/// The ranges of a document, by the heading that they stand below and their titles' rank.
#[derive(Default)]
pub(super) struct Windows(BTreeMap<(u32, u8), Vec<Ranged>>);

impl Windows {
    /// A title with a range was read, below the heading in line `parent`.
    pub(super) fn add(&mut self, parent: u32, rank: u8, line: u32, range: (u32, u32)) {
        let (from_s, to_s) = range;
        self.0.entry((parent, rank)).or_default().push(Ranged { line, from_s, to_s });
    }

    /// Where each window begins, in seconds, by its title's line.
    ///
    /// Ranges are windows when the first begins at 0 and each other one where the one before ended. All others are
    /// guesses: `(5-10 min)` takes at most ten minutes.
    pub(super) fn finish(self) -> BTreeMap<u32, u32> {
        let mut starts = BTreeMap::new();
        for ranges in self.0.values() {
            // several procedures may stand below one heading
            for run in ranges.chunk_by(|_, next| next.from_s > 0) {
                let chained =
                    run.windows(2).all(|pair| matches!(pair, [one, next] if one.to_s == next.from_s));
                if chained && run.len() > 1 && run.first().is_some_and(|first| first.from_s == 0) {
                    starts.extend(run.iter().map(|ranged| (ranged.line, ranged.from_s)));
                }
            }
        }
        starts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ranges_that_chain_are_windows() {
        type Row<'a> = (&'a [(u32, u32)], &'a [u32]);
        let rows: &[Row<'_>] = &[
            (&[(0, 5), (5, 10), (10, 15)], &[0, 5, 10]),
            (&[(0, 5), (5, 10), (0, 2), (2, 9)], &[0, 5, 0, 2]),
            (&[(0, 5), (5, 10), (0, 2)], &[0, 5]),
            (&[(0, 5)], &[]),
            (&[(5, 10), (10, 15)], &[]),
            (&[(0, 5), (5, 10), (12, 15)], &[]),
            (&[(0, 5), (0, 5)], &[]),
            (&[], &[]),
        ];
        for (ranges, expected) in rows {
            let mut windows = Windows::default();
            for (line, range) in (1..).zip(ranges.iter()) {
                windows.add(7, 2, line, *range);
            }
            let starts: Vec<u32> = windows.finish().into_values().collect();
            assert_eq!(starts, *expected, "{ranges:?}");
        }
    }
}
