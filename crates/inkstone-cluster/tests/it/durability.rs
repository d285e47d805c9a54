//! What survives: a killed process, a torn record, a full disk.
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use inkstone_cluster::store::{
    CONFIGMAPS, DeleteOptions, Event, NAMESPACES, Object, Part, Selector, Store, StoreOptions, WatchFrom,
    object,
};
use serde_json::json;

const CHILD: &str = "INKSTONE_TEST_STORE";

fn open(dir: &Path) -> Store {
    Store::open(dir, &StoreOptions::default()).unwrap()
}

/// A store with a namespace to put things into.
fn begin(dir: &Path) -> Store {
    let store = open(dir);
    store.create(NAMESPACES, json!({ "metadata": { "name": "default" } })).unwrap();
    store
}

fn config_map(name: &str, value: &str) -> Object {
    json!({ "metadata": { "name": name, "namespace": "default" }, "data": { "a": value } })
}

fn names(store: &Store) -> Vec<String> {
    let listed = store.list(CONFIGMAPS, None, &Selector::all());
    listed.items.iter().map(|o| object::name(o).to_owned()).collect()
}

/// This test program again, running one of the `child_` tests on a directory, under a shell's limits.
fn child(test: &str, dir: &Path, shell: &str) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("{shell} exec \"$0\" --exact \"$1\" --nocapture")])
        .arg(std::env::current_exe().unwrap())
        .arg(format!("durability::{test}"))
        .env(CHILD, dir)
        .stdout(Stdio::piped());
    command
}

#[test]
fn a_killed_process_loses_no_acknowledged_write() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = child("child_writes_until_killed", dir.path(), "").spawn().unwrap();
    let lines = BufReader::new(writer.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut acknowledged: Vec<_> =
        lines.filter_map(|l| Some(l.strip_prefix("stored ")?.to_owned())).take(500).collect();
    writer.kill().unwrap(); // SIGKILL
    writer.wait().unwrap();
    acknowledged.sort();
    let found = names(&open(dir.path()));
    let lost: Vec<_> = acknowledged.iter().filter(|name| found.binary_search(name).is_err()).collect();
    assert_eq!((acknowledged.len(), lost), (500, vec![]));
}

#[test]
fn child_writes_until_killed() {
    let Some(dir) = std::env::var_os(CHILD) else { return };
    let store = begin(dir.as_ref());
    for n in 0.. {
        let name = format!("c{n:09}");
        store.create(CONFIGMAPS, config_map(&name, "1")).unwrap();
        println!("stored {name}");
    }
}

#[test]
fn a_full_disk_refuses_the_write_and_keeps_what_there_is() {
    let dir = tempfile::tempdir().unwrap();
    // A limit on the size of files stands in for a full disk: the kernel refuses to write more, in mid-record.
    let output = child("child_fills_the_disk", dir.path(), "trap '' XFSZ; ulimit -f 128;").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let store = open(dir.path());
    assert_eq!(store.get(CONFIGMAPS, "default", "kept").unwrap()["data"]["a"], "before");
    assert!(!names(&store).contains(&"large".to_owned()));
    store.create(CONFIGMAPS, config_map("after", "1")).unwrap();
}

#[test]
fn child_fills_the_disk() {
    let Some(dir) = std::env::var_os(CHILD) else { return };
    let store = begin(dir.as_ref());
    store.create(CONFIGMAPS, config_map("kept", "before")).unwrap();
    let version = store.version();
    let large = "x".repeat(500_000);
    for _ in 0..3 {
        let refused = store.create(CONFIGMAPS, config_map("large", &large)).unwrap_err();
        assert_eq!((refused.code(), refused.reason()), (500, "InternalError"));
        assert!(refused.message().contains("nothing was changed"), "{refused}");
        let refused = store.modify(CONFIGMAPS, "default", "kept", Part::Main, |o| {
            o["data"]["a"] = large.as_str().into();
            Ok(())
        });
        assert_eq!(refused.unwrap_err().code(), 500);
    }
    assert_eq!(store.get(CONFIGMAPS, "default", "kept").unwrap()["data"]["a"], "before");
    assert_eq!(store.version(), version);
    store.create(CONFIGMAPS, config_map("small", "1")).unwrap();
}

