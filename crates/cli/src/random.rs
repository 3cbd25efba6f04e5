//! Random secrets: the one place of the binary that makes them.

use crate::exit::Stop;

/// Random bytes.
#[expect(clippy::disallowed_methods, reason = "this is where the key of secret values is made")]
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], Stop> {
    let mut random = [0_u8; N];
    getrandom::fill(&mut random).map_err(|error| Stop::failed(format!("no randomness: {error}")))?;
    Ok(random)
}

/// So many random bytes as lowercase hex.
#[expect(clippy::disallowed_methods, reason = "this is where tokens and a demo's secrets are made")]
pub(crate) fn hex_secret(bytes: usize) -> Result<String, Stop> {
    let mut random = vec![0_u8; bytes];
    getrandom::fill(&mut random).map_err(|error| Stop::failed(format!("no randomness: {error}")))?;
    Ok(hex::encode(random))
}
