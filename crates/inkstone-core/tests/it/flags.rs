//! Flags over environment over file over default.

use std::ffi::OsStr;
use std::process::Command;

use crate::process::{GOOD, Life, program};

/// What the service says of itself, with this `[app]` table, these flags and variables.
fn identity(app: &str, flags: &[&str], env: &[(&str, &str)]) -> serde_json::Value {
    let config = GOOD.replace("[app]", &format!("[app]\n{app}"));
    let env: Vec<_> = env.iter().map(|(name, value)| (*name, OsStr::new(*value))).collect();
    let ended = Life::start_in(&config, &[&["--job=who"], flags].concat(), &env).end();
    assert_eq!(ended.code, 0, "{}", ended.err);
    let said = ended.out.split("; ").find_map(|said| said.strip_prefix("I am ")).expect("it says who it is");
    serde_json::from_str(said).unwrap()
}

#[test]
fn who_a_service_is_comes_from_flags_over_environment_over_file_over_default() {
    let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let keys = ["name", "mode", "region", "zone", "instance", "host"];
    let defaults = identity("", &[], &[]);
    let expect = ["inkstone-core", "", "", "", hostname.trim(), "127.0.0.1"];
    assert_eq!(keys.map(|key| defaults[key].as_str().unwrap()), expect);

    let file = keys.map(|key| format!("{key} = \"file-{key}\"")).join("\n");
    let of_file = identity(&file, &[], &[("POD_NAME", "pod-1"), ("INKSTONE_MODE", "")]);
    assert_eq!(
        keys.map(|key| of_file[key].as_str().unwrap().to_owned()),
        keys.map(|key| format!("file-{key}"))
    );

    let names = keys.map(|key| (format!("INKSTONE_{}", key.to_uppercase()), format!("env-{key}")));
    let env: Vec<_> = names.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let of_env = identity(&file, &[], &env);
    assert_eq!(
        keys.map(|key| of_env[key].as_str().unwrap().to_owned()),
        keys.map(|key| format!("env-{key}"))
    );

    let of_flags = identity(&file, &["--host=flag-host", "--set=app.zone=flag-zone"], &env);
    assert_eq!((&of_flags["host"], &of_flags["zone"]), (&"flag-host".into(), &"flag-zone".into()));
}

#[test]
fn the_downward_api_says_where_a_service_runs() {
    let told = [
        ("POD_NAME", "shop-7d4-x2"),
        ("POD_NAMESPACE", "shop"),
        ("POD_IP", "10.1.2.3"),
        ("NODE_NAME", "node-4"),
    ];
    let who = identity("", &[], &told);
    for (key, value) in [
        ("pod", "shop-7d4-x2"),
        ("instance", "shop-7d4-x2"),
        ("namespace", "shop"),
        ("pod_ip", "10.1.2.3"),
        ("node", "node-4"),
    ] {
        assert_eq!(who[key], value, "{key}");
    }
}

#[test]
fn a_value_that_a_flag_or_variable_cannot_have_is_an_error_and_not_a_zero() {
    for (flag, env, parts) in [
        ("--watch=maybe", ("HOME", "/"), &["INK2001", "maybe", "--watch"][..]),
        ("--check", ("INKSTONE_WATCH", "maybe"), &["INK2001", "maybe", "environment INKSTONE_WATCH"]),
        ("--check", ("INKSTONE_DEBUG", "2"), &["INK2001", "environment INKSTONE_DEBUG"]),
        (
            "--check",
            ("INKSTONE_WORKERS", "many"),
            &["INK1002", "app.workers", "environment INKSTONE_WORKERS"],
        ),
        ("--log=a=loud", ("HOME", "/"), &["log.level", "--log"]),
        ("--job-header=x", ("HOME", "/"), &["INK2001", "NAME=VALUE"]),
        ("--no-such-flag", ("HOME", "/"), &["INK2001", "--no-such-flag"]),
    ] {
        let mut flags = vec![flag, "--job=install"];
        if flag == "--check" {
            flags.pop();
        }
        let ended = Life::start_in(GOOD, &flags, &[(env.0, OsStr::new(env.1))]).end();
        for part in parts {
            assert!(ended.err.contains(part), "{flag} {env:?}: no {part} in:\n{}", ended.err);
        }
        assert!(matches!(ended.code, 64 | 78), "{flag} {env:?}: {}", ended.code);
        assert!(
            ended.err.lines().all(|line| line.starts_with('{')),
            "one JSON object a line:\n{}",
            ended.err
        );
    }
}

#[test]
fn help_lists_every_flag_and_its_variable() {
    let help = Command::new(program()).arg("--help").output().unwrap();
    let text = String::from_utf8(help.stdout).unwrap();
    for part in
        ["--config", "INKSTONE_CONFIG", "--watch", "--host", "--job-data", "--job-header", "--version"]
    {
        assert!(text.contains(part), "no {part} in:\n{text}");
    }
    assert!(help.status.success());
}

#[test]
fn without_watching_a_changed_file_changes_nothing() {
    let mut life = Life::start(GOOD, &["--watch=false"]);
    let line = life.wait_for_log("\"message\":\"ready\"");
    assert!(line.contains("\"watching\":false"), "{line}");
    life.signal("TERM");
    assert_eq!(life.end().code, 0);
}

#[test]
fn every_switch_is_in_the_list_that_the_reference_is_made_from() {
    let switches = inkstone_core::switches();
    let env: Vec<_> = switches.iter().filter_map(|switch| switch.env.as_deref()).collect();
    for name in
        ["CONFIG", "WATCH", "DEBUG", "LOG", "HOST", "NAME", "MODE", "REGION", "ZONE", "INSTANCE", "WORKERS"]
    {
        assert!(env.contains(&format!("INKSTONE_{name}").as_str()), "{name} is not in {env:?}");
    }
    assert!(switches.iter().all(|switch| !switch.doc.is_empty()), "{switches:?}");
    let watch = switches.iter().find(|switch| switch.env.as_deref() == Some("INKSTONE_WATCH")).unwrap();
    assert_eq!((watch.flag.as_deref(), watch.default.as_str()), (Some("--watch[=<BOOL>]"), "true"));
}
