//! What `Info` reads from git and from the environment.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use inkstone_build::Info;
use tempfile::TempDir;

pub(crate) fn git(dir: &Path, args: &[&str]) -> String {
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

/// Makes a file look as if it were written that much later.
pub(crate) fn later(file: &Path, by: Duration) {
    let file = fs::File::options().write(true).open(file).unwrap();
    file.set_modified(SystemTime::now() + by).unwrap();
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
fn head_and_branch_are_watched() {
    let dir = repository();
    let info = info(dir.path(), &[]).unwrap();
    for path in [".git/HEAD", ".git/refs/heads/main", "src", "Cargo.toml"] {
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
    for watched in [".git/worktrees/side/HEAD", ".git/refs/heads/side"] {
        assert!(watches(&info, &dir.path().join(watched)), "{watched} in\n{}", info.directives());
    }
    assert!(!watches(&info, &dir.path().join(".git/HEAD")));
}

#[test]
fn branch_and_tag_are_told_with_the_distance_from_the_tag() {
    let dir = repository();
    git(dir.path(), &["tag", "v1.0.0"]);
    let tagged = info(dir.path(), &[]).unwrap();
    assert_eq!((tagged.get("BRANCH"), tagged.get("TAG")), (Some("main"), Some("v1.0.0")));
    assert!(watches(&tagged, &dir.path().join(".git/refs/tags")), "{}", tagged.directives());

    git(dir.path(), &["commit", "--quiet", "--allow-empty", "-m", "more"]);
    let after = info(dir.path(), &[]).unwrap();
    assert!(after.get("TAG").unwrap().starts_with("v1.0.0-1-g"), "{:?}", after.get("TAG"));
}

/// The directives of the example in `dir`, with no program `git` to be found.
fn without_git(dir: &Path) -> String {
    let example = std::env::current_exe().unwrap().parent().unwrap().join("../examples/info");
    let output = Command::new(example).current_dir(dir).env_clear().env("PATH", "/nowhere").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn without_the_git_program_commit_and_branch_are_read_from_its_files() {
    let dir = repository();
    let commit = format!("INKSTONE_BUILD_COMMIT={}\n", git(dir.path(), &["rev-parse", "HEAD"]));
    let check = |place: &Path, branch: Option<&str>, what: &str| {
        let said = without_git(place);
        assert!(said.contains(&commit), "{what}: {commit} in\n{said}");
        let branch = branch.map(|branch| format!("INKSTONE_BUILD_BRANCH={branch}\n"));
        assert_eq!(branch.is_some(), said.contains("INKSTONE_BUILD_BRANCH="), "{what}: {said}");
        assert!(branch.is_none_or(|branch| said.contains(&branch)), "{what}: {said}");
        assert!(!said.contains("INKSTONE_BUILD_DIRTY="), "{what}: nobody could tell");
    };
    check(&dir.path().join("src"), Some("main"), "a folder below");
    git(dir.path(), &["pack-refs", "--all"]);
    check(dir.path(), Some("main"), "packed");
    let trees = TempDir::new().unwrap();
    let tree = trees.path().join("side");
    git(dir.path(), &["worktree", "add", "--quiet", "-b", "side", tree.to_str().unwrap()]);
    check(&tree, Some("side"), "a worktree");
    git(dir.path(), &["checkout", "--quiet", "--detach"]);
    check(dir.path(), None, "no branch");
}

#[test]
fn a_hook_of_another_repository_does_not_lend_its_commit() {
    let (dir, other) = (repository(), repository());
    git(other.path(), &["commit", "--quiet", "--allow-empty", "-m", "other"]);
    let example = std::env::current_exe().unwrap().parent().unwrap().join("../examples/info");
    let output = Command::new(example)
        .current_dir(dir.path())
        .env("GIT_DIR", other.path().join(".git"))
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains(&git(dir.path(), &["rev-parse", "HEAD"])), "{said}");
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
fn a_reproducible_build_names_no_machine_and_no_person_unless_told() {
    let dir = TempDir::new().unwrap();
    let env = [("SOURCE_DATE_EPOCH", "0"), ("USER", "ann")];
    let info = info(dir.path(), &env).unwrap();
    assert_eq!((info.get("HOST"), info.get("USER")), (None, None));
    let told = [env[0], env[1], ("INKSTONE_BUILD_HOST", "ci"), ("INKSTONE_BUILD_USER", "release")];
    let info = self::info(dir.path(), &told).unwrap();
    assert_eq!((info.get("HOST"), info.get("USER")), (Some("ci"), Some("release")));
}

#[test]
fn every_crate_that_is_linked_is_listed_with_its_licence() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let env = [
        ("CARGO", env!("CARGO")),
        ("CARGO_PKG_NAME", env!("CARGO_PKG_NAME")),
        ("CARGO_PKG_VERSION", env!("CARGO_PKG_VERSION")),
    ];
    let info = info(dir, &env).unwrap();
    let list = info.get("DEPENDENCIES").unwrap();
    assert!(!list.starts_with('!'), "{list}");
    let of = |name: &str| {
        list.split(';')
            .find(|group| group.contains(&format!("{name} ")))
            .map(|group| group.split('|').next().unwrap())
    };
    assert_eq!(of("protox"), Some("MIT OR Apache-2.0"), "{list}");
    assert!(of("jiff").is_some() && of("prost-build").is_some(), "what they need is linked as well: {list}");
    assert_eq!(of("thiserror-impl"), None, "a macro of the compiler is not linked: {list}");
    assert!(watches(&info, &dir.join("../../Cargo.lock")));
    assert!(!info.directives().contains("cargo::warning"), "{}", info.directives());
}

#[test]
fn without_cargo_the_lock_file_is_read_and_the_list_says_what_it_lacks() {
    let dir = TempDir::new().unwrap();
    let package =
        |name: &str, more: &str| format!("[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"\n{more}\n");
    let registry = "source = \"registry+https://github.com/rust-lang/crates.io-index\"\n";
    let lock = package("shop", "dependencies = [\n \"a\",\n]\n")
        + &package("a", &format!("{registry}dependencies = [\n \"b 1.0.0\",\n]\n"))
        + &package("b", "source = \"git+https://me:pw@example.com/b#123\"\n")
        + &package("unrelated", registry);
    fs::write(dir.path().join("Cargo.lock"), lock).unwrap();
    let info = info(dir.path(), &[("CARGO_PKG_NAME", "shop")]).unwrap();
    let list = info.get("DEPENDENCIES").unwrap();
    assert!(list.starts_with("!taken from Cargo.lock: without licences"), "{list}");
    assert!(list.ends_with(";|crates.io|a 1.0.0;|https://example.com/b#123|b 1.0.0"), "{list}");
    assert!(info.directives().contains("cargo::warning=the list of dependencies is taken from"));
    let nothing = self::info(TempDir::new().unwrap().path(), &[]).unwrap();
    assert!(nothing.get("DEPENDENCIES").unwrap().contains("no Cargo.lock"));
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
