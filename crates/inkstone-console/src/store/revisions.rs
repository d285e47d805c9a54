//! Revisions: what a file was each time somebody saved it.

use serde::Serialize;
use sqlx::{FromRow, SqlitePool};
use utoipa::ToSchema;

use super::{Change, Store, StoreError};
use crate::secret::{hash, new_id};
use crate::time;

/// Which file: a key of a ConfigMap.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct FileId {
    pub(crate) cluster: String,
    pub(crate) namespace: String,
    pub(crate) config_map: String,
    pub(crate) key: String,
}

impl std::fmt::Display for FileId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.namespace, self.config_map, self.key)
    }
}

/// A saved state of a file.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Revision {
    /// Opaque.
    pub id: String,
    /// Counts the revisions of the file: 1, 2, 3.
    pub number: i64,
    /// The namespace of the file.
    pub namespace: String,
    /// The ConfigMap of the file.
    pub configmap: String,
    /// The key of the file in its ConfigMap.
    pub key: String,
    /// Who saved it.
    pub author: String,
    /// What they said about it.
    pub message: String,
    /// When.
    pub created_at: String,
    /// SHA-256 of the content, hex.
    pub hash: String,
    /// The content; only where one revision is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    #[serde(skip)]
    pub(crate) cluster: String,
}

impl Revision {
    pub(crate) fn file(&self) -> FileId {
        FileId {
            cluster: self.cluster.clone(),
            namespace: self.namespace.clone(),
            config_map: self.configmap.clone(),
            key: self.key.clone(),
        }
    }
}

/// A revision to be saved.
#[derive(Debug)]
pub(crate) struct NewRevision<'a> {
    pub(crate) file: &'a FileId,
    pub(crate) base: Option<&'a str>,
    pub(crate) author: &'a str,
    pub(crate) message: &'a str,
    pub(crate) content: &'a str,
}

#[derive(FromRow)]
struct Row {
    id: String,
    number: i64,
    cluster: String,
    namespace: String,
    config_map: String,
    key: String,
    author: String,
    message: String,
    created_at: i64,
    hash: String,
    content: Option<String>,
}

impl Row {
    fn revision(self) -> Revision {
        Revision {
            id: self.id,
            number: self.number,
            namespace: self.namespace,
            configmap: self.config_map,
            key: self.key,
            author: self.author,
            message: self.message,
            created_at: time::text(self.created_at),
            hash: self.hash,
            content: self.content,
            cluster: self.cluster,
        }
    }
}

impl Store {
    /// The newest revisions of a file, without their content.
    pub(crate) async fn revisions(&self, file: &FileId, limit: i64) -> Result<Vec<Revision>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT r.id, r.number, f.cluster, f.namespace, f.config_map, f.key, r.author, r.message,
                    r.created_at, r.hash, NULL AS content
             FROM revisions r JOIN files f ON f.id = r.file
             WHERE f.cluster = ? AND f.namespace = ? AND f.config_map = ? AND f.key = ?
             ORDER BY r.number DESC LIMIT ?",
        )
        .bind(&file.cluster)
        .bind(&file.namespace)
        .bind(&file.config_map)
        .bind(&file.key)
        .bind(limit)
        .fetch_all(&self.pool)
        .await
        .map_err(|e| StoreError::new("list the revisions", &e))?;
        Ok(rows.into_iter().map(Row::revision).collect())
    }

    /// A revision with its content.
    pub(crate) async fn revision(&self, id: &str) -> Result<Option<Revision>, StoreError> {
        find(&self.pool, id).await
    }

    /// Saves a revision, with the audit entry that tells of it. Gives back the newest revision's id instead when
    /// that is not the one the author started from.
    pub(crate) async fn save_revision(
        &self,
        new: NewRevision<'_>,
        entry: super::Entry,
    ) -> Result<Result<Revision, Option<String>>, StoreError> {
        let mut change = self.change().await?;
        let file = file_row(&mut change, new.file).await?;
        let newest: Option<(String, i64, String)> = sqlx::query_as(
            "SELECT id, number, hash FROM revisions WHERE file = ? ORDER BY number DESC LIMIT 1",
        )
        .bind(file)
        .fetch_optional(&mut *change)
        .await
        .map_err(|e| StoreError::new("find the newest revision", &e))?;
        if newest.as_ref().map(|(id, ..)| id.as_str()) != new.base {
            return Ok(Err(newest.map(|(id, ..)| id)));
        }
        let id = new_id();
        let content_hash = hash(new.content);
        sqlx::query(
            "INSERT INTO revisions (id, file, number, author, message, content, hash, created_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&id)
        .bind(file)
        .bind(newest.as_ref().map_or(1, |(_, number, _)| number + 1))
        .bind(new.author)
        .bind(new.message)
        .bind(new.content)
        .bind(&content_hash)
        .bind(time::now())
        .execute(&mut *change)
        .await
        .map_err(|e| StoreError::new("save a revision", &e))?;
        let before = newest.map(|(_, _, hash)| format!("sha256:{hash}"));
        entry.before(before).after(format!("sha256:{content_hash}")).write(&mut change).await?;
        super::commit(change).await?;
        let saved = find(&self.pool, &id).await?;
        saved.map(Ok).ok_or_else(|| StoreError::damaged("read a revision", "it was saved and is not there"))
    }
}

async fn find(pool: &SqlitePool, id: &str) -> Result<Option<Revision>, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT r.id, r.number, f.cluster, f.namespace, f.config_map, f.key, r.author, r.message,
                r.created_at, r.hash, r.content
         FROM revisions r JOIN files f ON f.id = r.file WHERE r.id = ?",
    )
    .bind(id)
    .fetch_optional(pool)
    .await
    .map_err(|e| StoreError::new("read a revision", &e))?;
    Ok(row.map(Row::revision))
}

/// The row of a file, made when the file is met for the first time.
pub(crate) async fn file_row(change: &mut Change, file: &FileId) -> Result<i64, StoreError> {
    sqlx::query_scalar(
        "INSERT INTO files (cluster, namespace, config_map, key) VALUES (?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET key = excluded.key RETURNING id",
    )
    .bind(&file.cluster)
    .bind(&file.namespace)
    .bind(&file.config_map)
    .bind(&file.key)
    .fetch_one(&mut **change)
    .await
    .map_err(|e| StoreError::new("note a file", &e))
}
