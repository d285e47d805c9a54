//! Checks a file without the program that reads it.

use std::{path::Path, sync::Arc};

use crate::{
    Code, Fault, Kind, Problems, Severity, Source,
    layers::Layers,
    near::nearest,
    node::{Data, Entry, Node, Table, join_key},
    read::{self, Format, Lookup},
    section::Asked,
    survey::Found,
};

/// One table of a file whose program is not here.
pub(crate) struct Elsewhere<'a> {
    pub(crate) layers: &'a Layers,
    pub(crate) asked: Asked,
}

/// Checks one file without the program that reads it: the first steps of each table name its kind.
///
/// The extension of `name` names the format. References to the environment and to files are those of
/// another machine, so a value that has one and no default is taken for good. Tables of unknown kinds
/// belong to the application; only a name close to a known one is reported, as a warning.
///
/// ```
/// use inkstone_config::{Config, Kind, check_text};
/// # #[derive(Clone, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
/// # #[serde(default)]
/// # struct Redis { pool_size: u32 }
/// # impl Config for Redis {}
/// const KINDS: &[Kind] = &[Kind::of::<Redis>("redis")];
/// let problems = check_text("shop.toml", "[redis.cart]\npoolsize = 3", KINDS);
/// assert!(problems.to_string().contains("unknown key; did you mean `pool_size`?"));
/// ```
pub fn check_text(name: &str, text: &str, kinds: &[Kind]) -> Problems {
    let source = Arc::new(Source::new(name, text));
    let mut layers = Layers { documents: vec![Arc::clone(&source)], elsewhere: true, ..Layers::default() };
    let mut table =
        match Format::of(name).map_err(Problems::from).and_then(|format| read::document(&source, format)) {
            Ok(table) => table,
            Err(problems) => return problems,
        };
    let mut lookup = Lookup { env: None, dir: Path::new(""), files: &mut Vec::new() };
    let mut problems = Problems::new();
    read::resolve(&mut table, &mut lookup, &mut problems);
    layers.tables.push(table);
    problems.append(check(&layers, kinds).problems);
    problems
}

/// Checks every table of all layers, each once.
pub(crate) fn check(layers: &Layers, kinds: &[Kind]) -> Found {
    let check = Check { layers, kinds };
    let mut found = Found::default();
    for table in &layers.tables {
        check.level(table, &mut Vec::new(), &mut found);
    }
    found
}

struct Check<'a> {
    layers: &'a Layers,
    kinds: &'a [Kind],
}

impl Check<'_> {
    /// Checks every entry of one level of tables above the kinds.
    fn level(&self, table: &Table, path: &mut Vec<String>, found: &mut Found) {
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(_, entry)| (entry.key.line, entry.key.column));
        for (key, entry) in entries {
            path.push(key.clone());
            self.entry(entry, path, found);
            path.pop();
        }
    }

    fn entry(&self, entry: &Entry, path: &mut Vec<String>, found: &mut Found) {
        let named = |kind: &&Kind| {
            kind.wildcard && kind.steps().len() + 1 == path.len() && path.starts_with(&kind.steps())
        };
        let exact = |kind: &&Kind| !kind.wildcard && kind.steps() == *path;
        let kind = self.kinds.iter().find(exact).or_else(|| self.kinds.iter().find(named));
        let family = self.kinds.iter().any(|kind| {
            kind.steps().len() + usize::from(kind.wildcard) > path.len() && kind.steps().starts_with(path)
        });
        match (kind, &entry.value) {
            // Another layer has it too, and was read with this one.
            (Some(_), _) if found.has(path) => {}
            (Some(kind), value) if value.as_table().is_some() || value.is_null() => {
                let asked =
                    Asked { kind: kind.prefix.to_owned(), path: path.clone(), required: false, at: None };
                let (problems, leaves) = (kind.check)(&Elsewhere { layers: self.layers, asked });
                found.problems.append(problems);
                found.tables.insert(path.clone(), leaves);
            }
            (Some(kind), _) if kind.wildcard => found.problems.push(self.unnamed(entry, path, kind)),
            (None, Node { data: Data::Table(inner), .. }) if family => self.level(inner, path, found),
            (None, _) if path.len() > 1 => found.problems.push(self.unknown_kind(entry, path)),
            (None, _) => {
                if found.others.insert(path.concat()) {
                    found.problems.extend(self.perhaps_meant(entry, path));
                }
            }
            (Some(_), _) => {
                let key = join(path);
                let message = format_args!("expected a table `[{key}]`, found a single value or a list");
                let fault = Fault::new(Code::WrongType, message).key(&key).at(entry.value.origin.clone());
                found.problems.push(fault);
            }
        }
    }

    /// `redis.addr = …` where `redis.cart.addr = …` is meant.
    fn unnamed(&self, entry: &Entry, path: &[String], kind: &Kind) -> Fault {
        let message = format_args!("expected a table with a name, such as `[{}.main]`", kind.prefix);
        Fault::new(Code::WrongType, message).key(join(path)).at(entry.key.clone())
    }

    /// A table below a family of kinds, such as `[server.htpp]`.
    fn unknown_kind(&self, entry: &Entry, path: &[String]) -> Fault {
        let key = join(path);
        let known: Vec<_> = self.kinds.iter().map(|kind| kind.prefix).collect();
        let fault = Fault::new(
            Code::UnknownKind,
            match nearest(&key, known.iter().copied()) {
                Some(near) => format!("unknown kind `{key}`; did you mean `{near}`?"),
                None => format!("unknown kind `{key}`"),
            },
        );
        let family = self.kinds.iter().filter(|kind| kind.steps().first() == path.first());
        let family: Vec<_> = family.map(|kind| format!("`{}`", kind.pattern())).collect();
        fault.key(key).at(entry.key.clone()).hint(format_args!("the kinds here are {}", family.join(", ")))
    }

    /// A top-level table of no known kind: the application's own, unless it looks like a slip.
    fn perhaps_meant(&self, entry: &Entry, path: &[String]) -> Option<Fault> {
        let key = join(path);
        let families = self.kinds.iter().filter_map(|kind| kind.prefix.split('.').next());
        let near = nearest(&key, families)?;
        let message = format_args!("no kind is called `{key}`; did you mean `{near}`?");
        let fault = Fault::new(Code::UnknownKind, message).severity(Severity::Warning);
        Some(fault.key(&key).at(entry.key.clone()).hint("a table of the application's own may keep its name"))
    }
}

fn join(path: &[String]) -> String {
    join_key(path.iter().map(String::as_str))
}
