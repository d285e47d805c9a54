//! What needs no cluster.

use std::fs;

use crate::{inkstone, said};

#[test]
fn config_check_reports_every_mistake_of_every_file() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(
        dir.path().join("a.toml"),
        "[server.http]\nprot = 1\nport = \"many\"\n[sqlite.a]\naddr = \"a.db\"\npool = 1\n",
    )
    .unwrap();
    fs::write(dir.path().join("b.yaml"), "server:\n  grpc:\n    hots: x\n").unwrap();
    let output = inkstone(dir.path(), &["config", "check", "a.toml", "b.yaml", "gone.toml"]);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(78), "{said}");
    for part in ["a.toml:2", "a.toml:3", "a.toml:6", "b.yaml:3", "gone.toml", "did you mean `port`?", "^^^^"]
    {
        assert!(said.contains(part), "{part} is not in\n{said}");
    }
}

#[test]
fn config_check_speaks_json_where_a_program_listens() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.toml"), "[server.http]\nprot = 1\n").unwrap();
    let output = inkstone(dir.path(), &["config", "check", "--json", "a.toml"]);
    let line: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!((&line["code"], &line["line"]), (&"INK1001".into(), &2.into()), "{line}");
}

#[test]
fn config_check_accepts_a_right_file_and_names_one_that_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.toml"), "[server.http]\nport = 8080\n").unwrap();
    let output = inkstone(dir.path(), &["config", "check", "a.toml"]);
    assert!(output.status.success(), "{}", said(&output));
    let output = inkstone(dir.path(), &["config", "check", "gone.toml"]);
    assert_eq!(output.status.code(), Some(66), "{}", said(&output));
}

#[test]
fn explain_prints_the_page_of_a_code_and_the_nearest_of_an_unknown_one() {
    let dir = tempfile::tempdir().unwrap();
    let known = inkstone(dir.path(), &["explain", "INK1001"]);
    assert!(known.status.success() && said(&known).contains("INK1001"), "{}", said(&known));
    assert_eq!(inkstone(dir.path(), &["explain", "1001"]).stdout, known.stdout);
    // As the last line of a report has them.
    let two = said(&inkstone(dir.path(), &["explain", "INK1001", "INK2002"]));
    assert!(
        two.contains("# INK1001: unknown key") && two.contains("# INK2002: port already in use"),
        "{two}"
    );
    let unknown = inkstone(dir.path(), &["explain", "INK1091"]);
    assert!(!unknown.status.success() && said(&unknown).contains("did you mean INK10"), "{}", said(&unknown));
    let all = said(&inkstone(dir.path(), &["explain"]));
    assert!(all.contains("INK1001  unknown key") && all.contains("INK2002"), "{all}");
}

#[test]
fn version_says_what_it_was_built_from() {
    let dir = tempfile::tempdir().unwrap();
    let output = inkstone(dir.path(), &["--version"]);
    let text = said(&output);
    assert!(
        output.status.success() && text.starts_with(concat!("inkstone ", env!("CARGO_PKG_VERSION"))),
        "{text}"
    );
    let json = inkstone(dir.path(), &["--version", "--json"]);
    let build: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    for key in ["name", "version", "commit", "dirty", "host", "user", "time", "rustc", "inkstone"] {
        assert!(!build[key].is_null(), "{key}: {build}");
    }
    assert_ne!(build["rustc"], "unknown", "build.rs has looked");
}

#[test]
fn shells_complete_the_command() {
    let dir = tempfile::tempdir().unwrap();
    for (shell, check) in [("bash", "bash"), ("zsh", "zsh"), ("fish", "fish")] {
        let script = inkstone(dir.path(), &["completions", shell]);
        assert!(script.status.success() && said(&script).contains("explain"), "{}", said(&script));
        fs::write(dir.path().join("script"), &script.stdout).unwrap();
        // Only bash is everywhere; where another is too, it must be able to read its own.
        match std::process::Command::new(check).arg("-n").arg(dir.path().join("script")).output() {
            Ok(read) => assert!(read.status.success(), "{shell}: {}", said(&read)),
            Err(error) => assert!(shell != "bash", "{error}"),
        }
    }
}

#[test]
fn a_console_does_not_begin_where_another_one_runs() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("state")).unwrap();
    let lock = fs::File::create(dir.path().join("state/lock")).unwrap();
    lock.try_lock().unwrap();
    let output = inkstone(dir.path(), &["console", "--state-dir", "state"]);
    assert_eq!(output.status.code(), Some(73), "{}", said(&output));
    assert!(said(&output).contains("another `inkstone console` runs"), "{}", said(&output));
}

#[test]
fn config_check_does_not_wait_for_a_pipe_that_nobody_writes_to() {
    let dir = tempfile::tempdir().unwrap();
    let made = std::process::Command::new("mkfifo").arg(dir.path().join("pipe.toml")).status().unwrap();
    assert!(made.success());
    let checked = inkstone(dir.path(), &["config", "check", "pipe.toml"]);
    assert!(said(&checked).contains("not a regular file"), "{}", said(&checked));
    assert!(!checked.status.success());
}

#[test]
fn explain_offers_no_code_for_a_word_that_is_far_from_all() {
    let dir = tempfile::tempdir().unwrap();
    let unknown = said(&inkstone(dir.path(), &["explain", "shop"]));
    assert!(unknown.contains("no code shop") && !unknown.contains("did you mean"), "{unknown}");
}
