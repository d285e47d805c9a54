//! Developer commands: `cargo xtask demo | test | ci | docs | bench | web`.
//!
//! Each command brings up what it needs first (see [`setup`]) and says what it is doing and how long it took.

mod bench;
mod ci;
mod demo;
mod docs;
mod process;
mod progress;
mod setup;
mod test;
mod web;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Inkstone's developer commands")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build everything and run the shop with its console on a local cluster.
    Demo(demo::Demo),
    /// Bring up what the tests need and run them all.
    Test(test::Test),
    /// Everything a change must pass, in the order of what fails fastest.
    Ci(ci::Ci),
    /// Build the documentation of all crates, warnings denied.
    Docs(docs::Docs),
    /// Measure calls through the framework against bare tonic and bare axum, and what the framework itself costs.
    Bench(bench::Bench),
    /// Build the console's front end, if it has changed.
    Web,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Demo(demo) => demo.run(),
        Command::Test(test) => test.run(),
        Command::Ci(ci) => ci.run(),
        Command::Docs(docs) => docs.run(),
        Command::Bench(bench) => bench.run(),
        Command::Web => web::build(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("\x1b[31merror\x1b[0m: {error:#}");
            ExitCode::FAILURE
        }
    }
}
