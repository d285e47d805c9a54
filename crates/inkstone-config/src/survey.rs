//! A configuration read without the program it belongs to, for tools.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    Kind, Problems, Sources,
    check::check,
    leaves::{Leaf, Leaves, leaves_of},
    mask,
    merge::over,
    node::{Data, Node, Path, join_key, split_key},
    schema::View,
    values::MASK,
};

/// What files say, in the order given, without the program that reads them: every value with its origin, and everything
/// wrong with them.
///
/// The first words of a table name its kind. Tables of other names belong to the application: their values are shown as
/// they are written.
///
/// ```
/// use inkstone_config::{Config, Kind, Sources, Survey};
/// # #[derive(Clone, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
/// # #[serde(default)]
/// # struct Redis { pool_size: u32 }
/// # impl Config for Redis {}
/// const KINDS: &[Kind] = &[Kind::of::<Redis>("redis")];
/// let sources = Sources::new().text("a.toml", "[redis.cart]").text("b.toml", "[redis.cart]\npool_size = 3");
/// let survey = Survey::of(&sources.elsewhere(), KINDS);
/// let value = &survey.values()[0];
/// assert_eq!((value.key.as_str(), value.origin.as_str()), ("redis.cart.pool_size", "b.toml:2:13"));
/// ```
#[derive(Debug)]
pub struct Survey {
    problems: Problems,
    values: Vec<Surveyed>,
    /// The tables of known kinds that some source has.
    tables: BTreeSet<String>,
}

/// One value of a [`Survey`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Surveyed {
    /// The whole key.
    pub key: String,
    /// The table it stands in: `redis.cart`, or the first word of an application's.
    pub table: String,
    /// The value. A secret is `"***"`; a reference that means something only where the program runs is shown as written.
    pub value: Value,
    /// `file:line:column`, `default`, `environment NAME` or `--set`.
    pub origin: String,
    /// Whether a change applies without a restart; unknown for tables of the application.
    pub live: Option<bool>,
    /// Differs when the value does, also where the value cannot be shown.
    mark: String,
}

impl Surveyed {
    /// Whether no source sets it.
    pub fn is_default(&self) -> bool {
        self.origin == "default"
    }
}

/// What differs between two configurations.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Difference {
    /// The whole key.
    pub key: String,
    /// The value in the first, unless the second adds it.
    pub before: Option<Surveyed>,
    /// The value in the second, unless it is removed.
    pub after: Option<Surveyed>,
    /// Whether the change applies without a restart; unknown for tables of the application.
    pub live: Option<bool>,
}

impl Survey {
    /// Reads the sources and every table in them. Tables that are always read, such as `log`, are there with their
    /// defaults.
    pub fn of(sources: &Sources, kinds: &[Kind]) -> Self {
        let layers = sources.read();
        let found = check(&layers, kinds);
        let mut problems = layers.problems.clone();
        problems.append(found.problems);
        let mut values = Vec::new();
        let mut tables = BTreeSet::new();
        for (path, leaves) in found.tables {
            let table = join_key(path.iter().map(String::as_str));
            for (key, leaf) in &leaves {
                values.push(surveyed(key, &table, leaf, written(&layers.tables, key), true));
            }
            tables.insert(table);
        }
        for name in found.others {
            let path = [name.clone()];
            let Some(node) = merged(&layers.entries(&path)) else { continue };
            let anything = Value::Bool(true);
            let leaves = leaves_of(&plain(&node), &node, &anything, &path);
            for (key, leaf) in &leaves {
                values.push(surveyed(key, &name, leaf, written(&layers.tables, key), false));
            }
        }
        values.sort_by(|one, other| one.key.cmp(&other.key));
        Self { problems, values, tables }
    }

    /// Everything wrong with the configuration.
    pub const fn problems(&self) -> &Problems {
        &self.problems
    }

    /// Every value, by key.
    pub fn values(&self) -> &[Surveyed] {
        &self.values
    }

