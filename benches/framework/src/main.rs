#![doc = include_str!("../README.md")]

mod call;
mod live;
mod reload;
mod rounds;
mod start;

use std::alloc::System;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use serde_json::json;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

/// Counts allocations.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[derive(Debug, Parser)]
#[command(about = "What the framework itself costs")]
struct Cli {
    #[command(subcommand)]
    role: Option<Role>,
    /// Rounds of each; the median counts.
    #[arg(long, default_value_t = 30)]
    rounds: u32,
    /// Where the figures go, as JSON.
    #[arg(long)]
    report: Option<PathBuf>,
}

#[derive(Debug, Clone, Subcommand)]
enum Role {
    /// Serve hello on the first port, and the governor on the second.
    Hello { http: u16, governor: u16 },
}

fn main() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    if let Some(Role::Hello { http, governor }) = cli.role {
        return Ok(start::hello(http, governor));
    }
    let report = json!({
        "call": call::run(cli.rounds)?,
        "live": live::run(cli.rounds),
        "reload": reload::run(cli.rounds)?,
        "start": start::run(cli.rounds)?,
    });
    if let Some(path) = &cli.report {
        std::fs::write(path, serde_json::to_string_pretty(&report)? + "\n")
            .with_context(|| format!("write the figures to {}", path.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}
