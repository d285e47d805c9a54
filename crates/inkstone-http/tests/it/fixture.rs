//! A service in this process.

use std::net::SocketAddr;
use std::time::Duration;

use inkstone_core::{App, AppHandle, Phase, Result, Server};
use inkstone_http::HttpServer;
use inkstone_http::axum::Router;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) const SOON: Duration = Duration::from_secs(10);

/// A running service with one HTTP server.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) addr: SocketAddr,
    pub(crate) app: AppHandle,
    /// What tells the server to stop accepting.
    pub(crate) stopping: CancellationToken,
    running: JoinHandle<Result>,
}

impl Service {
    /// Serves `routes`; `settings` are the lines of `[server.http]` besides the port.
    pub(crate) async fn start(settings: &str, drain: &str, routes: Router) -> Self {
        let text = format!("[app]\ndrain = \"{drain}\"\n[server.http]\nport = 0\n{settings}");
        let app = App::from_toml("t.toml", &text);
        let handle = app.handle().clone();
        let (told, addr) = tokio::sync::oneshot::channel();
        let http = Announced { http: app.load::<HttpServer>("server.http").routes(routes), told };
        let stopping = http.cx().stopping();
        let running = tokio::spawn(app.serve(http).run());
        let addr = addr.await.expect("the server is bound");
        handle.phase().wait_for(|phase| *phase == Phase::Ready).await.unwrap();
        Self { addr, app: handle, stopping, running }
    }

    /// Stops it and waits for its end.
    pub(crate) async fn stop(self) {
        self.app.stop();
        tokio::time::timeout(SOON, self.running).await.expect("stops in time").unwrap().unwrap();
    }
}

/// Tells where the server listens.
struct Announced {
    http: HttpServer,
    told: tokio::sync::oneshot::Sender<SocketAddr>,
}

impl Server for Announced {
    async fn bind(self) -> Result<inkstone_core::Bound> {
        let bound = self.http.bind().await?;
        self.told.send(bound.endpoint.expect("it listens")).expect("the test waits");
        Ok(bound)
    }

    fn cx(&self) -> &inkstone_core::Cx {
        self.http.cx()
    }
}
