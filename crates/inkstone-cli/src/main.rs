#![doc = include_str!("../README.md")]

mod config;
mod console;
mod dev;
mod explain;
mod table;

use std::ffi::OsString;
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
    /// Check, explain, show and compare configuration files.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Print what a code in an error means, and what to do.
    Explain(explain::Explain),
    /// Print the script that lets a shell complete this command.
    #[command(after_help = COMPLETIONS)]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
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
        Some(Command::Completions { shell }) => completions(shell),
        Some(Command::PodShim { args }) => inkstone_cluster::exec_pod(args),
        None => {
            let _closed = <Cli as clap::CommandFactory>::command().print_help();
            ExitCode::from(2)
        }
    }
}

/// How each shell finds the script.
const COMPLETIONS: &str = "bash: inkstone completions bash > ~/.local/share/bash-completion/completions/inkstone\n\
    zsh:  inkstone completions zsh > \"${fpath[1]}/_inkstone\"\n\
    fish: inkstone completions fish > ~/.config/fish/completions/inkstone.fish";

fn completions(shell: clap_complete::Shell) -> ExitCode {
    let mut command = <Cli as clap::CommandFactory>::command();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "inkstone", &mut script);
    let _closed = std::io::Write::write_all(&mut std::io::stdout(), &script);
    ExitCode::SUCCESS
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
    eprint!("{}\n", problems.render(true).trim_end()); // without colours unless a terminal wants them
    ExitCode::from(problems.exit_status().max(1))
}
