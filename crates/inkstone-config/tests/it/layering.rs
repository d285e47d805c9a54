//! Files over defaults, the environment over files, `--set` over all.

use inkstone_config::{Config, Dur, Effective, Settings, Size, Sources};
use serde_json::json;

use crate::types::{Client, Redis, Server, Topology};

fn load<C: Config>(sources: Sources, key: &str) -> C {
    let settings = Settings::open(sources);
    let value = settings.load::<C>("redis", key).get();
    assert!(settings.problems().is_empty(), "{}", settings.problems());
    C::clone(&value)
}

fn effective(settings: &Settings, key: &str) -> Effective {
    settings.effective().into_iter().find(|value| value.key == key).unwrap_or_else(|| panic!("no {key}"))
}

#[test]
fn a_nested_table_keeps_the_defaults_of_its_owner() {
    let redis: Redis = load(Sources::new().text("a.toml", "[redis.cart]\nguard.retries = 5"), "redis.cart");
    assert_eq!(redis.guard.retries, 5);
    assert_eq!(redis.guard.timeout, Dur::from_millis(250));
}

#[test]
fn the_same_content_reads_alike_in_every_format() {
    let toml = "[redis.cart]\npool_size = 7\nguard = { timeout = \"2s\", methods = { \"a.B/C\" = { timeout = \"1s\" } } }";
    let yaml = "redis:\n  cart:\n    pool_size: 7\n    guard:\n      timeout: 2s\n      methods:\n        a.B/C: {timeout: 1s}\n";
    let json = r#"{"redis": {"cart": {"pool_size": 7, "guard": {"timeout": "2s", "methods": {"a.B/C": {"timeout": "1s"}}}}}}"#;
    let read = |name, text| load::<Redis>(Sources::new().text(name, text), "redis.cart");
    let expect = read("a.toml", toml);
    assert_eq!(expect.pool_size, 7);
    assert_eq!(expect.guard.methods["a.B/C"].timeout, Some(Dur::from_secs(1)));
    assert_eq!(read("a.yaml", yaml), expect);
    assert_eq!(read("a.json", json), expect);
}

#[test]
fn each_layer_lies_over_the_one_before_and_each_value_knows_its_origin() {
    let sources = Sources::new()
        .text(
            "a.toml",
            "[redis.cart]\npool_size = 1\nmin_idle = 0\nmost_reply = \"1KiB\"\npassword = \"geheim\"",
        )
        .text("b.yaml", "redis:\n  cart:\n    pool_size: 2\n    client_name: b\n")
        .env([
            ("INKSTONE__REDIS__CART__POOL_SIZE", "3"),
            ("INKSTONE__REDIS__CART__MOST_REPLY", "2KiB"),
            ("HOME", "/"),
        ])
        .set("redis.cart.pool_size=4")
        .set("redis.cart.guard.methods.\"a.B/C\".timeout=5s");
    let settings = Settings::open(sources);
    let redis = settings.load::<Redis>("redis", "redis.cart").get();
    assert!(settings.problems().is_empty(), "{}", settings.problems());
    assert_eq!((redis.pool_size, redis.most_reply, redis.min_idle), (4, Size::kib(2), 0));
    for (key, value, origin, live) in [
        ("redis.cart.pool_size", json!(4), "--set", false),
        ("redis.cart.most_reply", json!("2KiB"), "environment INKSTONE__REDIS__CART__MOST_REPLY", false),
        ("redis.cart.client_name", json!("b"), "b.yaml:4:18", false),
        ("redis.cart.min_idle", json!(0), "a.toml:3:12", false),
        ("redis.cart.password", json!("***"), "a.toml:5:12", false),
        ("redis.cart.guard.timeout", json!("250ms"), "default", true),
        ("redis.cart.guard.methods.\"a.B/C\".timeout", json!("5s"), "--set", true),
        ("redis.cart.topology.addr", json!("127.0.0.1:6379"), "default", false),
    ] {
        let found = effective(&settings, key);
        assert_eq!((found.value, found.origin.as_str(), found.live), (value, origin, live), "{key}");
    }
}

