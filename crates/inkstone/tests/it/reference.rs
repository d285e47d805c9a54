//! Writes `docs/reference/` from the types, and fails when that changed a file: run it, and commit what it wrote.

use std::fmt::Write;
use std::path::Path;

use inkstone::KINDS;
use inkstone::config::{CODES, kinds_schema};
use serde_json::{Map, Value};

#[test]
fn the_reference_is_current() {
    let schema = kinds_schema(KINDS);
    let mut stale = Vec::new();
    let pretty = serde_json::to_string_pretty(&schema).unwrap() + "\n";
    for (name, text) in
        [("config.schema.json", pretty), ("configuration.md", configuration(&schema)), ("codes.md", codes())]
    {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference").join(name);
        if std::fs::read_to_string(&file).ok().as_deref() != Some(&text) {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, text).unwrap();
            stale.push(format!("docs/reference/{name}"));
        }
    }
    assert!(stale.is_empty(), "written anew, commit them: {}", stale.join(", "));
}

const GENERATED: &str =
    "<!-- Generated from the types by `cargo test -p inkstone --features full`. Do not edit. -->\n";

/// Every key of every kind: default, type, whether it applies live, and its doc sentence.
fn configuration(schema: &Value) -> String {
    let mut text = format!(
        "{GENERATED}# Configuration reference\n\nEvery table that Inkstone itself reads. A table that is left out or \
         incomplete is completed with these defaults. *Live* keys apply without a restart.\n"
    );
    for kind in KINDS {
        let table = table_of(schema, kind);
        let doc = resolved(schema, table).get("description").and_then(Value::as_str).unwrap_or_default();
        write!(text, "\n## `[{}]`\n\n{doc}\n\n", kind.pattern().replace('*', "NAME")).unwrap();
        text.push_str("| key | default | type | live | |\n| --- | --- | --- | --- | --- |\n");
        rows(schema, table, &(kind.default)(), "", false, &mut text);
    }
    text
}

fn table_of<'a>(schema: &'a Value, kind: &inkstone::config::Kind) -> &'a Value {
    let path = kind.prefix.split('.').fold(String::new(), |path, step| format!("{path}/properties/{step}"));
    let path = if kind.wildcard { format!("{path}/additionalProperties") } else { path };
    schema.pointer(&path).unwrap_or_else(|| panic!("no {path} in the schema"))
}

fn rows(schema: &Value, table: &Value, default: &Value, prefix: &str, live: bool, text: &mut String) {
    let nothing = Map::new();
    let properties = resolved(schema, table).get("properties").and_then(Value::as_object).unwrap_or(&nothing);
    for (name, property) in properties {
        let (key, default) = (format!("{prefix}{name}"), &default[name]);
        let target = resolved(schema, property);
        let live = live || property.get("x-live") == Some(&Value::Bool(true));
        if target.get("properties").is_some() {
            rows(schema, property, default, &format!("{key}."), live, text);
            continue;
        }
        let doc = property
            .get("description")
            .or(target.get("description"))
            .and_then(Value::as_str)
            .unwrap_or_default();
        let doc = doc.replace('\n', " ").replace('|', "\\|");
        let live = if live { "yes" } else { "" };
        writeln!(text, "| `{key}` | {} | {} | {live} | {doc} |", shown(default), kind_of(target)).unwrap();
    }
}

/// Follows a `$ref` into `$defs`.
fn resolved<'a>(schema: &'a Value, value: &'a Value) -> &'a Value {
    match value.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix('#')) {
        Some(path) => schema.pointer(path).unwrap_or(value),
        None => value,
    }
}

fn shown(default: &Value) -> String {
    match default {
        Value::Null => "–".to_owned(),
        Value::Object(map) if map.is_empty() => "none".to_owned(),
        other => format!("`{other}`"),
    }
}

fn kind_of(target: &Value) -> String {
    if let Some(choices) = target.get("enum").and_then(Value::as_array) {
        return choices.iter().map(|choice| format!("`{choice}`")).collect::<Vec<_>>().join(" \\| ");
    }
    if let Some(choices) = target.get("oneOf").and_then(Value::as_array) {
        let named: Vec<_> =
            choices.iter().filter_map(|choice| choice.get("const")).map(|name| format!("`{name}`")).collect();
        if !named.is_empty() {
            return named.join(" \\| ");
        }
    }
    let name = target.get("title").or(target.get("format")).or(target.get("type"));
    match name {
        Some(Value::String(name)) => name.clone(),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        _ => "any".to_owned(),
    }
}

/// Every start-error code with its page.
fn codes() -> String {
    let mut text = format!(
        "{GENERATED}# Error codes\n\nWhat `inkstone explain CODE` prints, in one page. The exit status follows `sysexits.h` where it has one.\n\n\
         | code | | exit status |\n| --- | --- | --- |\n"
    );
    for code in CODES {
        writeln!(
            text,
            "| [{0}](#{1}) | {2} | {3} |",
            code.as_str(),
            anchor(code.page()),
            code.title(),
            code.exit_status()
        )
        .unwrap();
    }
    for code in CODES {
        write!(text, "\n#{}", code.page()).unwrap();
    }
    text
}

/// GitHub's anchor of a page's heading.
fn anchor(page: &str) -> String {
    let heading = page.lines().next().unwrap_or_default().trim_start_matches(['#', ' ']);
    heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || *c == ' ' || *c == '-')
        .collect::<String>()
        .replace(' ', "-")
}
