//! What holds for all sources together, whatever is in them.

use std::collections::BTreeMap;

use inkstone_config::{Code, Config, Kind, Secret, Settings, Sources, check_text};
use proptest::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::types::Redis;

/// Writes a table in one of the formats, as the file `name` would have it.
fn written(index: usize, name: &str, root: &Value) -> (String, String) {
    match index % 3 {
        0 => (format!("{name}.toml"), toml::to_string(root).unwrap()),
        // JSON is YAML too.
        1 => (format!("{name}.yaml"), serde_json::to_string_pretty(root).unwrap()),
        _ => (format!("{name}.json"), root.to_string()),
    }
}

/// Keys of `[redis.a]` that do not concern each other, and a value that fits each.
const KEYS: &[&str] =
    &["pool_size", "client_name", "most_reply", "guard.timeout", "guard.retries", "topology.addr"];

fn value(key: &str, number: u8) -> Value {
    match key {
        "pool_size" => json!(u32::from(number) + 10),
        "guard.retries" => json!(number % 10),
        "most_reply" => json!(format!("{}KiB", u32::from(number) + 1)),
        "guard.timeout" => json!(format!("{}ms", u32::from(number) + 1)),
        "topology.addr" => json!(format!("host{number}:1")),
        _ => json!(format!("name{number}")),
    }
}

fn set(root: &mut Value, key: &str, value: Value) {
    let place = ["redis", "a"].into_iter().chain(key.split('.'));
    *place.fold(root, |table, step| &mut table[step]) = value;
}

/// Some of the keys, each with a number for its value.
fn layer() -> impl Strategy<Value = BTreeMap<usize, u8>> {
    prop::collection::btree_map(0..KEYS.len(), any::<u8>(), 0..KEYS.len())
}

proptest! {
    #[test]
    fn each_key_has_the_value_and_the_origin_of_the_last_source_that_sets_it(
        files in prop::collection::vec(layer(), 1..5),
        env in layer(),
        flags in layer(),
    ) {
        let mut sources = Sources::new();
        let mut expected: BTreeMap<usize, (Value, String)> = BTreeMap::new();
        for (index, layer) in files.iter().enumerate() {
            let mut root = json!({ "redis": { "a": {} } });
            let (name, _) = written(index, &format!("file{index}"), &json!({}));
            for (key, number) in layer {
                set(&mut root, KEYS[*key], value(KEYS[*key], *number));
                expected.insert(*key, (value(KEYS[*key], *number), name.clone()));
            }
            let (name, text) = written(index, &format!("file{index}"), &root);
            sources = sources.text(&name, &text);
        }
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        for (key, number) in &env {
            let value = value(KEYS[*key], *number);
            let name = format!("INKSTONE__REDIS__A__{}", KEYS[*key].to_uppercase().replace('.', "__"));
            sources = sources.env([(name.clone(), text(&value))]);
            expected.insert(*key, (value, format!("environment {name}")));
        }
        for (key, number) in &flags {
            let value = value(KEYS[*key], *number);
            sources = sources.set(&format!("redis.a.{}={}", KEYS[*key], text(&value)));
            expected.insert(*key, (value, "--set".to_owned()));
        }
        let settings = Settings::open(sources);
        let _ = settings.load_or_default::<Redis>("redis", "redis.a");
        prop_assert!(settings.problems().is_empty(), "{}", settings.problems());
        let effective: BTreeMap<_, _> = settings.effective().into_iter().map(|it| (it.key.clone(), it)).collect();
        for (index, key) in KEYS.iter().enumerate() {
            let found = &effective[&format!("redis.a.{key}")];
            match expected.get(&index) {
                Some((value, origin)) => {
                    // A megabyte may be written in two ways; both are the same value.
                    if *key != "most_reply" && *key != "guard.timeout" {
                        prop_assert_eq!(&found.value, value);
                    }
                    prop_assert!(found.origin.starts_with(origin.as_str()), "{}: {} and not {}", key, found.origin, origin);
                }
                None => prop_assert_eq!(&*found.origin, "default"),
            }
        }
    }

    #[test]
    fn a_misspelt_key_is_reported_with_the_one_that_was_meant(
        key in prop::sample::select(vec!["pool_size", "client_name", "most_reply", "password", "topology"]),
        at in 1..6usize,
        index in 0..3usize,
    ) {
        let mut wrong: Vec<char> = key.chars().collect();
        wrong.swap(at, at + 1);
        let wrong: String = wrong.into_iter().collect();
        prop_assume!(wrong != key);
        let mut root = json!({ "redis": { "a": {} } });
        root["redis"]["a"][&wrong] = json!("x");
        let (name, text) = written(index, "f", &root);
        let settings = Settings::open(Sources::new().text(&name, &text));
        let _ = settings.load::<Redis>("redis", "redis.a");
        let problems = settings.problems();
        let found: Vec<_> = problems.iter().map(|fault| (fault.code, fault.message.clone())).collect();
        prop_assert_eq!(found, [(Code::UnknownKey, format!("unknown key; did you mean `{key}`?"))]);
    }
}

