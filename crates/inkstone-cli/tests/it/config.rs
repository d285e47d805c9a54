//! `inkstone config …`, as people and scripts use it.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::{inkstone, said};

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", said(output)))
}

/// `inkstone` with a text on its standard input.
fn fed(dir: &Path, args: &[&str], text: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inkstone"));
    command.current_dir(dir).args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn files_joined_by_a_comma_are_checked_as_one_configuration() {
    let dir = folder(&[
        ("a.toml", "[grpc.stock]\nguard.timeout = \"2s\"\n"),
        ("b.yaml", "grpc:\n  stock:\n    addr: 127.0.0.1:9002\n"),
    ]);
    let alone = inkstone(dir.path(), &["config", "check", "a.toml"]);
    assert!(said(&alone).contains("`addr` is not set"), "{}", said(&alone));
    let layered = inkstone(dir.path(), &["config", "check", "a.toml,b.yaml"]);
    assert!(layered.status.success(), "{}", said(&layered));
    let set = inkstone(dir.path(), &["config", "check", "a.toml", "--set", "grpc.stock.addr=127.0.0.1:1"]);
    assert!(set.status.success(), "{}", said(&set));
    let wrong = inkstone(dir.path(), &["config", "check", "a.toml,b.yaml", "--set", "grpc.stock.balance=x"]);
    assert!(said(&wrong).contains("--set") && !wrong.status.success(), "{}", said(&wrong));
}

#[test]
fn standard_input_is_checked_in_the_format_that_is_named() {
    let dir = folder(&[]);
    let right = fed(dir.path(), &["config", "check", "-"], "[server.http]\nport = 1\n");
    assert!(right.status.success(), "{}", said(&right));
    let yaml =
        fed(dir.path(), &["config", "check", "--stdin", "yaml", "-"], "server:\n  http:\n    prot: 1\n");
    assert!(said(&yaml).contains("stdin.yaml:3") && yaml.status.code() == Some(78), "{}", said(&yaml));
}

#[test]
fn the_environment_counts_only_when_asked_for() {
    let dir = folder(&[("a.toml", "[server.http]\nhost = \"${env:INKSTONE_TEST_HOST}\"\n")]);
    let run = |args: &[&str], host: Option<&str>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_inkstone"));
        command.env("INKSTONE__SERVER__HTTP__PORT", "7070").current_dir(dir.path());
        command.envs(host.map(|host| ("INKSTONE_TEST_HOST", host)));
        command.args(["config", "show", "--json", "a.toml"]).args(args).output().unwrap()
    };
    let elsewhere = json(&run(&[], None));
    assert_eq!(
        elsewhere,
        json!([{ "key": "server.http.host", "value": "${env:INKSTONE_TEST_HOST}", "origin": "a.toml:2:8", "live": false }])
    );
    let here = run(&["--env"], None);
    assert!(said(&here).contains("the environment has no INKSTONE_TEST_HOST"), "{}", said(&here));
    let here = json(&run(&["--env"], Some("::1")));
    let rows: Vec<_> = here.as_array().unwrap().iter().map(|row| (&row["value"], &row["origin"])).collect();
    let variable = "environment INKSTONE__SERVER__HTTP__PORT".into();
    assert_eq!(rows, [(&"::1".into(), &"a.toml:2:8".into()), (&7070.into(), &variable)]);
}

#[test]
fn explain_says_type_default_unit_and_whether_a_change_applies_live() {
    let dir = folder(&[]);
    let explain = |key: &str| inkstone(dir.path(), &["config", "explain", key]);
    let port = out(&explain("server.http.port"));
    for part in [
        "server.http.port",
        "The port to listen on",
        "whole number from 0 to 65535",
        "8080",
        "needs a restart",
    ] {
        assert!(port.contains(part), "no {part} in\n{port}");
    }
    assert!(port.contains("INKSTONE__SERVER__HTTP__PORT") && !port.contains('\u{1b}'), "{port}");
    let timeout = out(&explain("grpc.stock.guard.timeout"));
    for part in ["grpc.NAME.guard.timeout", "length of time", "ms, s, m", "applies live"] {
        assert!(timeout.contains(part), "no {part} in\n{timeout}");
    }
    assert_eq!(timeout, out(&explain("grpc.guard.timeout")));
    let one_method = out(&explain("grpc.stock.guard.methods.\"shop.v1.Stock/Reserve\".timeout"));
    assert!(one_method.contains("guard.methods.NAME.timeout"), "{one_method}");
    let format = out(&explain("log.format"));
    assert!(format.contains("\"json\"") && format.contains("\"text\""), "{format}");
    let kind = out(&explain("server.http"));
    assert!(kind.contains("[server.http]") && kind.contains("guard.timeout"), "{kind}");
    let token = inkstone(dir.path(), &["config", "explain", "--json", "server.governor.token"]);
    assert_eq!(
        (&json(&token)["keys"][0]["secret"], &json(&token)["keys"][0]["live"]),
        (&true.into(), &true.into())
    );
}

