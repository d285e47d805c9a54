//! The keys of a kind of table, for people: explanations, the reference, a file to begin with.

use std::fmt::Write as _;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use crate::{
    Kind,
    near::nearest,
    node::{Node, join_key, split_key},
    schema::{Extra, View},
};

/// What is known about one key of a table.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Key {
    /// The steps below the table. One that the user chooses is `NAME`.
    pub path: Vec<String>,
    /// What it is for.
    pub doc: String,
    /// What may stand there, in words: `whole number from 0 to 65535`, `length of time`.
    pub form: String,
    /// The units to write it with, if it has any.
    pub unit: Option<&'static str>,
    /// The values that are allowed, with what each means, where they are a list.
    pub allowed: Vec<(String, String)>,
    /// The default; `None` where the user chooses the name of the table around it. Secrets are masked.
    pub default: Option<Value>,
    /// Values that may stand there.
    pub examples: Vec<Value>,
    /// Whether a change applies without a restart.
    pub live: bool,
    /// Whether the value is never shown.
    pub secret: bool,
    /// Whether it is a table, whose keys follow.
    pub table: bool,
}

impl Key {
    /// The key as people write it: `guard.methods.NAME.timeout`.
    pub fn name(&self) -> String {
        join_key(self.path.iter().map(String::as_str))
    }

    /// Whether a part of the key is the user's to choose.
    pub fn is_pattern(&self) -> bool {
        self.path.iter().any(|step| step == NAME)
    }
}

/// Stands for a step that the user chooses.
const NAME: &str = "NAME";
/// A type that is made of itself ends here.
const MOST_STEPS: usize = 8;

impl Kind {
    /// What the table is for.
    pub fn doc(&self) -> String {
        let schema = self.whole_schema();
        text(&View::new(&schema), "description")
    }

    /// The keys of the table, each table before the keys in it, in the order in which its type declares them.
    pub fn keys(&self) -> Vec<Key> {
        let schema = self.whole_schema();
        let mut keys = Vec::new();
        below(&View::new(&schema), Some(&(self.default)()), &mut Vec::new(), &mut keys);
        keys
    }

    fn whole_schema(&self) -> Value {
        let mut generator = SchemaSettings::draft2020_12().into_generator();
        let mut schema = (self.schema)(&mut generator).to_value();
        if let Value::Object(schema) = &mut schema {
            schema.insert("$defs".to_owned(), Value::Object(generator.take_definitions(true)));
        }
        schema
    }
}

fn below(view: &View<'_>, default: Option<&Value>, path: &mut Vec<String>, keys: &mut Vec<Key>) {
    if path.len() >= MOST_STEPS {
        return;
    }
    // Of several shapes each may have keys of its own; the one of the default comes first.
    let mut shapes = vec![view.narrow(&Node::defaults(default.cloned().unwrap_or_default())), view.clone()];
    shapes.extend(view.variants());
    let mut seen = Vec::new();
    for shape in shapes {
        for name in shape.keys_in_order() {
            if let Some(inner) = shape.property(name).filter(|_| !seen.contains(&name)) {
                seen.push(name);
                let default = default.map(|table| table.get(name).unwrap_or(&Value::Null));
                key(&inner, default, name, path, keys);
            }
        }
        if let Extra::Like(inner) = shape.extra()
            && !seen.contains(&NAME)
        {
            seen.push(NAME);
            key(&inner, None, NAME, path, keys);
        }
    }
}

fn key(view: &View<'_>, default: Option<&Value>, name: &str, path: &mut Vec<String>, keys: &mut Vec<Key>) {
    path.push(name.to_owned());
    let at = keys.len();
    below(view, default, path, keys);
    let table = keys.len() > at;
    let variants = view.variants();
    let allowed = allowed(view, &variants);
    let examples = view.keyword("examples").and_then(Value::as_array).cloned();
    let inner = variants.iter().find_map(|variant| variant.keyword("examples")?.as_array().cloned());
    keys.insert(
        at,
        Key {
            path: path.clone(),
            doc: text(view, "description"),
            form: if allowed.is_empty() {
                form(view, &variants)
            } else {
                "one of the values below".to_owned()
            },
            unit: unit(view, &variants),
            allowed,
            default: default.cloned(),
            examples: examples.or(inner).unwrap_or_default(),
            live: view.is_live(),
            secret: view.is_secret(),
            table,
        },
    );
    path.pop();
}

