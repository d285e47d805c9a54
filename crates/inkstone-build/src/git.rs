//! What git knows about a directory, asked of the `git` program, which may be missing.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The commit a directory is at, and the files that change when that changes.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) commit: Option<String>,
    pub(crate) dirty: Option<bool>,
    /// Existing paths only: cargo takes a path that is not there for one that has always just changed.
    pub(crate) watched: Vec<PathBuf>,
}

impl State {
    /// Nothing is known when git or the repository is missing, or when the repository ignores this directory
    /// (an unpacked crate inside somebody's versioned home, say), whose commit would then say nothing.
    pub(crate) fn of(dir: &Path) -> Self {
        if git(dir, &["rev-parse", "--git-dir"]).is_none()
            || git(dir, &["check-ignore", "--quiet", "."]).is_some()
        {
            return Self::default();
        }
        let commit = git(dir, &["rev-parse", "--verify", "--quiet", "HEAD"]);
        let dirty = git(dir, &["status", "--porcelain"]).map(|changes| !changes.is_empty());
        Self { dirty: commit.is_some().then_some(dirty).flatten(), commit, watched: watched(dir) }
    }
}

/// `HEAD` and `index` of this worktree; the branch and `packed-refs`, which all worktrees share.
fn watched(dir: &Path) -> Vec<PathBuf> {
    let branch = git(dir, &["symbolic-ref", "--quiet", "HEAD"]);
    let mut names = vec!["HEAD", "index", "packed-refs"];
    names.extend(branch.as_deref());
    let mut paths: Vec<PathBuf> = names
        .into_iter()
        .filter_map(|name| {
            let path = dir.join(git(dir, &["rev-parse", "--git-path", name])?);
            match name.strip_prefix("refs/") {
                // A packed branch has no file of its own; one appears with the next commit.
                Some(_) => path.ancestors().find(|path| path.exists()).map(Path::to_owned),
                None => path.exists().then_some(path),
            }
        })
        .collect();
    paths.dedup();
    paths
}

/// The trimmed output, or nothing if git is missing or says no.
fn git(dir: &Path, args: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .current_dir(dir)
        .env("GIT_OPTIONAL_LOCKS", "0") // a status that refreshed the index would make every build the first
        .args(args)
        .output()
        .ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
