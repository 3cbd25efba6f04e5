//! The load generator: run as a process of its own, and what it prints, read.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use super::process;
use crate::exit::Stop;

/// How a load is made.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    /// Requests per second, whether or not answers come; over 8 connections.
    Open(u32),
    /// That many connections, each sending its next request after its last answer.
    Closed(u32),
}

/// Connections of an open load.
const OPEN_CONNECTIONS: u32 = 8;
/// How much longer than asked the generator may take to end.
const PATIENCE: Duration = Duration::from_secs(30);
/// The generator's event ids begin with the second in which it started: two loads on one server never share one.
const BETWEEN_LOADS: Duration = Duration::from_millis(1_100);

/// What one load came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Load {
    /// Answers.
    pub(crate) answers: u64,
    /// Answers per second.
    pub(crate) per_second: f64,
    /// Answers that were not 2xx.
    pub(crate) refused: u64,
    /// Microseconds.
    pub(crate) p50: f64,
    /// Microseconds.
    pub(crate) p99: f64,
}

/// Loads a server on this machine for so many seconds.
pub(crate) async fn run(
    floor: &Path,
    address: SocketAddr,
    path: &str,
    shape: Shape,
    secs: u32,
) -> Result<Load, Stop> {
    if !address.ip().is_loopback() {
        return Err(Stop::usage(format!("{address} is not on this machine: a load goes to loopback only")));
    }
    tokio::time::sleep(BETWEEN_LOADS).await;
    let mut words: Vec<String> =
        vec!["load".into(), "--addr".into(), address.to_string(), "--path".into(), path.into()];
    match shape {
        Shape::Open(rate) => {
            words.extend(["--rate".into(), rate.to_string(), "--conns".into(), OPEN_CONNECTIONS.to_string()]);
        }
        Shape::Closed(connections) => words.extend(["--conns".into(), connections.to_string()]),
    }
    words.extend(["--secs".into(), secs.to_string()]);
    let limit = Duration::from_secs(u64::from(secs)) + PATIENCE;
    let said = process::output(floor, &words, limit).await?;
    parse(&said)
        .ok_or_else(|| Stop::failed(format!("the load generator said something unexpected: {}", said.trim())))
}

/// Reads `acks: N in S = R/s not2xx=B` and `ack: n=N p50=..us .. p99=..us ..`.
fn parse(said: &str) -> Option<Load> {
    let total = said.lines().find_map(|line| line.strip_prefix("acks: "))?;
    let times = said.lines().find_map(|line| line.strip_prefix("ack: "))?;
    let time = |name| word(times, name)?.strip_suffix("us")?.parse().ok();
    Some(Load {
        answers: total.split_whitespace().next()?.parse().ok()?,
        per_second: total.split_whitespace().find_map(|word| word.strip_suffix("/s"))?.parse().ok()?,
        refused: word(total, "not2xx=")?.parse().ok()?,
        p50: time("p50=")?,
        p99: time("p99=")?,
    })
}

fn word<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    line.split_whitespace().find_map(|word| word.strip_prefix(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "acks: 500 in 5.00s = 100/s not2xx=3\n\
        ack: n=500 p50=1312.4us p90=1900.0us p99=4200.5us p99.9=9000.0us max=9100.0us mean=1400.0us\n";

    #[test]
    fn what_the_generator_prints_is_read() {
        let load = Load { answers: 500, per_second: 100.0, refused: 3, p50: 1312.4, p99: 4200.5 };
        assert_eq!(parse(SAID), Some(load));
    }

    #[test]
    fn what_is_not_understood_is_no_figure() {
        for said in ["", "acks: 500 in 5.00s = 100/s not2xx=3\nack: n=0\n", &SAID.replace("not2xx", "bad")] {
            assert_eq!(parse(said), None, "{said}");
        }
    }

    #[tokio::test]
    async fn a_load_never_leaves_the_machine() {
        let address = "192.0.2.1:80".parse().unwrap();
        let error = run(Path::new("/nonexistent"), address, "/", Shape::Open(1), 1).await.unwrap_err();
        assert!(error.text.contains("loopback"), "{error}");
    }
}
