//! What Prometheus answers to the query of a trigger.

use blocks_exec::{StatusCode, samples};

/// Whatever comes is values or a reason, twice the same.
pub fn promql_answer(data: &[u8]) {
    for status in [StatusCode::OK, StatusCode::BAD_REQUEST, StatusCode::SERVICE_UNAVAILABLE] {
        let read = samples(status, data);
        match &read {
            Ok(all) => {
                assert!(status.is_success(), "{status} told {all:?}");
                assert_eq!(samples(status, data).map(|again| again.len()), Ok(all.len()));
            }
            Err(reason) => {
                assert!(!reason.is_empty(), "{status}");
                assert_eq!(samples(status, data).as_ref(), Err(reason));
            }
        }
    }
}
