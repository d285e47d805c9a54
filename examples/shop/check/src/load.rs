//! A constant rate of requests, whatever the answers do.

use std::time::Duration;

use anyhow::ensure;
use reqwest::Client;
use serde_json::Value;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::MissedTickBehavior;

/// What became of the requests.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) sent: usize,
    pub(crate) lost: Vec<String>,
}

/// Asks `url` for `rate` answers a second, for `time`. Requests do not wait for one another.
pub(crate) fn start(client: Client, url: String, rate: u32, time: Duration) -> JoinHandle<Outcome> {
    tokio::spawn(async move {
        let mut requests = JoinSet::new();
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let count = u64::from(rate) * time.as_millis().try_into().unwrap_or(u64::MAX) / 1000;
        for _ in 0..count {
            ticks.tick().await;
            requests.spawn(ask(client.clone(), url.clone()));
        }
        let mut outcome = Outcome::default();
        while let Some(answer) = requests.join_next().await {
            outcome.sent += 1;
            match answer {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => outcome.lost.push(format!("{error:#}")),
                Err(error) => outcome.lost.push(error.to_string()),
            }
        }
        outcome
    })
}

/// One request; the JSON it is answered with.
pub(crate) async fn ask(client: Client, url: String) -> anyhow::Result<Value> {
    let answer = client.get(&url).timeout(Duration::from_secs(10)).send().await?;
    let status = answer.status();
    let text = answer.text().await?;
    ensure!(status.is_success(), "{status}: {text}");
    Ok(serde_json::from_str(&text)?)
}
