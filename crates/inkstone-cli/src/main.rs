#![doc = include_str!("../README.md")]

mod config;
mod console;
mod dev;
mod explain;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::ExitCode;

use anstream::{eprint, println};
use clap::{Parser, Subcommand};
use inkstone::BuildInfo;

#[derive(Debug, Parser)]
#[command(name = "inkstone", about = "Inkstone's toolchain and platform", disable_version_flag = true)]
struct Cli {
    /// Print what was built, from what, and exit.
    #[arg(long, short = 'V')]
    version: bool,
    /// With `--version`: as JSON.
    #[arg(long, requires = "version")]
    json: bool,
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
        return version(cli.json);
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

fn version(json: bool) -> ExitCode {
    let build = build();
    if json {
        println!("{}", serde_json::to_string(&build).unwrap_or_default());
    } else {
        println!("{build}");
    }
    ExitCode::SUCCESS
}

/// What this program was built from, under the name of the command.
fn build() -> BuildInfo {
    BuildInfo { name: "inkstone".to_owned(), ..inkstone::build_info!() }
}

/// Shows what went wrong and gives the shell the status that is documented for it.
fn report(error: &inkstone::Error) -> ExitCode {
    let problems = error.problems();
    let text = problems.render(std::io::stderr().is_terminal());
    eprint!("{}\n", text.trim_end());
    ExitCode::from(problems.exit_status().max(1))
}
