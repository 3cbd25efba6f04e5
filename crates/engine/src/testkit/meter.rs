//! A server of numbers that says what the test wants.

use std::collections::BTreeMap;
use std::sync::Arc;

use runbook_core::ports::{BoxFuture, Meter};
use runbook_core::trigger::Sample;

use super::{World, locked};

/// What it answers.
#[derive(Default)]
pub(crate) struct MeterState {
    /// By query: a value, or why there is none. An unknown query has no series.
    pub(crate) says: BTreeMap<String, Result<f64, String>>,
    /// How often it was asked.
    pub(crate) asked: usize,
}

pub(crate) struct FakeMeter {
    pub(crate) world: Arc<World>,
}

impl Meter for FakeMeter {
    fn ask<'a>(
        &'a self,
        _connection: Option<&'a str>,
        query: &'a str,
    ) -> BoxFuture<'a, Result<Vec<Sample>, String>> {
        Box::pin(async move {
            let mut meter = locked(&self.world.meter);
            meter.asked += 1;
            match meter.says.get(query) {
                None => Ok(Vec::new()),
                Some(Ok(value)) => Ok(vec![Sample { labels: BTreeMap::new(), value: *value }]),
                Some(Err(reason)) => Err(reason.clone()),
            }
        })
    }
}
