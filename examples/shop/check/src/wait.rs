//! Waiting for something to be seen, never for a time.

use std::time::{Duration, Instant};

use anyhow::bail;

/// Looks again and again until `look` finds it; the last reason why not is in the error.
pub(crate) async fn until<T, F, Fut>(within: Duration, what: &str, mut look: F) -> anyhow::Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = anyhow::Result<T>>,
{
    let deadline = Instant::now() + within;
    loop {
        let why_not = match look().await {
            Ok(found) => return Ok(found),
            Err(why_not) => why_not,
        };
        if Instant::now() > deadline {
            bail!("{what}: not within {} ms: {why_not:#}", within.as_millis());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
