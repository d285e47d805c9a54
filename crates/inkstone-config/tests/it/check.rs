//! Checking a file without its program.

use inkstone_config::{Code, Kind, Severity, check_text, editor_schema, kinds_schema};

use crate::types::{Client, Redis, Server};

const KINDS: &[Kind] = &[
    Kind::table::<Server>("server.http"),
    Kind::table::<Server>("server.grpc"),
    Kind::of::<Redis>("redis"),
    Kind::of::<Client>("grpc"),
    Kind::table::<Server>("log"),
];

#[track_caller]
fn check(text: &str, expect: &[(Code, Severity, u32, &str)]) {
    let problems = check_text("a.toml", text, KINDS);
    assert_eq!(problems.len(), expect.len(), "{problems}");
    for (fault, (code, severity, line, message)) in problems.iter().zip(expect) {
        assert_eq!((fault.code, fault.severity), (*code, *severity), "{problems}");
        assert_eq!(fault.origin.as_ref().map(|at| at.line), Some(*line), "{problems}");
        assert!(fault.message.contains(message), "{problems}");
    }
}

#[test]
fn a_good_file_has_no_problems() {
    check(
        "[server.http]\nport = 80\n[redis.cart]\n[redis.user]\npool_size = 9\n[log]\n[shop]\nanything = { goes = 1 }\n",
        &[],
    );
    check("", &[]);
}

#[test]
fn every_table_of_a_known_kind_is_checked() {
    check(
        "[server.http]\nprot = 80\n[redis.cart]\npool_size = \"x\"\n[redis.user]\nmin_idle = 21\n",
        &[
            (Code::UnknownKey, Severity::Error, 2, "did you mean `port`?"),
            (Code::WrongType, Severity::Error, 4, "expected u32"),
            (Code::CrossKey, Severity::Error, 6, "21 is more than"),
        ],
    );
}

#[test]
fn names_near_a_kind_are_reported_and_others_are_the_applications() {
    check("[reids.cart]\n", &[(Code::UnknownKind, Severity::Warning, 1, "did you mean `redis`?")]);
    check("[server.htpp]\n", &[(Code::UnknownKind, Severity::Error, 1, "did you mean `server.http`?")]);
    check(
        "[redis]\npool_size = 1\n",
        &[(Code::WrongType, Severity::Error, 2, "expected a table with a name")],
    );
    check("log = 5\n", &[(Code::WrongType, Severity::Error, 1, "expected a table `[log]`")]);
    check("[pricing]\n", &[]);
}

#[test]
fn references_are_those_of_another_machine() {
    check("[server.http]\nport = \"${env:PORT}\"\n[grpc.a]\naddr = \"${file:/run/addr}\"\n", &[]);
    check("[server.http]\nport = \"${env:PORT:-80}\"\n", &[]);
    // Whether 30 idle connections are too many depends on that machine.
    check("[redis.a]\npool_size = \"${env:POOL:-20}\"\nmin_idle = 30\n", &[]);
    check(
        "[server.http]\nport = \"${env:PORT:-x}\"\n",
        &[(Code::WrongType, Severity::Error, 2, "expected u16")],
    );
    check(
        "[server.http]\nport = \"${PORT}\"\n",
        &[(Code::UnresolvedReference, Severity::Error, 2, "not a reference")],
    );
}

#[test]
fn the_schema_describes_a_whole_file() {
    let schema = kinds_schema(KINDS);
    let text = |pointer: &str| schema.pointer(pointer).unwrap_or_else(|| panic!("{pointer} in {schema:#}"));
    let named = text("/properties/redis/additionalProperties/$ref").as_str().unwrap();
    let table = schema.pointer(named.trim_start_matches('#')).unwrap();
    assert_eq!(table["properties"]["guard"]["x-live"], true);
    assert_eq!(table["properties"]["pool_size"]["description"], "Most connections kept open at once.");
    assert_eq!(text("/properties/redis/additionalProperties/default/pool_size"), 20);
    assert_eq!(text("/properties/server/additionalProperties"), false);
    assert!(text("/properties/server/properties/http/$ref").is_string());
    assert_eq!(table["additionalProperties"], false);
    assert!(schema.get("additionalProperties").is_none());
}

#[test]
fn editors_take_a_reference_where_the_reader_does() {
    let schema = editor_schema(&[Kind::of::<Redis>("redis")]);
    let redis = schema.pointer("/$defs/Redis/properties").unwrap();
    let pattern = "\\$\\{(env|file):";
    assert_eq!(redis["pool_size"]["type"], serde_json::json!(["integer", "string"]));
    assert_eq!(redis["pool_size"]["pattern"], pattern);
    // What is completed and explained stays where it was.
    assert_eq!(redis["pool_size"]["default"], 20);
    assert!(redis["pool_size"]["description"].as_str().unwrap().contains("Most connections"));
    assert_eq!(redis["password"].get("pattern"), None, "any text is one already");
    let plain = kinds_schema(&[Kind::of::<Redis>("redis")]);
    assert_eq!(plain.pointer("/$defs/Redis/properties/pool_size/type").unwrap(), "integer");
}

#[test]
fn a_comment_may_be_as_long_as_it_wants() {
    let comment = "# one line of many\n".repeat(500);
    for (name, text) in [("a.yaml", "cart:\n  size: 1\n"), ("a.toml", "[cart]\nsize = 1\n")] {
        let (head, tail) = text.split_at(text.find('\n').map_or(0, |at| at + 1));
        let problems = check_text(name, &format!("{comment}{head}{comment}{tail}{comment}"), &[]);
        assert!(problems.is_empty(), "{name}: {problems}");
    }
}
