//! Times that were measured, and their percentiles.

/// Times of one kind, in milliseconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Times(pub(crate) Vec<f64>);

impl Times {
    /// The nearest rank: of a hundred, p99 is the second largest but none smaller. `None` without a time.
    pub(crate) fn percentile(&self, percent: usize) -> Option<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let rank = (sorted.len() * percent).div_ceil(100).max(1);
        sorted.get(rank - 1).copied()
    }

    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let times = |count: u32| Times((1..=count).rev().map(f64::from).collect());
        for (count, percent, wanted) in [
            (0, 99, None),
            (1, 50, Some(1.0)),
            (1, 99, Some(1.0)),
            (100, 99, Some(99.0)),
            (100, 95, Some(95.0)),
            (15, 95, Some(15.0)),
            (200, 99, Some(198.0)),
        ] {
            assert_eq!(times(count).percentile(percent), wanted, "{count} {percent}");
        }
    }
}
