//! The log of a real process: what it wrote is there however it ended.

#![allow(clippy::disallowed_methods, reason = "plain tests without a runtime")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

struct Logging {
    child: Option<Child>,
    dir: TempDir,
}

impl Logging {
    /// The example with `more` in its configuration, logging to `logs/a.log`.
    fn start(more: &str, flags: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = format!(
            "[app]\ndrain = \"10ms\"\nstop_within = \"300ms\"\n[log]\noutput = \"file\"\nrepeat.burst = 0\n\
             file.path = \"logs/a.log\"\n{more}\n"
        );
        let never = if more.contains("flush_every") { "" } else { "[log]\nfile.flush_every = \"1h\"" };
        let config = if never.is_empty() { config } else { config.replace("[log]", never) };
        let config = if config.contains("[server.lines]") { config } else { config + "[server.lines]\n" };
        fs::write(dir.path().join("a.toml"), config).unwrap();
        let child = Command::new(crate::process::example("lines"))
            .args(["--config", "a.toml"])
            .args(flags)
            .current_dir(dir.path())
            .env_remove("INKSTONE_CONFIG")
            .env_remove("INKSTONE_LOG")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the example runs");
        Self { child: Some(child), dir }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("logs")
    }

    /// Every line of every file, oldest first, each of which must be whole.
    fn lines(&self) -> Vec<Value> {
        let mut files: Vec<_> =
            fs::read_dir(self.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        // The one in use comes last.
        files
            .sort_by_key(|file| (file.extension().is_some_and(|extension| extension == "log"), file.clone()));
        files.iter().flat_map(|file| parse(file)).collect()
    }

    fn until(&self, what: &str, is_it: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !is_it() {
            assert!(Instant::now() < deadline, "{what} did not happen");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn until_written(&self, bytes: u64) {
        self.until("writing", || size(&self.path()) >= bytes);
    }

    fn signal(&self, name: &str) {
        let pid = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    fn end(&mut self) -> Output {
        self.child.take().unwrap().wait_with_output().unwrap()
    }

    /// How many lines it says it has logged, and how many are there.
    fn counted(&mut self) -> (usize, usize) {
        let said = String::from_utf8(self.end().stdout).unwrap();
        let said = said.trim().strip_prefix("lines: ").unwrap_or_else(|| panic!("{said}")).parse().unwrap();
        (said, counted(&self.lines()))
    }
}

impl Drop for Logging {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _gone = child.kill();
            let _gone = child.wait();
        }
    }
}

fn parse(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "{} ends within a line", file.display());
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

fn size(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).map(|found| found.len()).sum()
}

fn counted(lines: &[Value]) -> usize {
    let mut numbers: Vec<_> = lines
        .iter()
        .filter(|line| line["message"] == "counted")
        .map(|line| line["number"].as_u64().unwrap())
        .collect();
    let all = numbers.len();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), all, "a line was written twice");
    all
}

#[test]
fn nothing_is_lost_at_sigterm_and_no_line_is_split_over_files() {
    let mut log =
        Logging::start("file.max_size = \"64KiB\"\nfile.max_files = 0\nfile.buffer = \"16KiB\"", &[]);
    log.until_written(300 << 10);
    log.signal("TERM");
    let (said, found) = log.counted();
    assert_eq!(said, found);
    assert!(fs::read_dir(log.path()).unwrap().count() > 4);
    let last = log.lines();
    assert!(last.iter().any(|line| line["message"] == "stopping"), "what comes after is there too");
}

#[test]
fn nothing_is_lost_when_the_stop_is_cut_off_at_its_deadline() {
    let mut log = Logging::start("file.buffer = \"64KiB\"\n[server.lines]\nstuck = true", &[]);
    log.until_written(64 << 10);
    log.signal("TERM");
    let (said, found) = log.counted();
    assert_eq!(said, found);
}

