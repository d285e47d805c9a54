//! `pods/NAME/log`: what a container has written, and what it goes on writing.

use std::{
    fs,
    io::{self, SeekFrom},
    path::{Path, PathBuf},
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use futures::stream;
use http::StatusCode;
use serde_json::Value;
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt},
};
use tokio_util::sync::CancellationToken;

use super::{
    answer::{Answer, plain},
    request::{Query, Target},
};
use crate::store::{ApiError, Object, PODS, Store, object};

/// How soon a follower sees what was written.
const PULSE: Duration = Duration::from_millis(50);
const CHUNK: usize = 64 << 10;

/// Where the logs are: `<pods>/<uid>/<container>/<restarts>.log`.
#[derive(Debug, Clone)]
pub(super) struct Logs {
    pub(super) pods: PathBuf,
    pub(super) stop: CancellationToken,
}

impl Logs {
    pub(super) async fn read(
        &self,
        store: &Store,
        target: &Target,
        name: &str,
        query: &Query,
    ) -> Result<Answer, ApiError> {
        for unserved in ["timestamps", "sinceSeconds", "sinceTime"] {
            if query.get(unserved).is_some_and(|v| v != "false") {
                let message = format!(
                    "{unserved} is not served: this local cluster keeps what containers write as it is, without the \
                     time of each line"
                );
                return Err(ApiError::bad_request(message));
            }
        }
        let pod = store.get(PODS, target.home(), name)?;
        let container = container(&pod, query.text("container"))?;
        let dir = self.pods.join(object::uid(&pod)).join(container);
        let Some((path, restart)) = newest(&dir, query.flag("previous")) else {
            if query.flag("previous") {
                let message =
                    format!("previous terminated container {container:?} in pod {name:?} not found");
                return Err(ApiError::bad_request(message));
            }
            return Err(ApiError::bad_request(waiting(&pod, name, container)));
        };
        let unreadable =
            |e: io::Error| ApiError::internal(format!("cannot read the log {}: {e}", path.display()));
        let mut file = File::open(&path).await.map_err(unreadable)?;
        if let Some(lines) = query.number("tailLines")? {
            tail(&mut file, u64::try_from(lines).unwrap_or(0)).await.map_err(unreadable)?;
        }
        let limit = query.number("limitBytes")?.and_then(|n| u64::try_from(n).ok());
        let reader = Reader {
            file,
            left: limit.unwrap_or(u64::MAX),
            follow: query.flag("follow").then(|| Following {
                store: store.clone(),
                namespace: target.home().to_owned(),
                name: name.to_owned(),
                uid: object::uid(&pod).to_owned(),
                container: container.to_owned(),
                restart,
                stop: self.stop.clone(),
            }),
        };
        let chunks = stream::unfold(reader, async |mut reader| Some((reader.next().await?, reader)));
        Ok(plain(StatusCode::OK, Body::from_stream(chunks)))
    }
}

/// The container asked for; it need not be named where there is one only.
fn container<'a>(pod: &'a Object, asked: &str) -> Result<&'a str, ApiError> {
    let named = |list: &'a Value| list.as_array().into_iter().flatten().filter_map(|c| c["name"].as_str());
    let main: Vec<_> = named(&pod["spec"]["containers"]).collect();
    let all = main.iter().copied().chain(named(&pod["spec"]["initContainers"]));
    let name = object::name(pod);
    match (asked, main.as_slice()) {
        ("", [one]) => Ok(one),
        ("", many) => Err(ApiError::bad_request(format!(
            "a container name must be specified for pod {name}, choose one of: [{}]",
            many.join(" ")
        ))),
        (asked, _) => all
            .into_iter()
            .find(|c| *c == asked)
            .ok_or_else(|| ApiError::bad_request(format!("container {asked} is not valid for pod {name}"))),
    }
}