/// A table with secrets at any depth, behind everything that may stand around one.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
struct Vault {
    word: Secret,
    size: u32,
    inner: Option<Box<Self>>,
    list: Vec<Self>,
    named: BTreeMap<String, Self>,
    words: Vec<Secret>,
    choice: Option<Choice>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Choice {
    Word(Secret),
    Pair { left: Secret, right: Box<Vault> },
}

impl Config for Vault {}

const KINDS: &[Kind] = &[Kind::of::<Vault>("vault")];

const CANARY: &str = "hunter2";

/// Texts that hold the canary, as awkward as texts are.
fn secret() -> impl Strategy<Value = Value> {
    "[a-z\"'\\\\:#={}\n\t é-]{0,12}".prop_map(|around| json!(format!("{around}{CANARY}{around}")))
}

/// A vault with a secret in it, and perhaps something that is wrong beside it.
fn vault() -> impl Strategy<Value = Value> {
    let wrong = prop_oneof![
        4 => Just(None),
        1 => Just(Some(("siz", json!(3)))),
        1 => Just(Some(("size", json!("many")))),
        1 => Just(Some(("choice", json!({ "word": 7 })))),
    ];
    let leaf = (secret(), wrong).prop_map(|(secret, wrong)| {
        let mut table = Map::from_iter([("word".to_owned(), secret)]);
        table.extend(wrong.map(|(key, value)| (key.to_owned(), value)));
        Value::Object(table)
    });
    leaf.prop_recursive(6, 24, 3, |below| {
        prop_oneof![
            below.clone().prop_map(|below| json!({ "inner": below })),
            prop::collection::vec(below.clone(), 1..3).prop_map(|list| json!({ "list": list })),
            below.clone().prop_map(|below| json!({ "named": { "a b": below } })),
            prop::collection::vec(secret(), 1..3).prop_map(|words| json!({ "words": words })),
            secret().prop_map(|secret| json!({ "choice": { "word": secret } })),
            (secret(), below)
                .prop_map(|(left, right)| json!({ "choice": { "pair": { "left": left, "right": right } } })),
        ]
    })
}

proptest! {
    #[test]
    fn a_secret_is_never_shown_wherever_it_stands(vaults in prop::collection::vec((vault(), 0..3usize), 1..3), more: bool) {
        let mut sources = Sources::new();
        let mut shown = String::new();
        for (at, (vault, index)) in vaults.iter().enumerate() {
            let mut root = json!({ "vault": { "a": vault } });
            if more {
                root["vault"]["a"]["unknown"] = json!(1);
            }
            let (name, text) = written(*index, &format!("f{at}"), &root);
            let checked = check_text(&name, &text, KINDS);
            shown += &format!("{checked}{checked:?}{}{}", checked.render(true), checked.to_json_lines());
            sources = sources.text(&name, &text);
        }
        let settings = Settings::open(sources);
        let live = settings.load::<Vault>("vault", "vault.a");
        let problems = settings.problems();
        shown += &format!("{problems}{problems:?}{}{}", problems.to_json_lines(), settings.unread_tables());
        shown += &format!("{:?}{:?}{:?}", settings.effective(), settings.status(), live);
        shown += &serde_json::to_string(&*live.get()).unwrap();
        for value in settings.effective() {
            shown += &value.to_json().to_string();
        }
        prop_assert!(!shown.contains(CANARY), "{}", shown);
    }
}