#[test]
fn an_unfinished_record_is_dropped_and_a_damaged_one_named() {
    let dir = tempfile::tempdir().unwrap();
    drop(begin(dir.path()));
    let journal = dir.path().join("journal.jsonl");
    let whole = std::fs::read_to_string(&journal).unwrap();
    std::fs::write(&journal, format!("{whole}{{\"v\":3,\"r\":\"configm")).unwrap();
    let store = open(dir.path());
    store.create(CONFIGMAPS, config_map("a", "1")).unwrap();
    drop(store);
    assert_eq!(names(&open(dir.path())), ["a"]);
    let mended = std::fs::read_to_string(&journal).unwrap();
    std::fs::write(&journal, format!("garbage\n{mended}")).unwrap();
    let error = Store::open(dir.path(), &StoreOptions::default()).unwrap_err().to_string();
    assert!(
        error.contains("line 1") && error.contains("journal.jsonl") && error.contains("delete the file"),
        "{error}"
    );
}

#[test]
fn versions_go_on_and_a_long_journal_is_rewritten() {
    let dir = tempfile::tempdir().unwrap();
    let store = begin(dir.path());
    store.create(CONFIGMAPS, config_map("a", "")).unwrap();
    store.create(CONFIGMAPS, config_map("gone", "")).unwrap();
    store.delete(CONFIGMAPS, "default", "gone", &DeleteOptions::default()).unwrap();
    let mut last = Arc::default();
    for n in 0..1200 {
        let value = format!("{n}{}", "x".repeat(10_000));
        last = store
            .modify(CONFIGMAPS, "default", "a", Part::Main, |o| {
                o["data"]["a"] = value.as_str().into();
                Ok(())
            })
            .unwrap();
    }
    let version = store.version();
    drop(store);
    let size = std::fs::metadata(dir.path().join("journal.jsonl")).unwrap().len();
    assert!(size < 5 << 20, "12 MB of writes leave {size} bytes");
    let store = open(dir.path());
    assert_eq!((store.version(), names(&store)), (version, vec!["a".to_owned()]));
    assert_eq!(store.get(CONFIGMAPS, "default", "a").unwrap(), last);
}

#[test]
fn a_second_cluster_on_the_same_state_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let _first = open(dir.path());
    let error = Store::open(dir.path(), &StoreOptions::default()).unwrap_err().to_string();
    assert!(error.contains("another cluster uses"), "{error}");
}

#[tokio::test]
async fn a_bookmark_promises_only_what_has_been_told() {
    let dir = tempfile::tempdir().unwrap();
    let store = begin(dir.path());
    let from = WatchFrom::After(store.version());
    let mut watch = store.watch(CONFIGMAPS, None, Selector::all(), from).unwrap();
    let made = object::version(&store.create(CONFIGMAPS, config_map("a", "1")).unwrap());
    assert!(store.bookmark(&watch) < made, "the event has not been read yet");
    assert!(matches!(watch.next().await, Some(Event::Added(_))));
    store.create(NAMESPACES, json!({ "metadata": { "name": "elsewhere" } })).unwrap();
    assert_eq!(store.bookmark(&watch), store.version(), "other resources' changes are none of its own");
}

#[tokio::test]
async fn a_watcher_that_falls_far_behind_is_told_to_list_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = begin(dir.path());
    let mut watch =
        store.watch(CONFIGMAPS, None, Selector::all(), WatchFrom::After(store.version())).unwrap();
    store.create(CONFIGMAPS, config_map("a", "")).unwrap();
    for n in 0..9000 {
        let edit = |o: &mut Object| {
            o["data"]["a"] = n.to_string().into();
            Ok(())
        };
        store.modify(CONFIGMAPS, "default", "a", Part::Main, edit).unwrap();
    }
    let mut told = 0;
    let error = loop {
        match watch.next().await.expect("an error ends the watch, not silence") {
            Event::Error(error) => break error,
            _ => told += 1,
        }
    };
    assert!(error.is_expired() && told >= 8192, "{told} events, then {error}");
    assert!(watch.next().await.is_none());
}
