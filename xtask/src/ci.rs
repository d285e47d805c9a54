//! `cargo xtask ci`: everything a change must pass.

use clap::Args;

use crate::process::{cargo, run};
use crate::progress::Steps;
use crate::{demo, docs, setup, test, web};

/// Everything a change must pass, in the order of what fails fastest.
#[derive(Debug, Args)]
pub(crate) struct Ci {}

impl Ci {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let mut steps = Steps::default();
        let result = self.steps(&mut steps);
        steps.summary();
        result
    }

    fn steps(&self, steps: &mut Steps) -> anyhow::Result<()> {
        steps.run("set up", || {
            setup::compiler()?;
            setup::kubectl()?;
            setup::etcd()?;
            setup::promtool()?;
            setup::browser().map(drop)
        })?;
        steps.run("format", || run(cargo().args(["fmt", "--all", "--check"])))?;
        steps.run("front end: check", web::check)?;
        steps.run("front end: build", web::build)?;
        steps.run("clippy", || {
            run(cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
        })?;
        steps.run("front end: tests", test::front_end)?;
        steps.run("Rust tests", || test::rust(None))?;
        steps.run("examples in the documentation", test::doc_tests)?;
        steps.run("documentation", || docs::Docs::default().run())?;
        demo::Demo::checking().run_in(steps)
    }
}
