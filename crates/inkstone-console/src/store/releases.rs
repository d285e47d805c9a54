//! Releases: each time a revision was written to its ConfigMap, and what the pods made of it.

use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use sqlx::types::Json;
use utoipa::ToSchema;

use super::revisions::{FileId, file_row};
use super::{Change, Entry, Store, StoreError};
use crate::governor::Problem;
use crate::secret::new_id;
use crate::time;

/// Where a release stands.
///
/// ```text
/// publishing ──► written ──► complete | refused | failed | superseded
///      └───────► interrupted
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReleaseState {
    /// Noted, and on its way to the ConfigMap.
    Publishing,
    /// The ConfigMap has it.
    Written,
    /// Every pod has loaded it.
    Complete,
    /// A pod looked at it and keeps its old values.
    Refused,
    /// A pod has not loaded it in time.
    Failed,
    /// It never reached the ConfigMap.
    Interrupted,
    /// A later release took its place before every pod had loaded it.
    Superseded,
}

impl ReleaseState {
    const ALL: [Self; 7] = [
        Self::Publishing,
        Self::Written,
        Self::Complete,
        Self::Refused,
        Self::Failed,
        Self::Interrupted,
        Self::Superseded,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Publishing => "publishing",
            Self::Written => "written",
            Self::Complete => "complete",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::Superseded => "superseded",
        }
    }

    /// Whether nothing more will happen to the release.
    #[must_use]
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Publishing | Self::Written)
    }
}

/// Why a release was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReleaseKind {
    /// To publish a revision.
    Publish,
    /// To publish what an earlier release published, again.
    Rollback,
}

/// What one pod made of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PodProof {
    /// The pod's name.
    pub name: String,
    /// `written`, `loaded`, `refused` or `unknown`.
    pub state: crate::cluster::FileState,
    /// Why nothing is known of it.
    pub reason: Option<String>,
    /// When the pod loaded it.
    pub loaded_at: Option<String>,
    /// Why the pod refused it.
    pub problems: Vec<Problem>,
}

/// A revision on its way to the pods, or arrived.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Release {
    /// Opaque.
    pub id: String,
    /// Counts the releases of the file: 1, 2, 3.
    pub number: i64,
    /// The namespace of the file.
    pub namespace: String,
    /// The application for which it was published.
    pub application: String,
    /// The ConfigMap of the file.
    pub configmap: String,
    /// The key of the file in its ConfigMap.
    pub key: String,
    /// The revision it publishes.
    pub revision: String,
    /// That revision's number.
    pub revision_number: i64,
    /// Who published it.
    pub author: String,
    /// What they said about it.
    pub message: String,
    /// When they did.
    pub created_at: String,
    /// Why.
    pub kind: ReleaseKind,
    /// The release whose content it publishes again.
    pub rollback_of: Option<String>,
    /// Where it stands.
    pub state: ReleaseState,
    /// SHA-256 of the content, hex.
    pub hash: String,
    /// What went wrong.
    pub error: Option<String>,
    /// What each pod made of it.
    pub pods: Vec<PodProof>,
    /// When the ConfigMap had it.
    pub written_at: Option<String>,
    /// When it reached its final state.
    pub completed_at: Option<String>,
    #[serde(skip)]
    pub(crate) cluster: String,
}

impl Release {
    pub(crate) fn file(&self) -> FileId {
        FileId {
            cluster: self.cluster.clone(),
            namespace: self.namespace.clone(),
            config_map: self.configmap.clone(),
            key: self.key.clone(),
        }
    }
}

/// A release to be noted.
#[derive(Debug)]
pub(crate) struct NewRelease<'a> {
    pub(crate) file: &'a FileId,
    pub(crate) application: &'a str,
    pub(crate) revision: &'a str,
    pub(crate) rollback_of: Option<&'a str>,
    pub(crate) author: &'a str,
    pub(crate) message: &'a str,
}

/// A step of a release.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress {
    pub(crate) state: Option<ReleaseState>,
    pub(crate) error: Option<String>,
    pub(crate) pods: Option<Vec<PodProof>>,
}

