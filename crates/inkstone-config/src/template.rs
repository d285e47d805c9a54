//! A file with every key, its default and what it is for.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{Fault, Key, Kind, Problems, check_text, node::join_key};

/// A file with every key of some tables: what has to be set has an example, all else stands as a comment with its
/// default, so that it follows the program.
///
/// `# ` begins what is for people, `#` alone what is taken into force by removing it.
///
/// ```
/// use inkstone_config::{Config, Kind, Template};
/// # #[derive(Clone, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
/// # #[serde(default)]
/// # struct Redis { pool_size: u32 }
/// # impl Config for Redis {}
/// let file = Template::new().table(&Kind::of::<Redis>("redis"), "cart").toml().unwrap();
/// assert!(file.contains("[redis.cart]\n") && file.contains("\n#pool_size = 0\n"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Template {
    tables: Vec<Table>,
}

#[derive(Clone, Debug)]
struct Table {
    kind: Kind,
    path: Vec<String>,
    keys: Vec<Key>,
    set: BTreeMap<String, Value>,
}

#[derive(Clone, Copy)]
enum Syntax {
    Toml,
    Yaml,
}

impl Template {
    /// A file without tables.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a table; the name counts for kinds whose tables have one.
    #[must_use]
    pub fn table(mut self, kind: &Kind, name: &str) -> Self {
        let mut path = kind.steps();
        path.extend(kind.wildcard.then(|| name.to_owned()));
        self.tables.push(Table { kind: *kind, keys: kind.keys(), path, set: BTreeMap::new() });
        self
    }

    /// The file in TOML.
    ///
    /// # Errors
    /// What keeps the file from passing the check: a key that has to be set and whose type has no example.
    pub fn toml(self) -> Result<String, Problems> {
        self.complete(Syntax::Toml)
    }

    /// The file in YAML.
    ///
    /// # Errors
    /// As [`toml`](Self::toml).
    pub fn yaml(self) -> Result<String, Problems> {
        self.complete(Syntax::Yaml)
    }

    /// Sets what has to be set, with an example, until the file passes the check.
    fn complete(mut self, syntax: Syntax) -> Result<String, Problems> {
        let kinds: Vec<Kind> = self.tables.iter().map(|table| table.kind).collect();
        let name = match syntax {
            Syntax::Toml => "template.toml",
            Syntax::Yaml => "template.yaml",
        };
        loop {
            let text = render(&self.tables, syntax);
            let problems = check_text(name, &text, &kinds);
            if !problems.has_errors() {
                return Ok(text);
            }
            let mut filled = false;
            for fault in problems.iter() {
                filled |= self.tables.iter_mut().any(|table| table.fill(fault));
            }
            // A rule that no example satisfies: say so instead of a file that does not work.
            if !filled {
                return Err(problems);
            }
        }
    }
}

impl Table {
    fn name(&self) -> String {
        join_key(self.path.iter().map(String::as_str))
    }

    /// Sets the key that a fault is about to its example; `false` if that is not possible.
    fn fill(&mut self, fault: &Fault) -> bool {
        let key = || fault.key.as_deref()?.strip_prefix(&self.name())?.strip_prefix('.');
        let Some(key) = key().filter(|key| !self.set.contains_key(*key)).map(str::to_owned) else {
            return false;
        };
        let Some(found) = self.keys.iter().find(|known| known.name() == key) else { return false };
        let allowed = found.allowed.first().map(|(value, _)| Value::from(value.clone()));
        let Some(value) = found.examples.first().cloned().or(allowed) else { return false };
        self.set.insert(key, value).is_none()
    }

    /// The keys that a file can have as they are, without those whose name the user has yet to choose.
    fn lines(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter().filter(|key| !key.is_pattern())
    }

