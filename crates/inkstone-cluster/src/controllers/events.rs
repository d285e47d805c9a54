//! Events: what happened to an object, for people to read.
use std::collections::HashMap;
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::store::{self, Object, Part, Store, object};

/// How many different messages are remembered, to count repetitions instead of repeating them.
const REMEMBERED: usize = 1024;

/// Writes events in the name of one component.
#[derive(Debug)]
pub(crate) struct Recorder {
    store: Store,
    component: &'static str,
    host: Option<&'static str>,
    known: Mutex<HashMap<Key, String>>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    uid: String,
    part: String,
    reason: &'static str,
    message: String,
}

/// Whether an event tells of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    Normal,
    Warning,
}

/// What an event is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) object: &'a Object,
    /// A place within the object: `spec.containers{main}`.
    pub(crate) part: &'a str,
}

impl<'a> From<&'a Object> for Subject<'a> {
    fn from(object: &'a Object) -> Self {
        Self { object, part: "" }
    }
}

impl Recorder {
    pub(crate) fn new(store: Store, component: &'static str, host: Option<&'static str>) -> Self {
        Self { store, component, host, known: Mutex::default() }
    }

    pub(crate) fn normal<'a>(&self, about: impl Into<Subject<'a>>, reason: &'static str, message: &str) {
        self.record(about.into(), Severity::Normal, reason, message);
    }

    pub(crate) fn warning<'a>(&self, about: impl Into<Subject<'a>>, reason: &'static str, message: &str) {
        self.record(about.into(), Severity::Warning, reason, message);
    }

    fn record(&self, about: Subject<'_>, severity: Severity, reason: &'static str, message: &str) {
        let namespace = match object::namespace(about.object) {
            "" => "default",
            namespace => namespace,
        };
        let key = Key {
            uid: object::uid(about.object).to_owned(),
            part: about.part.to_owned(),
            reason,
            message: message.to_owned(),
        };
        let mut known = self.known.lock().expect("no code panics while it holds the events");
        if known.get(&key).is_some_and(|name| self.again(namespace, name)) {
            return;
        }
        match self.store.create(store::EVENTS, self.event(about, namespace, severity, reason, message)) {
            Ok(event) => {
                if known.len() >= REMEMBERED {
                    known.clear();
                }
                known.insert(key, object::name(&event).to_owned());
            }
            // In a namespace that is being emptied, for example.
            Err(error) => tracing::debug!(reason, message, %error, "event not written"),
        }
    }

    /// Counts one more of an event that is there already.
    fn again(&self, namespace: &str, name: &str) -> bool {
        let counted = self.store.modify(store::EVENTS, namespace, name, Part::Main, |event| {
            event["count"] = (event["count"].as_i64().unwrap_or(1) + 1).into();
            event["lastTimestamp"] = object::now().into();
            Ok(())
        });
        counted.is_ok()
    }

    fn event(
        &self,
        about: Subject<'_>,
        namespace: &str,
        severity: Severity,
        reason: &str,
        message: &str,
    ) -> Object {
        let now = object::now();
        let subject = about.object;
        let mut involved = json!({
            "apiVersion": subject["apiVersion"],
            "kind": subject["kind"],
            "name": object::name(subject),
            "uid": object::uid(subject),
            "resourceVersion": subject["metadata"]["resourceVersion"],
        });
        if !object::namespace(subject).is_empty() {
            involved["namespace"] = namespace.into();
        }
        if !about.part.is_empty() {
            involved["fieldPath"] = about.part.into();
        }
        let mut source = json!({"component": self.component});
        if let Some(host) = self.host {
            source["host"] = host.into();
        }
        json!({
            "metadata": {"generateName": format!("{}.", object::name(subject)), "namespace": namespace},
            "involvedObject": involved,
            "type": match severity { Severity::Normal => "Normal", Severity::Warning => "Warning" },
            "reason": reason,
            "message": message,
            "source": source,
            "reportingComponent": self.component,
            "reportingInstance": self.host.unwrap_or_default(),
            "firstTimestamp": now,
            "lastTimestamp": now,
            "eventTime": Value::Null,
            "count": 1,
        })
    }
}