impl Progress {
    pub(crate) fn to(state: ReleaseState) -> Self {
        Self { state: Some(state), ..Self::default() }
    }

    pub(crate) fn because(self, error: impl Into<String>) -> Self {
        Self { error: Some(error.into()), ..self }
    }
}

#[derive(FromRow)]
struct Row {
    id: String,
    number: i64,
    cluster: String,
    namespace: String,
    application: String,
    config_map: String,
    key: String,
    revision: String,
    revision_number: i64,
    author: String,
    message: String,
    created_at: i64,
    rollback_of: Option<String>,
    state: String,
    hash: String,
    error: Option<String>,
    pods: Json<Vec<PodProof>>,
    written_at: Option<i64>,
    completed_at: Option<i64>,
}

impl Row {
    fn release(self) -> Result<Release, StoreError> {
        let state =
            ReleaseState::ALL.into_iter().find(|state| state.as_str() == self.state).ok_or_else(|| {
                StoreError::damaged("read a release", format!("unknown state {:?}", self.state))
            })?;
        Ok(Release {
            id: self.id,
            number: self.number,
            cluster: self.cluster,
            namespace: self.namespace,
            application: self.application,
            configmap: self.config_map,
            key: self.key,
            revision: self.revision,
            revision_number: self.revision_number,
            author: self.author,
            message: self.message,
            created_at: time::text(self.created_at),
            kind: if self.rollback_of.is_some() { ReleaseKind::Rollback } else { ReleaseKind::Publish },
            rollback_of: self.rollback_of,
            state,
            hash: self.hash,
            error: self.error,
            pods: self.pods.0,
            written_at: self.written_at.map(time::text),
            completed_at: self.completed_at.map(time::text),
        })
    }
}

/// Every query of releases begins with these columns; a macro, because only literals count as safe SQL.
macro_rules! releases {
    ($rest:literal) => {
        concat!(
            "SELECT l.id, l.number, f.cluster, f.namespace, l.application, f.config_map, f.key, l.revision,
                    r.number AS revision_number, l.author, l.message, l.created_at, l.rollback_of, l.state,
                    r.hash, l.error, l.pods, l.written_at, l.completed_at
             FROM releases l JOIN revisions r ON r.id = l.revision JOIN files f ON f.id = l.file ",
            $rest
        )
    };
}

impl Store {
    pub(crate) async fn release(&self, id: &str) -> Result<Option<Release>, StoreError> {
        sqlx::query_as::<_, Row>(releases!("WHERE l.id = ?"))
            .bind(id)
            .fetch_optional(&self.pool)
            .await
            .map_err(|e| StoreError::new("read a release", &e))?
            .map(Row::release)
            .transpose()
    }

    /// The newest releases of a file.
    pub(crate) async fn releases(&self, file: &FileId, limit: i64) -> Result<Vec<Release>, StoreError> {
        sqlx::query_as::<_, Row>(releases!(
            "WHERE f.cluster = ? AND f.namespace = ? AND f.config_map = ? AND f.key = ?
             ORDER BY l.number DESC LIMIT ?"
        ))
        .bind(&file.cluster)
        .bind(&file.namespace)
        .bind(&file.config_map)
        .bind(&file.key)
        .bind(limit)
        .fetch_all(&self.pool)
        .await
        .map_err(|e| StoreError::new("list the releases", &e))?
        .into_iter()
        .map(Row::release)
        .collect()
    }

    /// The releases that are still on their way, oldest first.
    pub(crate) async fn open_releases(&self) -> Result<Vec<Release>, StoreError> {
        sqlx::query_as::<_, Row>(releases!(
            "WHERE l.state IN ('publishing', 'written') ORDER BY l.created_at, l.id"
        ))
        .fetch_all(&self.pool)
        .await
        .map_err(|e| StoreError::new("list the open releases", &e))?
        .into_iter()
        .map(Row::release)
        .collect()
    }

