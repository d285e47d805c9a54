//! Writes `docs/reference/` from the types, and fails when that changed a file: run it, and commit what it wrote.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use inkstone::KINDS;
use inkstone::config::{CODES, Key, Kind, Template, editor_schema};
use inkstone::switches;
use serde_json::Value;

#[test]
fn the_reference_is_current() {
    let mut files = vec![
        (
            "config.schema.json".to_owned(),
            serde_json::to_string_pretty(&editor_schema(KINDS)).unwrap() + "\n",
        ),
        ("configuration.md".to_owned(), index()),
        ("codes.md".to_owned(), codes()),
        ("flags.md".to_owned(), flags()),
    ];
    files.extend(KINDS.iter().map(|kind| (format!("config/{}.md", kind.prefix), page(kind))));
    let mut stale = Vec::new();
    for (name, text) in &files {
        let file = reference().join(name);
        if std::fs::read_to_string(&file).ok().as_ref() != Some(text) {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, text).unwrap();
            stale.push(format!("docs/reference/{name}"));
        }
    }
    let pages: BTreeSet<_> = files.iter().map(|(name, _)| reference().join(name)).collect();
    for entry in std::fs::read_dir(reference().join("config")).unwrap() {
        let path = entry.unwrap().path();
        if !pages.contains(&path) {
            std::fs::remove_file(&path).unwrap();
            stale.push(format!("{} (removed: no kind is called so)", path.display()));
        }
    }
    assert!(stale.is_empty(), "written anew, commit them: {}", stale.join(", "));
}

fn reference() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference")
}

const GENERATED: &str =
    "<!-- Generated from the types by `cargo test -p inkstone --features full`. Do not edit. -->\n";

/// The list of kinds.
fn index() -> String {
    let mut text = format!(
        "{GENERATED}# Configuration reference\n\nEvery table that Inkstone itself reads. A table that is left out or \
         incomplete is completed with its defaults; every other table is the application's own. \
         [flags.md](flags.md) has the command line and the environment, and [config.schema.json](config.schema.json) \
         everything for an editor.\n\n| table | |\n| --- | --- |\n"
    );
    for kind in KINDS {
        let doc = kind.doc();
        writeln!(text, "| [`[{}]`](config/{}.md) | {} |", shown(kind), kind.prefix, cell(&doc)).unwrap();
    }
    text
}

fn shown(kind: &Kind) -> String {
    kind.pattern().replace('*', "NAME")
}

/// Every key of one kind, and a file to begin with.
fn page(kind: &Kind) -> String {
    let mut text = format!(
        "{GENERATED}# `[{}]`\n\n{}\n\nA change of a *live* key applies without a restart.\n\n\
         | key | type | default | change | |\n| --- | --- | --- | --- | --- |\n",
        shown(kind),
        kind.doc()
    );
    let keys = kind.keys();
    for key in &keys {
        let change = if key.live { "live" } else { "restart" };
        let doc = cell(&key.doc);
        writeln!(text, "| `{}` | {} | {} | {change} | {doc} |", key.name(), form(key), default(key)).unwrap();
    }
    for key in keys.iter().filter(|key| key.allowed.iter().any(|(_, doc)| !doc.is_empty())) {
        write!(text, "\n`{}`:\n\n| value | |\n| --- | --- |\n", key.name()).unwrap();
        for (value, doc) in &key.allowed {
            writeln!(text, "| `{value:?}` | {} |", cell(doc)).unwrap();
        }
    }
    let name = if kind.wildcard { format!("{}.main", kind.prefix) } else { kind.prefix.to_owned() };
    let example = Template::new().table(kind, "main").toml();
    let example =
        example.unwrap_or_else(|problems| panic!("{name} has a key without an example:\n{problems}"));
    write!(text, "\n## Example\n\nWhat `inkstone config init {name}` writes:\n\n```toml\n{example}```\n")
        .unwrap();
    text
}

fn cell(doc: &str) -> String {
    doc.replace('|', "\\|")
}

