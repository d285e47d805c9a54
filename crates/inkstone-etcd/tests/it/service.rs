//! A whole service whose configuration is in etcd.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::SOON;
use crate::server::Server;

/// The example `shelf`, which cargo builds before the tests.
fn program() -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    if path.ends_with("deps") {
        path.pop();
    }
    path.join("examples/shelf")
}

struct Service {
    dir: tempfile::TempDir,
    child: Child,
}

impl Service {
    fn start(config: &str, flags: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let output = File::create(dir.path().join("output")).unwrap();
        let child = Command::new(program())
            .current_dir(dir.path())
            .env("INKSTONE_CONFIG", config)
            .args(flags)
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .expect("the example is built by `cargo test` and `cargo build --examples`");
        Self { dir, child }
    }

    fn output(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("output")).unwrap()
    }

    #[track_caller]
    fn says(&self, part: &str) {
        let start = Instant::now();
        while !self.output().contains(part) {
            assert!(start.elapsed() < SOON, "no {part:?} in\n{}", self.output());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn ends(mut self) -> (Option<i32>, String) {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status.code(), self.output());
            }
            assert!(start.elapsed() < SOON, "it does not end:\n{}", self.output());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

#[test]
fn a_service_starts_follows_refuses_and_outlives_its_key() {
    let server = Server::start();
    server.must(&["put", "/config/shelf.toml", "[shelf]\ngoods = 1\n"]);
    server.ask_for_passwords();
    let service = Service::start(&format!("etcd://shop:hunter2@{}/config/shelf.toml", server.addr()), &[]);
    service.says("ready");
    let put = |text: &str| server.must(&["--user=root:toor", "put", "/config/shelf.toml", text]);
    put("[shelf]\ngoods = 2\n");
    service.says("configuration applied");
    put("[shelf]\ngods = 3\n");
    service.says("did you mean `goods`?");
    service.says("INK3004");
    server.must(&["--user=root:toor", "del", "/config/shelf.toml"]);
    service.says("INK3008");
    put("[shelf]\ngoods = 4\n");
    service.says("followed again");
    let stopped =
        Command::new("kill").args(["-s", "TERM", &service.child.id().to_string()]).status().unwrap();
    assert!(stopped.success());
    let (status, output) = service.ends();
    assert_eq!(status, Some(0), "{output}");
    assert!(!output.contains("hunter2"), "{output}");
}

#[test]
fn what_cannot_be_read_ends_the_start_with_its_code() {
    let server = Server::start();
    let check = |config: &str, status: i32, parts: &[&str]| {
        let (ended, output) = Service::start(config, &[]).ends();
        assert_eq!(ended, Some(status), "{output}");
        for part in parts {
            assert!(output.contains(part), "no {part:?} in\n{output}");
        }
    };
    let addr = server.addr();
    check(&format!("etcd://{addr}/config/shelf.toml"), 69, &["INK1014", &addr, "there is no key"]);
    check("nacos://10.0.0.1:8848/shelf.toml", 78, &["INK1013", "config_source", "`etcd://`"]);
}

#[test]
fn check_reads_the_sources_and_reports_what_is_wrong_in_them() {
    let server = Server::start();
    let location = format!("etcd://{}/config/shelf.toml", server.addr());
    server.must(&["put", "/config/shelf.toml", "[shelf]\ngoods = 1\n"]);
    let (status, output) = Service::start(&location, &["--check"]).ends();
    assert_eq!(status, Some(0), "{output}");
    server.must(&["put", "/config/shelf.toml", "[shelf]\ngods = 1\n"]);
    let (status, output) = Service::start(&location, &["--check"]).ends();
    assert_eq!(status, Some(78), "{output}");
    assert!(output.contains(&location) && output.contains("INK1001"), "{output}");
}
