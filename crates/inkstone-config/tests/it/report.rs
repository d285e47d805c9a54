//! What a person is told when something is wrong.

use inkstone_config::{Code, Problems, Settings, Severity, Sources};

use crate::types::{Client, Redis, Server};

fn redis(sources: Sources) -> Problems {
    let settings = Settings::open(sources);
    let _ = settings.load::<Redis>("redis", "redis.cart");
    settings.problems()
}

fn text(text: &str) -> Problems {
    redis(Sources::new().text("config/local.toml", text))
}

/// Code, key, line and column, and a part of the message.
type Expected<'a> = (Code, &'a str, Option<(u32, u32)>, &'a str);

#[track_caller]
fn check(problems: &Problems, expect: &[Expected<'_>]) {
    let found: Vec<_> = problems.iter().collect();
    assert_eq!(found.len(), expect.len(), "{problems}");
    for (fault, (code, key, place, message)) in found.iter().zip(expect) {
        assert_eq!(fault.code, *code, "{problems}");
        assert_eq!(fault.key.as_deref(), Some(*key), "{problems}");
        assert_eq!(fault.origin.as_ref().map(|at| (at.line, at.column)), *place, "{problems}");
        assert!(fault.message.contains(message), "{message:?} is not in\n{problems}");
    }
}

#[test]
fn everything_wrong_is_reported_at_once_with_its_place() {
    let problems = text(
        "[redis.cart]\nadr = \"10.0.0.7:6379\"\npool_size = \"many\"\nmin_idle = 40\nguard.timeout = \"1 sc\"\n\
         guard.retries = 70000000000\nguard.tmeout = \"1s\"\nmost_reply = \"big\"\n",
    );
    check(
        &problems,
        &[
            (Code::UnknownKey, "redis.cart.adr", Some((2, 1)), "unknown key"),
            (
                Code::WrongType,
                "redis.cart.pool_size",
                Some((3, 13)),
                "invalid type: string \"many\", expected u32",
            ),
            (Code::CrossKey, "redis.cart.min_idle", Some((4, 12)), "40 is more than pool_size (20)"),
            (
                Code::InvalidValue,
                "redis.cart.guard.timeout",
                Some((5, 17)),
                "expected a length of time such as",
            ),
            (
                Code::OutOfRange,
                "redis.cart.guard.retries",
                Some((6, 17)),
                "invalid value: integer `70000000000`",
            ),
            (Code::UnknownKey, "redis.cart.guard.tmeout", Some((7, 7)), "did you mean `timeout`?"),
            (Code::InvalidValue, "redis.cart.most_reply", Some((8, 14)), "expected a size such as"),
        ],
    );
    let report = problems.to_string();
    assert!(
        report.starts_with("error: redis `redis.cart` cannot be used\n   --> config/local.toml:2:1\n"),
        "{report}"
    );
    assert!(report.contains(" 3 | pool_size = \"many\"\n   |             ^^^^^^ invalid type"), "{report}");
    assert!(report.contains("asked for at "), "{report}");
}

#[test]
fn declared_limits_hold() {
    let problems = text("[redis.cart.guard]\nretries = 11");
    check(&problems, &[(Code::OutOfRange, "redis.cart.guard.retries", Some((2, 11)), "11 is more than 10")]);
}

#[test]
fn faults_inside_an_enum_are_found_where_they_are() {
    let cluster = "[redis.cart.topology]\nmode = \"cluster\"\n";
    for (more, code, key, place, message) in [
        ("addrs = [\"a:1\", 5]", Code::WrongType, "addrs.1", (3, 17), "invalid type"),
        ("addrs = [\"a:1\"]\nrefresh = \"1 sc\"", Code::InvalidValue, "refresh", (4, 11), "a length of time"),
        ("addrs = []\nrefrsh = \"1s\"", Code::UnknownKey, "refrsh", (4, 1), "did you mean `refresh`?"),
        ("addrs = []\naddr = \"a:1\"", Code::UnknownKey, "addr", (4, 1), "did you mean `addrs`?"),
    ] {
        let problems = text(&format!("{cluster}{more}"));
        check(&problems, &[(code, &format!("redis.cart.topology.{key}"), Some(place), message)]);
    }
    let problems = text("[redis.cart.topology]\nmode = \"clustr\"\n");
    check(
        &problems,
        &[(Code::InvalidValue, "redis.cart.topology.mode", Some((2, 8)), "did you mean `cluster`?")],
    );
    let problems = text(cluster);
    check(&problems, &[(Code::MissingKey, "redis.cart.topology.addrs", Some((1, 13)), "`addrs` is not set")]);
}

#[test]
fn the_environment_and_flags_are_as_strict_as_files() {
    let sources = Sources::new()
        .text("a.toml", "[redis.cart]")
        .env([("INKSTONE__REDIS__CART__ADR", "x"), ("INKSTONE__", "x")])
        .set("redis.cart.pool_size=many")
        .set("pool_size");
    let problems = redis(sources);
    let report = problems.to_string();
    assert!(
        report.contains("environment INKSTONE__REDIS__CART__ADR: `redis.cart.adr`: unknown key"),
        "{report}"
    );
    assert!(
        report.contains("--set: `redis.cart.pool_size`: invalid type: string \"many\", expected u32"),
        "{report}"
    );
    assert!(report.contains("--set pool_size: expected `--set key=value` [INK2001]"), "{report}");
    assert!(report.contains("environment INKSTONE__: the name has an empty part"), "{report}");
}

#[test]
fn a_missing_table_names_the_nearest() {
    let settings =
        Settings::open(Sources::new().text("config/local.toml", "[redis.session]\n[http]\nport = 1"));
    let _ = settings.load::<Redis>("redis", "redis.sesion");
    let _ = settings.load::<Redis>("redis", "redis.goods");
    let _ = settings.load_or_default::<Redis>("redis", "redis.none");
    let problems = settings.problems();
    check(
        &problems,
        &[
            (
                Code::MissingTable,
                "redis.sesion",
                None,
                "no table `[redis.sesion]`; there is `[redis.session]`",
            ),
            (Code::MissingTable, "redis.goods", None, "no table `[redis.goods]`; there is `[redis.session]`"),
        ],
    );
    assert!(problems.to_string().contains("  config/local.toml: no table"), "{problems}");
}

#[test]
fn a_key_without_a_default_must_be_set() {
    for (text, place) in [("[grpc.stock]\nlimit = 1", Some((1, 7))), ("grpc = { stock = {} }", Some((1, 10)))]
    {
        let settings = Settings::open(Sources::new().text("a.toml", text));
        let _ = settings.load::<Client>("grpc", "grpc.stock");
        let problems = settings.problems();
        let found = problems.iter().next().unwrap();
        assert_eq!(
            (found.code, found.key.as_deref()),
            (Code::MissingKey, Some("grpc.stock.addr")),
            "{problems}"
        );
        assert_eq!(problems.len(), 1, "{problems}");
        assert_eq!(found.origin.as_ref().map(|at| (at.line, at.column)), place, "{problems}");
        assert!(found.hint.as_ref().unwrap().contains("expected an address such as"), "{problems}");
    }
}

#[test]
fn a_wrong_value_of_a_key_without_a_default_is_one_problem() {
    let settings = Settings::open(Sources::new().text("a.toml", "[grpc.stock]\naddr = 5\nlimit = true"));
    let _ = settings.load::<Client>("grpc", "grpc.stock");
    check(
        &settings.problems(),
        &[
            (Code::WrongType, "grpc.stock.addr", Some((2, 8)), "expected an address"),
            (Code::WrongType, "grpc.stock.limit", Some((3, 9)), "expected u32"),
        ],
    );
}

#[test]
fn a_secret_is_never_shown() {
    let hidden = "hunter2";
    for text in [
        "[redis.cart]\npassword = 7777hunter2",
        "[redis.cart]\npassword = [\"hunter2\"]",
        "[redis.cart]\npassword = { a = \"hunter2\" }",
        "[redis.cart]\npasword = \"hunter2\"",
        "[redis.cart]\npass_word = \"hunter2\"",
        "[redis.cart]\npassword = \"hunter2",
        "redis.cart = { password = \"hunter2\", pool_size = \"x\", adr = 1 }",
        "[redis.cart]\npassword = \"hunter2\"\npool_size = \"x\"",
    ] {
        let settings = Settings::open(Sources::new().text("a.toml", text));
        let _ = settings.load::<Redis>("redis", "redis.cart");
        let problems = settings.problems();
        assert!(!problems.is_empty(), "{text}");
        let shown = format!("{problems}{}{:?}{:?}", problems.to_json_lines(), settings.effective(), settings);
        assert!(!shown.contains(hidden), "{text}\n{shown}");
    }
    let number = text("[redis.cart]\npassword = 31337");
    assert!(
        !number.to_string().contains("31337") && number.to_string().contains("   |            ^^^ expected"),
        "{number}"
    );
    let set = redis(
        Sources::new().text("a.toml", "[redis.cart]").set("redis.cart.pasword=hunter2").set("=hunter2"),
    );
    assert!(!format!("{set}{}", set.to_json_lines()).contains(hidden), "{set}");
}

#[test]
fn unreadable_sources_are_reported_and_do_not_cause_more() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("none.toml");
    let settings = Settings::open(Sources::new().file(&missing).optional_file(dir.path().join("also.toml")));
    let _ = settings.load::<Redis>("redis", "redis.cart");
    let problems = settings.problems();
    assert_eq!(problems.len(), 1, "{problems}");
    assert_eq!(problems.exit_status(), 66);
    let report = problems.to_string();
    assert!(
        report.contains(&format!("{}: no such file or directory [INK1006]", missing.display())),
        "{report}"
    );

    for (name, text, place) in [
        ("a.toml", "a = 1\nb = = 2\n", (2, 5)),
        ("a.yaml", "a: [1\n", (1, 4)),
        ("a.json", "{\"a\": 1,\n \"b\" 2}", (2, 6)),
        ("a.json", "{\"a\": 1,\n \"a\": 2}", (2, 2)),
    ] {
        let problems = redis(Sources::new().text(name, text));
        let fault = problems.iter().next().unwrap();
        assert_eq!((problems.len(), fault.code), (1, Code::Syntax), "{problems}");
        assert_eq!(fault.origin.as_ref().map(|at| (at.line, at.column)), Some(place), "{problems}");
    }
    let unknown = redis(Sources::new().text("a.ini", ""));
    assert!(unknown.to_string().contains("which format"), "{unknown}");
}