fn text(view: &View<'_>, keyword: &str) -> String {
    view.keyword(keyword).and_then(Value::as_str).unwrap_or_default().replace('\n', " ")
}

fn unit(view: &View<'_>, variants: &[View<'_>]) -> Option<&'static str> {
    let own = match view.keyword("x-type").and_then(Value::as_str)? {
        "duration" => Some("ns, us, ms, s, m, h, d"),
        "size" => Some("B, KiB, MiB, GiB, TiB, kB, MB, GB, TB"),
        _ => None,
    };
    own.or_else(|| variants.iter().find_map(|variant| unit(variant, &[])))
}

/// The texts of an enum, each with its sentence.
fn allowed<'s>(view: &View<'s>, variants: &[View<'s>]) -> Vec<(String, String)> {
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut found = Vec::new();
    for shape in std::iter::once(view).chain(variants) {
        if let Some(value) = shape.keyword("const") {
            found.push((plain(value), text(shape, "description")));
        } else if let Some(values) = shape.keyword("enum").and_then(Value::as_array) {
            found.extend(values.iter().map(|value| (plain(value), String::new())));
        }
    }
    found
}

fn form(view: &View<'_>, variants: &[View<'_>]) -> String {
    if view.is_secret() {
        return "secret text".to_owned();
    }
    match view.keyword("x-type").and_then(Value::as_str) {
        Some("duration") => return "length of time".to_owned(),
        Some("size") => return "size".to_owned(),
        Some("target") => return "address, or a list of addresses".to_owned(),
        Some(other) => return other.to_owned(),
        None => {}
    }
    if !variants.is_empty() {
        let mut forms: Vec<String> = variants.iter().map(|variant| form(variant, &[])).collect();
        forms.dedup();
        return forms.join(" or ");
    }
    let forms: Vec<String> = view.types().into_iter().map(|name| simple(view, name)).collect();
    if forms.is_empty() { "anything".to_owned() } else { forms.join(" or ") }
}

fn simple(view: &View<'_>, name: &str) -> String {
    match name {
        "string" => "text".to_owned(),
        "boolean" => "true or false".to_owned(),
        "integer" => format!("whole number{}", range(view)),
        "number" => format!("number{}", range(view)),
        "array" => match view.step("0") {
            Some(item) => format!("list of {}", form(&item, &item.variants())),
            None => "list".to_owned(),
        },
        "object" => "table".to_owned(),
        "null" => "nothing".to_owned(),
        other => other.to_owned(),
    }
}

fn range(view: &View<'_>) -> String {
    let most = view.number("maximum").or(match view.keyword("format").and_then(Value::as_str) {
        Some("uint8") => Some(f64::from(u8::MAX)),
        Some("uint16") => Some(f64::from(u16::MAX)),
        _ => None,
    });
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ok = match (view.number("minimum"), most) {
        (Some(least), Some(most)) => write!(text, " from {least} to {most}"),
        (Some(least), None) => write!(text, ", at least {least}"),
        (None, Some(most)) => write!(text, ", at most {most}"),
        (None, None) => Ok(()),
    };
    text
}

impl Kind {
    /// The JSON Schema of the table alone.
    pub fn table_schema(&self) -> Value {
        let mut schema = self.whole_schema();
        if let Value::Object(map) = &mut schema {
            let mut head = Map::new();
            head.insert("$schema".to_owned(), "https://json-schema.org/draft/2020-12/schema".into());
            head.insert("title".to_owned(), format!("[{}]", self.pattern()).into());
            head.append(map);
            head.insert("default".to_owned(), (self.default)());
            *map = head;
        }
        schema
    }
}

