//! `inkstone dev`, with real processes.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::{inkstone, said};

/// Longer than anything here takes on a busy machine.
const SOON: Duration = Duration::from_secs(60);

/// A running `inkstone dev`, and all it says.
struct Dev {
    child: Child,
    dir: TempDir,
}

/// A folder with these manifests, and the folder that keeps the state.
fn folder(manifests: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("kubernetes")).unwrap();
    for (name, text) in manifests {
        fs::write(dir.path().join("kubernetes").join(name), text).unwrap();
    }
    dir
}

/// A deployment whose one container runs `command`.
fn deployment(name: &str, image: &str, command: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{ name: {name} }}\nspec:\n  replicas: 1\n  selector: {{ matchLabels: {{ app: {name} }} }}\n  \
         template:\n    metadata: {{ labels: {{ app: {name} }} }}\n    spec:\n      terminationGracePeriodSeconds: 1\n      containers:\n        \
         - {{ name: main, image: {image}, command: {command} }}\n"
    )
}

/// Something that runs until it is ended.
fn sleeper() -> String {
    deployment("sleeper", "inkstone.local/inkstone", "[sleep, \"3600\"]")
}

impl Dev {
    fn start(dir: TempDir, more: &[&str]) -> Self {
        let log = File::create(dir.path().join("log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_inkstone"))
            .args(["dev", ".", "--state-dir", "state"])
            .args(more)
            .current_dir(dir.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { child, dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    /// Polls until `found` finds something.
    fn until<T>(&mut self, what: &str, mut found: impl FnMut(&Self) -> Option<T>) -> T {
        let deadline = Instant::now() + SOON;
        loop {
            if let Some(found) = found(self) {
                return found;
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("no {what}, and it ended with {status}:\n{}", self.log());
            }
            assert!(Instant::now() < deadline, "no {what}:\n{}", self.log());
            pause();
        }
    }

    /// What `dev.json` says once all pods are ready.
    fn ready(&mut self) -> Value {
        self.until("ready dev.json", |dev| {
            let places: Value = serde_json::from_slice(&fs::read(dev.path("state/dev.json")).ok()?).ok()?;
            places["seconds_to_ready"].is_f64().then_some(places)
        })
    }

    fn until_said(&mut self, part: &str) {
        self.until(part, |dev| dev.log().contains(part).then_some(()));
    }

    fn signal(&self, signal: Signal) {
        kill(self.child.id(), signal);
    }

    fn end(&mut self) -> ExitStatus {
        let deadline = Instant::now() + SOON;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "it does not end:\n{}", self.log());
            pause();
        }
    }

    /// The processes that it has started, and those that they have started.
    fn children(&self) -> Vec<u32> {
        let mut found = vec![self.child.id()];
        let mut at = 0;
        while let Some(parent) = found.get(at).copied() {
            found.extend(processes().into_iter().filter(|pid| parent_of(*pid) == Some(parent)));
            at += 1;
        }
        found.split_off(1)
    }
}

impl Drop for Dev {
    /// Only when a test has failed is there anything left to end.
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

#[allow(clippy::disallowed_methods, reason = "a plain test without a runtime")]
fn pause() {
    std::thread::sleep(Duration::from_millis(20));
}

fn kill(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), signal).unwrap();
}

fn processes() -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(text.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}

fn parent_of(pid: u32) -> Option<u32> {
    stat(pid)?.get(1)?.parse().ok()
}

/// Whether it runs; a zombie that nobody has collected does not.
fn runs(pid: u32) -> bool {
    stat(pid).is_some_and(|stat| stat[0] != "Z")
}

fn all_end(children: &[u32]) {
    let deadline = Instant::now() + SOON;
    while let Some(still) = children.iter().find(|pid| runs(**pid)) {
        let command = fs::read_to_string(format!("/proc/{still}/cmdline")).unwrap_or_default();
        assert!(Instant::now() < deadline, "{still} still runs: {}", command.replace('\0', " "));
        pause();
    }
}

