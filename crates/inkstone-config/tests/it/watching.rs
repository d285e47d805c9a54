//! Changes that arrive while a program runs.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use inkstone_config::{Live, ReloadOutcome, Settings, Sources, Watching};

use crate::types::{Client, Server};

pub(crate) struct Running {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) settings: Settings,
    pub(crate) client: Live<Client>,
    pub(crate) outcomes: Arc<Mutex<Vec<String>>>,
    _watching: Watching,
}

pub(crate) fn text(limit: u32) -> String {
    format!("[grpc.stock]\naddr = \"a:1\"\nlimit = {limit}\n")
}

/// A program whose file was made by `make` and then changes.
pub(crate) fn running(make: impl FnOnce(&Path) -> PathBuf) -> Running {
    let dir = tempfile::tempdir().unwrap();
    let file = make(dir.path());
    let settings = Settings::open(Sources::new().file(file));
    let client = settings.load::<Client>("grpc", "grpc.stock");
    assert!(settings.problems().is_empty(), "{}", settings.problems());
    let outcomes = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&outcomes);
    settings.on_reload(move |outcome| {
        seen.lock().unwrap().push(match outcome {
            ReloadOutcome::Applied { changed, .. } => changed.join(","),
            ReloadOutcome::Refused(rejected) => format!("refused: {}", rejected.problems),
            _ => String::new(),
        });
    });
    let watching = settings.watch();
    soon("the first look", || settings.status().watch.running);
    Running { dir, settings, client, outcomes, _watching: watching }
}

pub(crate) fn plain(dir: &Path) -> PathBuf {
    let file = dir.join("app.toml");
    fs::write(&file, text(1)).unwrap();
    file
}

/// A volume as the kubelet makes it: `app.toml` → `..data/app.toml`, `..data` → `..v1`.
fn volume(dir: &Path) -> PathBuf {
    swap(dir, "..v1", &text(1));
    symlink("..data/app.toml", dir.join("app.toml")).unwrap();
    dir.join("app.toml")
}

/// The kubelet's atomic swap; the directory before is removed, as the kubelet does.
fn swap(dir: &Path, version: &str, text: &str) {
    let before = fs::read_link(dir.join("..data")).ok();
    fs::create_dir(dir.join(version)).unwrap();
    fs::write(dir.join(version).join("app.toml"), text).unwrap();
    symlink(version, dir.join("..data_tmp")).unwrap();
    fs::rename(dir.join("..data_tmp"), dir.join("..data")).unwrap();
    if let Some(before) = before {
        fs::remove_dir_all(dir.join(before)).unwrap();
    }
}

/// Waits until it holds, without sleeping longer than needed.
#[track_caller]
pub(crate) fn soon(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(10), "not within 10 s: {what}");
        std::thread::yield_now();
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

impl Running {
    #[track_caller]
    pub(crate) fn arrives(&self, limit: u32) {
        soon(&format!("limit = {limit}"), || self.client.get().limit == limit);
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.dir.path().join("app.toml")
    }
}

#[test]
fn twenty_volume_swaps_in_a_row_all_arrive() {
    let app = running(volume);
    let start = Instant::now();
    for limit in 2..22 {
        swap(app.dir.path(), &format!("..v{limit}"), &text(limit));
        app.arrives(limit);
    }
    // Events carry this, not the poll: that would take twice 20 seconds.
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    soon("20 calls of the hook", || app.outcomes.lock().unwrap().len() == 20);
    assert_eq!(app.settings.status().reloads, 20);
}

#[test]
fn swaps_without_a_pause_end_with_the_last() {
    let app = running(volume);
    for limit in 2..22 {
        swap(app.dir.path(), &format!("..v{limit}"), &text(limit));
    }
    app.arrives(21);
}

#[test]
fn a_file_replaced_by_rename_is_read_again_and_again() {
    let app = running(plain);
    for limit in 2..6 {
        let new = app.dir.path().join(".app.toml.swp");
        fs::write(&new, text(limit)).unwrap();
        fs::rename(new, app.file()).unwrap();
        app.arrives(limit);
    }
}

#[test]
fn a_file_that_is_deleted_and_made_again_is_read() {
    let app = running(plain);
    fs::remove_file(app.file()).unwrap();
    soon("refusal", || app.settings.status().rejected.is_some());
    assert_eq!(app.client.get().limit, 1);
    fs::write(app.file(), text(2)).unwrap();
    app.arrives(2);
    soon("refusal gone", || app.settings.status().rejected.is_none());
}