#[test]
fn references_that_lead_nowhere_say_where_they_stand() {
    let problems = text("[redis.cart]\nclient_name = \"${env:NOPE}\"");
    check(
        &problems,
        &[(
            Code::UnresolvedReference,
            "redis.cart.client_name",
            Some((2, 15)),
            "the environment has no NOPE",
        )],
    );
}

#[test]
fn unread_tables_name_the_nearest_that_is_read() {
    let text = "[reids.cart]\n[redis.cart]\n[redis.crat]\n[server.htpp]\n[server.http]\n[totally]\nport = 1";
    let settings = Settings::open(Sources::new().text("a.toml", text));
    let _ = settings.load::<Redis>("redis", "redis.cart");
    let _ = settings.load::<Server>("server.http", "server.http");
    let found: Vec<_> = settings.unread_tables().into_iter().map(|fault| fault.message).collect();
    assert_eq!(
        found,
        [
            "nothing reads `[redis.crat]`; did you mean `[redis.cart]`?",
            "nothing reads `[reids.cart]`; did you mean `[redis.cart]`?",
            "nothing reads `[server.htpp]`; did you mean `[server.http]`?",
            "nothing reads `[totally]`",
        ]
    );
    let warnings = settings.unread_tables().with_severity(Severity::Warning);
    assert!(warnings.to_string().starts_with("warning: table that nothing reads\n"), "{warnings}");
    assert!(warnings.into_result().is_ok());
}

