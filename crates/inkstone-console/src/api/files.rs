//! Configuration files: what is live, what was saved, whether a content is right.

use axum::Extension;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::access::Visitor;
use crate::body::{Json, Path};
use crate::cluster::ClusterError;
use crate::console::{Console, Finding};
use crate::problem::Problem;
use crate::store::{FileId, NewRevision, Release, ReleaseState, Revision};

/// A ConfigMap holds at most 1 MiB, all keys together.
const LARGEST_CONTENT: usize = 1_000_000;
const LONGEST_MESSAGE: usize = 2_000;
const NEWEST: i64 = 200;

/// Which file.
#[derive(Debug, Deserialize)]
pub(crate) struct FilePath {
    pub(crate) namespace: String,
    pub(crate) application: String,
    pub(crate) configmap: String,
    pub(crate) key: String,
}

impl FilePath {
    pub(crate) fn file(&self, console: &Console) -> FileId {
        FileId {
            cluster: console.cluster.name().to_owned(),
            namespace: self.namespace.clone(),
            config_map: self.configmap.clone(),
            key: self.key.clone(),
        }
    }

    /// Makes sure that it is a file of the application: the console writes what services read, nothing else.
    pub(crate) async fn mounted(&self, console: &Console) -> Result<(), Problem> {
        let workload = console.cluster.application(&self.namespace, &self.application).await?;
        match workload.file_name(&self.configmap, &self.key) {
            Some(_) => Ok(()),
            None => Err(Problem::not_found(format!(
                "file {} of ConfigMap {} in application {}/{}: no volume of its pods has it",
                self.key, self.configmap, self.namespace, self.application
            ))),
        }
    }
}

/// A file.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FileDetail {
    /// What the ConfigMap holds; null when it has no such key.
    live: Option<LiveFile>,
    /// The newest first.
    revisions: Vec<Revision>,
    /// The newest first.
    releases: Vec<Release>,
}

/// What the ConfigMap holds.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LiveFile {
    content: String,
    hash: String,
    resource_version: String,
    /// The release that wrote it; null when something else did.
    release: Option<String>,
}

/// A content to be checked.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Content {
    content: String,
}

/// What is wrong with a content.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Findings {
    problems: Vec<Finding>,
}

/// A revision to be saved.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct SaveRevision {
    content: String,
    /// What there is to say about it.
    message: String,
    /// The revision it was made from: the newest; null for the first.
    base: Option<String>,
}

pub(crate) async fn show(
    State(console): State<Console>,
    Path(path): Path<FilePath>,
) -> Result<Json<FileDetail>, Problem> {
    path.mounted(&console).await?;
    let file = path.file(&console);
    let revisions = console.store.revisions(&file, NEWEST).await?;
    let releases = console.store.releases(&file, NEWEST).await?;
    let live = match console.cluster.live(&file).await {
        Ok(live) => live.content.zip(live.hash).map(|(content, hash)| LiveFile {
            release: release_of(&releases, &hash),
            content,
            hash,
            resource_version: live.resource_version,
        }),
        Err(ClusterError::Missing { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    Ok(Json(FileDetail { live, revisions, releases }))
}

/// The release that wrote the live content: the newest that reached the ConfigMap, if it had this content.
pub(crate) fn release_of(releases: &[Release], hash: &str) -> Option<String> {
    let reached =
        |release: &&Release| release.written_at.is_some() && release.state != ReleaseState::Interrupted;
    let newest = releases.iter().find(reached)?;
    (newest.hash == hash).then(|| newest.id.clone())
}

pub(crate) async fn check(
    State(console): State<Console>,
    Path(path): Path<FilePath>,
    Json(body): Json<Content>,
) -> Result<Json<Findings>, Problem> {
    check_size(&body.content)?;
    let check = console.options.check;
    let work = tokio::task::spawn_blocking(move || check(&path.key, &body.content)).await;
    let problems = work.map_err(|error| {
        tracing::error!(%error, "a content could not be checked");
        let detail = "The content could not be checked: the check itself broke. See the console's log.";
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something broke", detail)
    })?;
    Ok(Json(Findings { problems }))
}

pub(crate) async fn save(
    State(console): State<Console>,
    Extension(visitor): Extension<Visitor>,
    Path(path): Path<FilePath>,
    Json(body): Json<SaveRevision>,
) -> Result<(StatusCode, Json<Revision>), Problem> {
    check_size(&body.content)?;
    check_message(&body.message)?;
    path.mounted(&console).await?;
    let file = path.file(&console);
    let new = NewRevision {
        file: &file,
        base: body.base.as_deref(),
        author: visitor.name(),
        message: &body.message,
        content: &body.content,
    };
    let entry = visitor.entry("revision.save", file.to_string());
    match console.store.save_revision(new, entry.clone()).await? {
        Ok(revision) => Ok((StatusCode::CREATED, Json(revision))),
        Err(newest) => {
            let problem = stale(&file, newest);
            console.store.record(entry.failed(problem.detail())).await?;
            Err(problem)
        }
    }
}

fn stale(file: &FileId, newest: Option<String>) -> Problem {
    let detail = format!(
        "Save a revision of {file}: the revision it was made from is not the newest. Somebody saved meanwhile. \
         Compare with the newest, then save again."
    );
    Problem::conflict("stale", "Somebody saved meanwhile", detail).with("newest", newest)
}

pub(crate) async fn revision(
    State(console): State<Console>,
    Path(id): Path<String>,
) -> Result<Json<Revision>, Problem> {
    let revision = console.store.revision(&id).await?;
    revision.map(Json).ok_or_else(|| Problem::not_found(format!("revision {id}")))
}

fn check_size(content: &str) -> Result<(), Problem> {
    if content.len() <= LARGEST_CONTENT {
        return Ok(());
    }
    let detail =
        format!("The content has {} bytes; a ConfigMap takes at most {LARGEST_CONTENT}.", content.len());
    Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "Too large", detail))
}

pub(crate) fn check_message(message: &str) -> Result<(), Problem> {
    let length = message.chars().count();
    if length <= LONGEST_MESSAGE {
        return Ok(());
    }
    let detail = format!("The message has {length} characters; at most {LONGEST_MESSAGE} are kept.");
    Err(Problem::unprocessable("long_message", "The message is too long", detail))
}
