//! A service that does not start, in the way that `START` names: what a person and a log store see of it.

use std::process::ExitCode;

use inkstone_config::{Code, Config, Live};
use inkstone_core::{App, Component, Cx, Result, build_info};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

fn main() -> ExitCode {
    inkstone_core::main(build_info!(), service)
}

async fn service(app: App) -> Result {
    let pool = app.load::<Pool>("pool.main");
    match std::env::var("START").as_deref() {
        Ok("service panics") => panic!("nobody thought of this"),
        Ok("service fails") => Err(std::io::Error::other("the licence has run out"))?,
        _ => {}
    }
    let _pool = pool.build().await?;
    app.run().await
}

/// Settings of a pretended pool.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct PoolConfig {
    /// Most connections.
    size: u32,
}

impl Config for PoolConfig {}

#[derive(Debug, Clone)]
struct Pool;

impl Component for Pool {
    const KIND: &'static str = "pool";
    type Config = PoolConfig;

    async fn build(_: Live<PoolConfig>, cx: Cx) -> Result<Self> {
        assert!(std::env::var("START").as_deref() != Ok("build panics"), "the driver met what it cannot be");
        Err(cx.fault(Code::ConnectFailed, "connection refused").target("10.0.0.7:6379").into())
    }
}
