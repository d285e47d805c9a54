//! Configuration from keys.

use std::time::{Duration, Instant};

use inkstone_config::conformance::{self, Subject};
use inkstone_config::{Config, Live, Settings, Sources};
use inkstone_etcd::config_source;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::SOON;
use crate::server::Server;

/// The key `/config/app.toml` of an etcd that asks for a password.
struct Key {
    server: Server,
    /// Behind the address.
    path: &'static str,
    query: String,
}

const ROOT: &str = "--user=root:toor";

impl Key {
    fn at(&self, path: &str) -> Sources {
        let location = format!("etcd://shop:hunter2@{}{path}{}", self.server.addr(), self.query);
        Sources::new().remote(config_source()).location(location)
    }
}

impl Subject for Key {
    fn sources(&self) -> Sources {
        self.at(self.path)
    }

    fn absent(&self) -> Sources {
        self.at("/config/other.toml")
    }

    async fn write(&mut self, text: &str) {
        self.server.must(&[ROOT, "put", "/config/app.toml", text]);
    }

    async fn delete(&mut self) {
        self.server.must(&[ROOT, "del", "/config/app.toml"]);
    }

    async fn lose(&mut self) {
        self.server.down();
    }

    async fn restore(&mut self) {
        self.server.up();
    }

    fn credentials(&self) -> Vec<String> {
        vec!["hunter2".to_owned(), "shop:".to_owned()]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_does_what_every_source_must() {
    let server = Server::start();
    server.ask_for_passwords();
    conformance::check(Key { server, path: "/config/app.toml", query: String::new() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prefix_does_what_every_source_must() {
    let server = Server::start();
    server.ask_for_passwords();
    conformance::check(Key { server, path: "/config/", query: String::new() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_over_tls_does_what_every_source_must() {
    let server = Server::start_with_tls();
    server.ask_for_passwords();
    let file = |name: &str| server.file(name).display().to_string();
    let query = format!("?ca={}&cert={}&key={}", file("ca.pem"), file("tls.crt"), file("tls.key"));
    conformance::check(Key { server, path: "/config/app.toml", query }).await;
}

/// A shelf of the shop.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
struct Shelf {
    /// How many goods fit.
    #[schemars(extend("x-live" = true))]
    goods: u32,
    /// How many cups fit.
    #[schemars(extend("x-live" = true))]
    cups: u32,
}

impl Config for Shelf {}

async fn open(location: &str) -> (Settings, Live<Shelf>) {
    let sources = Sources::new().remote(config_source()).location(location);
    sources.fetch().await;
    let settings = Settings::open(sources);
    let shelf = settings.load::<Shelf>("shelf", "shelf");
    (settings, shelf)
}

async fn soon(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < SOON, "not within {SOON:?}: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_a_prefix_are_merged_in_order_and_a_deleted_one_disappears() {
    let server = Server::start();
    server.must(&["put", "/config/shop/a.toml", "[shelf]\ngoods = 1\ncups = 1\n"]);
    server.must(&["put", "/config/shop/b.yaml", "shelf:\n  goods: 2\n"]);
    server.must(&["put", "/config/shop2.toml", "[shelf]\ngoods = 3\n"]);
    let (settings, shelf) = open(&format!("etcd://{}/config/shop/", server.addr())).await;
    assert!(settings.problems().is_empty(), "{}", settings.problems());
    assert_eq!((shelf.get().goods, shelf.get().cups), (2, 1));
    let origin = format!("etcd://{}/config/shop/b.yaml:2:10", server.addr());
    assert!(settings.effective().iter().any(|value| value.origin == origin), "{:?}", settings.effective());
    let _watching = settings.watch();
    server.must(&["del", "/config/shop/b.yaml"]);
    soon("the key is gone", || shelf.get().goods == 1).await;
    server.must(&["put", "/config/shop/c.json", r#"{"shelf": {"cups": 9}}"#]);
    soon("the new key is read", || shelf.get().cups == 9).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_and_compacted_during_an_outage_arrives_after_it() {
    let mut server = Server::start();
    server.must(&["put", "/a.toml", "[shelf]\ngoods = 1\n"]);
    let (settings, shelf) = open(&format!("etcd://{}/a.toml", server.addr())).await;
    assert!(settings.problems().is_empty(), "{}", settings.problems());
    let _watching = settings.watch();
    server.down();
    soon("the outage is seen", || settings.status().sources[0].trouble.is_some()).await;
    server.up();
    for goods in 2..5 {
        server.must(&["put", "/a.toml", &format!("[shelf]\ngoods = {goods}\n")]);
    }
    let newest = server.must(&["get", "/a.toml", "-w", "json"]);
    let revision =
        newest.split_once("\"revision\":").unwrap().1.split(|c: char| !c.is_ascii_digit()).next().unwrap();
    server.must(&["compact", revision, "--physical"]);
    soon("the newest content", || shelf.get().goods == 4).await;
    server.must(&["put", "/a.toml", "[shelf]\ngoods = 5\n"]);
    soon("and what follows it", || shelf.get().goods == 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_are_a_start_error_that_shows_none() {
    let server = Server::start();
    server.must(&["put", "/config/a.toml", "[shelf]\ngoods = 1\n"]);
    server.must(&["put", "/other/a.toml", "[shelf]\ngoods = 1\n"]);
    let check = |location: String, parts: &'static [&'static str]| async move {
        let (settings, _) = open(&location).await;
        let report = settings.problems().to_string();
        for part in parts.iter().chain(&["INK1014"]) {
            assert!(report.contains(part), "no {part:?} in\n{report}");
        }
        assert!(!report.contains("hunter"), "{report}");
    };
    let at = |login: &str, path: &str| format!("etcd://{login}{}{path}?timeout=1h", server.addr());
    check(
        at("shop:hunter2@", "/config/a.toml"),
        &["authentication is not enabled", "leave user and password out"],
    )
    .await;
    server.ask_for_passwords();
    check(at("shop:hunter3@", "/config/a.toml"), &["invalid user ID or password"]).await;
    check(at("", "/config/a.toml"), &["user name is empty", "asks for user and password"]).await;
    check(at("shop:hunter2@", "/other/a.toml"), &["permission denied", "grant-permission"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_named_and_the_second_host_is_tried() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = nobody.local_addr().unwrap();
    drop(nobody);
    let (settings, _) = open(&format!("etcd://{gone}/a.toml?timeout=300ms")).await;
    let report = settings.problems().to_string();
    for part in ["INK1014", &gone.to_string(), "Connection refused", "(tried for 300ms)"] {
        assert!(report.contains(part), "no {part:?} in\n{report}");
    }
    let server = Server::start();
    server.must(&["put", "/a.toml", "[shelf]\ngoods = 7\n"]);
    let (settings, shelf) = open(&format!("etcd://{gone},{}/a.toml", server.addr())).await;
    assert!(settings.problems().is_empty(), "{}", settings.problems());
    assert_eq!(shelf.get().goods, 7);
}

#[tokio::test]
async fn an_address_that_cannot_be_used_says_why_before_anything_is_contacted() {
    for (location, part) in [
        ("etcd://127.0.0.1:1", "does not name a host and a key"),
        ("etcd:///a.toml", "does not name a host and a key"),
        ("etcd://h/a.toml?tls=yes", "`tls` is `true` or `false`"),
        ("etcd://h/a.toml?cert=c", "given together"),
        ("etcd://user@h/a.toml", "given together"),
        ("etcd://user@h/a.toml?password_file=/not/there", "cannot be read"),
        ("etcd://h/a.toml?pasword_file=x", "did you mean `password_file`?"),
    ] {
        let (settings, _) = open(location).await;
        let report = settings.problems().to_string();
        assert!(report.contains(part) && report.contains("INK1013"), "{location}: {report}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_may_stand_in_a_file() {
    let server = Server::start();
    server.must(&["put", "/config/a.toml", "[shelf]\ngoods = 7\n"]);
    server.ask_for_passwords();
    std::fs::write(server.file("password"), "hunter2\n").unwrap();
    let file = server.file("password");
    let location = format!("etcd://shop@{}/config/a.toml?password_file={}", server.addr(), file.display());
    let (settings, shelf) = open(&location).await;
    assert!(settings.problems().is_empty(), "{}", settings.problems());
    assert_eq!(shelf.get().goods, 7);
}

/// Asserts that every write arrives, and prints how soon: docs/performance.md has the figures.
#[tokio::test(flavor = "multi_thread")]
async fn fifty_writes_each_are_applied() {
    let server = Server::start();
    server.must(&["put", "/a.toml", "[shelf]\ngoods = 0\n"]);
    let (settings, shelf) = open(&format!("etcd://{}/a.toml", server.addr())).await;
    let _watching = settings.watch();
    let table = format!("[etcd.a]\naddr = \"{}\"\n", server.addr());
    let etcd = crate::client::build(&table).await;
    let mut took = Vec::new();
    for goods in 1..=50 {
        let mut changes = shelf.changes();
        let before = Instant::now();
        etcd.put("/a.toml", format!("[shelf]\ngoods = {goods}\n")).await.unwrap();
        let arrived = tokio::time::timeout(SOON, async {
            while shelf.get().goods != goods {
                changes.changed().await;
            }
        });
        arrived.await.unwrap_or_else(|_| panic!("write {goods} does not arrive; {:?}", settings.status()));
        took.push(before.elapsed());
    }
    took.sort();
    println!("etcd key from before the write to applied, 50 writes: p50 {:?}, p99 {:?}", took[24], took[49]);
}
