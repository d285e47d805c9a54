//! What the console keeps: accounts, sessions, revisions, releases and the audit log, in SQLite.

mod accounts;
mod audit;
mod error;
mod releases;
mod revisions;
mod sessions;

use sqlx::{Sqlite, SqlitePool, Transaction};

pub use accounts::{Account, Role};
pub(crate) use accounts::{add_account, any_account, note_login, set_password, take_setup_token};
pub(crate) use audit::Entry;
pub use audit::{AuditItem, AuditPage, Outcome};
pub use error::StoreError;
pub(crate) use releases::{NewRelease, Progress};
pub use releases::{PodProof, Release, ReleaseKind, ReleaseState};
pub use revisions::Revision;
pub(crate) use revisions::{FileId, NewRevision};
pub(crate) use sessions::{Expiry, add_session, end_other_sessions, end_session, sweep_sessions};

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// The console's database. Cloning it shares the pool.
#[derive(Debug, Clone)]
pub struct Store {
    pool: SqlitePool,
}

pub(crate) type Change = Transaction<'static, Sqlite>;

impl Store {
    /// Brings the schema of `pool`'s database up to date.
    ///
    /// # Errors
    /// When a migration cannot be applied: the disk is full, the file is read-only, or the database was written
    /// by a newer console.
    pub async fn open(pool: SqlitePool) -> Result<Self, StoreError> {
        MIGRATIONS.run(&pool).await.map_err(|error| StoreError::migrate(&error))?;
        Ok(Self { pool })
    }

    /// Begins a change. It takes SQLite's write lock at once: a change that reads first and writes then would
    /// otherwise fail when another wrote in between.
    pub(crate) async fn change(&self) -> Result<Change, StoreError> {
        self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(|e| StoreError::new("begin a change", &e))
    }

    /// Whether the database answers.
    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1")
            .execute(&self.pool)
            .await
            .map_err(|e| StoreError::new("ask the database", &e))?;
        Ok(())
    }
}

/// Makes a change last.
pub(crate) async fn commit(change: Change) -> Result<(), StoreError> {
    change.commit().await.map_err(|e| StoreError::new("commit a change", &e))
}
