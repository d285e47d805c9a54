//! The command, run as a person does.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn inkstone(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_inkstone")).current_dir(dir).args(args).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn config_check_reports_every_mistake_of_every_file() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.toml"), "[server.http]\nprot = 1\nport = \"many\"\n").unwrap();
    fs::write(dir.path().join("b.yaml"), "server:\n  grpc:\n    hots: x\n").unwrap();
    let output = inkstone(dir.path(), &["config", "check", "a.toml", "b.yaml", "gone.toml"]);
    let said = said(&output);
    assert!(!output.status.success(), "{said}");
    for part in ["a.toml:2", "a.toml:3", "b.yaml:3", "gone.toml"] {
        assert!(said.contains(part), "{part} is not in\n{said}");
    }
}

#[test]
fn config_check_accepts_a_right_file() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.toml"), "[server.http]\nport = 8080\n").unwrap();
    let output = inkstone(dir.path(), &["config", "check", "a.toml"]);
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn explain_prints_the_page_of_a_code_and_the_nearest_of_an_unknown_one() {
    let dir = tempfile::tempdir().unwrap();
    let known = inkstone(dir.path(), &["explain", "INK1001"]);
    assert!(known.status.success() && said(&known).contains("INK1001"), "{}", said(&known));
    assert_eq!(inkstone(dir.path(), &["explain", "1001"]).stdout, known.stdout);
    let unknown = inkstone(dir.path(), &["explain", "INK1091"]);
    assert!(!unknown.status.success() && said(&unknown).contains("did you mean INK10"), "{}", said(&unknown));
}

#[test]
fn dev_names_the_folder_that_has_no_manifests() {
    let dir = tempfile::tempdir().unwrap();
    let output = inkstone(dir.path(), &["dev", "nowhere", "--console-port=0"]);
    assert!(!output.status.success() && said(&output).contains("nowhere"), "{}", said(&output));
}

#[test]
fn version_says_what_it_was_built_from() {
    let dir = tempfile::tempdir().unwrap();
    let output = inkstone(dir.path(), &["--version"]);
    assert!(
        output.status.success() && said(&output).contains(env!("CARGO_PKG_VERSION")),
        "{}",
        said(&output)
    );
}
