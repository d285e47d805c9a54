//! What tracing's events become.

#![allow(clippy::disallowed_methods, reason = "plain tests without a runtime")]

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tracing::{debug, error, info, info_span, warn};
use tracing_subscriber::layer::SubscriberExt;

use super::config::{LogConfig, LogFormat, RepeatBy, RepeatConfig};
use super::control::{LogControl, Logs};
use super::layer::Lines;

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn lines(&self) -> Vec<Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
            .collect()
    }
}

/// What is logged meanwhile.
fn logged(config: LogConfig, work: impl FnOnce(&Arc<Logs>)) -> Vec<Value> {
    let out = Shared::default();
    let config = LogConfig { format: LogFormat::Json, ..config };
    let logs = Logs::new(&config, &[("app", "shop"), ("instance", "shop-1")], Some(Box::new(out.clone())));
    tracing::subscriber::with_default(tracing_subscriber::registry().with(Lines(logs.clone())), || {
        work(&logs)
    });
    out.lines()
}

#[test]
fn an_event_is_a_line_with_its_fields_and_those_of_the_spans_around_it() {
    let lines = logged(LogConfig { caller: true, identity: true, ..LogConfig::default() }, |_| {
        let _outer = info_span!("request", id = 7, user = "ann").entered();
        let inner = info_span!("order", id = 8, price = tracing::field::Empty);
        inner.record("price", 2.5);
        let _inner = inner.entered();
        info!(count = 3, paid = true, who = ?Some("x"), "placed {}", "well");
    });
    let line = &lines[0];
    let expect = serde_json::json!({
        "time": line["time"], "level": "info", "target": "inkstone_observe::log::tests", "message": "placed well",
        "count": 3, "paid": true, "who": "Some(\"x\")", "id": 8, "price": 2.5, "user": "ann",
        "span": "request:order", "caller": line["caller"], "app": "shop", "instance": "shop-1",
    });
    assert_eq!(*line, expect);
    assert!(line["caller"].as_str().unwrap().contains("log/tests.rs:"), "{line}");
}

#[test]
fn fields_that_every_line_has_give_way_to_those_of_the_event() {
    let fields = [("team".to_owned(), "blue".to_owned())].into();
    let lines = logged(LogConfig { fields, ..LogConfig::default() }, |_| {
        info!("one");
        info!(team = "red", "two");
    });
    assert_eq!((&lines[0]["team"], &lines[1]["team"]), (&"blue".into(), &"red".into()));
    assert_eq!(lines[0].get("app"), None, "only when asked for");
}

