//! A constant rate of requests, whatever the answers do.

use std::time::Duration;

use anyhow::ensure;
use reqwest::Client;
use serde_json::Value;
use tokio::task::{JoinError, JoinHandle, JoinSet};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// What became of the requests.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) sent: usize,
    pub(crate) lost: Vec<String>,
}

impl Outcome {
    fn count(&mut self, answer: Result<anyhow::Result<Value>, JoinError>) {
        self.sent += 1;
        match answer {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => self.lost.push(format!("{error:#}")),
            Err(error) => self.lost.push(error.to_string()),
        }
    }

    /// That all were answered.
    pub(crate) fn complete(&self) -> anyhow::Result<String> {
        let Self { sent, lost } = self;
        ensure!(lost.is_empty(), "{} of {sent} lost: {}", lost.len(), lost[0]);
        Ok(format!("{sent} of {sent} answered"))
    }
}

/// Asks `url` for `rate` answers a second, for `time`. Requests do not wait for one another.
pub(crate) fn start(client: Client, url: String, rate: u32, time: Duration) -> JoinHandle<Outcome> {
    let over = CancellationToken::new();
    let load = until(client, url, rate, over.clone());
    tokio::spawn(async move {
        tokio::time::sleep(time).await;
        over.cancel();
        load.await.unwrap_or_else(|error| Outcome { sent: 0, lost: vec![error.to_string()] })
    })
}

/// Asks `url` for `rate` answers a second, until it is over. Requests do not wait for one another.
pub(crate) fn until(client: Client, url: String, rate: u32, over: CancellationToken) -> JoinHandle<Outcome> {
    tokio::spawn(async move {
        let mut requests = JoinSet::new();
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut outcome = Outcome::default();
        while over.run_until_cancelled(ticks.tick()).await.is_some() {
            requests.spawn(ask(client.clone(), url.clone()));
            while let Some(answer) = requests.try_join_next() {
                outcome.count(answer);
            }
        }
        while let Some(answer) = requests.join_next().await {
            outcome.count(answer);
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
