//! The audit log: one row for each change and each denied attempt, never altered.

use serde::Serialize;
use sqlx::FromRow;
use utoipa::ToSchema;

use super::{Change, Store, StoreError};
use crate::time;

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was done.
    Ok,
    /// It was not allowed.
    Denied,
    /// It was allowed and did not succeed.
    Failed,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Denied => "denied",
            Self::Failed => "failed",
        }
    }
}

/// A row to be written.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) actor: String,
    pub(crate) address: String,
    pub(crate) action: &'static str,
    pub(crate) object: String,
    pub(crate) result: Outcome,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
}

impl Entry {
    pub(crate) fn before(self, before: impl Into<Option<String>>) -> Self {
        Self { before: before.into(), ..self }
    }

    pub(crate) fn after(self, after: impl Into<Option<String>>) -> Self {
        Self { after: after.into(), ..self }
    }

    pub(crate) fn denied(self) -> Self {
        Self { result: Outcome::Denied, ..self }
    }

    pub(crate) fn failed(self, why: impl Into<String>) -> Self {
        Self { result: Outcome::Failed, after: Some(why.into()), ..self }
    }

    /// Writes the row together with the change it tells of: neither is there without the other.
    pub(crate) async fn write(self, change: &mut Change) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO audit (at, actor, address, action, object, result, before, after)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(time::now())
        .bind(self.actor)
        .bind(self.address)
        .bind(self.action)
        .bind(self.object)
        .bind(self.result.as_str())
        .bind(self.before)
        .bind(self.after)
        .execute(&mut **change)
        .await
        .map_err(|e| StoreError::new("write the audit log", &e))?;
        Ok(())
    }
}

/// One row of the audit log.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AuditItem {
    /// Counts up.
    pub id: i64,
    /// When.
    pub at: String,
    /// Who: the name of an account, the name tried at a login, or `console`.
    pub actor: String,
    /// From where.
    pub address: String,
    /// What, such as `release.publish`.
    pub action: String,
    /// On what.
    pub object: String,
    /// How it ended: `ok`, `denied` or `failed`.
    pub result: String,
    /// What there was before, or its hash.
    pub before: Option<String>,
    /// What there was after, its hash, or why it failed.
    pub after: Option<String>,
}

/// A page of the audit log, newest first.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AuditPage {
    /// The rows.
    pub items: Vec<AuditItem>,
    /// Pass this as `before` to get the next page; null on the last.
    pub next: Option<i64>,
}

#[derive(FromRow)]
struct Row {
    id: i64,
    at: i64,
    actor: String,
    address: String,
    action: String,
    object: String,
    result: String,
    before: Option<String>,
    after: Option<String>,
}

impl Store {
    /// Writes a row that tells of no change: a denied or failed attempt.
    pub(crate) async fn record(&self, entry: Entry) -> Result<(), StoreError> {
        let mut change = self.change().await?;
        entry.write(&mut change).await?;
        super::commit(change).await
    }

    pub(crate) async fn audit(&self, before: Option<i64>, limit: i64) -> Result<AuditPage, StoreError> {
        let rows: Vec<Row> = sqlx::query_as("SELECT * FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?")
            .bind(before.unwrap_or(i64::MAX))
            .bind(limit + 1)
            .fetch_all(&self.pool)
            .await
            .map_err(|e| StoreError::new("read the audit log", &e))?;
        let more = i64::try_from(rows.len()).is_ok_and(|len| len > limit);
        let items: Vec<_> =
            rows.into_iter().take(usize::try_from(limit).unwrap_or_default()).map(Row::item).collect();
        let next = if more { items.last().map(|item| item.id) } else { None };
        Ok(AuditPage { items, next })
    }
}

impl Row {
    fn item(self) -> AuditItem {
        AuditItem {
            id: self.id,
            at: time::text(self.at),
            actor: self.actor,
            address: self.address,
            action: self.action,
            object: self.object,
            result: self.result,
            before: self.before,
            after: self.after,
        }
    }
}
