//! Shapes of types that a configuration may have.

use std::collections::BTreeMap;

use inkstone_config::{Addr, Code, Config, Dur, Secret, Settings, Sources};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Backend {
    None,
    File { path: String },
    Remote(Remote),
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
struct Remote {
    addr: String,
    tries: u8,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum OneOrMany {
    One(Addr),
    Many(Vec<Addr>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
struct Shapes {
    backend: Backend,
    remote: Option<Remote>,
    remotes: Vec<Remote>,
    by_name: BTreeMap<String, Remote>,
    by_number: BTreeMap<u16, String>,
    secrets: Vec<Secret>,
    token: Option<Secret>,
    addr: OneOrMany,
    pair: (u8, Dur),
    anything: BTreeMap<String, serde_json::Value>,
}

impl Default for Shapes {
    fn default() -> Self {
        Self {
            backend: Backend::File { path: "/var".to_owned() },
            remote: None,
            remotes: Vec::new(),
            by_name: BTreeMap::new(),
            by_number: BTreeMap::new(),
            secrets: Vec::new(),
            token: None,
            addr: OneOrMany::One(Addr::local(1)),
            pair: (1, Dur::from_secs(1)),
            anything: BTreeMap::new(),
        }
    }
}

impl Config for Shapes {}

fn read(text: &str) -> (Settings, Shapes) {
    let settings = Settings::open(Sources::new().text("a.toml", &format!("[shapes]\n{text}")));
    let shapes = settings.load::<Shapes>("shapes", "shapes").get();
    (settings, Shapes::clone(&shapes))
}

#[track_caller]
fn good(text: &str) -> Shapes {
    let (settings, shapes) = read(text);
    assert!(settings.problems().is_empty(), "{}", settings.problems());
    shapes
}

#[test]
fn every_shape_can_be_written() {
    assert_eq!(good(""), Shapes::default());
    assert_eq!(good("backend = \"none\"").backend, Backend::None);
    assert_eq!(good("backend.file.path = \"/tmp\"").backend, Backend::File { path: "/tmp".to_owned() });
    let remote = Remote { addr: String::new(), tries: 3 };
    assert_eq!(good("backend.remote.tries = 3").backend, Backend::Remote(remote.clone()));
    assert_eq!(good("remote.tries = 3").remote, Some(remote.clone()));
    assert_eq!(good("remotes = [{ tries = 3 }]").remotes, vec![remote.clone()]);
    assert_eq!(good("by_name.\"a.b\".tries = 3").by_name["a.b"], remote);
    assert_eq!(good("by_number.80 = \"http\"").by_number[&80], "http");
    assert_eq!(good("secrets = [\"a\"]").secrets[0].reveal(), "a");
    assert_eq!(good("token = \"a\"").token.unwrap().reveal(), "a");
    assert_eq!(good("addr = [\"a:1\"]").addr, OneOrMany::Many(vec!["a:1".parse().unwrap()]));
    assert_eq!(good("pair = [2, \"3s\"]").pair, (2, Dur::from_secs(3)));
    assert_eq!(good("anything.a.b = [1, { c = true }]").anything["a"]["b"][1]["c"], true);
}

#[test]
fn a_mistake_in_any_shape_is_found_at_its_place() {
    for (text, code, key) in [
        ("backend = \"nome\"", Code::InvalidValue, "backend"),
        ("backend.remote.tris = 3", Code::UnknownKey, "backend.remote.tris"),
        ("backend.remote.tries = 300", Code::OutOfRange, "backend.remote.tries"),
        ("remote.tris = 3", Code::UnknownKey, "remote.tris"),
        ("remote.tries = \"x\"", Code::WrongType, "remote.tries"),
        ("remotes = [{}, { tries = \"x\" }]", Code::WrongType, "remotes.1.tries"),
        ("remotes = [{ tris = 1 }]", Code::UnknownKey, "remotes.0.tris"),
        ("by_name.a.tries = -1", Code::OutOfRange, "by_name.a.tries"),
        ("by_number.x = \"http\"", Code::WrongType, "by_number.x"),
        ("secrets = [1]", Code::WrongType, "secrets.0"),
        ("token = 1", Code::WrongType, "token"),
        ("pair = [2, \"3\"]", Code::InvalidValue, "pair.1"),
        ("pair = [2]", Code::OutOfRange, "pair"),
    ] {
        let (settings, _) = read(text);
        let problems = settings.problems();
        let found: Vec<_> =
            problems.iter().map(|fault| (fault.code, fault.key.as_deref().unwrap())).collect();
        assert_eq!(found, [(code, &*format!("shapes.{key}"))], "{problems}");
        assert!(
            problems.iter().all(|fault| fault.origin.as_ref().is_some_and(|at| at.line == 2)),
            "{problems}"
        );
    }
}

#[test]
fn secrets_stay_hidden_in_every_shape() {
    let (settings, _) = read("secrets = [\"geheim\", \"${env:X:-geheim}\"]\ntoken = \"geheim\"");
    let shown = format!("{:?}", settings.effective());
    assert!(!shown.contains("geheim") && shown.contains("***"), "{shown}");
    let changed = Sources::new().text("a.toml", "[shapes]\nsecrets = [\"a\"]");
    let leaf = |settings: &Settings| {
        settings.effective().into_iter().find(|leaf| leaf.key == "shapes.secrets").unwrap()
    };
    let settings = Settings::open(changed);
    let _ = settings.load::<Shapes>("shapes", "shapes");
    assert_eq!(leaf(&settings).value, serde_json::json!(["***"]));
}
