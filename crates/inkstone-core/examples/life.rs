//! A service for the tests of its own life: one component, one server, two jobs, each of which says what it does.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use inkstone_config::{Code, Config, Live, Problems};
use inkstone_core::{App, AppHandle, Bound, Component, Cx, Error, Load, Result, Section, Server, build_info};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

fn main() -> ExitCode {
    inkstone_core::main(build_info!(), service)
}

async fn service(app: App) -> Result {
    let pool = app.load::<Pool>("pool.main");
    let spare = app.load::<Pool>("pool.spare");
    let server = app.load::<Ticker>("server.tick");
    let _pool = pool.build().await?;
    let _spare = spare.build().await?;
    // Late: with `--check` the service has ended before.
    let _limits = app.live::<PoolConfig>("limits");
    let who = app.handle().clone();
    app.job("who", async move { say(&format!("I am {}", who_is(&who))).map_err(Error::from) })
        .job("install", async { say("installed").map_err(Error::from) })
        .job("fail", async { Err::<(), _>(std::io::Error::other("the disk is on fire")) })
        .serve(server)
        .run()
        .await
}

fn who_is(app: &AppHandle) -> serde_json::Value {
    let mut who = serde_json::json!(app.identity());
    who["host"] = app.config().host.clone().into();
    who
}

fn say(what: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "said: {what}")?;
    out.flush()
}

/// Settings of a pretended pool.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct PoolConfig {
    /// Most connections.
    size: u32,
    /// Connections kept when idle.
    idle: u32,
    /// How it closes.
    close: Close,
}

/// How a pretended pool closes.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Close {
    Closes,
    Hangs,
    Panics,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self { size: 8, idle: 2, close: Close::Closes }
    }
}

impl Config for PoolConfig {
    fn check(&self, problems: &mut Problems) {
        if self.idle > self.size {
            problems.reject("idle", format_args!("{} is more than size ({})", self.idle, self.size));
        }
    }
}

#[derive(Debug, Clone)]
struct Pool(Cx, Close);

impl Component for Pool {
    const KIND: &'static str = "pool";
    type Config = PoolConfig;

    async fn build(config: Live<PoolConfig>, cx: Cx) -> Result<Self> {
        if config.get().size == 0 {
            return Err(cx.fault(Code::ConnectFailed, "connection refused").target("10.0.0.7:6379").into());
        }
        say(&format!("built {}", cx.name))?;
        Ok(Self(cx, config.get().close))
    }

    async fn close(&self) {
        match self.1 {
            Close::Closes => {}
            Close::Hangs => {
                say(&format!("closing {}", self.0.name)).expect("standard output is open");
                std::future::pending().await
            }
            Close::Panics => panic!("the pool is broken"),
        }
        say(&format!("closed {}", self.0.name)).expect("standard output is open");
    }
}

/// Settings of a server that only waits.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct TickerConfig {
    /// How long its last work takes, in milliseconds.
    last_work: u64,
    /// Whether it fails by itself.
    fails: bool,
}

impl Config for TickerConfig {}

struct Ticker(Section<TickerConfig>);

impl Load for Ticker {
    const KIND: &'static str = "server.tick";
    type Config = TickerConfig;
    type Loaded = Self;

    fn loaded(section: Section<TickerConfig>) -> Self {
        Self(section)
    }
}

impl Server for Ticker {
    async fn bind(self) -> Result<Bound> {
        let config = self.0.config.get();
        let stopping = self.0.cx.stopping();
        let serve = Box::pin(async move {
            say("serving")?;
            if config.fails {
                return Err(self.0.cx.fault(Code::ServeFailed, "the socket went away").into());
            }
            stopping.cancelled().await;
            tokio::time::sleep(Duration::from_millis(config.last_work)).await;
            Ok(say("finished")?)
        });
        Ok(Bound { endpoint: None, serve })
    }

    fn cx(&self) -> &Cx {
        &self.0.cx
    }
}
