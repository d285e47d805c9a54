//! Panics are caught where user code begins, logged once with a backtrace, and counted.

use inkstone_core::{App, Edge};

use crate::process::Life;

/// The one line that the log has of a panic.
fn line_of(log: &[String], said: &str) -> serde_json::Value {
    let lines: Vec<_> = log.iter().filter(|line| line.contains(said) && line.contains("backtrace")).collect();
    assert_eq!(lines.len(), 1, "one line of {said} in {log:#?}");
    serde_json::from_str(lines[0]).expect("one JSON object")
}

fn told(line: &serde_json::Value, field: &str) -> String {
    line[field].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_panic_at_the_start_looks_like_any_other_start_error() {
    let ended = Life::stages("[stages]\npanics = \"service\"\n", &[]).end();
    let error: serde_json::Value = serde_json::from_str(ended.err.trim()).expect("one JSON object");
    assert_eq!(error["code"], "INK3003", "{error}");
    let message = told(&error, "message");
    assert!(message.contains("the service is broken") && message.contains("stages.rs:"), "{message}");
    assert_eq!((ended.out.as_str(), ended.code), ("after stop", 70));
    let line = line_of(&ended.log, "the service is broken");
    assert_eq!((told(&line, "code"), told(&line, "where")), ("INK3003".into(), "start".into()), "{line}");
    assert!(
        told(&line, "location").contains("stages.rs:") && told(&line, "backtrace").contains("stages"),
        "{line}"
    );
    assert!(!told(&line, "thread").is_empty());
}

#[test]
fn a_panic_in_a_task_or_a_thread_is_logged_once_and_ends_nothing_else() {
    let serving = "[app]\ndrain = \"0s\"\n[server.greet]\n[stages]\nserves = true\n";
    for (how, said, place) in [
        ("work = \"panics\"", "the task is broken", "task"),
        ("panics = \"thread\"", "the thread is broken", "elsewhere"),
    ] {
        let mut life = Life::stages(&format!("{serving}{how}\n"), &[]);
        let line = life.wait_for_log(said);
        life.signal("TERM");
        let ended = life.end();
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(told(&line, "where"), place, "{line}");
        assert!(!ended.log.iter().any(|line| line.contains(said)), "logged twice: {:#?}", ended.log);
        assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    }
}

#[test]
fn a_panic_of_a_server_stops_all_gracefully() {
    let config =
        "[app]\ndrain = \"0s\"\n[server.greet]\n[server.second]\n[stages]\nserves = true\nsecond = 1\n";
    let ended = Life::stages(config, &[]).end();
    assert!(ended.err.contains("the server is broken") && ended.err.contains("INK3003"), "{}", ended.err);
    assert!(ended.out.contains("server.greet ended; after stop"), "{}", ended.out);
    assert_eq!(ended.code, 70);
    line_of(&ended.log, "the server is broken");
}

#[tokio::test]
async fn panics_are_counted_where_they_are_caught() {
    let app = App::from_toml("t.toml", "").handle().clone();
    for _twice in 0..2 {
        let caught = app.caught(Edge::Handler, "server.http", async { panic!("{}", "on purpose") }).await;
        assert_eq!(caught.unwrap_err().message, "on purpose");
    }
    let mut polls = 0;
    let patient = std::future::poll_fn(|cx| {
        polls += 1;
        cx.waker().wake_by_ref();
        if polls < 3 { std::task::Poll::Pending } else { std::task::Poll::Ready(polls) }
    });
    assert_eq!(app.caught(Edge::Task, "count", patient).await, Ok(3));
    assert_eq!(app.catcher(Edge::Stream, "s").now(|| 5), Ok(5));
    let metrics = app.metrics().encode();
    assert!(metrics.contains("inkstone_panic_total{where=\"handler\"} 2"), "{metrics}");
    assert!(!metrics.contains("where=\"task\""), "{metrics}");
}
