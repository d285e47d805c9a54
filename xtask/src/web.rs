//! The console's front end: installed and built only when what it is made of has changed.

use std::collections::BTreeSet;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::process::{command, run};
use crate::progress::note;
use crate::{setup, workspace};

/// Builds `web/dist`, which the console embeds.
pub(crate) fn build() -> anyhow::Result<()> {
    install()?;
    let inputs = hash(&sources(&dir())?)?;
    if is_current("built", inputs) && dir().join("dist/index.html").exists() {
        note("front end: unchanged");
        return Ok(());
    }
    note("building the front end");
    npm(&["run", "build"])?;
    remember("built", inputs)
}

/// Type check and lints.
pub(crate) fn check() -> anyhow::Result<()> {
    install()?;
    npm(&["run", "check"])
}

/// Unit tests, and the pages in a browser against a console that is made up.
pub(crate) fn test() -> anyhow::Result<()> {
    build()?;
    npm(&["test"])?;
    npm(&["run", "e2e"])
}

fn install() -> anyhow::Result<()> {
    setup::npm()?;
    let lock = hash(&BTreeSet::from([dir().join("package.json"), dir().join("package-lock.json")]))?;
    if is_current("installed", lock) {
        return Ok(());
    }
    note("installing the front end's packages");
    npm(&["ci", "--no-audit", "--no-fund"])?;
    remember("installed", lock)
}

fn npm(args: &[&str]) -> anyhow::Result<()> {
    run(command("npm").current_dir(dir()).env("CI", "true").args(args))
}

fn dir() -> PathBuf {
    workspace::root().join("web")
}

/// Every file of the front end that somebody wrote.
fn sources(dir: &Path) -> anyhow::Result<BTreeSet<PathBuf>> {
    let mut files = BTreeSet::new();
    for entry in fs::read_dir(dir).with_context(|| format!("read {}", dir.display()))? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && !matches!(name, "node_modules" | "dist") {
            files.extend(sources(&path)?);
        } else if path.is_file() {
            files.insert(path);
        }
    }
    Ok(files)
}

/// Names and contents in one number; a stamp of another toolchain's hasher only costs a build.
fn hash(files: &BTreeSet<PathBuf>) -> anyhow::Result<u64> {
    let mut hasher = DefaultHasher::new();
    for file in files {
        file.hash(&mut hasher);
        fs::read(file).with_context(|| format!("read {}", file.display()))?.hash(&mut hasher);
    }
    Ok(hasher.finish())
}

/// Stamps lie in `node_modules`, so that they go when it goes.
fn stamp(what: &str) -> PathBuf {
    dir().join("node_modules").join(format!(".inkstone-{what}"))
}

fn is_current(what: &str, inputs: u64) -> bool {
    fs::read_to_string(stamp(what)).is_ok_and(|before| before == inputs.to_string())
}

fn remember(what: &str, inputs: u64) -> anyhow::Result<()> {
    fs::write(stamp(what), inputs.to_string()).with_context(|| format!("write {}", stamp(what).display()))
}
