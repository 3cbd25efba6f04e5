//! What `/metrics` counts.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

/// Counters by name and labels, in Prometheus' text form.
#[derive(Debug, Default)]
pub struct Metrics {
    counters: Mutex<BTreeMap<(&'static str, String), u64>>,
}

impl Metrics {
    /// Adds one. `labels` is Prometheus' inside of the braces, such as `source="slack"`; only fixed words go there.
    pub fn count(&self, name: &'static str, labels: String) {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        *counters.entry((name, labels)).or_default() += 1;
    }

    /// The value of one counter.
    #[must_use]
    pub fn get(&self, name: &'static str, labels: &str) -> u64 {
        let counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        counters.get(&(name, labels.to_owned())).copied().unwrap_or_default()
    }

    /// All counters as Prometheus reads them.
    #[must_use]
    pub fn render(&self) -> String {
        let counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        let mut last = "";
        for ((name, labels), value) in counters.iter() {
            if *name != last {
                let _ = writeln!(text, "# TYPE {name} counter");
                last = name;
            }
            let _ = if labels.is_empty() {
                writeln!(text, "{name} {value}")
            } else {
                writeln!(text, "{name}{{{labels}}} {value}")
            };
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_render_for_prometheus() {
        let metrics = Metrics::default();
        metrics.count("blocks_refused_total", "source=\"slack\"".to_owned());
        metrics.count("blocks_refused_total", "source=\"slack\"".to_owned());
        metrics.count("blocks_up_total", String::new());
        let text = metrics.render();
        assert!(text.contains("blocks_refused_total{source=\"slack\"} 2\n"), "{text}");
        assert!(text.contains("# TYPE blocks_up_total counter\nblocks_up_total 1\n"), "{text}");
    }
}