/// It ends by itself with this status, and says all the parts.
fn refused(dir: &Path, args: &[&str], status: i32, parts: &[&str]) {
    let output = inkstone(dir, args);
    let said = said(&output);
    for part in parts {
        assert!(said.contains(part), "{part:?} is not in\n{said}");
    }
    assert_eq!(output.status.code(), Some(status), "{said}");
}

#[test]
fn everything_comes_up_and_ctrl_c_leaves_nothing_behind() {
    let mut dev = Dev::start(folder(&[("10-sleeper.yaml", &sleeper())]), &["--console-port=0"]);
    let places = dev.ready();
    for key in ["pid", "state_dir", "kubeconfig", "cluster", "console", "console_pid", "setup"] {
        assert!(!places[key].is_null(), "{key}: {places}");
    }
    assert!(places["setup"].as_str().unwrap().contains("/setup#token="), "{places}");
    assert!(Path::new(places["kubeconfig"].as_str().unwrap()).exists());
    // The link for the first account is in them, and the accounts.
    for (path, mode) in [
        ("state", 0o700),
        ("state/dev.json", 0o600),
        ("state/console", 0o700),
        ("state/console/announced.json", 0o600),
        ("state/console/console.db", 0o600),
        ("state/console/console.db-wal", 0o600),
        ("state/cluster/access/kubeconfig", 0o600),
    ] {
        let found = fs::metadata(dev.path(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{path}: {found:o}");
    }
    dev.until_said("Ctrl-C stops everything");
    let log = dev.log();
    for part in [
        "cluster    https://127.0.0.1:",
        "export KUBECONFIG=",
        "console    http://127.0.0.1:",
        "sleeper    1/1 ready",
    ] {
        assert!(log.contains(part), "{part:?} is not in\n{log}");
    }
    let children = dev.children();
    assert!(children.len() >= 2, "a pod and the console: {children:?}");
    dev.signal(Signal::INT);
    assert!(dev.end().success(), "{}", dev.log());
    all_end(&children);
    assert!(!dev.path("state/dev.json").exists());
}

#[test]
fn a_second_start_goes_on_where_the_first_ended() {
    let mut dev = Dev::start(folder(&[("10-sleeper.yaml", &sleeper())]), &["--console-port=0"]);
    let first = dev.ready();
    dev.signal(Signal::TERM);
    assert!(dev.end().success(), "{}", dev.log());
    let dir = std::mem::replace(&mut dev.dir, tempfile::tempdir().unwrap());
    let mut dev = Dev::start(dir, &["--console-port=0"]);
    let second = dev.ready();
    // Nobody has used the link, so there is one again, and it is another.
    assert_ne!(first["setup"], second["setup"]);
    dev.signal(Signal::INT);
    assert!(dev.end().success(), "{}", dev.log());
}

#[test]
fn killed_without_a_word_it_takes_pods_and_console_with_it() {
    let mut dev = Dev::start(folder(&[("10-sleeper.yaml", &sleeper())]), &["--console-port=0"]);
    dev.ready();
    let children = dev.children();
    dev.signal(Signal::KILL);
    dev.end();
    all_end(&children);
}

#[test]
fn a_second_ctrl_c_ends_at_once_what_does_not_want_to_end() {
    let deaf = "[sh, -c, \"trap '' TERM INT; while true; do sleep 3600; done\"]";
    let deaf = deployment("deaf", "inkstone.local/inkstone", deaf).replace("Seconds: 1", "Seconds: 3600");
    let mut dev = Dev::start(folder(&[("10-deaf.yaml", &deaf)]), &["--no-console"]);
    dev.ready();
    let children = dev.children();
    dev.signal(Signal::INT);
    dev.until_said("stopping");
    dev.signal(Signal::INT);
    dev.end();
    let log = dev.log();
    assert!(log.contains("a second time"), "{log}");
    all_end(&children);
}

#[test]
fn a_console_that_is_killed_is_reported_and_the_cluster_goes_on() {
    let mut dev = Dev::start(folder(&[("10-sleeper.yaml", &sleeper())]), &["--console-port=0"]);
    let places = dev.ready();
    let console = u32::try_from(places["console_pid"].as_u64().unwrap()).unwrap();
    kill(console, Signal::KILL);
    dev.until_said("cluster and pods go on; start it again:");
    let sleepers = dev.children();
    assert!(sleepers.iter().any(|pid| runs(*pid)), "the pod goes on");
    dev.signal(Signal::INT);
    assert!(dev.end().success(), "{}", dev.log());
    all_end(&sleepers);
}

#[test]
fn a_folder_a_file_and_an_object_that_are_wrong_are_named() {
    let dir = folder(&[]);
    refused(dir.path(), &["dev", "nowhere"], 66, &["nowhere", "No such file"]);
    refused(dir.path(), &["dev", "."], 66, &["kubernetes", "no *.yaml"]);
    let dir = folder(&[("10-broken.yaml", "apiVersion: v1\nkind: [ConfigMap\n")]);
    refused(dir.path(), &["dev", "."], 66, &["10-broken.yaml", "line 2"]);
    let dir = folder(&[("10-nameless.yaml", "apiVersion: v1\nkind: ConfigMap\n")]);
    refused(dir.path(), &["dev", "."], 66, &["10-nameless.yaml", "metadata.name"]);
    assert!(!dir.path().join(".inkstone").exists(), "nothing is begun");
}

#[test]
fn an_object_that_the_cluster_refuses_is_named_and_everything_stops() {
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: Not_A_Name }\n";
    let dir = folder(&[("10-map.yaml", map)]);
    let args = ["dev", ".", "--no-console"];
    refused(dir.path(), &args, 69, &["10-map.yaml", "ConfigMap default/Not_A_Name", "stopping"]);
    for (kind, version) in [("Widget", "example.com/v1"), ("Widget", "v1"), ("Pod", "v9")] {
        let object = format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{ name: w }}\n");
        let dir = folder(&[("10-odd.yaml", &object)]);
        let missing = format!("the cluster has no kind {kind} in \"{version}\"");
        refused(dir.path(), &args, 69, &["10-odd.yaml", &missing]);
    }
}