#[test]
fn a_directory_that_is_replaced_is_followed() {
    let app = running(|dir| {
        fs::create_dir(dir.join("conf")).unwrap();
        plain(&dir.join("conf"))
    });
    let conf = app.dir.path().join("conf");
    for limit in 2..5 {
        fs::rename(&conf, app.dir.path().join(format!("old{limit}"))).unwrap();
        fs::create_dir(&conf).unwrap();
        fs::write(conf.join("app.toml"), text(limit)).unwrap();
        app.arrives(limit);
        fs::write(conf.join("app.toml"), text(limit + 10)).unwrap();
        app.arrives(limit + 10);
    }
}

#[test]
fn a_refused_change_keeps_the_old_values_and_shows_file_line_and_reason() {
    let app = running(volume);
    swap(app.dir.path(), "..v2", "[grpc.stock]\naddr = \"a:1\"\nlimit = \"many\"\n");
    soon("refusal", || app.settings.status().rejected.is_some());
    let status = app.settings.status();
    let rejected = status.rejected.unwrap();
    let fault = rejected.problems.iter().next().unwrap();
    assert_eq!(fault.key.as_deref(), Some("grpc.stock.limit"));
    let origin = fault.origin.as_ref().unwrap();
    assert!(origin.source.name.ends_with("app.toml") && origin.line == 3, "{origin}");
    assert!(fault.message.contains("invalid type: string \"many\", expected u32"), "{fault:?}");
    assert_ne!(rejected.sources[0].hash, status.sources[0].hash);
    assert_eq!((app.client.get().limit, status.reloads), (1, 0));

    swap(app.dir.path(), "..v3", &text(3));
    app.arrives(3);
    soon("refusal gone", || app.settings.status().rejected.is_none());
}

#[test]
fn going_back_to_the_content_in_force_clears_a_refusal() {
    let app = running(plain);
    fs::write(app.file(), "[grpc").unwrap();
    soon("refusal", || app.settings.status().rejected.is_some());
    fs::write(app.file(), text(1)).unwrap();
    soon("refusal gone", || app.settings.status().rejected.is_none());
    assert_eq!(app.settings.status().reloads, 0);
}

#[test]
fn removed_keys_fall_back_to_their_defaults() {
    let app = running(plain);
    fs::write(app.file(), "[grpc.stock]\naddr = \"a:1\"\n").unwrap();
    app.arrives(0);
    let origin =
        app.settings.effective().into_iter().find(|value| value.key == "grpc.stock.limit").unwrap().origin;
    assert_eq!(origin, "default");
}

#[test]
fn a_change_that_needs_a_restart_is_pending_until_it_is_undone() {
    let app = running(plain);
    fs::write(app.file(), text(1).replace("a:1", "b:2")).unwrap();
    soon("pending", || app.settings.status().pending_restart == ["grpc.stock.addr"]);
    fs::write(app.file(), text(5)).unwrap();
    app.arrives(5);
    assert!(app.settings.status().pending_restart.is_empty());
}

#[test]
fn a_file_named_by_a_reference_is_watched_too() {
    let app = running(|dir| {
        fs::write(dir.join("limit"), "1\n").unwrap();
        let file = dir.join("app.toml");
        fs::write(&file, "[grpc.stock]\naddr = \"a:1\"\nlimit = \"${file:limit}\"\n").unwrap();
        file
    });
    assert_eq!(app.client.get().limit, 1);
    fs::write(app.dir.path().join("limit"), "2\n").unwrap();
    app.arrives(2);
}

#[test]
fn nothing_arrives_after_watching_has_stopped() {
    let app = running(plain);
    let Running { dir, settings, client, _watching: watching, .. } = app;
    drop(watching);
    fs::write(dir.path().join("app.toml"), text(2)).unwrap();
    assert_eq!(client.get().limit, 1);
    assert!(settings.reload().unwrap());
    assert_eq!(client.get().limit, 2);
    assert!(!settings.reload().unwrap());
}