/// What a key that somebody asks about leads to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Explained {
    /// The kind of table.
    pub kind: Kind,
    /// The name of the table, if the key has one.
    pub name: Option<String>,
    /// The key; `None` for the table as a whole.
    pub key: Option<Key>,
    /// The keys below it.
    pub below: Vec<Key>,
}

/// Finds what is known about a kind or one of its keys: `server.http`, `server.http.port`, `grpc.guard.timeout`. A name
/// may stand where a file has one: `grpc.stock.guard.timeout`.
///
/// # Errors
/// That there is no such kind or key, with the nearest that there is.
pub fn explain_key(kinds: &[Kind], text: &str) -> Result<Explained, String> {
    let path =
        split_key(text).ok_or_else(|| format!("`{text}` is not a key; write it as `server.http.port`"))?;
    let mut kinds_here: Vec<&Kind> = kinds.iter().filter(|kind| path.starts_with(&kind.steps())).collect();
    // `server.http` before a kind that would be called `server`.
    kinds_here.sort_by_key(|kind| std::cmp::Reverse(kind.steps().len()));
    let Some(kind) = kinds_here.first() else {
        let known = kinds.iter().map(|kind| kind.prefix);
        let family: Vec<_> = kinds.iter().filter(|kind| kind.steps().first() == path.first()).collect();
        let near = nearest(text, known).or_else(|| nearest(&path[0], kinds.iter().map(|kind| kind.prefix)));
        return Err(match (near, &family[..]) {
            (Some(near), _) => format!("there is no kind `{text}`; did you mean `{near}`?"),
            (None, []) => format!("there is no kind `{text}`"),
            (None, family) => {
                let names: Vec<_> = family.iter().map(|kind| format!("`{}`", kind.pattern())).collect();
                format!("there is no kind `{text}`; there is {}", names.join(", "))
            }
        });
    };
    let (keys, rest) = (kind.keys(), &path[kind.steps().len()..]);
    let found = |name: Option<String>, rest: &[String]| {
        let key = keys.iter().find(|key| matches(&key.path, rest));
        let below =
            keys.iter().filter(|key| key.path.len() > rest.len() && matches(&key.path[..rest.len()], rest));
        let explained = Explained { kind: **kind, name, key: key.cloned(), below: below.cloned().collect() };
        (rest.is_empty() || key.is_some()).then_some(explained)
    };
    if let Some(explained) = found(None, rest) {
        return Ok(explained);
    }
    let near = |rest: &[String]| {
        let wanted = join_key(rest.iter().map(String::as_str));
        let names: Vec<String> = keys.iter().map(Key::name).collect();
        nearest(&wanted, names.iter().map(String::as_str)).map(|near| format!("{}.{near}", kind.prefix))
    };
    if let ([name, below @ ..], true) = (rest, kind.wildcard) {
        // `grpc.gaurd` is more likely a slip than a name.
        let slip = below.is_empty().then(|| near(rest)).flatten();
        if let (None, Some(explained)) = (slip, found(Some(name.clone()), below)) {
            return Ok(explained);
        }
    }
    let near = near(rest).or_else(|| near(rest.get(1..).filter(|_| kind.wildcard)?));
    Err(match near {
        Some(near) => format!("`{}` has no key `{text}`; did you mean `{near}`?", kind.pattern()),
        None => format!(
            "`{}` has no key `{text}`; `inkstone config explain {}` lists them",
            kind.pattern(),
            kind.prefix
        ),
    })
}

/// Whether steps that somebody wrote are those of a key, some of which may be the user's to choose.
fn matches(key: &[String], steps: &[String]) -> bool {
    key.len() == steps.len() && key.iter().zip(steps).all(|(key, step)| key == NAME || key == step)
}
