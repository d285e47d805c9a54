//! What `Info` reads from git and from the environment.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use inkstone_build::Info;
use tempfile::TempDir;

fn git(dir: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(dir)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"])
        .args(args)
        .output()
        .unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A package with one commit.
fn repository() -> TempDir {
    let dir = TempDir::new().unwrap();
    fs::create_dir(dir.path().join("src")).unwrap();
    fs::write(dir.path().join("Cargo.toml"), "[package]").unwrap();
    fs::write(dir.path().join("src/main.rs"), "fn main() {}").unwrap();
    git(dir.path(), &["init", "--quiet"]);
    git(dir.path(), &["add", "."]);
    git(dir.path(), &["commit", "--quiet", "-m", "first"]);
    dir
}

fn info(dir: &Path, env: &[(&str, &str)]) -> Result<Info, inkstone_build::Error> {
    let env: HashMap<_, _> = env.iter().copied().collect();
    Info::of(dir, |name| env.get(name).map(|value| (*value).to_owned()))
}

fn watches(info: &Info, path: &Path) -> bool {
    let path = path.canonicalize().unwrap();
    info.directives()
        .lines()
        .filter_map(|line| line.strip_prefix("cargo::rerun-if-changed="))
        .any(|watched| Path::new(watched).canonicalize().unwrap() == path)
}

#[test]
fn a_clean_commit_is_named_and_a_change_makes_it_dirty() {
    let dir = repository();
    let clean = info(dir.path(), &[]).unwrap();
    assert_eq!(clean.get("COMMIT"), Some(git(dir.path(), &["rev-parse", "HEAD"]).as_str()));
    assert_eq!(clean.get("DIRTY"), Some("false"));

    fs::write(dir.path().join("src/new.rs"), "").unwrap();
    assert_eq!(info(dir.path(), &[]).unwrap().get("DIRTY"), Some("true"));
}

#[test]
fn head_index_and_branch_are_watched() {
    let dir = repository();
    let info = info(dir.path(), &[]).unwrap();
    for path in [".git/HEAD", ".git/index", ".git/refs/heads/main", "src", "Cargo.toml"] {
        assert!(watches(&info, &dir.path().join(path)), "{path} in\n{}", info.directives());
    }
}

#[test]
fn a_packed_branch_watches_the_packed_refs_and_where_its_file_will_appear() {
    let dir = repository();
    git(dir.path(), &["pack-refs", "--all"]);
    let info = info(dir.path(), &[]).unwrap();
    assert!(watches(&info, &dir.path().join(".git/packed-refs")));
    assert!(watches(&info, &dir.path().join(".git/refs/heads")), "{}", info.directives());
}

#[test]
fn a_worktree_watches_its_own_head_and_the_shared_branch() {
    let dir = repository();
    let tree = TempDir::new().unwrap();
    let path = tree.path().join("side");
    git(dir.path(), &["worktree", "add", "--quiet", "-b", "side", path.to_str().unwrap()]);
    let info = info(&path, &[]).unwrap();
    assert_eq!(info.get("DIRTY"), Some("false"));
    for watched in [".git/worktrees/side/HEAD", ".git/worktrees/side/index", ".git/refs/heads/side"] {
        assert!(watches(&info, &dir.path().join(watched)), "{watched} in\n{}", info.directives());
    }
    assert!(!watches(&info, &dir.path().join(".git/HEAD")));
}

#[test]
fn every_watched_path_exists() {
    let dir = repository();
    git(dir.path(), &["checkout", "--quiet", "--detach"]);
    for line in info(dir.path(), &[]).unwrap().directives().lines() {
        if let Some(path) = line.strip_prefix("cargo::rerun-if-changed=") {
            assert!(Path::new(path).exists(), "{path} would make cargo build anew each time");
        }
    }
}

#[test]
fn without_a_repository_or_a_commit_the_commit_is_unset_and_nothing_fails() {
    let dir = TempDir::new().unwrap();
    let outside = info(dir.path(), &[]).unwrap();
    assert_eq!((outside.get("COMMIT"), outside.get("DIRTY")), (None, None));
    assert!(outside.get("TIME").is_some() && outside.get("RUSTC").unwrap().starts_with("rustc "));

    git(dir.path(), &["init", "--quiet"]);
    assert_eq!(info(dir.path(), &[]).unwrap().get("COMMIT"), None);
}

#[test]
fn a_repository_that_ignores_the_package_says_nothing_about_it() {
    let dir = repository();
    fs::write(dir.path().join(".gitignore"), "vendor/\n").unwrap();
    let vendored = dir.path().join("vendor/krate");
    fs::create_dir_all(&vendored).unwrap();
    assert_eq!(info(&vendored, &[]).unwrap().get("COMMIT"), None);
}

#[test]
fn the_environment_wins_over_git() {
    let dir = repository();
    let given =
        [("INKSTONE_BUILD_COMMIT", "abc"), ("INKSTONE_BUILD_DIRTY", "true"), ("INKSTONE_BUILD_HOST", "ci-7")];
    let info = info(dir.path(), &given).unwrap();
    assert_eq!(
        (info.get("COMMIT"), info.get("DIRTY"), info.get("HOST")),
        (Some("abc"), Some("true"), Some("ci-7"))
    );
    assert!(info.directives().contains("cargo::rustc-env=INKSTONE_BUILD_COMMIT=abc\n"));
    assert!(info.directives().contains("cargo::rerun-if-env-changed=INKSTONE_BUILD_COMMIT\n"));
}

#[test]
fn source_date_epoch_fixes_the_time() {
    let dir = TempDir::new().unwrap();
    let info = info(dir.path(), &[("SOURCE_DATE_EPOCH", "0")]).unwrap();
    assert_eq!(info.get("TIME"), Some("1970-01-01T00:00:00Z"));
}

#[test]
fn a_value_of_the_wrong_form_is_refused_by_name() {
    let dir = TempDir::new().unwrap();
    for (name, value) in
        [("SOURCE_DATE_EPOCH", "yesterday"), ("INKSTONE_BUILD_TIME", "noon"), ("INKSTONE_BUILD_DIRTY", "yes")]
    {
        let error = info(dir.path(), &[(name, value)]).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains(value), "{error}");
    }
}

#[test]
fn a_line_break_in_a_value_cannot_add_a_directive() {
    let dir = TempDir::new().unwrap();
    let info = info(dir.path(), &[("INKSTONE_BUILD_USER", "me\ncargo::rustc-cfg=evil")]).unwrap();
    assert!(!info.directives().lines().any(|line| line.starts_with("cargo::rustc-cfg")));
}