#[test]
fn explain_lists_the_kinds_and_names_the_nearest_of_what_is_not_there() {
    let dir = folder(&[]);
    let all = out(&inkstone(dir.path(), &["config", "explain"]));
    for kind in ["app", "server.http", "grpc.NAME", "cron.NAME"] {
        assert!(all.lines().any(|line| line.starts_with(kind)), "no {kind} in\n{all}");
    }
    for (asked, near) in [
        ("server.htpp", "`server.http`"),
        ("server.http.prot", "`server.http.port`"),
        ("grpc.gaurd", "`grpc.guard`"),
        ("grpc.stock.guard.timout", "`grpc.guard.timeout`"),
        ("reids", "there is no kind"),
    ] {
        let output = inkstone(dir.path(), &["config", "explain", asked]);
        assert!(
            output.status.code() == Some(2) && said(&output).contains(near),
            "{asked}: {}",
            said(&output)
        );
    }
}

/// Every kind that `inkstone config explain` lists.
fn kinds(dir: &Path) -> Vec<String> {
    let list = json(&inkstone(dir, &["config", "explain", "--json"]));
    let kinds = list.as_array().unwrap().iter();
    kinds.map(|kind| kind["kind"].as_str().unwrap().replace(".*", ".one")).collect()
}

#[test]
fn a_file_to_begin_with_passes_the_check_for_every_kind_and_with_every_default_taken_into_force() {
    let dir = folder(&[]);
    let all = kinds(dir.path());
    for (file, format) in [("all.toml", "toml"), ("all.yaml", "yaml")] {
        let mut args = vec!["config", "init", "--format", format, "--output", file];
        args.extend(all.iter().map(String::as_str));
        let made = inkstone(dir.path(), &args);
        assert!(made.status.success(), "{}", said(&made));
        let checked = inkstone(dir.path(), &["config", "check", file]);
        assert!(checked.status.success(), "{}", said(&checked));

        let text = fs::read_to_string(dir.path().join(file)).unwrap();
        let uncommented: Vec<String> = text
            .lines()
            .map(|line| {
                let bare = line.trim_start();
                match bare.strip_prefix('#').filter(|rest| !rest.starts_with(' ')) {
                    Some(rest) => format!("{}{rest}", &line[..line.len() - bare.len()]),
                    None => line.to_owned(),
                }
            })
            .collect();
        assert!(uncommented.join("\n") != text.trim_end(), "nothing is commented out in\n{text}");
        let whole = format!("whole-{file}");
        fs::write(dir.path().join(&whole), uncommented.join("\n")).unwrap();
        let checked = inkstone(dir.path(), &["config", "check", &whole]);
        assert!(checked.status.success(), "{}", said(&checked));
    }
}

#[test]
fn a_file_to_begin_with_overwrites_nothing_unless_told() {
    let dir = folder(&[("mine.toml", "# mine\n")]);
    let init = |more: &[&str]| {
        let args = [&["config", "init", "server.http", "--output", "mine.toml"], more].concat();
        inkstone(dir.path(), &args)
    };
    let refused = init(&[]);
    assert_eq!(refused.status.code(), Some(73), "{}", said(&refused));
    assert_eq!(fs::read_to_string(dir.path().join("mine.toml")).unwrap(), "# mine\n");
    assert!(init(&["--force"]).status.success());
    let text = fs::read_to_string(dir.path().join("mine.toml")).unwrap();
    assert!(text.contains("[server.http]") && text.contains("\n#port = 8080\n"), "{text}");
    let unknown = inkstone(dir.path(), &["config", "init", "server.htpp"]);
    assert!(said(&unknown).contains("did you mean `server.http`"), "{}", said(&unknown));
}

const LAYERS: &[(&str, &str)] = &[
    (
        "a.toml",
        "[server.http]\nport = 1\nhost = \"127.0.0.1\"\n[server.governor]\ntoken = \"opensesame\"\n[shop]\nopen = true\ndb_password = \"hunter2\"\n",
    ),
    ("b.yaml", "server:\n  http:\n    port: 2\n"),
];

