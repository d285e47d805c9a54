//! The line of a call, as a user's log has it. The logs are those of the process, so all is said in one test binary.

use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use inkstone_config::{Config, Dur, Live, Problems, Size};
use inkstone_observe::{
    AccessConfig, LogConfig, LogControl, LogFileConfig, LogFormat, LogOutput, Metrics, Outcome, Protocol,
    Recorder, Tail,
};
use serde_json::Value;

/// One log for all tests of this process, each of which looks for its own component's lines.
struct Log {
    control: LogControl,
    _dir: tempfile::TempDir,
    file: std::path::PathBuf,
}

static LOG: Mutex<Option<Log>> = Mutex::new(None);

fn with_log<T>(look: impl FnOnce(&LogControl, &Path) -> T) -> T {
    let mut log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
    let log = log.get_or_insert_with(|| {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.log");
        let config = LogConfig {
            format: LogFormat::Json,
            output: LogOutput::File,
            redact: vec!["x-internal".to_owned()],
            file: LogFileConfig { path: file.to_str().unwrap().to_owned(), ..LogFileConfig::default() },
            ..LogConfig::default()
        };
        let control = config.install();
        assert!(control.is_installed());
        Log { control, _dir: dir, file }
    });
    look(&log.control, &log.file)
}

fn recorder(protocol: Protocol, name: &str, access: Live<AccessConfig>) -> Recorder {
    let control = with_log(|control, _| control.clone());
    Recorder::new(&Metrics::new(), protocol, "kind", name.into(), "10.0.0.7:80", false)
        .with_logs(control, Tail::default())
        .with_access(access)
}

fn lines(name: &str) -> Vec<Value> {
    with_log(|control, file| {
        assert!(control.flush(Duration::from_secs(60)));
        let text = fs::read_to_string(file).unwrap();
        let all = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        all.filter(|line| line["name"] == name).collect()
    })
}

fn call(calls: &Recorder, code: &'static str, millis: u64, change: impl FnOnce(&mut Outcome<'_>)) {
    call_of("GET /orders/{id}", calls, code, millis, change);
}

