//! `cargo xtask docs`: the documentation of all crates.

use clap::Args;

use crate::process::{cargo, run};

/// Builds the documentation of all crates, warnings denied.
#[derive(Debug, Default, Args)]
pub(crate) struct Docs {
    /// Open it in a browser.
    #[arg(long)]
    open: bool,
}

impl Docs {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let mut doc = cargo();
        doc.args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
        run(doc.args(self.open.then_some("--open")))
    }
}
