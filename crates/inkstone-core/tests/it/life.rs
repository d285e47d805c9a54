use std::time::{Duration, Instant};

use crate::process::{Ended, GOOD, Life, program};

fn run(config: &str, flags: &[&str]) -> Ended {
    Life::start(config, flags).end()
}

#[test]
fn sigterm_drains_finishes_and_closes_in_reverse_order_of_building() {
    let mut life = Life::start(GOOD, &[]);
    life.wait_for("serving");
    life.signal("TERM");
    let ended = life.end();
    assert_eq!(ended.out, "finished; closed pool.spare; closed pool.main");
    assert_eq!(ended.code, 0, "{}", ended.err);
}

#[test]
fn a_second_signal_ends_at_once() {
    let config = GOOD.replace("drain = \"50ms\"", "drain = \"15s\"");
    let mut life = Life::start(&config, &[]);
    life.wait_for("serving");
    life.signal("TERM");
    // Only what comes after the first has been heard is a second one.
    life.wait_for_log("\"message\":\"stopping\"");
    life.signal("INT");
    let ended = life.end();
    assert!(ended.err.contains("second time"), "{}", ended.err);
    assert!(ended.out.ends_with("closed pool.spare; closed pool.main"), "{}", ended.out);
}

/// The second pool of [`GOOD`] closes like this; a stop may take so long.
fn spare_closes(how: &str, stop_within: &str) -> Life {
    let spare = format!("[pool.spare]\nclose = \"{how}\"");
    let config =
        GOOD.replace("drain = \"50ms\"", &format!("drain = \"0s\"\nstop_within = \"{stop_within}\""));
    let mut life = Life::start(&config.replace("[pool.spare]", &spare), &[]);
    life.wait_for("serving");
    life.signal("TERM");
    life
}

#[test]
fn a_component_that_does_not_close_keeps_neither_the_others_nor_the_end_and_is_reported() {
    let started = Instant::now();
    let ended = spare_closes("hangs", "200ms").end();
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    assert_eq!(ended.out, "finished; closing pool.spare; closed pool.main");
    assert!(ended.err.contains("INK3006") && ended.err.contains("pool `pool.spare`"), "{}", ended.err);
    assert_eq!(ended.code, 70);
}

#[test]
fn a_component_that_panics_while_it_closes_is_reported() {
    let ended = spare_closes("panics", "10s").end();
    assert_eq!(ended.out, "finished; closed pool.main");
    let report = ended.err.lines().find(|line| line.contains("INK3006")).expect("a report");
    assert!(report.contains("pool `pool.spare`") && report.contains("the pool is broken"), "{report}");
    assert_eq!(ended.code, 70);
}

#[test]
fn a_second_signal_while_components_close_ends_at_once() {
    let mut life = spare_closes("hangs", "1h");
    life.wait_for("closing pool.spare");
    life.signal("TERM");
    let ended = life.end();
    assert!(ended.err.contains("second time") && ended.err.contains("INK3006"), "{}", ended.err);
    assert_eq!((ended.out.as_str(), ended.code), ("", 70));
}

#[test]
fn a_configuration_that_is_refused_while_running_is_logged_with_its_code() {
    let mut life = Life::start(GOOD, &[]);
    life.wait_for_log("\"message\":\"ready\"");
    life.configure(&GOOD.replace("[pool.main]", "[pool.main]\nsize = \"many\""));
    let line = life.wait_for_log("configuration refused");
    assert!(line.contains("INK3004") && line.contains("pool.main"), "{line}");
    life.signal("TERM");
    assert_eq!(life.end().code, 0);
}

#[test]
fn an_empty_name_of_a_configuration_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new(program());
    command.arg("--check").env("INKSTONE_CONFIG", "").current_dir(dir.path());
    let alone = String::from_utf8(command.output().unwrap().stderr).unwrap();
    assert!(alone.contains("there is no configuration file"), "{alone}");
    std::fs::create_dir(dir.path().join("config")).unwrap();
    std::fs::write(dir.path().join("config/local.toml"), GOOD).unwrap();
    assert!(command.status().unwrap().success(), "the local file is read");
}

#[test]
fn work_that_outlives_stop_within_is_cut_off_and_reported() {
    let config = "[app]\ndrain = \"10ms\"\nstop_within = \"100ms\"\n[pool.main]\n[pool.spare]\n[server.tick]\nlast_work = 60000\n";
    let mut life = Life::start(config, &[]);
    life.wait_for("serving");
    life.signal("TERM");
    let ended = life.end();
    assert!(ended.err.contains("INK3005") && ended.err.contains("app.stop_within"), "{}", ended.err);
    assert_eq!(ended.code, 70);
    assert_eq!(ended.out, "closed pool.spare; closed pool.main");
}