    /// What changes for a program when `after` takes the place of this configuration, by key.
    ///
    /// A key that is left out again has its default, and no difference is shown where that is the same value. Of a whole
    /// table that comes or goes only what it sets is shown; that takes a restart.
    pub fn differences(&self, after: &Self) -> Vec<Difference> {
        let index = |survey: &Self| -> BTreeMap<String, Surveyed> {
            survey.values.iter().map(|value| (value.key.clone(), value.clone())).collect()
        };
        let (before, then) = (index(self), index(after));
        let keys: BTreeSet<&String> = before.keys().chain(then.keys()).collect();
        let mut differences = Vec::new();
        for key in keys {
            let (old, new) = (before.get(key), then.get(key));
            let Some(any) = new.or(old) else { continue };
            let known = any.live.is_some();
            let in_both = !known || (self.tables.contains(&any.table) && after.tables.contains(&any.table));
            let differs = match (old, new) {
                (Some(old), Some(new)) => old.mark != new.mark,
                (one, other) => in_both || one.or(other).is_some_and(|value| !value.is_default()),
            };
            if differs {
                let live = if in_both { any.live } else { Some(false) };
                differences.push(Difference {
                    key: key.clone(),
                    before: old.cloned(),
                    after: new.cloned(),
                    live,
                });
            }
        }
        differences
    }
}

fn surveyed(
    key: &str,
    table: &str,
    leaf: &Leaf,
    reference: Option<(String, String)>,
    known: bool,
) -> Surveyed {
    let shown = leaf.effective(key);
    let mark = match &reference {
        Some((text, _)) => text.clone(),
        None => leaf.mark().to_owned(),
    };
    let (value, origin) = match reference {
        Some((text, origin)) => (text.into(), origin),
        None => (shown.value, shown.origin),
    };
    Surveyed {
        key: shown.key,
        table: table.to_owned(),
        value,
        origin,
        live: known.then_some(shown.live),
        mark,
    }
}

/// The text and place of a reference that is unknown here, as the highest source has it.
fn written(tables: &[crate::node::Table], key: &str) -> Option<(String, String)> {
    let path = split_key(key)?;
    let (first, rest) = path.split_first()?;
    let node = tables.iter().rev().find_map(|table| table.get(first)?.value.find(rest))?;
    let Data::Unknown = node.data else { return None };
    let origin = &node.origin;
    let line = origin.source.text.lines().nth(usize::try_from(origin.line).ok()?.checked_sub(1)?)?;
    let from = usize::try_from(origin.column).ok()?.saturating_sub(1);
    let text: String = line.chars().skip(from).take(usize::try_from(origin.len).ok()?).collect();
    let text = text.trim_matches(['"', '\'']);
    // Around a reference there may be more than the place where the secret is kept.
    let shown = text.starts_with("${") && text.find('}') == Some(text.len() - 1);
    let secret = origin.source.sealed || rest.iter().any(|step| mask::telltale(step));
    let text = if secret && !shown { MASK.to_owned() } else { mask::address(text).into_owned() };
    Some((text, origin.to_string()))
}

/// A table of the application: nothing is known of it, so tables merge and everything else is replaced.
fn merged(entries: &[&crate::node::Entry]) -> Option<Node> {
    let anything = Value::Bool(true);
    let view = View::new(&anything);
    let values = entries.iter().map(|entry| entry.value.clone());
    values.reduce(|below, above| over(&view, below, above))
}

fn plain(node: &Node) -> Value {
    match &node.data {
        Data::Scalar(value) => value.clone(),
        Data::Array(items) => items.iter().map(plain).collect(),
        Data::Table(table) => table.iter().map(|(key, entry)| (key.clone(), plain(&entry.value))).collect(),
        Data::Unknown => Value::Null,
    }
}

/// What a check of all tables finds.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) problems: Problems,
    /// Tables of known kinds, by their path.
    pub(crate) tables: BTreeMap<Vec<String>, Leaves>,
    /// Top-level tables of no known kind.
    pub(crate) others: BTreeSet<String>,
}

impl Found {
    pub(crate) fn has(&self, path: &Path) -> bool {
        self.tables.contains_key(path)
    }
}
