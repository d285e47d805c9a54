//! `cargo xtask test`: every test of the workspace, with what they need.

use clap::Args;

use crate::process::{cargo, run, run_quietly};
use crate::progress::Steps;
use crate::{setup, web};

/// Brings up what the tests need and runs them all.
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Only the Rust tests whose name contains this.
    filter: Option<String>,
    /// Leave out the front end's tests.
    #[arg(long)]
    no_web: bool,
}

impl Test {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let mut steps = Steps::default();
        steps.run("set up", || {
            setup::compiler()?;
            setup::kubectl()?;
            setup::etcd()?;
            setup::promtool()?;
            web::build()
        })?;
        if !self.no_web && self.filter.is_none() {
            steps.run("front end tests", front_end)?;
        }
        steps.run("Rust tests", || rust(self.filter.as_deref()))?;
        if self.filter.is_none() {
            steps.run("examples in the documentation", doc_tests)?;
        }
        steps.summary();
        Ok(())
    }
}

/// Unit and browser tests of `web/`.
pub(crate) fn front_end() -> anyhow::Result<()> {
    setup::browser()?;
    web::test()
}

/// Unit and integration tests, by nextest where it is installed. The programs and examples that tests start
/// are built first.
pub(crate) fn rust(filter: Option<&str>) -> anyhow::Result<()> {
    run(cargo().args(["build", "--workspace", "--bins", "--examples"]))?;
    let mut test = cargo();
    if run_quietly(cargo().args(["nextest", "--version"])).is_ok() {
        test.args(["nextest", "run", "--workspace", "--no-fail-fast"]);
    } else {
        test.args(["test", "--workspace", "--lib", "--bins", "--tests", "--no-fail-fast"]);
    }
    run(test.args(filter))
}

/// The examples in doc comments and READMEs.
pub(crate) fn doc_tests() -> anyhow::Result<()> {
    run(cargo().args(["test", "--workspace", "--doc"]))
}