    /// The value of a line; `None` for what only holds other keys.
    fn value(&self, key: &Key) -> Option<Value> {
        let name = key.name();
        let below = |other: &&Key| other.path.len() > key.path.len() && other.path.starts_with(&key.path);
        if let Some(value) = self.set.get(&name) {
            return Some(value.clone());
        }
        if self.lines().any(|other| below(&other)) {
            return None;
        }
        let default = key.default.clone().filter(|default| !default.is_null());
        default.or_else(|| key.examples.first().cloned())
    }
}

const WIDTH: usize = 110;

fn render(tables: &[Table], syntax: Syntax) -> String {
    let mut text = String::from(
        "# What is commented out is the default. `inkstone config explain` says more about a key.\n",
    );
    match syntax {
        Syntax::Yaml => yaml(tables, &mut text),
        Syntax::Toml => tables.iter().for_each(|table| toml(table, &mut text)),
    }
    text
}

fn toml(table: &Table, text: &mut String) {
    text.push('\n');
    comment(&table.kind.doc(), "", text);
    text.push_str(&format!("[{}]\n", table.name()));
    for key in table.lines() {
        let name = key.name();
        comment(&describe(key), "", text);
        match table.value(key) {
            Some(value) => {
                let mark = if table.set.contains_key(&name) { "" } else { "#" };
                text.push_str(&format!("{mark}{name} = {}\n", toml_value(&value)));
            }
            None if key.table => {}
            None => comment(&format!("`{name}` has no default."), "", text),
        }
    }
}

fn yaml(tables: &[Table], text: &mut String) {
    let mut open: Vec<String> = Vec::new();
    let mut tables: Vec<&Table> = tables.iter().collect();
    // A key may stand only once: tables of one family come together.
    tables.sort_by(|one, other| one.path.cmp(&other.path));
    for table in tables {
        let shared = open.iter().zip(&table.path).take_while(|(one, other)| one == other).count();
        for (depth, step) in table.path.iter().enumerate().skip(shared) {
            if depth + 1 == table.path.len() {
                comment(&table.kind.doc(), &"  ".repeat(depth), text);
            }
            text.push_str(&format!("{}{step}:\n", "  ".repeat(depth)));
        }
        open.clone_from(&table.path);
        for key in table.lines() {
            let (name, step) = (key.name(), key.path.last().map_or("", String::as_str));
            let indent = "  ".repeat(table.path.len() + key.path.len() - 1);
            let set = table.set.keys().any(|set| *set == name || set.starts_with(&format!("{name}.")));
            let mark = if set { "" } else { "#" };
            comment(&describe(key), &indent, text);
            match table.value(key) {
                Some(value) => text.push_str(&format!("{indent}{mark}{step}: {value}\n")),
                None if key.table => text.push_str(&format!("{indent}{mark}{step}:\n")),
                None => comment(&format!("`{step}` has no default."), &indent, text),
            }
        }
    }
}

fn describe(key: &Key) -> String {
    let mut parts = vec![key.doc.clone()];
    if !key.table {
        let allowed: Vec<_> = key.allowed.iter().map(|(value, _)| format!("{value:?}")).collect();
        let form = if allowed.is_empty() { key.form.clone() } else { allowed.join(" or ") };
        parts.push(format!("({form}{})", if key.live { "; live" } else { "" }));
    }
    parts.retain(|part| !part.is_empty());
    parts.join(" ")
}

/// A comment in lines of a readable length.
fn comment(words: &str, indent: &str, text: &mut String) {
    let mut line = String::new();
    for word in words.split_whitespace() {
        if !line.is_empty() && indent.len() + 2 + line.chars().count() + 1 + word.chars().count() > WIDTH {
            text.push_str(&format!("{indent}# {line}\n"));
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        text.push_str(&format!("{indent}# {line}\n"));
    }
}

/// A value as TOML has it; only tables are written otherwise than in JSON.
fn toml_value(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(toml_value).collect::<Vec<_>>().join(", ")),
        Value::Object(map) if map.is_empty() => "{}".to_owned(),
        Value::Object(map) => {
            let pairs: Vec<_> =
                map.iter().map(|(key, value)| format!("{key:?} = {}", toml_value(value))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        scalar => scalar.to_string(),
    }
}