    /// Notes a release before anything is written: after a crash, this row says that there is something to look at.
    pub(crate) async fn begin_release(
        &self,
        new: NewRelease<'_>,
        entry: Entry,
    ) -> Result<Release, StoreError> {
        let failed = |e| StoreError::new("note a release", &e);
        let mut change = self.change().await?;
        let file = file_row(&mut change, new.file).await?;
        let number: i64 =
            sqlx::query_scalar("SELECT coalesce(max(number), 0) + 1 FROM releases WHERE file = ?")
                .bind(file)
                .fetch_one(&mut *change)
                .await
                .map_err(failed)?;
        let id = new_id();
        sqlx::query(
            "INSERT INTO releases (id, file, number, revision, application, author, message, rollback_of, state,
                                   created_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'publishing', ?)",
        )
        .bind(&id)
        .bind(file)
        .bind(number)
        .bind(new.revision)
        .bind(new.application)
        .bind(new.author)
        .bind(new.message)
        .bind(new.rollback_of)
        .bind(time::now())
        .execute(&mut *change)
        .await
        .map_err(failed)?;
        entry.write(&mut change).await?;
        // Read before the commit: an error must mean that nothing was noted.
        let noted = find(&mut change, &id).await?;
        super::commit(change).await?;
        Ok(noted)
    }

    /// Moves a release on, unless it has reached a final state; gives back how it stands.
    pub(crate) async fn advance(
        &self,
        id: &str,
        step: Progress,
        entry: Option<Entry>,
    ) -> Result<Release, StoreError> {
        let mut change = self.change().await?;
        let stands = move_on(&mut change, id, step, entry).await?;
        super::commit(change).await?;
        Ok(stands)
    }

    /// Notes that the ConfigMap has a release, and that the open ones of its file before it are past: all of it or
    /// nothing. Gives back how the release stands, and those.
    pub(crate) async fn written(&self, id: &str) -> Result<(Release, Vec<Release>), StoreError> {
        let mut change = self.change().await?;
        let release = move_on(&mut change, id, Progress::to(ReleaseState::Written), None).await?;
        let earlier: Vec<String> = sqlx::query_scalar(
            "SELECT id FROM releases
             WHERE file = (SELECT file FROM releases WHERE id = ?) AND number < ?
                   AND state IN ('publishing', 'written')",
        )
        .bind(id)
        .bind(release.number)
        .fetch_all(&mut *change)
        .await
        .map_err(|e| StoreError::new("list the open releases", &e))?;
        let mut past = Vec::new();
        for id in earlier {
            let why = format!("release {} took its place before every pod had loaded it", release.number);
            let step = Progress::to(ReleaseState::Superseded).because(why);
            past.push(move_on(&mut change, &id, step, None).await?);
        }
        super::commit(change).await?;
        Ok((release, past))
    }
}

/// Moves a release on, unless it has reached a final state; gives back how it stands.
async fn move_on(
    change: &mut Change,
    id: &str,
    step: Progress,
    entry: Option<Entry>,
) -> Result<Release, StoreError> {
    let now = time::now();
    let state = step.state.map(ReleaseState::as_str);
    let moved = sqlx::query(
        "UPDATE releases SET
                state = coalesce(?1, state),
                error = coalesce(?2, error),
                pods = coalesce(?3, pods),
                written_at = CASE WHEN ?1 = 'written' THEN ?4 ELSE written_at END,
                completed_at = CASE WHEN ?1 NOT IN ('publishing', 'written') THEN ?4 ELSE completed_at END
             WHERE id = ?5 AND state IN ('publishing', 'written')",
    )
    .bind(state)
    .bind(step.error)
    .bind(step.pods.map(Json))
    .bind(now)
    .bind(id)
    .execute(&mut **change)
    .await
    .map_err(|e| StoreError::new("move a release on", &e))?;
    if let (1, Some(entry)) = (moved.rows_affected(), entry) {
        entry.write(change).await?;
    }
    find(change, id).await
}

/// A release as a change sees it.
async fn find(change: &mut Change, id: &str) -> Result<Release, StoreError> {
    sqlx::query_as::<_, Row>(releases!("WHERE l.id = ?"))
        .bind(id)
        .fetch_optional(&mut **change)
        .await
        .map_err(|e| StoreError::new("read a release", &e))?
        .ok_or_else(|| StoreError::damaged("read a release", format!("there is no release {id}")))?
        .release()
}