fn waiting(pod: &Object, name: &str, container: &str) -> String {
    let state = status_of(pod, container).map_or(&Value::Null, |s| &s["state"]["waiting"]);
    let reason = state["reason"].as_str().unwrap_or("ContainerCreating");
    let message = state["message"].as_str().map(|m| format!(": {m}")).unwrap_or_default();
    format!("container {container:?} in pod {name:?} is waiting to start: {reason}{message}")
}

fn status_of<'a>(pod: &'a Object, container: &str) -> Option<&'a Value> {
    let of = |list: &'a Value| list.as_array().into_iter().flatten();
    let status = &pod["status"];
    of(&status["containerStatuses"])
        .chain(of(&status["initContainerStatuses"]))
        .find(|c| c["name"] == container)
}

/// The log of the newest start of a container, or of the one before.
fn newest(dir: &Path, previous: bool) -> Option<(PathBuf, u64)> {
    let entries = fs::read_dir(dir).ok()?.filter_map(Result::ok);
    let number = |path: PathBuf| path.file_name()?.to_str()?.strip_suffix(".log")?.parse().ok();
    let mut starts: Vec<u64> = entries.filter_map(|e| number(e.path())).collect();
    starts.sort_unstable_by(|a, b| b.cmp(a));
    let restart = *starts.get(usize::from(previous))?;
    Some((dir.join(format!("{restart}.log")), restart))
}

/// Moves to where the last `lines` lines begin.
async fn tail(file: &mut File, lines: u64) -> io::Result<()> {
    let mut at = file.metadata().await?.len();
    let end = at;
    let mut found = 0;
    let mut chunk = vec![0; CHUNK];
    while at > 0 {
        let size = at.min(CHUNK as u64);
        at -= size;
        let part = &mut chunk[..usize::try_from(size).expect("no larger than a chunk")];
        file.seek(SeekFrom::Start(at)).await?;
        file.read_exact(part).await?;
        for (offset, _) in part.iter().enumerate().rev().filter(|(_, b)| **b == b'\n') {
            let after = at + offset as u64 + 1;
            found += u64::from(after < end); // the end of the last line begins no other
            if found == lines || lines == 0 {
                file.seek(SeekFrom::Start(if lines == 0 { end } else { after })).await?;
                return Ok(());
            }
        }
    }
    file.seek(SeekFrom::Start(if lines == 0 { end } else { 0 })).await.map(|_| ())
}

struct Reader {
    file: File,
    left: u64,
    follow: Option<Following>,
}

struct Following {
    store: Store,
    namespace: String,
    name: String,
    uid: String,
    container: String,
    restart: u64,
    stop: CancellationToken,
}

impl Reader {
    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        let mut chunk = vec![0; CHUNK];
        loop {
            // Asked before reading: what was written until it ended is still read.
            let goes_on = self.follow.as_ref().is_some_and(Following::goes_on);
            match self.file.read(&mut chunk).await {
                Ok(0) if self.left > 0 && goes_on => {
                    let stop = self.follow.as_ref()?.stop.clone();
                    tokio::select! {
                        () = tokio::time::sleep(PULSE) => {}
                        () = stop.cancelled() => return None,
                    }
                }
                Ok(0) => return None,
                Ok(_) if self.left == 0 => return None,
                Ok(read) => {
                    let read = read.min(usize::try_from(self.left).unwrap_or(usize::MAX));
                    self.left -= read as u64;
                    chunk.truncate(read);
                    return Some(Ok(Bytes::from(chunk)));
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl Following {
    /// Whether the container can still write into this log.
    fn goes_on(&self) -> bool {
        let Ok(pod) = self.store.get(PODS, &self.namespace, &self.name) else { return false };
        if object::uid(&pod) != self.uid
            || matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"))
        {
            return false;
        }
        let Some(status) = status_of(&pod, &self.container) else { return true };
        let restarted = status["restartCount"].as_u64().unwrap_or(0) > self.restart;
        let ended = status["state"]["terminated"].is_object()
            || (status["state"]["waiting"].is_object() && status["lastState"]["terminated"].is_object());
        !restarted && !ended
    }
}
