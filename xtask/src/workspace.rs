//! Where things are.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// The folder of the workspace's `Cargo.toml`.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the workspace")
}

/// Where cargo builds to, as cargo itself resolves it.
pub(crate) fn target() -> &'static Path {
    static TARGET: LazyLock<PathBuf> =
        LazyLock::new(|| asked_of_cargo().unwrap_or_else(|| root().join("target")));
    &TARGET
}

/// Where a built program is.
pub(crate) fn program(profile: &str, name: &str) -> PathBuf {
    target().join(profile).join(name).with_extension(env::consts::EXE_EXTENSION)
}

/// Where tools live that no package manager installed.
pub(crate) fn tools() -> PathBuf {
    target().join("tools")
}

fn asked_of_cargo() -> Option<PathBuf> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version=1"])
        .current_dir(root())
        .output()
        .ok()?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    metadata.get("target_directory")?.as_str().map(PathBuf::from)
}
