//! `cargo xtask bench`: calls through the framework against its bare peers, and what the framework itself costs.

use clap::Args;

use crate::process::{cargo, command, run};
use crate::progress::Steps;
use crate::{setup, workspace};

/// Measures unary gRPC and HTTP through the framework against bare tonic and bare axum, then the record of a call, a live
/// setting, a reload and a start.
#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// Rounds of each side; the median counts.
    #[arg(long, default_value_t = 7)]
    rounds: u32,
    /// Seconds of load in each round.
    #[arg(long, default_value_t = 3)]
    seconds: u32,
}

impl Bench {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let mut steps = Steps::default();
        steps.run("set up", setup::compiler)?;
        steps.run("build for release", || {
            run(cargo().args(["build", "--release", "-p", "bench-calls", "-p", "bench-framework"]))
        })?;
        steps.run("measure calls", || {
            run(command(workspace::program("release", "bench-calls"))
                .arg("--rounds")
                .arg(self.rounds.to_string())
                .arg("--seconds")
                .arg(self.seconds.to_string())
                .arg("--report")
                .arg(workspace::target().join("bench.json")))
        })?;
        steps.run("measure the framework", || {
            run(command(workspace::program("release", "bench-framework"))
                .arg("--report")
                .arg(workspace::target().join("bench-framework.json")))
        })
    }
}
