//! Log levels through the governor, and who is said to have changed them.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use inkstone_config::Dur;
use inkstone_observe::{LogConfig, LogControl, LogFileConfig, LogOutput};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::{Service, client};

/// The logs are the process's: one test at a time.
pub(crate) static LOGS: Mutex<()> = Mutex::const_new(());

/// The process's logs, in a file.
pub(crate) fn log_file() -> &'static Path {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    FILE.get_or_init(|| {
        // Within the build's own directory, which goes when the build does; one file, written anew by each run.
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("governor.log");
        let _none_yet = std::fs::remove_file(&path);
        let file = LogFileConfig {
            path: path.to_str().unwrap().to_owned(),
            flush_every: Dur::from(Duration::from_millis(10)),
            ..LogConfig::default().file
        };
        let control = LogConfig { output: LogOutput::File, file, ..LogConfig::default() }.install();
        assert!(control.is_installed());
        path
    })
}

/// The audit events of whoever is called so.
pub(crate) fn events_of(who: &str) -> Vec<Value> {
    LogControl::current().flush(Duration::from_secs(5));
    let text = std::fs::read_to_string(log_file()).unwrap();
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines
        .filter(|line| line.to_string().contains("changed through") && line.to_string().contains(who))
        .collect()
}

async fn change(service: &Service, method: Method, token: &str, body: &str) -> (StatusCode, Value) {
    let request = client().request(method, format!("http://{}/log/levels", service.address));
    let answer = request.bearer_auth(token).body(body.to_owned()).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

#[tokio::test]
async fn levels_are_set_for_a_time_and_revert_by_themselves_and_each_change_is_in_the_log() {
    let _turn = LOGS.lock().await;
    log_file();
    let service = Service::start("", "tokens = { anna = \"letmein\" }").await;
    let shown: Value = service.ask("/log/levels", Some("letmein")).await.json().await.unwrap();
    assert_eq!((&shown["levels"], &shown["configured"]), (&json!("info"), &json!("info")));

    let body = "{\"levels\": \"off,shop=debug\", \"for\": \"1s\"}";
    let (status, shown) = change(&service, Method::PUT, "letmein", body).await;
    assert_eq!(status, StatusCode::OK, "{shown}");
    let levels = shown["levels"].as_str().unwrap().to_owned();
    assert!(levels.starts_with("off") && levels.contains("shop=debug"), "{shown}");
    assert_eq!(shown["configured"], "info");
    assert!(!shown["reverts_in"].is_null(), "{shown}");
    let deadline = Instant::now() + Duration::from_secs(20);
    while service.ask("/log/levels", Some("letmein")).await.json::<Value>().await.unwrap()["levels"] != "info"
    {
        assert!(Instant::now() < deadline, "the levels do not revert");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    // One event, although the new levels would have hidden it.
    let events = events_of("token anna");
    assert_eq!(events.len(), 1, "{events:?}");
    let event = events[0].to_string();
    for part in ["log levels", "127.0.0.1:", "\"before\":\"info\"", "off,", "for 1s"] {
        assert!(event.contains(part), "no {part} in {event}");
    }
    assert!(!event.contains("letmein"), "{event}");
    service.stop().await.unwrap();
}

#[tokio::test]
async fn levels_without_a_time_revert_too_unless_they_are_to_stay() {
    let _turn = LOGS.lock().await;
    log_file();
    let service = Service::start("", "tokens = { berta = \"letmein\" }").await;
    let (_, shown) = change(&service, Method::PUT, "letmein", "{\"levels\": \"debug\"}").await;
    let left: Dur = shown["reverts_in"].as_str().unwrap_or_default().parse().unwrap();
    let quarter = Duration::from_secs(15 * 60);
    assert!(*left <= quarter && *left > quarter - Duration::from_secs(60), "{shown}");

    let (_, shown) =
        change(&service, Method::PUT, "letmein", "{\"levels\": \"debug\", \"for\": \"0s\"}").await;
    assert!(
        shown["levels"].as_str().unwrap().starts_with("debug") && shown["reverts_in"].is_null(),
        "{shown}"
    );
    let (_, shown) = change(&service, Method::DELETE, "letmein", "").await;
    assert_eq!(shown["levels"], "info");
    let events = events_of("token berta");
    let ends = ["for 15m", "until reset", "\"after\":\"info\""];
    for (event, end) in events.iter().zip(ends) {
        assert!(event.to_string().contains(end), "no {end} in {event}");
    }
    assert_eq!(events.len(), ends.len(), "{events:?}");
    service.stop().await.unwrap();
}
