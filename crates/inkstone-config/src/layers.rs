//! Every source as it was read, lowest precedence first.

use std::{path::PathBuf, sync::Arc, time::SystemTime};

use crate::{
    Code, Fault, Problems, Source, SourceStatus,
    near::nearest,
    node::{Data, Entry, Node, Table, join_key, split_key},
    origin::sha256,
};

/// What all sources say, not yet merged: how two tables merge depends on the type that reads them.
#[derive(Default)]
pub(crate) struct Layers {
    pub(crate) tables: Vec<Table>,
    /// Files and texts, in the order given.
    pub(crate) documents: Vec<Arc<Source>>,
    /// Files that were read or should have been.
    pub(crate) watched: Vec<PathBuf>,
    pub(crate) problems: Problems,
    /// Some document could not be read, so a missing table may just be in there.
    pub(crate) incomplete: bool,
    /// The sources are those of another machine, whose environment is not known here.
    pub(crate) elsewhere: bool,
}

impl Layers {
    pub(crate) fn broken(&mut self, problems: Problems) {
        self.problems.append(problems);
        self.incomplete = true;
    }

    /// The entries of one table in all layers, lowest first.
    pub(crate) fn entries(&self, path: &[String]) -> Vec<&Entry> {
        let find = |table| -> Option<&Entry> {
            let (last, parents) = path.split_last()?;
            let parent =
                parents.iter().try_fold(table, |table: &Table, step| table.get(step)?.value.as_table())?;
            parent.get(last)
        };
        self.tables.iter().filter_map(find).collect()
    }

    /// The names of the files, for messages.
    pub(crate) fn names(&self) -> String {
        let names: Vec<_> = self.documents.iter().map(|source| &*source.name).collect();
        names.join(", ")
    }

    pub(crate) fn status(&self, loaded_at: SystemTime) -> Vec<SourceStatus> {
        let status = |source: &Arc<Source>| SourceStatus {
            name: source.name.to_string(),
            hash: source.hash.clone(),
            loaded_at,
            trouble: None,
        };
        self.documents.iter().map(status).collect()
    }

    /// Stands for the content of everything that was read, references included.
    pub(crate) fn fingerprint(files: &[PathBuf]) -> String {
        let mut all = Vec::new();
        for file in files {
            let content = crate::sources::read_bytes(file);
            all.extend_from_slice(
                content.map_or_else(|error| error.kind().to_string(), |bytes| sha256(&bytes)).as_bytes(),
            );
        }
        sha256(&all)
    }

    /// A fault for a table that is not there.
    pub(crate) fn missing(&self, path: &[String]) -> Fault {
        let key = join_key(path.iter().map(String::as_str));
        if self.documents.is_empty() {
            return Fault::new(
                Code::MissingTable,
                format_args!("no table `[{key}]`: there is no configuration file"),
            )
            .key(&key)
            .hint("name one with `--config`");
        }
        let names = self.table_names(path.len());
        let fault = |near: String| {
            let message = format_args!("no table `[{key}]`{near}");
            Fault::new(Code::MissingTable, message).key(&key).target(self.names())
        };
        match nearest(&key, names.iter().map(String::as_str)) {
            Some(near) => fault(format!("; there is `[{near}]`")),
            None => {
                let family = key.split_inclusive('.').next().unwrap_or_default();
                let kin: Vec<_> = names
                    .iter()
                    .filter(|name| name.starts_with(family))
                    .map(|name| format!("`[{name}]`"))
                    .collect();
                if kin.is_empty() {
                    fault(String::new())
                } else {
                    fault(format!("; there is {}", kin.join(", ")))
                }
            }
        }
    }

    /// The names of all tables of a depth.
    fn table_names(&self, depth: usize) -> Vec<String> {
        fn collect(table: &Table, depth: usize, path: &mut Vec<String>, names: &mut Vec<String>) {
            for (key, entry) in table {
                let Data::Table(inner) = &entry.value.data else { continue };
                path.push(key.clone());
                if depth <= 1 {
                    names.push(join_key(path.iter().map(String::as_str)));
                } else {
                    collect(inner, depth - 1, path, names);
                }
                path.pop();
            }
        }
        let mut names = Vec::new();
        for table in &self.tables {
            collect(table, depth, &mut Vec::new(), &mut names);
        }
        names
    }

    /// Every table that none of `read` covers, with the nearest of them.
    pub(crate) fn unread(&self, read: &[Vec<String>]) -> Problems {
        let mut problems = Problems::new();
        for table in &self.tables {
            unread_below(table, &mut Vec::new(), read, &mut problems);
        }
        problems
    }

    /// Whether a table that nothing has read is one of `read`, written wrongly.
    pub(crate) fn misspelt(&self, key: &str, read: &[Vec<String>]) -> bool {
        let Some(path) = split_key(key) else { return false };
        let first = |path: &[String]| path.first().cloned().unwrap_or_default();
        let families: Vec<_> = read.iter().map(|path| first(path)).collect();
        let (family, absent) = (first(&path), read.iter().filter(|path| self.entries(path).is_empty()));
        let absent: Vec<_> = absent.map(|path| join_key(path.iter().map(String::as_str))).collect();
        if families.contains(&family) {
            nearest(key, absent.iter().map(String::as_str)).is_some()
        } else {
            nearest(&family, families.iter().map(String::as_str)).is_some()
        }
    }
}

fn unread_below(table: &Table, path: &mut Vec<String>, read: &[Vec<String>], problems: &mut Problems) {
    for (step, entry) in table {
        path.push(step.clone());
        let covered = read.iter().any(|key| path.starts_with(key));
        let above = read.iter().any(|key| key.starts_with(path));
        match &entry.value {
            _ if covered => {}
            Node { data: Data::Table(inner), .. } if above => unread_below(inner, path, read, problems),
            value => problems.push(unread(path, entry, value.as_table(), read)),
        }
        path.pop();
    }
}

fn unread(path: &[String], entry: &Entry, table: Option<&Table>, read: &[Vec<String>]) -> Fault {
    let join = |path: &[String]| join_key(path.iter().map(String::as_str));
    let known: Vec<String> = read.iter().map(|key| join(key)).collect();
    // `[reids.cart]` is the table `reids` here; the likely wish is `redis.cart`.
    let deeper = table
        .into_iter()
        .flat_map(|table| table.keys())
        .map(|step| join(&[path, std::slice::from_ref(step)].concat()));
    let found = std::iter::once(join(path)).chain(deeper).find_map(|key| {
        let near = nearest(&key, known.iter().map(String::as_str))?;
        Some((key, near.to_owned()))
    });
    let (key, message) = match found {
        Some((key, near)) => {
            let message = format!("nothing reads `[{key}]`; did you mean `[{near}]`?");
            (key, message)
        }
        None if table.is_some() => (join(path), format!("nothing reads `[{}]`", join(path))),
        None => (join(path), format!("nothing reads `{}`", join(path))),
    };
    Fault::new(Code::UnknownTable, message).key(key).at(entry.key.clone())
}
