//! What is in force, and what was refused.

use std::{path::PathBuf, time::SystemTime};

use serde_json::{Value, json};

use crate::{Problems, mounts};

/// One file or text of the configuration in force.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceStatus {
    /// The path as it was given.
    pub name: String,
    /// SHA-256 of the bytes in hexadecimal.
    pub hash: String,
    /// When this content was read and taken into force.
    pub loaded_at: SystemTime,
    /// Why a remote source cannot be followed now: it was deleted, or does not answer. What was read last stays in
    /// force.
    pub trouble: Option<String>,
}

/// A change that was refused; the values before it are still in force.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Rejected {
    /// The sources as they were refused.
    pub sources: Vec<SourceStatus>,
    /// Why.
    pub problems: Problems,
    /// When.
    pub at: SystemTime,
}

/// The state of the configuration as a whole.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Status {
    /// The files and texts in force.
    pub sources: Vec<SourceStatus>,
    /// The newest change, if it was refused and nothing newer has been accepted.
    pub rejected: Option<Rejected>,
    /// Keys whose new value waits for a restart.
    pub pending_restart: Vec<String>,
    /// How many changes have been put in force.
    pub reloads: u64,
    /// Whether and how changes of the files are noticed.
    pub watch: WatchStatus,
}

/// Whether and how changes of the files are noticed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WatchStatus {
    /// Whether the files are watched at all; without, [`Settings::reload`](crate::Settings::reload) is what applies
    /// changes.
    pub running: bool,
    /// Why the system does not tell of changes, if it does not: they are then found by looking every two seconds.
    pub polling: Option<String>,
    /// Files that are mounted one by one, as Kubernetes does for a `subPath`: what replaces them is not seen.
    pub single_files: Vec<PathBuf>,
}

impl WatchStatus {
    /// What somebody should know: everything that keeps changes from arriving as they should.
    pub fn warnings(&self) -> Vec<String> {
        let polling = self.polling.as_ref().filter(|_| self.running);
        let polling =
            polling.map(|why| format!("no file events ({why}): changes are found within two seconds"));
        polling.into_iter().chain(self.single_files.iter().map(|file| mounts::warning(file))).collect()
    }

    /// The status as the governor shows it.
    pub fn to_json(&self) -> Value {
        let mode = match (self.running, &self.polling) {
            (false, _) => "off",
            (true, None) => "events",
            (true, Some(_)) => "polling",
        };
        json!({ "mode": mode, "warnings": self.warnings() })
    }
}

/// One value in force.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Effective {
    /// The whole key: `redis.cart.pool_size`.
    pub key: String,
    /// The value; a secret is `"***"`.
    pub value: Value,
    /// `file:line:column`, `default`, `environment NAME` or `--set`.
    pub origin: String,
    /// Whether a change applies without a restart.
    pub live: bool,
}

impl Effective {
    /// The value as the governor shows it.
    pub fn to_json(&self) -> Value {
        json!({ "key": self.key, "value": self.value, "origin": self.origin, "live": self.live })
    }
}

/// What a reload did, as given to [`Settings::on_reload`](crate::Settings::on_reload).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ReloadOutcome {
    /// The new values are in force.
    Applied {
        /// The files and texts now in force.
        sources: Vec<SourceStatus>,
        /// The keys whose values changed.
        changed: Vec<String>,
        /// Keys whose new value waits for a restart.
        pending_restart: Vec<String>,
    },
    /// The change was refused; the old values are in force.
    Refused(Rejected),
}
