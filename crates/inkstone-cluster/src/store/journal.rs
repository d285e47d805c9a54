//! The journal: one line per write, appended before the write is acknowledged.
//!
//! A line that has no end was being written when the process died, and nobody was told that it was stored: it is
//! dropped at the next start. The kernel has what was appended, so `kill -9` loses nothing; the file is synced
//! when it is rewritten, so losing power can cost the last moments of a development cluster, not the cluster.

use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, Write},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{Key, RESOURCES, Resource, explain, object::Object, watch::Change};

/// Rewriting the journal is not worth while below this size.
const SMALL: u64 = 4 << 20;

type Objects = HashMap<&'static str, BTreeMap<Key, Arc<Object>>>;

#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    /// Where the next record goes: a record that failed half-way is written over.
    end: u64,
    /// The size at which the journal is rewritten with only what is still there.
    due: u64,
}

/// What a journal held.
#[derive(Debug, Default)]
pub(super) struct Recovered {
    pub(super) objects: Objects,
    pub(super) version: u64,
}

/// One line. Only the version: a rewritten journal begins with it.
#[derive(Debug, Serialize, Deserialize)]
struct Record<'a> {
    v: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    r: Option<&'a str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<Key>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    put: Option<Arc<Object>>,
}

impl Journal {
    pub(super) fn open(dir: &Path) -> io::Result<(Self, Recovered)> {
        let path = dir.join("journal.jsonl");
        let file =
            private().truncate(false).open(&path).map_err(|e| explain(&e, "open the journal", &path))?;
        let (recovered, end) = recover(&file, &path)?;
        file.set_len(end).map_err(|e| explain(&e, "drop the unfinished record of", &path))?;
        Ok((Self { path, file, end, due: SMALL.max(end * 2) }, recovered))
    }

    /// Returns how many bytes were written.
    pub(super) fn append(&mut self, change: &Change) -> io::Result<usize> {
        let line = line(&Record {
            v: change.version,
            r: Some(change.resource.plural),
            key: Some(change.key.clone()),
            put: change.new.clone(),
        })?;
        if let Err(error) = self.file.write_all_at(&line, self.end) {
            // What was written so far has no line end and would be dropped at the next start; but a longer rest of
            // it must not follow a shorter record written over it.
            let _ = self.file.set_len(self.end);
            return Err(explain(&error, "write to the journal", &self.path));
        }
        self.end += line.len() as u64;
        Ok(line.len())
    }

    /// Rewrites the journal with only what is still there, once it has grown enough. A failure (no space, say) is
    /// no harm: the long journal stays in use.
    pub(super) fn compact_if_due(&mut self, version: u64, objects: &Objects) {
        if self.end < self.due {
            return;
        }
        match self.compact(version, objects) {
            Ok(()) => self.due = SMALL.max(self.end * 4),
            Err(error) => {
                tracing::warn!(%error, "the cluster's journal could not be rewritten; it keeps growing");
                self.due = self.end * 2;
            }
        }
    }

    fn compact(&mut self, version: u64, objects: &Objects) -> io::Result<()> {
        let new = self.path.with_extension("new");
        let mut text = line(&Record { v: version, r: None, key: None, put: None })?;
        for (plural, objects) in objects {
            for (key, object) in objects {
                let record =
                    Record { v: version, r: Some(plural), key: Some(key.clone()), put: Some(object.clone()) };
                text.extend(line(&record)?);
            }
        }
        let mut file = private().truncate(true).open(&new)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        self.file = file;
        self.end = text.len() as u64;
        Ok(())
    }
}

/// For a file that only its owner may read: there are secrets in it.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).mode(0o600);
    options
}

fn line(record: &Record<'_>) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(record)?;
    line.push(b'\n');
    Ok(line)
}

/// Reads every finished record; returns what they leave, and where the last one ends.
fn recover(file: &File, path: &Path) -> io::Result<(Recovered, u64)> {
    let mut reader = BufReader::new(file);
    let mut recovered = Recovered { objects: Objects::default(), version: 1 }; // 0 means "any version" to clients
    let mut line = String::new();
    let (mut end, mut number) = (0, 0);
    loop {
        line.clear();
        let read = match reader.read_line(&mut line) {
            Ok(0) => return Ok((recovered, end)),
            Ok(read) => read as u64,
            // A record torn within a character is unfinished too; anywhere else the next read finds more.
            Err(e) if e.kind() == io::ErrorKind::InvalidData && reader.fill_buf()?.is_empty() => {
                return Ok((recovered, end));
            }
            Err(e) => return Err(explain(&e, "read the journal", path)),
        };
        if !line.ends_with('\n') {
            return Ok((recovered, end));
        }
        number += 1;
        let record = serde_json::from_str(&line).map_err(|e| damaged(path, number, &e))?;
        replay(&mut recovered, record);
        end += read;
    }
}

fn replay(recovered: &mut Recovered, record: Record<'_>) {
    recovered.version = recovered.version.max(record.v);
    let (Some(plural), Some(key)) = (record.r, record.key) else {
        return;
    };
    let Some(resource) = known(plural) else {
        tracing::warn!(
            resource = plural,
            "the journal holds a resource that this version does not serve; ignored"
        );
        return;
    };
    let objects = recovered.objects.entry(resource.plural).or_default();
    match record.put {
        Some(object) => objects.insert(key, object),
        None => objects.remove(&key),
    };
}

fn known(plural: &str) -> Option<&'static Resource> {
    RESOURCES.iter().copied().find(|r| r.plural == plural)
}

fn damaged(path: &Path, line: u64, error: &serde_json::Error) -> io::Error {
    let message = format!(
        "cannot read line {line} of the cluster's journal {}: {error}. Something else has changed the file. \
         Repair or remove that line to keep the rest, or delete the file to begin an empty cluster",
        path.display()
    );
    io::Error::new(io::ErrorKind::InvalidData, message)
}
