#![doc = include_str!("../README.md")]

mod config;
mod console;
mod dev;
mod explain;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use inkstone::build_info;

#[derive(Debug, Parser)]
#[command(name = "inkstone", about = "Inkstone's toolchain and platform", disable_version_flag = true)]
struct Cli {
    /// Print what was built, from what, and exit.
    #[arg(long, short = 'V')]
    version: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a local cluster and the console, with the manifests of a folder applied.
    Dev(dev::Dev),
    /// Run the console for the cluster of KUBECONFIG.
    Console(console::ConsoleCommand),
    /// Look at configuration files.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Print what a code in an error means, and what to do.
    Explain(explain::Explain),
    /// Start a container's program; the local cluster calls this.
    #[command(hide = true)]
    PodShim {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if cli.version {
        anstream::println!("{}", build_info!());
        return ExitCode::SUCCESS;
    }
    match cli.command {
        Some(Command::Dev(dev)) => dev.run(),
        Some(Command::Console(console)) => console.run(),
        Some(Command::Config(config)) => config.run(),
        Some(Command::Explain(explain)) => explain.run(),
        Some(Command::PodShim { args }) => inkstone_cluster::exec_pod(args),
        None => {
            let _closed = <Cli as clap::CommandFactory>::command().print_help();
            ExitCode::from(2)
        }
    }
}
