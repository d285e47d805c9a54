//! Watch: one line per event, from a version or from everything there is.

use std::{convert::Infallible, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use futures::stream;
use http::{Response, StatusCode};
use rand::Rng;
use serde_json::{Value, json};
use tokio::time::{Instant, Interval, interval_at, sleep_until};

use super::{
    answer::{Form, Shape, partial, with_type},
    request::{Query, Target},
    table,
};
use crate::store::{ApiError, Event, Object, Resource, Selector, Store, Watch, WatchFrom};

/// How often a quiet watch is told the version it has seen everything up to.
const BOOKMARKS: Duration = Duration::from_secs(60);
/// How many seconds a watch may last: a year, which the clock can add to any moment.
const LONGEST: u64 = 365 * 86_400;

pub(super) fn watch(
    store: &Store,
    target: &Target,
    query: &Query,
    form: Form,
) -> Result<Response<Body>, ApiError> {
    let mut fields = query.text("fieldSelector").to_owned();
    if let Some(name) = &target.name {
        fields = format!("metadata.name={name}");
    }
    let selector = Selector::parse(target.resource, query.text("labelSelector"), &fields)?;
    let (from, initial) = start(query)?;
    let seconds = query.number("timeoutSeconds")?.and_then(|s| u64::try_from(s).ok()).filter(|s| *s > 0);
    let seconds = seconds.unwrap_or_else(|| rand::rng().random_range(1800..3600)).min(LONGEST);
    let bookmarks = query.flag("allowWatchBookmarks");
    let lines = match store.watch(target.resource, target.namespace.as_deref(), selector, from) {
        // A watch that is too old is no HTTP error: clients look for it among the events.
        Err(error) if error.is_expired() => return Ok(stream_of(Body::from(error_line(&error)))),
        Err(error) => return Err(error),
        Ok(watch) => Lines {
            store: store.clone(),
            watch,
            resource: target.resource,
            shape: form.shape,
            initial,
            bookmarks: bookmarks.then(|| interval_at(Instant::now() + BOOKMARKS, BOOKMARKS)),
            end: Instant::now() + Duration::from_secs(seconds),
            first: true,
            done: false,
        },
    };
    let lines = stream::unfold(lines, async |mut lines| {
        let line = lines.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(line)), lines))
    });
    Ok(stream_of(Body::from_stream(lines)))
}

fn stream_of(body: Body) -> Response<Body> {
    with_type(StatusCode::OK, "application/json", body)
}

/// Where the watch begins, and whether the end of the initial events is to be announced.
fn start(query: &Query) -> Result<(WatchFrom, bool), ApiError> {
    let version = query.version("resourceVersion")?.unwrap_or(0);
    let matched = query.get("resourceVersionMatch");
    if query.get("sendInitialEvents").is_some() {
        let refuse = |field: &str, why: &str| {
            let message = format!("ListOptions.meta.k8s.io \"\" is invalid: {field}: Forbidden: {why}");
            Err(ApiError::new(422, "Invalid", message))
        };
        if matched != Some("NotOlderThan") {
            let why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
            return refuse("resourceVersionMatch", why);
        }
        if query.flag("sendInitialEvents") {
            if !query.flag("allowWatchBookmarks") {
                return refuse(
                    "allowWatchBookmarks",
                    "sendInitialEvents requires setting allowWatchBookmarks to true",
                );
            }
            return Ok((WatchFrom::Now, true));
        }
    } else if matched.is_some() {
        let message = "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch \
                       is forbidden for watch unless sendInitialEvents is provided";
        return Err(ApiError::new(422, "Invalid", message));
    }
    Ok((if version == 0 { WatchFrom::Now } else { WatchFrom::After(version) }, false))
}

/// The lines of one watch.
struct Lines {
    store: Store,
    watch: Watch,
    resource: &'static Resource,
    shape: Shape,
    /// Announce when everything there was at the start has been told.
    initial: bool,
    bookmarks: Option<Interval>,
    end: Instant,
    first: bool,
    done: bool,
}

impl Lines {
    async fn next(&mut self) -> Option<Vec<u8>> {
        while !self.done {
            let event = tokio::select! {
                biased;
                event = self.watch.next() => event?,
                () = sleep_until(self.end) => return None,
                () = tick(self.bookmarks.as_mut()) => {
                    let version = self.store.bookmark(&self.watch);
                    return Some(self.bookmark(version, false));
                }
            };
            match event {
                Event::Added(object) => return Some(self.line("ADDED", &object)),
                Event::Modified(object) => return Some(self.line("MODIFIED", &object)),
                Event::Deleted(object) => return Some(self.line("DELETED", &object)),
                Event::Bookmark(version) if self.initial => return Some(self.bookmark(version, true)),
                Event::Bookmark(_) => {}
                Event::Error(error) => {
                    self.done = true;
                    return Some(error_line(&error));
                }
            }
        }
        None
    }

    fn line(&mut self, kind: &str, object: &Object) -> Vec<u8> {
        let first = std::mem::take(&mut self.first);
        match self.shape {
            Shape::Whole => line(kind, object),
            Shape::Metadata => line(kind, &partial(object)),
            Shape::Table(include) => {
                let meta = json!({ "resourceVersion": object["metadata"]["resourceVersion"] });
                line(kind, &table::table(self.resource, [object].into_iter(), &meta, include, first))
            }
        }
    }

    fn bookmark(&mut self, version: u64, initial: bool) -> Vec<u8> {
        let mut metadata = json!({ "resourceVersion": version.to_string(), "creationTimestamp": null });
        if initial {
            metadata["annotations"] = json!({ "k8s.io/initial-events-end": "true" });
        }
        let (kind, api_version) = match self.shape {
            Shape::Table(_) => ("Table", "meta.k8s.io/v1".to_owned()),
            Shape::Metadata => ("PartialObjectMetadata", "meta.k8s.io/v1".to_owned()),
            Shape::Whole => (self.resource.kind, self.resource.api_version()),
        };
        let mut object = json!({ "kind": kind, "apiVersion": api_version, "metadata": metadata });
        if kind == "Table" {
            object["columnDefinitions"] = Value::Null;
            object["rows"] = json!([]);
        }
        line("BOOKMARK", &object)
    }
}

async fn tick(interval: Option<&mut Interval>) {
    match interval {
        Some(interval) => {
            interval.tick().await;
        }
        None => std::future::pending().await,
    }
}

fn line(kind: &str, object: &Value) -> Vec<u8> {
    #[derive(serde::Serialize)]
    struct Line<'a> {
        r#type: &'a str,
        object: &'a Value,
    }
    let mut line = serde_json::to_vec(&Line { r#type: kind, object }).expect("objects have only text keys");
    line.push(b'\n');
    line
}

fn error_line(error: &ApiError) -> Vec<u8> {
    line("ERROR", &error.status())
}