fn form(key: &Key) -> String {
    if key.table {
        return "table".to_owned();
    }
    let values: Vec<_> = key.allowed.iter().map(|(value, _)| format!("`{value:?}`")).collect();
    let form = if values.is_empty() { key.form.clone() } else { values.join(" \\| ") };
    match key.unit {
        Some(unit) => format!("{form} ({unit})"),
        None => form,
    }
}

fn default(key: &Key) -> String {
    match &key.default {
        _ if key.table => "–".to_owned(),
        None | Some(Value::Null) => "–".to_owned(),
        Some(Value::Object(map)) if map.is_empty() => "none".to_owned(),
        Some(other) => format!("`{other}`"),
    }
}

/// The command line and the environment of every service.
fn flags() -> String {
    let mut text = format!(
        "{GENERATED}# Flags and environment\n\nWhat every service understands. Highest first: `--set`, the other flags, \
         the environment, files in the order given, defaults. A variable that is empty counts as not set; one with a value \
         that cannot be read is an error ([INK2001](codes.md#ink2001-bad-command-line-flag)), never a default.\n\n\
         Beside these, `INKSTONE__TABLE__KEY` sets any key of [the configuration](configuration.md): \
         `INKSTONE__SERVER__HTTP__PORT=8080` is `server.http.port`.\n\n\
         | flag | variable | key | default | |\n| --- | --- | --- | --- | --- |\n"
    );
    let code = |text: Option<&str>| text.map_or_else(String::new, |text| format!("`{text}`"));
    for switch in switches() {
        let default = match switch.key {
            Some(key) => default_of(key),
            None => code(Some(switch.default.as_str()).filter(|default| !default.is_empty())),
        };
        let (flag, env) = (code(switch.flag.as_deref()), code(switch.env.as_deref()));
        let (key, doc) = (code(switch.key), cell(&switch.doc));
        writeln!(text, "| {} | {env} | {key} | {default} | {doc} |", cell(&flag)).unwrap();
    }
    text.push_str(
        "\n`NO_COLOR` and `CLICOLOR` are heard wherever colours are shown. `RUST_BACKTRACE` has its usual meaning. \
         The variables that a build leaves in a program are those of \
         [`inkstone-build`](../../crates/inkstone-build/README.md).\n",
    );
    text
}

/// The default of a whole key, as its type has it.
fn default_of(key: &str) -> String {
    let kind =
        KINDS.iter().find(|kind| key.strip_prefix(kind.prefix).is_some_and(|rest| rest.starts_with('.')));
    let kind = kind.unwrap_or_else(|| panic!("no kind has the key {key}"));
    let path = key[kind.prefix.len() + 1..].split('.');
    let default = path.fold((kind.default)(), |table, step| {
        table.get(step).unwrap_or_else(|| panic!("there is no key {key}")).clone()
    });
    if default == "" { String::new() } else { format!("`{default}`") }
}

/// Every start-error code with its page.
fn codes() -> String {
    let mut text = format!(
        "{GENERATED}# Error codes\n\nWhat `inkstone explain CODE` prints, in one page. On a terminal an error is shown with the line it \
         is about; elsewhere each is one JSON line on standard error, so that a log store can find it by its code.\n\n\
         ## Exit statuses\n\nThose of `sysexits.h` where it has one. Of several errors the first decides.\n\n\
         | status | when |\n| --- | --- |\n| 0 | the service stopped as it was told, all jobs went well, or `--check` found no error |\n"
    );
    let statuses: BTreeSet<u8> = CODES.iter().map(|code| code.exit_status()).collect();
    for status in statuses {
        let titles = CODES.iter().filter(|code| code.exit_status() == status).map(|code| code.title());
        writeln!(text, "| {status} | {} |", titles.collect::<Vec<_>>().join("; ")).unwrap();
    }
    text.push_str("\n## Codes\n\n| code | | exit status |\n| --- | --- | --- |\n");
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
