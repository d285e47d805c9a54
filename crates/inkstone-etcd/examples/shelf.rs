//! A service whose configuration is in etcd: `--config etcd://127.0.0.1:2379/config/shelf.toml`.

use std::process::ExitCode;

use inkstone_config::Config;
use inkstone_core::{App, Main, Result, build_info};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A shelf of the shop.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Shelf {
    /// How many goods fit.
    #[schemars(extend("x-live" = true))]
    goods: u32,
}

impl Config for Shelf {}

fn main() -> ExitCode {
    Main::new(build_info!()).config_source(inkstone_etcd::config_source()).run(service)
}

async fn service(app: App) -> Result {
    app.live::<Shelf>("shelf");
    app.keep_running().run().await
}