#[test]
fn several_yaml_documents_in_one_file_are_refused_in_our_words() {
    let settings = Settings::open(Sources::new().text("a.yml", "a: 1\n---\nb: 2\n"));
    let problems = settings.problems();
    assert!(problems.to_string().contains("several documents in this file"), "{problems}");
    assert!(!problems.to_string().contains("from_"), "{problems}");
    // One document may begin and end as YAML has it.
    let settings = Settings::open(Sources::new().text("a.yml", "---\nserver:\n  http:\n    port: 1\n...\n"));
    assert!(settings.problems().is_empty(), "{}", settings.problems());
}

#[test]
fn a_file_that_is_named_and_missing_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("none.toml");
    let problems = Settings::open(Sources::new().file(&path)).problems();
    let text = problems.to_string();
    assert!(text.contains(&*path.display().to_string()) && text.contains("no such file"), "{text}");
    assert!(text.contains("create it, or correct the path"), "{text}");
    assert!(Settings::open(Sources::new().optional_file(&path)).problems().is_empty());
}

#[test]
fn a_file_whose_name_has_no_ending_is_refused_with_those_that_it_may_have() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["config", "app.conf", ".toml.d/app"] {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "[server.http]\nport = 1\n").unwrap();
        let problems = Settings::open(Sources::new().file(&path)).problems();
        let text = problems.to_string();
        assert!(text.contains("does not say which format") && text.contains(".yml"), "{text}");
    }
}

#[test]
fn a_table_that_every_program_has_names_no_line_of_the_framework() {
    let settings = Settings::open(Sources::new().text("a.toml", "[log]\nprt = 1\n"));
    let _ = settings.load_or_default::<Server>("log", "log");
    let problems = settings.problems();
    assert_eq!(problems.len(), 1, "{problems}");
    assert!(!problems.to_string().contains("asked for at"), "{problems}");
    assert!(problems.to_string().starts_with("error: `log` cannot be used"), "{problems}");
}
