//! How long to wait before something is tried again.

/// The pause after `failures` that went before (0: the first), in milliseconds: it doubles from `base_ms` to `most_ms`, and lies
/// between half of that and all of it. `spread` is any number, and the same one gives the same pause: what failed together
/// does not come back together.
#[must_use]
pub fn pause_ms(failures: u32, base_ms: u64, most_ms: u64, spread: u64) -> u64 {
    let doubled =
        base_ms.checked_shl(failures.min(32)).filter(|doubled| doubled >> failures.min(32) == base_ms);
    let whole = doubled.unwrap_or(most_ms).min(most_ms);
    let half = whole / 2;
    half + spread % (whole - half + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_up_to_a_bound_and_is_spread_over_its_upper_half() {
        for (failures, least, most) in [
            (0, 500, 1_000),
            (1, 1_000, 2_000),
            (3, 4_000, 8_000),
            (6, 30_000, 60_000),
            (u32::MAX, 30_000, 60_000),
        ] {
            let spreads = (0..100_000).step_by(7).chain([u64::MAX]);
            let pauses: Vec<u64> = spreads.map(|spread| pause_ms(failures, 1_000, 60_000, spread)).collect();
            assert!(pauses.iter().all(|pause| (least..=most).contains(pause)), "{failures}");
            assert!(pauses.iter().min() < pauses.iter().max(), "{failures}: it is spread");
            assert_eq!(pause_ms(failures, 1_000, 60_000, 5), pause_ms(failures, 1_000, 60_000, 5));
        }
    }

    #[test]
    fn odd_bounds_give_a_pause_all_the_same() {
        for (failures, base, most, spread) in
            [(0, 0, 0, 9), (9, 0, 10, 9), (3, u64::MAX, 5, 1), (70, 3, u64::MAX, 0)]
        {
            assert!(pause_ms(failures, base, most, spread) <= most, "{failures} {base} {most}");
        }
    }
}