#[test]
fn an_errors_sources_are_shown() {
    #[derive(Debug)]
    struct Outer(io::Error);
    impl std::fmt::Display for Outer {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("cannot load")
        }
    }
    impl std::error::Error for Outer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }
    let lines = logged(LogConfig::default(), |_| {
        let failed = Outer(io::Error::other("disk on fire"));
        error!(error = &failed as &(dyn std::error::Error + 'static), "failed");
    });
    assert_eq!(lines[0]["error"], "cannot load: disk on fire");
}

#[derive(Debug)]
#[expect(dead_code, reason = "read by Debug")]
struct Login {
    user: &'static str,
    password: &'static str,
}

#[test]
fn values_of_telltale_and_of_configured_names_are_masked_in_events_and_spans() {
    let config = LogConfig { redact: vec!["x-internal".to_owned()], ..LogConfig::default() };
    let lines = logged(config, |_| {
        let _span = info_span!("s", api_key = "hunter2", kept = 1).entered();
        info!(password = "hunter2", x_internal = "hunter2", token = ?vec!["hunter2"], page = 4, "x");
        let _numbers = info_span!("n", pin_secret = 712_345_u64, x_internal = 712_345_i64).entered();
        info!(password = 712_345_u64, secret = -712_345_i64, token = 712_345.5, "numbers");
        info!(x_internal = true, has_token = true, "booleans");
        let headers =
            BTreeMap::from([("authorization", "Bearer hunter2"), ("x-internal", "hunter2"), ("host", "h")]);
        let _inside = info_span!("i", held = ?headers).entered();
        error!(?headers, login = ?Login { user: "anna", password: "hunter2" }, "inside");
    });
    let text = format!("{lines:?}");
    assert!(!text.contains("hunter2") && !text.contains("712345"), "{text}");
    assert_eq!((&lines[2]["x_internal"], &lines[2]["has_token"]), (&"***".into(), &true.into()));
    assert!(lines[3]["headers"].as_str().unwrap().contains("\"host\": \"h\""), "{text}");
    assert!(lines[3]["login"].as_str().unwrap().contains("user: \"anna\""), "{text}");
    assert_eq!(
        (&lines[0]["password"], &lines[0]["page"], &lines[0]["kept"]),
        (&"***".into(), &4.into(), &1.into())
    );
}

#[test]
fn levels_change_while_running_and_change_back() {
    let lines = logged(LogConfig::default(), |logs| {
        let control = LogControl::current();
        assert_eq!(control.levels(), "info");
        debug!("before");
        control.set("warn,inkstone_observe=debug", Some(Duration::from_millis(300))).unwrap();
        debug!("meanwhile");
        assert_eq!(control.levels(), "warn,inkstone_observe=debug");
        assert!(control.status().unwrap().reverts_in.is_some());
        let deadline = Instant::now() + Duration::from_secs(20);
        while control.levels() != "info" {
            assert!(Instant::now() < deadline, "the levels were not taken back");
            std::thread::sleep(Duration::from_millis(5));
        }
        debug!("after");
        assert!(control.set("loud", None).unwrap_err().contains("`loud`"));
        drop(logs.clone());
    });
    let said: Vec<_> = lines.iter().map(|line| line["message"].as_str().unwrap()).collect();
    assert_eq!(said, ["meanwhile"]);
}

#[test]
fn the_fields_of_a_span_are_there_however_few_lines_are_written() {
    let lines = logged(LogConfig { level: "error".to_owned(), ..LogConfig::default() }, |_| {
        let _span = info_span!("request", id = 7).entered();
        warn!("not written");
        error!("written");
    });
    assert_eq!((lines.len(), &lines[0]["id"]), (1, &7.into()));
}

fn repeat(by: RepeatBy) -> LogConfig {
    LogConfig { repeat: RepeatConfig { burst: 2, by, ..RepeatConfig::default() }, ..LogConfig::default() }
}

#[test]
fn lines_that_repeat_are_summed_up_and_those_of_the_start_are_not() {
    let lines = logged(repeat(RepeatBy::Line), |logs| {
        let again = |n: u32| error!(n, "no connection");
        (0..5).for_each(|_| again(1));
        logs.repeat.start();
        (0..5).for_each(|_| again(1));
        (0..5).for_each(again);
        assert!(logs.repeat.sums(Instant::now() + Duration::from_secs(60), false).0.len() == 1);
    });
    assert_eq!(lines.len(), 5 + 2 + 4, "each line that is different is written");
    let sums = logged(repeat(RepeatBy::Place), |logs| {
        logs.repeat.start();
        (0..5).for_each(|n| error!(n, "no connection"));
        let control = LogControl::current();
        control.finish(Duration::ZERO);
        assert!(control.flush(Duration::ZERO));
    });
    assert_eq!(sums.len(), 2, "the first app's logs are not ended by the handle of another");
}

#[test]
fn a_sum_says_how_many_and_what_they_were() {
    let mut config = repeat(RepeatBy::Place);
    config.format = LogFormat::Json;
    config.repeat.interval = inkstone_config::Dur::from(Duration::from_millis(300));
    let out = Shared::default();
    let logs = Logs::new(&config, &[], Some(Box::new(out.clone())));
    logs.repeat.start();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(Lines(logs.clone())), || {
        (0..5).for_each(|n| warn!(n, "no connection"));
    });
    let deadline = Instant::now() + Duration::from_secs(20);
    while out.lines().len() < 3 {
        assert!(Instant::now() < deadline, "nobody sums up: {:?}", out.lines());
        std::thread::sleep(Duration::from_millis(5));
    }
    let sum = &out.lines()[2];
    assert_eq!(sum["message"], "3 more like this in the last 300ms: no connection");
    assert_eq!(
        (&sum["repeated"], &sum["level"], &sum["target"]),
        (&3.into(), &"warn".into(), &out.lines()[0]["target"])
    );
}
