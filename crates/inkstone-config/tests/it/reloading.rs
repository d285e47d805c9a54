//! What a reload changes, and what it leaves alone.

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use inkstone_config::{Code, Config, Live, Settings, Sources};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::types::{Client, Redis, Server};

/// Values that only make sense together.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
struct Pair {
    #[schemars(extend("x-live" = true))]
    left: u64,
    #[schemars(extend("x-live" = true))]
    right: Vec<u64>,
}

impl Config for Pair {}

fn write(dir: &Path, name: &str, text: &str) {
    fs::write(dir.join(name), text).unwrap();
}

/// Settings with a file of this text, and the directory it is in.
fn open(text: &str) -> (tempfile::TempDir, Settings) {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "app.toml", text);
    let settings = Settings::open(Sources::new().file(dir.path().join("app.toml")));
    (dir, settings)
}

fn pairs(value: u64) -> String {
    let pair = |name| format!("[{name}]\nleft = {value}\nright = [{value}, {value}, {value}]\n");
    pair("one") + &pair("two")
}

#[test]
fn readers_see_the_old_or_the_new_and_never_a_mix() {
    let (dir, settings) = open(&pairs(0));
    let one: Live<Pair> = settings.load("application", "one");
    let two: Live<Pair> = settings.load("application", "two");
    let (stop, reads) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut last = 0;
                while !stop.load(Ordering::Relaxed) {
                    let pair = one.get();
                    assert!(pair.right.iter().all(|right| *right == pair.left), "{pair:?}");
                    let look = one.read();
                    assert!(look.right.iter().all(|right| *right == look.left), "{look:?}");
                    drop(look);
                    let (one, two) = settings.at_once(|| (one.get().left, two.get().left));
                    assert_eq!(one, two);
                    assert!(one >= last, "time goes forward: {one} after {last}");
                    last = one;
                    reads.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for value in 1..200 {
            write(dir.path(), "app.toml", &pairs(value));
            assert!(settings.reload().unwrap());
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!((one.get().left, two.get().left), (199, 199));
    assert!(reads.load(Ordering::Relaxed) > 0);
}

#[test]
fn what_follows_a_change_may_read_other_values_at_once() {
    let (dir, settings) = open(&pairs(0));
    let one: Live<Pair> = settings.load("application", "one");
    let two: Live<Pair> = settings.load("application", "two");
    let (reader, other) = (settings.clone(), two.clone());
    let sum = one.map(move |one| one.left + reader.at_once(|| other.get().left));
    write(dir.path(), "app.toml", &pairs(5));
    let reloading = settings.clone();
    let (done, wait) = std::sync::mpsc::channel();
    // On a thread of its own, so that waiting for ever is a failure.
    thread::spawn(move || done.send(reloading.reload().is_ok()));
    assert_eq!(wait.recv_timeout(std::time::Duration::from_secs(10)), Ok(true));
    assert!(*sum.get() >= 5);
}

#[test]
fn a_key_that_changes_its_type_is_refused_and_nothing_else_applies() {
    let (dir, settings) = open("[redis.a]\npool_size = 5\n[grpc.stock]\naddr = \"a:1\"\nlimit = 1\n");
    let redis: Live<Redis> = settings.load("redis", "redis.a");
    let client: Live<Client> = settings.load("grpc", "grpc.stock");
    for wrong in ["pool_size = \"five\"", "pool_size = { most = 5 }", "pool_size = [5]", "guard = 5"] {
        write(
            dir.path(),
            "app.toml",
            &format!("[redis.a]\n{wrong}\n[grpc.stock]\naddr = \"a:1\"\nlimit = 2\n"),
        );
        let problems = settings.reload().unwrap_err();
        let codes: Vec<_> = problems.iter().map(|fault| fault.code).collect();
        assert_eq!(codes, [Code::WrongType], "{problems}");
        assert_eq!((redis.get().pool_size, client.get().limit), (5, 1));
        let rejected = settings.status().rejected.expect("the refusal is in the status");
        assert_eq!(rejected.problems.len(), 1);
    }
    // A table becomes one value and a value a table where the type takes both.
    write(dir.path(), "app.toml", "[redis.a]\npool_size = 6\n[grpc.stock]\naddr = \"a:1\"\nlimit = 3\n");
    assert!(settings.reload().unwrap());
    assert_eq!((redis.get().pool_size, client.get().limit), (6, 3));
    assert!(settings.status().rejected.is_none());
}

#[test]
fn a_key_removed_from_one_file_falls_back_to_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let names = ["low.toml", "middle.yaml", "high.json"];
    write(dir.path(), names[0], "[redis.a]\npool_size = 10\nmin_idle = 1\n");
    write(dir.path(), names[1], "redis:\n  a:\n    pool_size: 11\n    client_name: middle\n");
    write(dir.path(), names[2], r#"{"redis": {"a": {"pool_size": 12}}}"#);
    let sources = names.iter().fold(Sources::new(), |sources, name| sources.file(dir.path().join(name)));
    let settings = Settings::open(sources);
    let redis: Live<Redis> = settings.load("redis", "redis.a");
    let now = || (redis.get().pool_size, redis.get().min_idle, redis.get().client_name.clone());
    assert_eq!(now(), (12, 1, Some("middle".to_owned())));

    write(dir.path(), names[2], "{}");
    assert!(settings.reload().unwrap());
    assert_eq!(now(), (11, 1, Some("middle".to_owned())));
    let origin = |key: &str| settings.effective().into_iter().find(|value| value.key == key).unwrap().origin;
    assert!(origin("redis.a.pool_size").contains("middle.yaml:3"), "{}", origin("redis.a.pool_size"));

    write(dir.path(), names[1], "");
    assert!(settings.reload().unwrap());
    assert_eq!(now(), (10, 1, None));

    write(dir.path(), names[0], "[redis.a]\n");
    assert!(settings.reload().unwrap());
    let default = Redis::default();
    assert_eq!(now(), (default.pool_size, default.min_idle, None));
    assert_eq!(origin("redis.a.pool_size"), "default");
}

#[test]
fn a_table_that_is_taken_out_is_refused_where_it_must_be_there() {
    let (dir, settings) = open("[redis.a]\npool_size = 5\n[server.http]\nport = 1\n");
    let redis: Live<Redis> = settings.load("redis", "redis.a");
    let server: Live<Server> = settings.load_or_default("server.http", "server.http");
    write(dir.path(), "app.toml", "[redis.a]\npool_size = 6\n");
    assert!(settings.reload().unwrap());
    assert_eq!((redis.get().pool_size, server.get().port), (6, 0));
    write(dir.path(), "app.toml", "[server.http]\nport = 2\n");
    let problems = settings.reload().unwrap_err();
    assert_eq!(problems.iter().next().unwrap().code, Code::MissingTable, "{problems}");
    assert_eq!((redis.get().pool_size, server.get().port), (6, 0));
}

#[test]
fn references_are_resolved_anew_at_each_reload() {
    let dir = tempfile::tempdir().unwrap();
    let limit = |value: &str| {
        write(dir.path(), "app.toml", &format!("[grpc.stock]\naddr = \"a:1\"\nlimit = \"{value}\"\n"));
    };
    limit("${env:ONE}");
    write(dir.path(), "secret", "7\n");
    let sources = Sources::new().env([("ONE", "1"), ("TWO", "2")]).file(dir.path().join("app.toml"));
    let settings = Settings::open(sources);
    let client: Live<Client> = settings.load("grpc", "grpc.stock");
    assert_eq!(client.get().limit, 1);
    for (value, expected) in [("${env:TWO}", 2), ("${file:secret}", 7), ("${env:NONE:-9}", 9)] {
        limit(value);
        assert!(settings.reload().unwrap());
        assert_eq!(client.get().limit, expected, "{value}");
    }
    // What the reference leads to changes, and the file that holds it does not.
    limit("${file:secret}");
    assert!(settings.reload().unwrap());
    write(dir.path(), "secret", "8\n");
    assert!(settings.reload().unwrap());
    assert_eq!(client.get().limit, 8);
    // One that leads nowhere changes nothing.
    fs::remove_file(dir.path().join("secret")).unwrap();
    let problems = settings.reload().unwrap_err();
    assert_eq!(problems.iter().next().unwrap().code, Code::UnresolvedReference, "{problems}");
    assert_eq!(client.get().limit, 8);
}

#[test]
fn a_table_that_was_absent_when_it_was_first_read_is_seen_when_it_comes() {
    let (dir, settings) = open("");
    let server: Live<Server> = settings.load_or_default("server.http", "server.http");
    let port = server.map(|server| server.port);
    assert_eq!(*port.get(), 0);
    write(dir.path(), "app.toml", "[server.http]\nport = 3\n");
    assert!(settings.reload().unwrap());
    assert_eq!((server.get().port, *port.get()), (3, 3));
}

#[tokio::test]
async fn a_subscriber_gets_the_current_value_first_and_then_each_change() {
    let (dir, settings) = open("[server.http]\nport = 1\n");
    let port = settings.load::<Server>("server.http", "server.http").map(|server| server.port);
    let mut ports = port.follow();
    let mut seen = Vec::new();
    for value in 2..5 {
        seen.push(*ports.changed().await);
        write(dir.path(), "app.toml", &format!("[server.http]\nport = {value}\n"));
        assert!(settings.reload().unwrap());
    }
    seen.push(*ports.changed().await);
    assert_eq!(seen, [1, 2, 3, 4]);
}

#[test]
fn a_hook_may_load_read_and_add_hooks_without_a_deadlock() {
    let (dir, settings) = open("[server.http]\nport = 1\n");
    let _server = settings.load::<Server>("server.http", "server.http");
    let told = Arc::new(AtomicUsize::new(0));
    let (inside, counted) = (settings.clone(), Arc::clone(&told));
    settings.on_reload(move |_| {
        let again: Live<Server> = inside.load("server.http", "server.http");
        counted.store(again.get().port.into(), Ordering::SeqCst);
        inside.on_reload(|_| {});
        assert!(!inside.effective().is_empty() && inside.status().rejected.is_none());
    });
    write(dir.path(), "app.toml", "[server.http]\nport = 2\n");
    let reloading = settings.clone();
    let (done, wait) = std::sync::mpsc::channel();
    thread::spawn(move || done.send(reloading.reload().is_ok()));
    assert_eq!(wait.recv_timeout(std::time::Duration::from_secs(10)), Ok(true));
    assert_eq!(told.load(Ordering::SeqCst), 2);
}
