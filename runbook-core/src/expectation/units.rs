//! Units of measure: which belong together, and how many of one are another.

/// What a unit measures. Only units of one family can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// Parts of a hundred.
    Percent,
    /// Base: milliseconds.
    Time,
    /// Base: bytes.
    Size,
    /// Base: requests per second.
    Rate,
}

/// A unit.
#[derive(Debug, PartialEq)]
pub(crate) struct Unit {
    /// Its one spelling.
    pub(crate) name: &'static str,
    /// What it measures.
    pub(crate) family: Family,
    /// How many base units it is at least: some programs write `KB` for 1000 bytes, others for 1024.
    pub(crate) least: f64,
    /// How many base units it is at most.
    pub(crate) most: f64,
}

const fn exact(name: &'static str, family: Family, factor: f64) -> Unit {
    Unit { name, family, least: factor, most: factor }
}
const fn loose(name: &'static str, least: f64, most: f64) -> Unit {
    Unit { name, family: Family::Size, least, most }
}

const KI: f64 = 1024.0;
const MI: f64 = 1024.0 * KI;
const GI: f64 = 1024.0 * MI;
const TI: f64 = 1024.0 * GI;

/// Every unit with the spellings that programs and people use.
const UNITS: &[(&[&str], Unit)] = &[
    (&["%", "percent", "pct"], exact("%", Family::Percent, 1.0)),
    (&["ns"], exact("ns", Family::Time, 1e-6)),
    (&["us", "µs", "μs"], exact("µs", Family::Time, 1e-3)),
    (&["ms", "msec", "millisecond", "milliseconds"], exact("ms", Family::Time, 1.0)),
    (&["s", "sec", "secs", "second", "seconds"], exact("s", Family::Time, 1e3)),
    // kubectl writes thousandths of a processor as `250m`: `m` and `min` stay two names
    (&["m"], exact("m", Family::Time, 60e3)),
    (&["min", "mins", "minute", "minutes"], exact("min", Family::Time, 60e3)),
    (&["h", "hr", "hrs", "hour", "hours"], exact("h", Family::Time, 3600e3)),
    (&["d", "day", "days"], exact("d", Family::Time, 86_400e3)),
    (&["B", "byte", "bytes"], exact("B", Family::Size, 1.0)),
    (&["KiB", "Ki"], exact("KiB", Family::Size, KI)),
    (&["MiB", "Mi"], exact("MiB", Family::Size, MI)),
    (&["GiB", "Gi"], exact("GiB", Family::Size, GI)),
    (&["TiB", "Ti"], exact("TiB", Family::Size, TI)),
    (&["KB", "kB", "K", "k"], loose("KB", 1e3, KI)),
    (&["MB", "M"], loose("MB", 1e6, MI)),
    (&["GB", "G"], loose("GB", 1e9, GI)),
    (&["TB", "T"], loose("TB", 1e12, TI)),
    (&["rps", "req/s"], exact("rps", Family::Rate, 1.0)),
];

/// The unit of a word; `None` when the word is not a unit.
pub(crate) fn unit(word: &str) -> Option<&'static Unit> {
    // most words are no units: those that begin like none are not looked up
    if word.len() > 12 || !word.starts_with(|c: char| c.is_alphabetic() || c == '%') {
        return None;
    }
    UNITS.iter().find(|(words, _)| words.contains(&word)).map(|(_, unit)| unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_there_once_and_every_name_is_its_own_spelling() {
        let mut all: Vec<&str> = UNITS.iter().flat_map(|(words, _)| words.iter().copied()).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
        for (_, one) in UNITS {
            assert_eq!(unit(one.name).map(|unit| unit.name), Some(one.name));
            assert!(one.least <= one.most && one.least > 0.0);
        }
        assert_eq!(unit("parsecs"), None);
    }
}