#[test]
fn one_failing_server_stops_all_gracefully_and_is_reported() {
    let ended = run(&format!("{GOOD}fails = true\n"), &[]);
    assert_eq!(ended.out, "built pool.main; built pool.spare; serving; closed pool.spare; closed pool.main");
    assert!(ended.err.contains("the socket went away"), "{}", ended.err);
    assert_eq!(ended.code, 70);
}

#[test]
fn every_problem_of_the_configuration_is_reported_at_once_before_anything_is_built() {
    let ended = run("[pool.main]\nsiz = 3\nidle = \"many\"\n[pool.spare]\nsize = 1\nidle = 4\n", &[]);
    assert_eq!(ended.out, "");
    for part in ["INK1001", "`size`", "INK1002", "life.toml", "INK1005", "INK1003", "server.tick"] {
        assert!(ended.err.contains(part), "no {part} in:\n{}", ended.err);
    }
    let lines: Vec<_> = ended.err.lines().map(serde_json::from_str::<serde_json::Value>).collect();
    assert!(lines.len() >= 4 && lines.iter().all(Result::is_ok), "one JSON object a line:\n{}", ended.err);
    assert_eq!(ended.code, 78);
}

#[test]
fn a_component_that_does_not_start_is_named_with_its_target_and_the_asking_line() {
    let ended = run(&GOOD.replace("[pool.spare]", "[pool.spare]\nsize = 0\nidle = 0"), &[]);
    for part in ["pool `pool.spare`", "10.0.0.7:6379", "connection refused", "examples/life.rs:"] {
        assert!(ended.err.contains(part), "no {part} in:\n{}", ended.err);
    }
    assert_eq!(ended.out, "built pool.main; closed pool.main");
    assert_eq!(ended.code, 69);
}

#[test]
fn an_environment_that_is_not_text_keeps_nothing_from_starting() {
    let bytes = std::os::unix::ffi::OsStrExt::from_bytes(&b"\xff\xfe"[..]);
    let ended = Life::start_in(GOOD, &["--job=install"], &[("SOMEBODY_ELSES", bytes)]).end();
    assert_eq!(ended.code, 0, "{}", ended.err);
}

#[test]
fn check_touches_nothing() {
    let ended = run(GOOD, &["--check"]);
    assert_eq!((ended.out.as_str(), ended.code), ("", 0), "{}", ended.err);
    let misspelt = run(&format!("{GOOD}[sever.tick]\n"), &["--check"]);
    assert!(misspelt.err.contains("sever") && misspelt.err.contains("INK1009"), "{}", misspelt.err);
    assert_eq!(misspelt.code, 78);
}

#[test]
fn check_only_warns_of_a_table_that_may_be_loaded_later() {
    let ended = run(&format!("{GOOD}[limits]\n[pool.other]\n"), &["--check"]);
    assert_eq!((ended.out.as_str(), ended.code), ("", 0), "{}", ended.err);
    let warnings: Vec<serde_json::Value> =
        ended.err.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let keys: Vec<_> = warnings.iter().map(|fault| (&fault["severity"], &fault["key"])).collect();
    assert_eq!(
        serde_json::json!(keys),
        serde_json::json!([["warning", "limits"], ["warning", "pool.other"]])
    );
    assert!(ended.err.contains("load it before"), "{}", ended.err);
}

#[test]
fn jobs_run_in_the_order_asked_bind_nothing_and_exit_with_their_status() {
    let ended = run(GOOD, &["--job=install"]);
    assert_eq!(
        ended.out,
        "built pool.main; built pool.spare; installed; closed pool.spare; closed pool.main"
    );
    assert_eq!(ended.code, 0, "{}", ended.err);
    let failed = run(GOOD, &["--job=install,fail"]);
    assert!(
        failed.err.contains("job `fail`") && failed.err.contains("the disk is on fire"),
        "{}",
        failed.err
    );
    assert_eq!(failed.code, 1);
}

#[test]
fn an_unknown_job_lists_the_known_ones() {
    let ended = run(GOOD, &["--job=instal,seed"]);
    for part in ["`instal`", "`seed`", "install, fail"] {
        assert!(ended.err.contains(part), "no {part} in:\n{}", ended.err);
    }
    assert!(!ended.out.contains("installed"), "{}", ended.out);
    assert_eq!(ended.code, 64);
}

#[test]
fn version_says_what_was_built() {
    let text = std::process::Command::new(
        std::env::current_exe().unwrap().parent().unwrap().join("../examples/life"),
    )
    .args(["--version", "--json"])
    .output()
    .unwrap();
    let build: inkstone_core::BuildInfo = serde_json::from_slice(&text.stdout).unwrap();
    assert_eq!((build.name.as_str(), build.version.as_str()), ("inkstone-core", env!("CARGO_PKG_VERSION")));
}
