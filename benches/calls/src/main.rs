#![doc = include_str!("../README.md")]

mod load;
mod rounds;
mod serve;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

#[derive(Debug, Parser)]
#[command(about = "Calls through the framework against bare tonic and bare axum")]
struct Cli {
    #[command(subcommand)]
    role: Option<Role>,
    #[command(flatten)]
    settings: Settings,
}

/// What is measured, and how long.
#[derive(Debug, Clone, Args)]
struct Settings {
    /// Rounds of each side; the median counts.
    #[arg(long, default_value_t = 7)]
    rounds: u32,
    /// Seconds of load in each round, after one of warming up.
    #[arg(long, default_value_t = 3)]
    seconds: u32,
    /// Requests always in flight.
    #[arg(long, default_value_t = 32)]
    concurrency: u32,
    /// gRPC connections they share; HTTP/1.1 takes one for each request in flight.
    #[arg(long, default_value_t = 4)]
    connections: u32,
    /// Where the figures go, as JSON.
    #[arg(long)]
    report: Option<PathBuf>,
}

/// What this process is; without one, it runs the others.
#[derive(Debug, Clone, Subcommand)]
enum Role {
    /// Serve on this port until killed.
    Serve { side: Side, port: u16 },
    /// Put load on this port and print what was measured.
    Load { side: Side, port: u16 },
}

/// One server of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Side {
    /// gRPC through the framework.
    Grpc,
    /// Bare tonic.
    Tonic,
    /// HTTP through the framework.
    Http,
    /// Bare axum.
    Axum,
}

fn main() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    match cli.role {
        Some(Role::Serve { side: Side::Grpc, port }) => Ok(serve::framework_grpc(port)),
        Some(Role::Serve { side: Side::Http, port }) => Ok(serve::framework_http(port)),
        Some(Role::Serve { side, port }) => {
            runtime()?.block_on(serve::bare(side, port)).map(|()| ExitCode::SUCCESS)
        }
        Some(Role::Load { side, port }) => {
            let measured = runtime()?.block_on(load::run(side, port, &cli.settings))?;
            anstream::println!("{}", serde_json::to_string(&measured)?);
            Ok(ExitCode::SUCCESS)
        }
        None => rounds::run(&cli.settings).map(|()| ExitCode::SUCCESS),
    }
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}
