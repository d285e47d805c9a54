//! Sessions, kept by the hash of their id.

use super::{Change, Role, Store, StoreError};
use crate::secret::hash;
use crate::time;

/// How often `seen_at` is written: reading pages must not write to the disk each time.
const SEEN_EVERY: i64 = 60_000;

/// When a session ends, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expiry {
    /// After so long without a request.
    pub(crate) idle: i64,
    /// However busy.
    pub(crate) absolute: i64,
}

impl Store {
    /// The account of a live session.
    pub(crate) async fn session(
        &self,
        id: &str,
        expiry: Expiry,
    ) -> Result<Option<(String, Role)>, StoreError> {
        let now = time::now();
        let failed = |e| StoreError::new("read a session", &e);
        let row: Option<(String, String, i64)> = sqlx::query_as(
            "SELECT accounts.name, accounts.role, sessions.seen_at
             FROM sessions JOIN accounts ON accounts.name = sessions.account
             WHERE sessions.hash = ? AND sessions.seen_at > ? AND sessions.created_at > ?",
        )
        .bind(hash(id))
        .bind(now - expiry.idle)
        .bind(now - expiry.absolute)
        .fetch_optional(&self.pool)
        .await
        .map_err(failed)?;
        let Some((name, role, seen_at)) = row else { return Ok(None) };
        if now - seen_at > SEEN_EVERY {
            // A full disk must not sign everybody out: the session is good, only its clock stands still.
            let noted = sqlx::query("UPDATE sessions SET seen_at = ? WHERE hash = ?")
                .bind(now)
                .bind(hash(id))
                .execute(&self.pool)
                .await;
            if let Err(error) = noted {
                tracing::warn!(%error, "could not note that a session was used");
            }
        }
        Ok(Role::parse(&role).map(|role| (name, role)))
    }
}

/// Forgets the sessions that have ended.
pub(crate) async fn sweep_sessions(change: &mut Change, expiry: Expiry) -> Result<(), StoreError> {
    let now = time::now();
    sqlx::query("DELETE FROM sessions WHERE seen_at <= ? OR created_at <= ?")
        .bind(now - expiry.idle)
        .bind(now - expiry.absolute)
        .execute(&mut **change)
        .await
        .map_err(|e| StoreError::new("forget old sessions", &e))?;
    Ok(())
}

pub(crate) async fn add_session(
    change: &mut Change,
    id: &str,
    account: &str,
    address: &str,
) -> Result<(), StoreError> {
    let now = time::now();
    sqlx::query("INSERT INTO sessions (hash, account, address, created_at, seen_at) VALUES (?, ?, ?, ?, ?)")
        .bind(hash(id))
        .bind(account)
        .bind(address)
        .bind(now)
        .bind(now)
        .execute(&mut **change)
        .await
        .map_err(|e| StoreError::new("begin a session", &e))?;
    Ok(())
}

pub(crate) async fn end_session(change: &mut Change, id: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM sessions WHERE hash = ?")
        .bind(hash(id))
        .execute(&mut **change)
        .await
        .map_err(|e| StoreError::new("end a session", &e))?;
    Ok(())
}

/// Ends every other session of an account: what a changed password is for.
pub(crate) async fn end_other_sessions(
    change: &mut Change,
    account: &str,
    keep: &str,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM sessions WHERE account = ? AND hash <> ?")
        .bind(account)
        .bind(hash(keep))
        .execute(&mut **change)
        .await
        .map_err(|e| StoreError::new("end the other sessions", &e))?;
    Ok(())
}