fn call_of(
    method: &str,
    calls: &Recorder,
    code: &'static str,
    millis: u64,
    change: impl FnOnce(&mut Outcome<'_>),
) {
    call_with(&calls.access(), method, calls, code, millis, change);
}

fn call_with(
    access: &AccessConfig,
    method: &str,
    calls: &Recorder,
    code: &'static str,
    millis: u64,
    change: impl FnOnce(&mut Outcome<'_>),
) {
    let method = calls.method(method);
    let mut outcome = Outcome {
        method: &method,
        code,
        target: None,
        cost: Duration::from_millis(millis),
        trace: None,
        context: None,
        peer: None,
        request: None,
        response: None,
        error: None,
        access: Some(access),
        caller: None,
    };
    change(&mut outcome);
    calls.record(&outcome);
}

#[test]
fn every_field_of_a_call_is_in_the_reference() {
    let access = AccessConfig { requests: true, responses: true, ..AccessConfig::server() };
    let calls = recorder(Protocol::HttpServer, "fields", Live::fixed(access));
    call(&calls, "500", 700, |outcome| {
        outcome.peer = Some("[::1]:4711".parse().unwrap());
        (outcome.request, outcome.response) = (Some("asked"), Some("came back"));
        (outcome.error, outcome.caller) = (Some("why"), Some("src/main.rs:1"));
        outcome.trace = Some(inkstone_observe::TraceIds::root(true));
    });
    let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/logs.md");
    let reference = fs::read_to_string(reference).unwrap();
    let line = &lines("fields")[0];
    for field in line.as_object().unwrap().keys() {
        assert!(reference.contains(&format!("| `{field}` |")), "{field} is not in docs/reference/logs.md");
    }
    assert_eq!(
        (&line["message"], &line["event"], &line["peer"]),
        (&"access".into(), &"slow".into(), &"[::1]:4711".into())
    );
    assert_eq!((&line["cost_ms"], &line["addr"]), (&700.0.into(), &"10.0.0.7:80".into()));
    assert_eq!(line["trace_id"].as_str().unwrap().len(), 32);
}

#[test]
fn a_servers_fault_is_an_error_a_callers_a_warning_and_a_slow_call_too() {
    let calls = recorder(Protocol::HttpServer, "levels", Live::fixed(AccessConfig::server()));
    for (code, millis) in [("200", 1), ("404", 1), ("500", 1), ("200", 600)] {
        call(&calls, code, millis, |_| {});
    }
    let levels: Vec<_> =
        lines("levels").iter().map(|line| line["level"].as_str().unwrap().to_owned()).collect();
    assert_eq!(levels, ["info", "warn", "error", "warn"]);
}

#[test]
fn slow_and_failed_calls_are_logged_although_access_is_off() {
    let calls = recorder(Protocol::RpcClient, "off", Live::fixed(AccessConfig::default()));
    for (code, millis) in [("OK", 1), ("NOT_FOUND", 1), ("UNAVAILABLE", 1), ("OK", 600)] {
        call(&calls, code, millis, |_| {});
    }
    let lines = lines("off");
    let found: Vec<_> =
        lines.iter().map(|line| (line["code"].as_str().unwrap(), line["event"].as_str().unwrap())).collect();
    assert_eq!(found, [("UNAVAILABLE", "normal"), ("OK", "slow")]);
}

#[test]
fn health_checks_and_what_is_to_be_skipped_are_not_logged() {
    let access = AccessConfig { skip: vec!["GET /orders*".to_owned()], ..AccessConfig::server() };
    let calls = recorder(Protocol::RpcServer, "skipped", Live::fixed(access));
    call(&calls, "200", 1, |_| {});
    call_of("grpc.health.v1.Health/Check", &calls, "OK", 1, |_| {});
    call_of("shop.v1.Cart/Get", &calls, "OK", 1, |_| {});
    assert_eq!(lines("skipped").len(), 1);
}

#[test]
fn a_call_is_logged_by_the_settings_with_which_it_began() {
    let (access, adjust) = Live::adjustable(AccessConfig { requests: true, ..AccessConfig::server() });
    let calls = recorder(Protocol::HttpServer, "snapshot", access);
    let began = calls.access();
    adjust.set(AccessConfig { enabled: false, ..AccessConfig::server() });
    call_with(&began, "GET /orders/{id}", &calls, "200", 1, |outcome| outcome.request = Some("asked"));
    call(&calls, "200", 1, |outcome| outcome.request = Some("asked"));
    let lines = lines("snapshot");
    assert_eq!((lines.len(), &lines[0]["request"]), (1, &"asked".into()));
}

#[test]
fn requests_are_captured_only_when_asked_for_bounded_and_without_secrets() {
    let calls = recorder(Protocol::HttpServer, "captured", Live::fixed(AccessConfig::server()));
    let text = format!("/a?password=hunter2&x_internal=7&n=1&{}", "x".repeat(1 << 20));
    assert_eq!(calls.show(&text, false, 64), None, "nothing is made of what nobody wants");
    let shown = calls.show(&text, true, 64).unwrap();
    assert!(shown.starts_with("\"/a?password=***&x_internal=***&n=1&x") && shown.len() < 128, "{shown}");
    call(&calls, "200", 1, |outcome| {
        (outcome.request, outcome.response) = (Some("asked"), Some("came back"))
    });
    let line = &lines("captured")[0];
    assert!(line.get("request").is_none() && line.get("response").is_none(), "{line}");
}

#[test]
fn no_more_may_be_captured_than_a_line_can_bear() {
    let config = AccessConfig { max_bytes: Size::mib(2), slow: Dur::from_secs(0), ..AccessConfig::default() };
    let mut problems = Problems::default();
    config.check(&mut problems);
    assert!(problems.has_errors());
}