#[test]
fn short_variables_and_flags_stand_between_files_and_what_spells_the_key_out() {
    let sources = || {
        let sources =
            Sources::new().text("a.toml", "[server.http]\nport = 1").short_env("PORT", "server.http.port");
        sources.env([("PORT", "2")])
    };
    for (sources, port, origin) in [
        (sources().env([("PORT", "")]), 1, "a.toml:2:8"),
        (sources(), 2, "environment PORT"),
        (
            sources().env([("INKSTONE__SERVER__HTTP__PORT", "3")]),
            3,
            "environment INKSTONE__SERVER__HTTP__PORT",
        ),
        (sources().flag("--port", "server.http.port", "4"), 4, "--port"),
        (sources().flag("--port", "server.http.port", "4").set("server.http.port=5"), 5, "--set"),
    ] {
        let settings = Settings::open(sources);
        assert_eq!(settings.load::<Server>("server.http", "server.http").get().port, port);
        assert_eq!(effective(&settings, "server.http.port").origin, origin);
    }
    let wrong = Settings::open(sources().env([("PORT", "many")]));
    wrong.load::<Server>("server.http", "server.http");
    assert!(wrong.problems().to_string().contains("environment PORT"), "{}", wrong.problems());
}

#[test]
fn another_variant_of_an_enum_replaces_the_whole_table() {
    let text = "[redis.cart.topology]\nmode = \"cluster\"\naddrs = [\"a:1\", \"b:2\"]";
    let redis: Redis = load(Sources::new().text("a.toml", text), "redis.cart");
    let Topology::Cluster { addrs, .. } = redis.topology else { panic!("{:?}", redis.topology) };
    assert_eq!(addrs.len(), 2);

    let one =
        load::<Redis>(Sources::new().text("a.toml", "[redis.cart.topology]\naddr = \"a:1\""), "redis.cart");
    assert_eq!(one.topology, Topology::Single { addr: "a:1".parse().unwrap() });
}

#[test]
fn text_from_outside_files_takes_the_type_of_its_key() {
    let sources = Sources::new()
        .text("a.toml", "[client]\naddr = \"${env:HOST:-localhost}:${env:PORT}\"\nlimit = \"${env:LIMIT}\"")
        .env([("PORT", "80"), ("LIMIT", "12")]);
    let client: Client = load(sources, "client");
    assert_eq!((client.addr.as_str(), client.limit), ("localhost:80", 12));

    let text = "[redis.cart]\ntopology = { mode = \"cluster\", addrs = [] }";
    let set = Sources::new()
        .text("a.toml", text)
        .set(r#"redis.cart.topology.addrs=["a:1"]"#)
        .set("redis.cart.client_name=7");
    let redis: Redis = load(set, "redis.cart");
    assert!(matches!(redis.topology, Topology::Cluster { addrs, .. } if addrs.len() == 1));
    assert_eq!(redis.client_name.as_deref(), Some("7"));
}

#[test]
fn a_table_may_come_from_the_environment_alone() {
    let server: Server = load(Sources::new().env([("INKSTONE__SERVER__HTTP__PORT", "81")]), "server.http");
    assert_eq!(server.port, 81);
}

#[test]
fn an_empty_yaml_table_is_a_table_of_defaults() {
    let redis: Redis = load(Sources::new().text("a.yml", "redis:\n  cart:\n"), "redis.cart");
    assert_eq!(redis, Redis::default());
    let redis: Redis = load(Sources::new().text("a.yml", "redis:\n  cart:\n    guard:\n"), "redis.cart");
    assert_eq!(redis, Redis::default());
}

#[test]
fn the_hash_is_that_of_the_files_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.toml");
    std::fs::write(&file, "\u{feff}[server.http]\nport = 5\n").unwrap();
    let settings = Settings::open(Sources::new().file(&file));
    assert_eq!(settings.load::<Server>("server.http", "server.http").get().port, 5);
    let status = settings.status();
    assert_eq!(status.sources[0].name, file.display().to_string());
    assert_eq!(status.sources[0].hash, "de3a2329db697a99ce888ef19a0545c85880ce45aaf5174bbc38eb4fe40748af");
}
