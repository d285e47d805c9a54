//! What is seen of a service that does not start: by a person at a terminal, by a log store, by a supervisor.

use std::process::{Command, Output};

use serde_json::Value;

use crate::process::example;

/// The example `start`, with a table `[pool.main]` of this content.
fn start(how: &str, table: &str, env: &[(&str, &str)]) -> Output {
    let mut command = Command::new(example("start"));
    run(command.env("START", how), table, env)
}

fn run(command: &mut Command, table: &str, env: &[(&str, &str)]) -> Output {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("start.toml"), format!("[pool.main]\n{table}")).unwrap();
    for name in ["INKSTONE_DEBUG", "NO_COLOR", "CLICOLOR_FORCE", "RUST_BACKTRACE"] {
        command.env_remove(name);
    }
    command.current_dir(dir.path()).env("INKSTONE_CONFIG", "start.toml").env("TERM", "xterm");
    command.envs(env.iter().copied()).output().unwrap()
}

/// The same in a terminal of its own, as util-linux makes one; what appears there.
fn on_terminal(how: &str, table: &str, env: &[(&str, &str)]) -> String {
    on_terminal_with("", how, table, env)
}

fn on_terminal_with(flags: &str, how: &str, table: &str, env: &[(&str, &str)]) -> String {
    let program = format!("{} {flags}", example("start").display());
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &program, "/dev/null"]).env("START", how);
    let output = run(&mut script, table, env);
    String::from_utf8_lossy(&output.stdout).replace('\r', "")
}

/// The problems that a program reads: one JSON object a line.
fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stderr);
    let objects = text.lines().filter(|line| line.contains("\"code\":\"INK"));
    objects.map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

const SOURCE: &str = include_str!("../../examples/start.rs");

/// The place of a text in the example, as a location begins.
fn line_of(text: &str) -> String {
    let number = SOURCE.lines().position(|line| line.contains(text)).unwrap() + 1;
    format!("examples/start.rs:{number}:")
}

#[test]
fn log_lines_are_text_in_colours_on_a_terminal_and_json_elsewhere() {
    let starting = |text: &str| text.lines().find(|line| line.contains("starting")).unwrap().to_owned();
    let coloured = starting(&on_terminal("", "sise = 1\n", &[]));
    assert!(coloured.contains("\u{1b}[32m INFO") && coloured.contains("threads"), "{coloured:?}");
    let plain = starting(&on_terminal("", "sise = 1\n", &[("NO_COLOR", "1")]));
    assert!(plain.contains(" INFO inkstone_core::entry: starting") && !plain.contains('\u{1b}'), "{plain:?}");
    let piped = String::from_utf8(start("", "sise = 1\n", &[]).stdout).unwrap();
    let line: Value = serde_json::from_str(&starting(&piped)).unwrap();
    assert_eq!((&line["message"], &line["level"]), (&"starting".into(), &"info".into()));
}

#[test]
fn elsewhere_than_on_a_terminal_each_start_error_is_one_json_line() {
    let output = start("", "sise = 1\n", &[]);
    let lines = lines(&output);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(
        (&lines[0]["code"], &lines[0]["line"], &lines[0]["key"]),
        (&"INK1001".into(), &2.into(), &"pool.main.sise".into())
    );
    assert_eq!(output.status.code(), Some(78));
}

#[test]
fn a_component_that_does_not_start_is_reported_with_the_users_own_line() {
    let output = start("", "", &[]);
    let line = &lines(&output)[0];
    assert_eq!((&line["code"], &line["target"]), (&"INK2004".into(), &"10.0.0.7:6379".into()), "{line}");
    let asked = line["asked_at"].as_str().unwrap();
    assert!(asked.contains(&line_of("app.load::<Pool>")), "{asked} is not where the program asks for it");
    assert_eq!(output.status.code(), Some(69));
}

#[test]
fn in_debug_mode_a_start_error_ends_the_process_as_ever() {
    for debug in ["true", "1", "false"] {
        let output = start("", "", &[("INKSTONE_DEBUG", debug)]);
        assert_eq!(output.status.code(), Some(69), "INKSTONE_DEBUG={debug}");
        assert_eq!(lines(&output).len(), 1);
    }
    assert_eq!(start("service fails", "", &[("INKSTONE_DEBUG", "true")]).status.code(), Some(1));
}

#[test]
fn on_a_terminal_a_start_error_is_shown_under_its_line_in_colours_unless_told_not_to() {
    let shown = on_terminal("", "sise = 1\n", &[]);
    for part in ["start.toml:2:1", "sise = 1", "^^^^", "did you mean `size`?", "inkstone explain INK1001"] {
        assert!(shown.contains(part), "no {part} in\n{shown}");
    }
    assert!(shown.contains("\u{1b}[") && !shown.contains("{\"code\""), "{shown}");
    let plain = on_terminal("", "sise = 1\n", &[("NO_COLOR", "1")]);
    assert!(plain.contains("^^^^") && !plain.contains("\u{1b}["), "{plain:?}");
}

#[test]
fn a_panic_at_the_start_looks_like_any_other_start_error() {
    for (how, said, place) in [
        ("service panics", "nobody thought of this", "panic!(\"nobody"),
        ("build panics", "the driver met what it cannot be", "assert!(std::env"),
    ] {
        let output = start(how, "", &[]);
        let panics: Vec<_> = lines(&output).into_iter().filter(|line| line["code"] == "INK3003").collect();
        let line =
            panics.last().unwrap_or_else(|| panic!("{how}: {}", String::from_utf8_lossy(&output.stderr)));
        let message = line["message"].as_str().unwrap();
        assert!(message.contains(said) && message.contains(&line_of(place)), "{how}: {message}");
        assert_eq!(output.status.code(), Some(70), "{how}");
    }
}

#[test]
fn on_a_terminal_a_panic_at_the_start_looks_like_any_other_start_error() {
    let shown = on_terminal("build panics", "", &[("NO_COLOR", "1")]);
    for part in ["error: pool `pool.main`", "the driver met what it cannot be", "INK3003"] {
        assert!(shown.contains(part), "no {part} in\n{shown}");
    }
}

#[test]
fn the_version_has_every_fact_of_the_build_in_colours_only_where_they_are_wanted() {
    let shown = on_terminal_with("--version", "", "", &[]);
    assert!(shown.contains("\u{1b}[32mcommit"), "{shown:?}");
    let plain = on_terminal_with("--version", "", "", &[("NO_COLOR", "1")]);
    assert!(!plain.contains('\u{1b}'), "{plain:?}");
    for part in
        ["inkstone-core ", "commit ", "branch ", "tag ", "built ", " by ", " on ", "rustc ", "inkstone "]
    {
        assert!(plain.contains(part), "no {part} in\n{plain}");
    }
}
