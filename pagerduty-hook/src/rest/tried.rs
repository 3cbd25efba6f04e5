//! Whether the server at a subscription's address knows its secret: found out as PagerDuty would, by a signed ping.

use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use url::Url;

use super::{chain, http_client};
use crate::Secret;
use crate::signature::{HEADER, signed};

/// PagerDuty waits as long.
const PATIENCE: Duration = Duration::from_secs(5);
/// The same each time: it is kept once, like PagerDuty's own pings.
const PING: &str = r#"{"event":{"id":"blocks-pagerduty-setup","event_type":"pagey.ping","resource_type":"pagey","occurred_at":"1970-01-01T00:00:00.000Z","agent":null,"client":null,"data":{"message":"blocks pagerduty setup asks whether this address knows a secret","type":"ping"}}}"#;

/// What the server at an address makes of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    /// It takes what is signed with it, and nothing that is signed with another.
    Knows,
    /// It refuses what is signed with it.
    Refuses,
    /// That cannot be seen from here, and why.
    Unknown(String),
}

impl Tried {
    /// Asks the server at that address.
    pub async fn at(address: &Url, secret: &Secret) -> Tried {
        // without the token: PagerDuty does not send it there either
        let client = match http_client(address, PATIENCE, HeaderMap::new()) {
            Ok(client) => client,
            Err(error) => return Tried::Unknown(error.to_string()),
        };
        let send = async |secret: &Secret| {
            let request = client
                .post(address.clone())
                .header(HEADER, signed(secret, PING.as_bytes()))
                .header(header::CONTENT_TYPE, "application/json")
                .body(PING);
            request.send().await.map(|answer| answer.status()).map_err(|error| chain(&error))
        };
        // a server that takes everything says nothing of a secret
        match send(&Secret::new(format!("not {}", secret.expose()))).await {
            Ok(StatusCode::UNAUTHORIZED) => {}
            Ok(status) if status.is_success() => {
                return Tried::Unknown("it takes what is signed with another secret, too".to_owned());
            }
            Ok(status) => {
                return Tried::Unknown(format!("it answers {status} to a ping that is not signed well"));
            }
            Err(error) => return Tried::Unknown(error),
        }
        match send(secret).await {
            Ok(StatusCode::ACCEPTED) => Tried::Knows,
            Ok(StatusCode::UNAUTHORIZED) => Tried::Refuses,
            Ok(status) => Tried::Unknown(format!("it answers {status} to a signed ping")),
            Err(error) => Tried::Unknown(error),
        }
    }
}
