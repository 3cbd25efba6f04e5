//! One delivery, as PagerDuty makes it: signed, with 5 s for the answer, and again until it is taken.
//!
//! It is hand-made HTTP: connections are cut in the middle of a request, or before the answer, and no client library does that.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::report::Tally;
use super::world::SECRET;
use crate::crash::Random;
use crate::sign::pagerduty_signature;

/// So long PagerDuty waits.
const LIMIT: Duration = Duration::from_secs(5);
/// Of a hundred attempts so many are cut in the middle of the request, and of so many nobody reads the answer.
const CUT: u64 = 2;
const UNREAD: u64 = 4;

/// What is to be delivered.
pub(super) struct Message<'a> {
    pub(super) webhook: &'a str,
    pub(super) body: &'a str,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    Taken,
    /// Dropped for good, with this status.
    Dropped(u16),
}

/// How one attempt is disturbed.
enum Trouble {
    None,
    Cut,
    Unread,
}

/// Somebody who delivers, one message at a time.
pub(super) struct Sender {
    connection: Option<TcpStream>,
    address: watch::Receiver<String>,
    random: Random,
    pub(super) tally: Tally,
}

impl Sender {
    pub(super) fn new(address: watch::Receiver<String>, random: Random) -> Sender {
        Sender { connection: None, address, random, tally: Tally::default() }
    }

    /// Sends it until it is taken, as PagerDuty would in 48 hours; the pauses are short here.
    pub(super) async fn deliver(&mut self, message: &Message<'_>) -> Sent {
        let mut pause = 5;
        loop {
            self.tally.attempts += 1;
            let trouble = match self.random.below(100) {
                luck if luck < CUT => Trouble::Cut,
                luck if luck < CUT + UNREAD => Trouble::Unread,
                _ => Trouble::None,
            };
            let began = Instant::now();
            let why = match timeout(LIMIT, self.attempt(message, &trouble)).await {
                Ok(Ok(Some(status @ 200..=299))) => {
                    self.tally.answered(status, began.elapsed());
                    return Sent::Taken;
                }
                Ok(Ok(Some(status @ (429 | 500..=599)))) => {
                    self.tally.answered(status, began.elapsed());
                    "refused for now"
                }
                Ok(Ok(Some(status))) => return Sent::Dropped(status),
                Ok(Ok(None)) => match trouble {
                    Trouble::Cut => "cut in the middle",
                    _ => "answer not read",
                },
                Ok(Err(_)) => "no connection, or it broke",
                Err(_) => "no answer within 5 s",
            };
            self.connection = None;
            self.tally.retries.entry(why).and_modify(|count| *count += 1).or_insert(1_u64);
            tokio::time::sleep(Duration::from_millis(pause)).await;
            pause = (pause * 2).min(200);
        }
    }

    /// The status, or none where nobody waits for it.
    async fn attempt(&mut self, message: &Message<'_>, trouble: &Trouble) -> std::io::Result<Option<u16>> {
        let address = self.address.borrow().clone();
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => TcpStream::connect(&address).await?,
        };
        let Message { webhook, body } = message;
        let signature = pagerduty_signature(SECRET, body.as_bytes());
        let request = format!(
            "POST /hooks/pagerduty HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\nuser-agent: PagerDuty-Webhook/V3.0\r\nx-pagerduty-signature: {signature}\r\nx-webhook-id: {webhook}\r\nx-webhook-subscription: PWH0001\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let bytes = request.as_bytes();
        if matches!(trouble, Trouble::Cut) {
            let half = bytes.len() / 2 + self.random.below(bytes.len() as u64 / 2) as usize;
            connection.write_all(bytes.get(..half).unwrap_or_default()).await?;
            return Ok(None);
        }
        connection.write_all(bytes).await?;
        if matches!(trouble, Trouble::Unread) {
            tokio::time::sleep(Duration::from_micros(self.random.below(4_000))).await;
            return Ok(None);
        }
        let status = answer(&mut connection).await?;
        self.connection = Some(connection);
        Ok(Some(status))
    }
}

/// Reads one answer to its end.
async fn answer(connection: &mut TcpStream) -> std::io::Result<u16> {
    let broken = |why: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, why.to_owned());
    let mut read = Vec::new();
    let mut chunk = [0; 1_024];
    loop {
        let count = connection.read(&mut chunk).await?;
        if count == 0 {
            return Err(broken("it ended in the middle of an answer"));
        }
        read.extend_from_slice(chunk.get(..count).unwrap_or_default());
        let text = String::from_utf8_lossy(&read);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        let length = lines.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let length = length.and_then(|(_, value)| value.parse::<usize>().ok()).unwrap_or_default();
        if body.len() >= length {
            return status.ok_or_else(|| broken("it is no answer"));
        }
    }
}
