//! What the targets share: configuration types with everything a component may have, and what holds for every report.

use std::collections::BTreeMap;

use inkstone_config::{Addr, Config, Dur, Kind, Problems, Secret, Settings, Size};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The kinds of tables that the targets know.
pub const KINDS: &[Kind] =
    &[Kind::of::<Client>("client"), Kind::table::<Log>("log"), Kind::table::<Server>("server.http")];

/// What stands for a secret: where it is the value of a secret key, nothing may print it.
pub const CANARY: &str = "hunter2";

/// A component with nested tables, enums, lists and secrets.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Client {
    pool_size: u32,
    #[schemars(range(min = 0.0, max = 1.0))]
    ratio: f64,
    password: Secret,
    most_reply: Size,
    topology: Topology,
    login: Option<Login>,
    #[schemars(extend("x-live" = true))]
    guard: Guard,
    tags: Vec<String>,
    name: Option<String>,
}

/// Limits, live and by method.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
struct Guard {
    timeout: Dur,
    #[schemars(range(max = 10))]
    retries: u8,
    methods: BTreeMap<String, Method>,
}

/// Limits of one method.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
struct Method {
    timeout: Option<Dur>,
    on: bool,
}

/// An enum that a key tells apart.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "mode", rename_all = "lowercase")]
enum Topology {
    Single {
        addr: Addr,
    },
    Cluster {
        addrs: Vec<Addr>,
        #[serde(default)]
        refresh: Dur,
    },
}

/// An enum with secrets in it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Login {
    Bearer(Secret),
    User { name: String, password: Secret },
    Nobody,
}

impl Default for Guard {
    fn default() -> Self {
        Self { timeout: Dur::from_secs(1), retries: 2, methods: BTreeMap::new() }
    }
}

impl Default for Client {
    fn default() -> Self {
        Self {
            pool_size: 20,
            ratio: 0.5,
            password: Secret::default(),
            most_reply: Size::mib(4),
            topology: Topology::Single { addr: Addr::local(6379) },
            login: None,
            guard: Guard::default(),
            tags: Vec::new(),
            name: None,
        }
    }
}

impl Config for Client {
    fn check(&self, problems: &mut Problems) {
        if self.pool_size == 0 {
            problems.reject("pool_size", "0 is no pool");
        }
    }
}

/// A table of one name.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Log {
    level: Level,
    token: Secret,
}

impl Config for Log {}

/// An enum of words.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Level {
    Debug,
    #[default]
    Info,
}

/// A kind of two steps.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Server {
    host: String,
    port: u16,
}

impl Config for Server {}

/// Loads every table that the targets know.
pub fn load_all(settings: &Settings) {
    let _ = settings.load::<Client>("client", "client.a");
    let _ = settings.load_or_default::<Client>("client", "client.\"b.c\"");
    let _ = settings.load_or_default::<Log>("log", "log");
    let _ = settings.load_or_default::<Server>("server.http", "server.http");
}

/// What a program or the console prints about problems. Every fault must point to a place that exists.
pub fn report(problems: &Problems) -> String {
    for fault in problems {
        let Some(origin) = fault.origin.as_ref().filter(|origin| origin.line > 0) else { continue };
        let text = &origin.source.text;
        let line = text.split('\n').nth(origin.line as usize - 1);
        let line = line.unwrap_or_else(|| panic!("{origin}: no such line in {text:?}"));
        let most = line.chars().count() + 1;
        assert!((1..=most).contains(&(origin.column as usize)), "{origin}: no such column in {line:?}");
    }
    format!("{}{}{}", problems.render(false), problems.render(true), problems.to_json_lines())
}

/// Everything that is shown of settings.
pub fn shown(settings: &Settings) -> String {
    let effective = settings.effective();
    let effective: String =
        effective.iter().map(|e| format!("{} = {} {}\n", e.key, e.value, e.origin)).collect();
    format!("{}{}{effective}", report(&settings.problems()), report(&settings.unread_tables()))
}

/// Whether the canary stands in the text once, and there in the value of a key that is a secret.
pub fn holds_secret(name: &str, text: &str) -> bool {
    if text.matches(CANARY).count() != 1 {
        return false;
    }
    let parsed: Option<Value> = match name.rsplit('.').next() {
        Some("toml") => toml::from_str(text).ok(),
        Some("yaml") => serde_saphyr::from_str(text).ok(),
        _ => serde_json::from_str(text).ok(),
    };
    let Some(root) = parsed else { return false };
    let clients = ["a", "b.c"].map(|name| &root["client"][name]);
    let secrets = clients.iter().flat_map(|client| {
        let login = &client["login"];
        [&client["password"], &login["bearer"], &login["user"]["password"]]
    });
    secrets.chain([&root["log"]["token"]]).any(|value| value.to_string().contains(CANARY))
}
