//! Looking until something is there. A number of looks bounds it; how long they take is never an assertion.

use std::time::Duration;

/// Looks before a test gives up: enough for a slow machine under load.
const LOOKS: u32 = 600;
/// Looks while something must stay as it is.
const LOOKS_AT_REST: u32 = 12;
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// The first answer that is there.
///
/// # Panics
/// When it never comes.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    until_or_show(what, async || look().await.ok_or_else(String::new)).await
}

/// The first answer that is there; a failing test shows what was seen last.
///
/// # Panics
/// When it never comes.
pub async fn until_or_show<T>(what: &str, mut look: impl AsyncFnMut() -> Result<T, String>) -> T {
    let mut seen = String::new();
    for _ in 0..LOOKS {
        match look().await {
            Ok(found) => return found,
            Err(instead) => seen = instead,
        }
        tokio::time::sleep(PAUSE).await;
    }
    panic!("not seen in {LOOKS} looks: {what}; last seen: {seen}")
}

/// Looks several times; every look must find it so. For what must *not* happen by itself; it can only miss, never
/// fail without a reason.
///
/// # Panics
/// When a look finds it otherwise.
pub async fn holds_for_a_while(what: &str, mut look: impl AsyncFnMut() -> bool) {
    for _ in 0..LOOKS_AT_REST {
        assert!(look().await, "no longer so: {what}");
        tokio::time::sleep(PAUSE).await;
    }
}
