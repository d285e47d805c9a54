//! Drives the shop's whole scenario without a person: `cargo xtask demo --check`.
//!
//! Everything is seen from outside, through public interfaces: HTTP, gRPC, the console's API, the Kubernetes API with
//! and without kubectl, and the command line of the programs. It starts `inkstone dev examples/shop` itself, in a
//! temporary folder, stops it again, and exits 0 when every line of its table says ok.

mod cluster;
mod console;
mod dev;
mod load;
mod memory;
mod program;
mod report;
mod scenario;
mod wait;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Drives the shop's whole scenario without a person.
#[derive(Debug, Parser)]
struct Args {
    /// The folder of the shop.
    #[arg(default_value = "examples/shop")]
    shop: PathBuf,
    /// Where the programs are built.
    #[arg(long, default_value = "target/debug")]
    bin_dir: PathBuf,
    /// The kubectl to use.
    #[arg(long, default_value = "kubectl")]
    kubectl: PathBuf,
    /// Publishes to measure.
    #[arg(long, default_value_t = 50)]
    publishes: u32,
    /// The folder of the front end, to drive the console's pages in a browser too.
    #[arg(long)]
    web: Option<PathBuf>,
    /// Where the numbers go, as JSON.
    #[arg(long)]
    report: Option<PathBuf>,
    /// Run only the parts whose name starts with this: `4`, `faults`.
    #[arg(long)]
    only: Vec<String>,
    /// Keep the state and the logs here, in place of a temporary folder.
    #[arg(long)]
    state_dir: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    // Already installed only if a library did so first, with the same provider.
    let _installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let args = Args::parse();
    let report = scenario::run(&args).await?;
    if let Some(path) = &args.report {
        report.write(path)?;
    }
    Ok(if report.close() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