#[tokio::test]
async fn whoever_waits_for_a_change_is_woken() {
    let dir = tempfile::tempdir().unwrap();
    let file = plain(dir.path());
    let settings = Settings::open(Sources::new().file(&file));
    let limit = settings.load::<Client>("grpc", "grpc.stock").map(|client| client.limit);
    let mut changes = limit.changes();
    let _watching = settings.watch();
    fs::write(&file, text(2)).unwrap();
    let changed = tokio::time::timeout(Duration::from_secs(10), changes.changed()).await;
    assert_eq!(*changed.expect("a change within 10 s"), 2);
}

#[test]
fn one_wrong_table_holds_back_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let file = plain(dir.path());
    fs::write(&file, text(1) + "[server.http]\nport = 1\n").unwrap();
    let settings = Settings::open(Sources::new().file(&file));
    let client = settings.load::<Client>("grpc", "grpc.stock");
    let server = settings.load::<Server>("server.http", "server.http");
    fs::write(&file, text(2) + "[server.http]\nport = 70000\n").unwrap();
    let problems = settings.reload().unwrap_err();
    assert_eq!(problems.len(), 1, "{problems}");
    assert_eq!((client.get().limit, server.get().port), (1, 1));
}

#[test]
fn a_hook_that_panics_does_not_end_the_watching() {
    let app = running(plain);
    app.settings.on_reload(|_| panic!("on purpose"));
    for limit in 2..4 {
        fs::write(app.file(), text(limit)).unwrap();
        app.arrives(limit);
    }
}

#[test]
fn a_hook_may_reload_and_all_hooks_are_told_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let file = plain(dir.path());
    let settings = Settings::open(Sources::new().file(&file));
    let client = settings.load::<Client>("grpc", "grpc.stock");
    let (again, next) = (settings.clone(), file.clone());
    settings.on_reload(move |_| {
        if client.get().limit == 2 {
            fs::write(&next, text(3)).unwrap();
            assert!(again.reload().unwrap());
        }
    });
    settings.on_reload(|_| panic!("on purpose"));
    let told = Arc::new(Mutex::new(Vec::new()));
    let (telling, seen) = (settings.clone(), Arc::clone(&told));
    settings.on_reload(move |outcome| {
        let ReloadOutcome::Applied { sources, .. } = outcome else { panic!("refused: {outcome:?}") };
        seen.lock().unwrap().push((sources[0].hash.clone(), telling.status().reloads));
    });
    fs::write(&file, text(2)).unwrap();
    // On a thread of its own, so that waiting for ever is a failure.
    let (done, wait) = std::sync::mpsc::channel();
    let reloading = settings.clone();
    std::thread::spawn(move || done.send(reloading.reload().is_ok_and(|changed| changed)));
    assert_eq!(wait.recv_timeout(Duration::from_secs(10)), Ok(true));
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 2);
    assert_eq!(told[1].0, settings.status().sources[0].hash);
    assert_ne!(told[0].0, told[1].0);
}

#[test]
fn a_mapped_value_that_panics_keeps_no_other_table_from_its_value() {
    let dir = tempfile::tempdir().unwrap();
    let file = plain(dir.path());
    fs::write(&file, text(1) + "[server.http]\nport = 1\n").unwrap();
    let settings = Settings::open(Sources::new().file(&file));
    let client = settings.load::<Client>("grpc", "grpc.stock");
    let server = settings.load::<Server>("server.http", "server.http");
    let _fragile = client.map(|client| assert_ne!(client.limit, 2, "on purpose"));
    fs::write(&file, text(2) + "[server.http]\nport = 2\n").unwrap();
    assert!(settings.reload().unwrap());
    assert_eq!((client.get().limit, server.get().port), (2, 2));
}

#[test]
fn only_a_table_that_no_later_load_can_explain_counts_as_misspelt() {
    let text = "[grpc.stock]\naddr = \"a:1\"\n[grpc.stick]\n[gprc.goods]\n[shop]\n[lo]\nport = 1\n";
    let settings = Settings::open(Sources::new().text("app.toml", text));
    let _ = settings.load::<Client>("grpc", "grpc.stock");
    let _ = settings.load_or_default::<Server>("log", "log");
    let keys = |problems: inkstone_config::Problems| -> Vec<_> {
        problems.iter().filter_map(|fault| fault.key.clone()).collect()
    };
    assert_eq!(keys(settings.unread_tables()).len(), 4);
    assert_eq!(keys(settings.misspelt_tables()), ["gprc", "lo"]);
}
