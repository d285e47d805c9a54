//! The load process: the same client for both sides of a pair.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::{Deserialize, Serialize};
use shop_api::GetProductRequest;
use shop_api::catalog_service_client::CatalogServiceClient;
use tokio::task::JoinSet;
use tonic::transport::{Channel, Endpoint};

use crate::{Settings, Side};

type HttpClient = Client<HttpConnector, Empty<Bytes>>;

const WARM_UP: Duration = Duration::from_secs(1);

/// What one round measured.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// Answers a second.
    pub(crate) throughput: f64,
    /// Half of the answers took less, in microseconds.
    pub(crate) p50: f64,
    /// All but one in a hundred took less, in microseconds.
    pub(crate) p99: f64,
}

pub(crate) async fn run(side: Side, port: u16, settings: &Settings) -> anyhow::Result<Measured> {
    let until = Instant::now() + WARM_UP + Duration::from_secs(settings.seconds.into());
    let mut workers = JoinSet::new();
    let each = (settings.concurrency / settings.connections.max(1)).max(1);
    for _ in 0..settings.connections {
        match side {
            Side::Grpc | Side::Tonic => {
                let channel = Endpoint::from_shared(format!("http://127.0.0.1:{port}"))?.connect().await?;
                (0..each).for_each(|_| drop(workers.spawn(grpc(channel.clone(), until))));
            }
            Side::Http | Side::Axum => {
                let client = Client::builder(TokioExecutor::new()).build_http();
                (0..each).for_each(|_| drop(workers.spawn(http(client.clone(), port, until))));
            }
        }
    }
    let mut times: Vec<Duration> = Vec::new();
    while let Some(done) = workers.join_next().await {
        times.extend(done??);
    }
    times.sort_unstable();
    let at = |percent: usize| times.get((times.len() * percent / 100).min(times.len().saturating_sub(1)));
    let micros =
        |time: Option<&Duration>| time.map(|time| time.as_secs_f64() * 1e6).context("no answer at all");
    Ok(Measured {
        throughput: times.len() as f64 / f64::from(settings.seconds),
        p50: micros(at(50))?,
        p99: micros(at(99))?,
    })
}

/// The times of the calls after the warm-up.
async fn grpc(channel: Channel, until: Instant) -> anyhow::Result<Vec<Duration>> {
    let mut catalog = CatalogServiceClient::new(channel);
    let (warm, mut times) = (Instant::now() + WARM_UP, Vec::new());
    loop {
        let started = Instant::now();
        catalog.get_product(GetProductRequest { id: 1 }).await?;
        let ended = Instant::now();
        if ended > until {
            return Ok(times);
        }
        if started > warm {
            times.push(ended - started);
        }
    }
}

async fn http(client: HttpClient, port: u16, until: Instant) -> anyhow::Result<Vec<Duration>> {
    let url: axum::http::Uri = format!("http://127.0.0.1:{port}/api/product").parse()?;
    let (warm, mut times) = (Instant::now() + WARM_UP, Vec::new());
    loop {
        let started = Instant::now();
        let answer = client.get(url.clone()).await?;
        ensure!(answer.status().is_success(), "{}", answer.status());
        answer.into_body().collect().await?;
        let ended = Instant::now();
        if ended > until {
            return Ok(times);
        }
        if started > warm {
            times.push(ended - started);
        }
    }
}
