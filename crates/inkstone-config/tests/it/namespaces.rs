//! What watching does where the system does not help: each test runs itself again in namespaces of its own.

use std::{
    env, fs,
    path::PathBuf,
    process::Command,
    sync::{Arc, Mutex},
};

use inkstone_config::{Settings, Sources};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

use crate::{types::Client, watching::soon};

/// Where the files of the test are; set only in the namespaces.
const INSIDE: &str = "INKSTONE_TEST_INSIDE";

/// In namespaces made with `flags` and after `prepare`, a shell script with `$dir`: the directory of the files.
/// Elsewhere runs this test there and returns `None`.
#[track_caller]
fn inside(test: &str, flags: &[&str], prepare: &str) -> Option<PathBuf> {
    if let Some(dir) = env::var_os(INSIDE) {
        return Some(dir.into());
    }
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("conf")).unwrap();
    fs::write(dir.path().join("conf/app.toml"), text(1)).unwrap();
    let output = Command::new("unshare")
        .args(flags)
        .args(["sh", "-ec", &format!("dir=$1; shift; {prepare}\nexec \"$@\""), "sh"])
        .arg(dir.path())
        .arg(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(INSIDE, dir.path())
        .output()
        .expect("`unshare` runs; it comes with the package util-linux");
    let said =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(
        said.contains("1 passed") || said.contains("panicked"),
        "this test needs namespaces: run it as root, or \
        allow them to users (`sysctl kernel.unprivileged_userns_clone=1`, a container needs `--privileged`): {said}"
    );
    assert!(output.status.success(), "{said}");
    None
}

fn text(limit: u32) -> String {
    format!("[grpc.stock]\naddr = \"a:1\"\nlimit = {limit}\n")
}

/// Keeps the warnings of the whole process.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<String>>);

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        struct Fields<'a>(&'a mut String);
        impl Visit for Fields<'_> {
            fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
                *self.0 += &format!("{field}={value:?} ");
            }
        }
        event.record(&mut Fields(&mut self.0.lock().unwrap()));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

impl Warnings {
    fn kept() -> Self {
        let warnings = Self::default();
        tracing::subscriber::set_global_default(warnings.clone()).expect("nothing else logs in this process");
        warnings
    }

    fn contains(&self, part: &str) -> bool {
        self.0.lock().unwrap().contains(part)
    }
}

#[test]
fn a_file_mounted_alone_is_warned_about() {
    let test = "namespaces::a_file_mounted_alone_is_warned_about";
    let bind = "touch \"$dir/app.toml\"; mount --bind \"$dir/conf/app.toml\" \"$dir/app.toml\"";
    let flags = ["--user", "--map-root-user", "--mount", "--propagation", "private"];
    let Some(dir) = inside(test, &flags, bind) else { return };
    let warnings = Warnings::kept();
    let file = dir.join("app.toml");
    let settings = Settings::open(Sources::new().file(&file));
    let client = settings.load::<Client>("grpc", "grpc.stock");
    let _watching = settings.watch();
    soon("warning", || !settings.status().watch.single_files.is_empty());
    let status = settings.status().watch;
    assert_eq!(status.single_files, [file]);
    assert_eq!(status.polling, None);
    assert!(status.warnings()[0].contains("without subPath"), "{status:?}");
    assert!(warnings.contains("is mounted as a single file (subPath)"), "{:?}", warnings.0);

    // What is written into the file itself is found by looking; what replaces it never is, hence the warning.
    fs::write(dir.join("conf/app.toml"), text(2)).unwrap();
    soon("limit 2", || client.get().limit == 2);
    fs::write(dir.join("conf/new.toml"), text(3)).unwrap();
    fs::rename(dir.join("conf/new.toml"), dir.join("conf/app.toml")).unwrap();
    assert!(!settings.reload().unwrap());
}

/// Nothing is left of a kind of inotify's resources: changes are found by looking, and that is said.
#[track_caller]
fn exhausted(test: &str, limit: &str, advice: &str) {
    // The limits of a user namespace are its own: nobody else is disturbed.
    let lower = format!("echo 0 > /proc/sys/user/{limit}");
    let Some(dir) = inside(test, &["--user", "--map-root-user"], &lower) else { return };
    let warnings = Warnings::kept();
    let file = dir.join("conf/app.toml");
    let settings = Settings::open(Sources::new().file(&file));
    let client = settings.load::<Client>("grpc", "grpc.stock");
    let watching = settings.watch();
    soon("polling", || settings.status().watch.polling.is_some());
    let status = settings.status().watch;
    assert!(status.polling.as_ref().unwrap().contains(advice), "{status:?}");
    assert_eq!(status.to_json()["mode"], "polling");
    assert!(warnings.contains(advice) && warnings.contains("looked at every 2s"), "{:?}", warnings.0);
    for limit in 2..4 {
        fs::write(&file, text(limit)).unwrap();
        soon("the change", || client.get().limit == limit);
    }
    // Once there is room again, events come again.
    fs::write(format!("/proc/sys/user/{limit}"), "100").unwrap();
    soon("events", || settings.status().watch.polling.is_none());
    drop(watching);
    assert!(!settings.status().watch.running);
}

#[test]
fn without_inotify_instances_changes_are_found_by_looking() {
    let test = "namespaces::without_inotify_instances_changes_are_found_by_looking";
    exhausted(test, "max_inotify_instances", "raise fs.inotify.max_user_instances");
}

#[test]
fn without_inotify_watches_changes_are_found_by_looking() {
    let test = "namespaces::without_inotify_watches_changes_are_found_by_looking";
    exhausted(test, "max_inotify_watches", "raise fs.inotify.max_user_watches");
}