#[test]
fn show_has_the_values_in_force_with_their_origins_and_masks_secrets() {
    let dir = folder(LAYERS);
    let shown = inkstone(dir.path(), &["config", "show", "a.toml", "b.yaml", "--set", "shop.open=false"]);
    let text = out(&shown);
    for (key, value, origin) in [
        ("server.http.port", "2", "b.yaml:3:11"),
        ("server.http.host", "\"127.0.0.1\"", "a.toml:3:8"),
        ("server.governor.token", "\"***\"", "a.toml:5:9"),
        ("shop.open", "\"false\"", "--set"),
        ("shop.db_password", "\"***\"", "a.toml:8:15"),
    ] {
        let line =
            text.lines().find(|line| line.starts_with(key)).unwrap_or_else(|| panic!("no {key} in\n{text}"));
        let words: Vec<_> = line.split_whitespace().collect();
        assert_eq!((words[1], words[2]), (value, origin), "{line}");
    }
    assert!(
        !text.contains("opensesame") && !text.contains("hunter2") && !text.contains("max_body"),
        "{text}"
    );
    let all =
        json(&inkstone(dir.path(), &["config", "show", "--all", "--json", "--key", "server.http", "a.toml"]));
    let find = |key: &str| all.as_array().unwrap().iter().find(|value| value["key"] == key).cloned();
    assert_eq!(find("server.http.max_body").unwrap()["origin"], "default");
    assert!(find("server.http.guard.timeout").unwrap()["live"] == true && find("shop.open").is_none());
}

#[test]
fn show_tells_mistakes_instead_of_values() {
    let dir = folder(&[("a.toml", "[server.http]\nport = \"many\"\n")]);
    let shown = inkstone(dir.path(), &["config", "show", "a.toml"]);
    assert!(shown.stdout.is_empty() && shown.status.code() == Some(78), "{}", said(&shown));
    assert!(said(&shown).contains("a.toml:2"), "{}", said(&shown));
}

#[test]
fn diff_compares_what_files_mean_and_exits_as_diff_does() {
    let dir = folder(&[
        (
            "a.toml",
            "[server.http]\nport = 1\nguard.timeout = \"1000ms\"\n[server.governor]\ntoken = \"one\"\n[shop]\nopen = true\nold = 1\n",
        ),
        (
            "same.yaml",
            "shop: {old: 1, open: true}\nserver:\n  governor: {token: one}\n  http: {guard: {timeout: 1s}, port: 1}\n",
        ),
        (
            "b.toml",
            "[server.http]\nport = 2\nguard.timeout = \"2s\"\n[server.governor]\ntoken = \"two\"\n[shop]\nopen = true\nnew = 1\n[cron.sweep]\nschedule = \"@daily\"\n",
        ),
        ("broken.toml", "[server.http]\nprot = 1\n"),
    ]);
    let diff = |args: &[&str]| inkstone(dir.path(), &[&["config", "diff"], args].concat());

    let same = diff(&["a.toml", "same.yaml"]);
    assert_eq!((same.status.code(), out(&same).as_str()), (Some(0), "no difference\n"), "{}", said(&same));

    let differs = diff(&["a.toml", "b.toml"]);
    let text = out(&differs);
    assert_eq!(differs.status.code(), Some(1), "{text}");
    assert!(!text.contains("\"one\"") && !text.contains("\"two\""), "{text}");
    let list = json(&diff(&["--json", "a.toml", "b.toml"]));
    let rows: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["key"].as_str().unwrap(), one["change"].as_str().unwrap(), one["live"].as_bool()))
        .collect();
    assert_eq!(
        rows,
        [
            ("cron.sweep.schedule", "added", Some(false)),
            ("server.governor.token", "changed", Some(true)),
            ("server.http.guard.timeout", "changed", Some(true)),
            ("server.http.port", "changed", Some(false)),
            ("shop.new", "added", None),
            ("shop.old", "removed", None),
        ]
    );
    assert_eq!(list[3]["before"], json!({ "value": 1, "origin": "a.toml:2:8" }));
    assert_eq!(list[3]["after"], json!({ "value": 2, "origin": "b.toml:2:8" }));
    // A key that is left out again has its default.
    let without = json(&diff(&["--json", "--", "a.toml", "same.yaml,b.toml"]));
    assert!(without.as_array().unwrap().iter().all(|one| one["key"] != "shop.old"), "{without}");

    let trouble = diff(&["a.toml", "broken.toml"]);
    assert!(
        trouble.status.code() == Some(2) && said(&trouble).contains("did you mean `port`"),
        "{}",
        said(&trouble)
    );
    assert_eq!(diff(&["a.toml", "gone.toml"]).status.code(), Some(2));
}

#[test]
fn schema_is_that_of_the_reference_and_one_kind_has_its_own() {
    let dir = folder(&[]);
    let whole = json(&inkstone(dir.path(), &["config", "schema"]));
    assert_eq!(whole["properties"]["server"]["properties"]["http"]["default"]["port"], 8080);
    let one = json(&inkstone(dir.path(), &["config", "schema", "server.http"]));
    assert_eq!((&one["default"]["port"], &one["title"]), (&8080.into(), &"[server.http]".into()));
    assert!(!inkstone(dir.path(), &["config", "schema", "server.htpp"]).status.success());
}
