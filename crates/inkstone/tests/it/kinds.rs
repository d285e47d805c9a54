//! What all kinds of tables have in common.

use std::collections::BTreeMap;

use inkstone::KINDS;
use inkstone::config::{Key, Kind};
use serde_json::Value;

/// What a target may be called elsewhere. Here it is `addr`, one or a list.
const OTHER_NAMES_OF_A_TARGET: &[&str] = &[
    "address",
    "addresses",
    "addrs",
    "broker",
    "brokers",
    "dsn",
    "endpoint",
    "endpoints",
    "hosts",
    "server",
    "servers",
    "target",
    "targets",
    "uri",
    "url",
];

fn keys() -> Vec<(Kind, Key)> {
    KINDS.iter().flat_map(|kind| kind.keys().into_iter().map(|key| (*kind, key))).collect()
}

#[test]
fn every_target_is_called_addr() {
    for (kind, key) in keys() {
        let last = key.path.last().unwrap();
        // Not a component's: OpenTelemetry calls it so, in its variables too.
        if kind.prefix == "trace" && last == "endpoint" {
            continue;
        }
        assert!(
            !OTHER_NAMES_OF_A_TARGET.contains(&last.as_str()),
            "[{}] calls a target `{}`; elsewhere it is `addr`",
            kind.pattern(),
            key.name()
        );
        if key.form == "address" {
            assert!(last == "addr", "[{}] calls an address `{}`", kind.pattern(), key.name());
        }
    }
}

/// The schema of a property with everything it refers to.
fn whole(schema: &Value, place: &Value) -> Value {
    match place {
        Value::Object(map) => {
            let target = map
                .get("$ref")
                .and_then(Value::as_str)
                .and_then(|name| schema.pointer(name.strip_prefix('#')?));
            let inner = map.iter().filter(|(name, _)| *name != "$ref");
            let mut merged: serde_json::Map<String, Value> =
                inner.map(|(name, value)| (name.clone(), whole(schema, value))).collect();
            if let Some(Value::Object(target)) = target.map(|target| whole(schema, target)) {
                target.into_iter().for_each(|(name, value)| {
                    merged.entry(name).or_insert(value);
                });
            }
            // What the block means to its component, and which values it begins with, are the component's.
            for own in ["description", "default", "examples"] {
                merged.remove(own);
            }
            Value::Object(merged)
        }
        Value::Array(items) => items.iter().map(|item| whole(schema, item)).collect(),
        other => other.clone(),
    }
}

#[test]
fn a_common_block_has_one_shape_everywhere() {
    for block in ["guard", "access", "tls"] {
        let mut shapes: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for kind in KINDS {
            let schema = kind.table_schema();
            let places =
                [format!("/properties/{block}"), format!("/$defs/{}/properties/{block}", kind.prefix)];
            // The table itself may stand behind a `$ref`.
            let table = schema["$ref"].as_str().and_then(|name| schema.pointer(name.trim_start_matches('#')));
            let found =
                places.iter().find_map(|place| schema.pointer(place)).or_else(|| table?.pointer(&places[0]));
            if let Some(found) = found {
                let side =
                    if kind.prefix.starts_with("server.") && block == "tls" { "of servers " } else { "" };
                shapes.entry(format!("{side}{}", whole(&schema, found))).or_default().push(kind.pattern());
            }
        }
        let servers = shapes.keys().filter(|shape| shape.starts_with("of servers")).count();
        assert!(servers <= 1 && shapes.len() - servers <= 1, "`{block}` differs: {shapes:#?}");
        assert!(block != "guard" || shapes.values().flatten().count() > 3, "no guard is found any more");
    }
}

#[test]
fn a_name_means_the_same_in_every_kind() {
    let mut forms: BTreeMap<String, (String, String)> = BTreeMap::new();
    for (kind, key) in keys() {
        // A word of its own meaning in one kind is no common one.
        let common = ["addr", "host", "port", "required", "pool_size", "min_idle"];
        let last = key.path.last().unwrap();
        if !common.contains(&last.as_str()) && !last.ends_with("_timeout") {
            continue;
        }
        let form = if last == "addr" { "address".to_owned() } else { key.form.clone() };
        let first = forms.entry(last.clone()).or_insert_with(|| (form.clone(), kind.pattern()));
        assert_eq!(first.0, form, "`{last}` in [{}] and in [{}]", first.1, kind.pattern());
    }
    assert!(forms.contains_key("port") && forms.contains_key("connect_timeout"), "{forms:?}");
}

#[test]
fn what_servers_and_clients_share_begins_with_one_default() {
    let default = |kind: &Kind, key: &str| {
        let value = (kind.default)();
        key.split('.').try_fold(value, |value, step| value.get(step).cloned())
    };
    for key in ["host", "required"] {
        let all: Vec<_> =
            KINDS.iter().filter_map(|kind| Some((kind.pattern(), default(kind, key)?))).collect();
        let (first, rest) = all.split_first().unwrap();
        for other in
            rest.iter().filter(|(kind, _)| kind.starts_with("server.") == first.0.starts_with("server."))
        {
            assert_eq!(first.1, other.1, "`{key}` of [{}] and [{}]", first.0, other.0);
        }
    }
}

#[test]
fn every_key_says_what_it_is_for() {
    for (kind, key) in keys() {
        let named = key.path.last().is_some_and(|step| step == "NAME");
        assert!(named || key.doc.len() > 5, "[{}] does not say what `{}` is for", kind.pattern(), key.name());
    }
}
