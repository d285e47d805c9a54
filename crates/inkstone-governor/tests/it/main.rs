//! The governor as probes, Prometheus and the console see it: over a socket.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic where it stands")]

mod access;
mod calls;
mod endpoints;
mod jobs;
mod levels;
mod metrics;
mod pages;
mod tls;

use std::net::SocketAddr;
use std::time::Duration;

use inkstone_config::{Config, Live, Problems};
use inkstone_core::{App, AppHandle, Component, Cx, Error, Health, Peer, Result, Server};
use inkstone_governor::Governor;
use reqwest::{Response, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

/// A component whose health the configuration says.
#[derive(Clone, Debug)]
struct Patient(Live<PatientConfig>);

#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
struct PatientConfig {
    #[schemars(extend("x-live" = true))]
    health: String,
    password: inkstone_config::Secret,
}

impl Config for PatientConfig {
    fn check(&self, problems: &mut Problems) {
        if self.health == "impossible" {
            problems.reject("health", "nobody feels like this");
        }
    }
}

impl Component for Patient {
    const KIND: &'static str = "patient";
    type Config = PatientConfig;

    async fn build(config: Live<PatientConfig>, _cx: Cx) -> Result<Self, Error> {
        Ok(Self(config))
    }

    fn stats(&self) -> Vec<(&'static str, u64)> {
        vec![("beds", 3)]
    }

    fn peers(&self) -> Vec<Peer> {
        vec![Peer::up("10.0.0.1:80")]
    }

    async fn health(&self) -> Health {
        match self.0.get().health.as_str() {
            "down" => Health::Down("a cold".to_owned()),
            "degraded" => Health::Degraded("a sneeze".to_owned()),
            "silent" => std::future::pending().await,
            _ => Health::Up,
        }
    }
}

/// A running service with a governor.
struct Service {
    app: AppHandle,
    address: SocketAddr,
    running: JoinHandle<Result>,
}

impl Service {
    /// With these keys in `[patient.zero]` and in `[server.governor]`.
    async fn start(patient: &str, governor: &str) -> Self {
        let port = free_port();
        let toml = format!(
            "app.name = \"clinic\"\napp.drain = \"200ms\"\n[patient.zero]\n{patient}\n[server.governor]\nport = {port}\n{governor}\n"
        );
        Self::run(App::from_toml("t.toml", &toml), port).await
    }

    async fn run(app: App, port: u16) -> Self {
        let handle = app.handle().clone();
        let governor = app.load::<Governor>("server.governor");
        app.load::<Patient>("patient.zero").build().await.unwrap();
        let running = tokio::spawn(app.serve(governor).run());
        let service = Self { app: handle, address: SocketAddr::from(([127, 0, 0, 1], port)), running };
        for _ in 0..500 {
            if tokio::net::TcpStream::connect(service.address).await.is_ok() {
                return service;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the governor does not listen within five seconds: {:?}", service.running.await);
    }

    async fn get(&self, path: &str) -> Response {
        self.ask(path, None).await
    }

    async fn ask(&self, path: &str, token: Option<&str>) -> Response {
        let request = client().get(format!("http://{}{path}", self.address));
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        request.send().await.unwrap()
    }

    async fn json(&self, path: &str) -> serde_json::Value {
        self.get(path).await.json().await.unwrap()
    }

    async fn status(&self, path: &str) -> StatusCode {
        self.get(path).await.status()
    }

    async fn stop(self) -> Result {
        self.app.stop();
        self.running.await.unwrap()
    }
}

/// reqwest looks for a TLS provider even where none is used.
fn client() -> reqwest::Client {
    let _already = rustls::crypto::aws_lc_rs::default_provider().install_default();
    reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().unwrap()
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Why this configuration does not start.
async fn refused(toml: &str) -> String {
    let app = App::from_toml("t.toml", toml);
    let governor = app.load::<Governor>("server.governor");
    assert_eq!(governor.cx().kind, "server.governor");
    app.serve(governor).run().await.unwrap_err().to_string()
}
