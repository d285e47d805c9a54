//! What git knows about a directory: asked of the `git` program, and read from its files where that is missing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The commit a directory is at, and the files that change when that changes.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) commit: Option<String>,
    pub(crate) branch: Option<String>,
    /// The newest tag below the commit, and how far above it the commit is: `v1.4.0`, `v1.4.0-3-gdeade70`.
    pub(crate) tag: Option<String>,
    pub(crate) dirty: Option<bool>,
    /// Existing paths only: cargo takes a path that is not there for one that has always just changed.
    pub(crate) watched: Vec<PathBuf>,
}

impl State {
    /// Nothing is known when there is no repository, or when the repository ignores this directory (an unpacked
    /// crate inside somebody's versioned home, say), whose commit would then say nothing.
    ///
    /// Where git is not installed, or refuses a repository that belongs to somebody else, commit and branch are read
    /// from its files; whether something was changed since is then unknown.
    pub(crate) fn of(dir: &Path) -> Self {
        if git(dir, &["rev-parse", "--git-dir"]).is_none() {
            return read(dir).unwrap_or_default();
        }
        if git(dir, &["check-ignore", "--quiet", "."]).is_some() {
            return Self::default();
        }
        let commit = git(dir, &["rev-parse", "--verify", "--quiet", "HEAD"]);
        let dirty = git(dir, &["status", "--porcelain"]).map(|changes| !changes.is_empty());
        let branch = git(dir, &["symbolic-ref", "--quiet", "HEAD"]);
        Self {
            dirty: commit.is_some().then_some(dirty).flatten(),
            tag: git(dir, &["describe", "--tags"]),
            watched: watched(dir, branch.as_deref()),
            branch: branch.map(|name| short(&name).to_owned()),
            commit,
        }
    }
}

fn short(reference: &str) -> &str {
    reference.strip_prefix("refs/heads/").unwrap_or(reference)
}

/// `HEAD` of this worktree; the branch, `packed-refs` and the tags, which all worktrees share. Not the index: git
/// writes it when somebody only looks, and each run of a build script has the program compiled again.
fn watched(dir: &Path, branch: Option<&str>) -> Vec<PathBuf> {
    let mut names = vec!["HEAD", "packed-refs", "refs/tags"];
    names.extend(branch);
    let mut paths: Vec<PathBuf> = names
        .into_iter()
        .filter_map(|name| {
            let path = dir.join(git(dir, &["rev-parse", "--git-path", name])?);
            if name.starts_with("refs/") { Some(existing(&path)) } else { path.exists().then_some(path) }
        })
        .collect();
    paths.dedup();
    paths
}

/// The file of a reference, or the folder in which it appears with the next commit: a packed one has no file.
fn existing(path: &Path) -> PathBuf {
    path.ancestors().find(|path| path.exists()).unwrap_or(path).to_owned()
}

/// The trimmed output, or nothing if git is missing or says no.
fn git(dir: &Path, args: &[&str]) -> Option<String> {
    let mut git = Command::new("git");
    git.current_dir(dir).args(args);
    git.env("GIT_OPTIONAL_LOCKS", "0"); // a status that refreshed the index would make every build the first
    // Set while git runs a hook, and then about the repository of the hook.
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"] {
        git.env_remove(name);
    }
    let output = git.output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// What the files of a repository say, after gitrepository-layout(5).
fn read(dir: &Path) -> Option<State> {
    let git_dir = dir.ancestors().find_map(|dir| {
        let path = dir.join(".git");
        match fs::read_to_string(&path) {
            // In a worktree or submodule it is a file that names the folder.
            Ok(text) => Some(dir.join(text.strip_prefix("gitdir:")?.trim())),
            Err(_) => path.is_dir().then_some(path),
        }
    })?;
    let shared = fs::read_to_string(git_dir.join("commondir"))
        .map_or_else(|_| git_dir.clone(), |text| git_dir.join(text.trim()));
    let head = fs::read_to_string(git_dir.join("HEAD")).ok()?;
    let mut watched = vec![git_dir.join("HEAD")];
    let Some(name) = head.trim().strip_prefix("ref: ") else {
        return Some(State { commit: commit(&head), watched, ..State::default() });
    };
    let packed = shared.join("packed-refs");
    let found = fs::read_to_string(shared.join(name)).ok().and_then(|text| commit(&text)).or_else(|| {
        let packed = fs::read_to_string(&packed).ok()?;
        packed.lines().find_map(|line| commit(line.strip_suffix(name)?.strip_suffix(' ')?))
    });
    watched.push(existing(&shared.join(name)));
    watched.extend(packed.exists().then_some(packed));
    Some(State { commit: found, branch: Some(short(name).to_owned()), watched, ..State::default() })
}

/// A commit's name, and nothing else that may stand in its place.
fn commit(text: &str) -> Option<String> {
    let text = text.trim();
    let hash = matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    hash.then(|| text.to_owned())
}
