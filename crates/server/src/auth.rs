//! Who comes over HTTP: a person by their own token, a program by the shared one.

use std::fmt;

use runbook_core::people::Credential;
use runbook_core::ports::{Store, StoreError};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;

/// The shared API token (`BLOCKS_API_TOKEN`): reads and declares, never approves. Never shown.
#[derive(Clone)]
pub struct ApiToken(String);

impl ApiToken {
    /// Wraps the token.
    #[must_use]
    pub fn new(token: String) -> ApiToken {
        ApiToken(token)
    }
}

impl fmt::Debug for ApiToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiToken(..)")
    }
}

/// What is stored of a token: its SHA-256 in lowercase hex. Tokens are 256 random bits, so no salt is needed.
#[must_use]
pub fn hash_token(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

/// Who this `Authorization` header belongs to; `None` when nobody.
pub(crate) async fn credential(
    store: &dyn Store,
    shared: Option<&ApiToken>,
    header: Option<&str>,
) -> Result<Option<Credential>, StoreError> {
    let Some(token) = header.and_then(|header| header.strip_prefix("Bearer ")) else { return Ok(None) };
    if let Some(ApiToken(shared)) = shared
        && bool::from(hash_token(shared).as_bytes().ct_eq(hash_token(token).as_bytes()))
    {
        return Ok(Some(Credential::ServiceToken));
    }
    let person = store.token_person(hash_token(token)).await?;
    Ok(person.map(|person| Credential::Token { person }))
}