#[test]
fn nothing_is_lost_at_a_second_signal() {
    let more = "file.buffer = \"64KiB\"\n[server.lines]\nstuck = true";
    let mut log = Logging::start(more, &["--set", "app.stop_within=1h"]);
    log.until_written(64 << 10);
    log.signal("TERM");
    // Its threads have ended, and said so, before it is stuck.
    let mut out = std::io::BufReader::new(log.child.as_mut().unwrap().stdout.take().unwrap());
    let mut said = String::new();
    std::io::BufRead::read_line(&mut out, &mut said).unwrap();
    log.signal("TERM");
    assert!(!log.end().status.success());
    assert_eq!(said.trim(), format!("lines: {}", counted(&log.lines())));
}

#[test]
fn nothing_is_lost_at_a_panic_an_abort_or_the_end_of_a_job() {
    for job in ["panic", "abort", "late"] {
        let mut log = Logging::start("", &["--job", job]);
        let out = log.end();
        assert_eq!(counted(&log.lines()), 100, "{job}: {}", String::from_utf8_lossy(&out.stderr));
    }
}

#[test]
fn the_first_app_of_a_process_decides_what_is_logged() {
    let mut log = Logging::start("", &["--job", "two"]);
    log.end();
    assert_eq!(counted(&log.lines()), 10);
}

#[test]
fn a_log_that_somebody_moves_or_whose_folder_is_removed_is_made_anew() {
    let mut log = Logging::start("file.buffer = \"4KiB\"", &[]);
    log.until_written(8 << 10);
    let (file, moved) = (log.path().join("a.log"), log.path().join("a.log.1"));
    fs::rename(&file, &moved).unwrap();
    log.until("a new file", || file.exists());
    let before = parse_so_far(&moved);
    assert!(before > 0);
    fs::remove_dir_all(log.path()).unwrap();
    log.until("a new folder", || file.exists());
    log.signal("TERM");
    assert!(log.end().status.success());
    assert!(counted(&log.lines()) > 0);
}

fn parse_so_far(file: &Path) -> usize {
    fs::read_to_string(file).unwrap().lines().count()
}

#[test]
fn a_log_that_cannot_be_written_is_complained_of_once_and_the_service_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let blocked = dir.path().join("blocked");
    // A file stands where the folder should be: that stops root as well.
    fs::write(&blocked, "").unwrap();
    let path = format!("log.file.path={}", blocked.join("a.log").display());
    let mut log = Logging::start("file.buffer = \"4KiB\"\nfile.flush_every = \"10ms\"", &["--set", &path]);
    let mut err = std::io::BufReader::new(log.child.as_mut().unwrap().stderr.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut err, &mut line).unwrap();
    assert!(line.contains("cannot write the log to") && line.contains("blocked"), "{line}");
    fs::remove_file(&blocked).unwrap();
    line.clear();
    std::io::BufRead::read_line(&mut err, &mut line).unwrap();
    assert!(
        line.contains("is written to") && line.contains("lines were dropped"),
        "said once, then well again: {line}"
    );
    log.signal("TERM");
    assert!(log.end().status.success());
    assert!(!parse(&blocked.join("a.log")).is_empty());
}

#[test]
fn levels_follow_the_configuration_while_the_service_runs() {
    let mut log = Logging::start("file.buffer = \"1KiB\"\nfile.flush_every = \"10ms\"", &[]);
    log.until_written(4 << 10);
    let config = fs::read_to_string(log.dir.path().join("a.toml")).unwrap();
    let quiet = config.replace("[log]\n", "[log]\nlevel = \"info,lines=off\"\n");
    fs::write(log.dir.path().join("a.toml"), quiet).unwrap();
    let sizes = || {
        let before = size(&log.path());
        std::thread::sleep(Duration::from_millis(100));
        (before, size(&log.path()))
    };
    log.until("silence", || {
        let (before, after) = sizes();
        before == after
    });
    fs::write(log.dir.path().join("a.toml"), config).unwrap();
    log.until("lines again", || {
        let (before, after) = sizes();
        before < after
    });
    log.signal("TERM");
    assert!(log.end().status.success());
}
