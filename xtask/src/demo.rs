//! `cargo xtask demo`: the shop, its console and its cluster on this machine.

use clap::Args;

use crate::process::{cargo, command, run};
use crate::progress::Steps;
use crate::{setup, web, workspace};

/// Runs the shop with its console on a local cluster.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Drive the whole scenario without a person, print what was seen, stop everything, exit 0 or 1.
    #[arg(long)]
    check: bool,
    /// Publishes to measure in the check.
    #[arg(long, default_value_t = PUBLISHES, requires = "check")]
    publishes: u32,
}

const PUBLISHES: u32 = 50;

const PROGRAMS: [&str; 4] = ["inkstone-cli", "shop-catalog", "shop-orders", "shop-storefront"];

impl Demo {
    /// The check with its usual settings.
    pub(crate) fn checking() -> Self {
        Self { check: true, publishes: PUBLISHES }
    }

    pub(crate) fn run(&self) -> anyhow::Result<()> {
        self.run_in(&mut Steps::default())
    }

    /// As one part of a longer run.
    pub(crate) fn run_in(&self, steps: &mut Steps) -> anyhow::Result<()> {
        self.build(steps)?;
        if self.check { self.check(steps) } else { start() }
    }

    fn build(&self, steps: &mut Steps) -> anyhow::Result<()> {
        steps.run("set up", setup::compiler)?;
        steps.run("build the console's front end", web::build)?;
        steps.run("build the programs", || {
            let mut build = cargo();
            build.args(["build", "--bins"]);
            for package in PROGRAMS {
                build.args(["-p", package]);
            }
            if self.check {
                build.args(["-p", "shop-check"]);
            }
            run(&mut build)
        })
    }

    fn check(&self, steps: &mut Steps) -> anyhow::Result<()> {
        let kubectl = setup::kubectl()?;
        setup::browser()?;
        steps.run("check the scenario", || {
            run(command(workspace::program("debug", "shop-check"))
                .arg("--bin-dir")
                .arg(workspace::target().join("debug"))
                .arg("--kubectl")
                .arg(&kubectl)
                .args(["--web", "web", "--publishes"])
                .arg(self.publishes.to_string())
                .arg("--report")
                .arg(workspace::target().join("demo-check.json"))
                .arg("examples/shop"))
        })
    }
}

/// Becomes `inkstone dev`, so that Ctrl-C and its exit status are its own.
#[cfg(unix)]
fn start() -> anyhow::Result<()> {
    use std::os::unix::process::CommandExt as _;
    let mut dev = dev();
    let failed = dev.exec();
    Err(anyhow::Error::new(failed).context(format!("start {}", dev.get_program().display())))
}

#[cfg(not(unix))]
fn start() -> anyhow::Result<()> {
    run(&mut dev())
}

fn dev() -> std::process::Command {
    let mut dev = command(workspace::program("debug", "inkstone"));
    dev.args(["dev", "examples/shop"]);
    dev
}