#[test]
fn a_taken_port_names_who_has_it() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let dir = folder(&[("10-sleeper.yaml", &sleeper())]);
    let api = format!("--api-port={port}");
    refused(dir.path(), &["dev", ".", &api], 69, &[&port.to_string(), "--api-port", "in use"]);
    let console = format!("--console-port={port}");
    let parts =
        [&port.to_string(), "listens on this port already", "the console did not start", "--console-port=0"];
    refused(dir.path(), &["dev", ".", &console], 69, &parts);
}

#[test]
fn a_state_folder_is_for_one_at_a_time_and_must_be_writable() {
    let mut dev = Dev::start(folder(&[("10-sleeper.yaml", &sleeper())]), &["--no-console"]);
    dev.ready();
    refused(dev.dir.path(), &["dev", ".", "--state-dir", "state"], 73, &["another `inkstone dev`", "state"]);
    dev.signal(Signal::INT);
    assert!(dev.end().success(), "{}", dev.log());
    fs::write(dev.path("file"), "").unwrap();
    refused(dev.dir.path(), &["dev", ".", "--state-dir", "file/state"], 73, &["file/state", "--state-dir"]);
}

#[test]
fn a_program_that_is_missing_is_named_with_where_it_was_looked_for() {
    let missing = deployment("missing", "inkstone.local/not-built", "null");
    let mut dev = Dev::start(folder(&[("10-missing.yaml", &missing)]), &["--no-console"]);
    dev.until_said("not-built");
    let log = dev.log();
    assert!(log.contains("problem    pod missing-") && log.contains("build it"), "{log}");
    dev.signal(Signal::INT);
    assert!(dev.end().success(), "{}", dev.log());
}
