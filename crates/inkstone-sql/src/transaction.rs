//! Statements that are done together or not at all.

use std::fmt;

use sqlx::sqlite::SqliteConnection;
use sqlx::{Error, SqlStr};

use crate::calls::Calls;
use crate::sqlite::Sqlite;

/// Statements that are done together or not at all, from [`Sqlite::begin`]. `&mut transaction` executes them.
///
/// Dropped without [`commit`](Self::commit), nothing has happened.
pub struct Transaction {
    inner: sqlx::Transaction<'static, sqlx::Sqlite>,
    calls: Calls,
}

impl Transaction {
    pub(crate) async fn begin(database: &Sqlite, statement: &'static str) -> Result<Self, Error> {
        let calls = database.calls().clone();
        let begin = database.pool().begin_with(SqlStr::from_static(statement));
        let inner = calls.run("BEGIN", begin).await?;
        Ok(Self { inner, calls })
    }

    /// Makes everything done in it last.
    ///
    /// # Errors
    /// When it did not happen, such as on a full disk. After a time-out it may or may not have happened.
    pub async fn commit(self) -> Result<(), Error> {
        self.calls.run("COMMIT", self.inner.commit()).await
    }

    /// Undoes everything done in it, now. Dropping it does so too, a little later.
    ///
    /// # Errors
    /// When the connection is lost; nothing has happened then either.
    pub async fn rollback(self) -> Result<(), Error> {
        self.calls.run("ROLLBACK", self.inner.rollback()).await
    }

    /// The raw connection. What goes through it is neither guarded nor recorded.
    pub fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.inner
    }

    pub(crate) fn calls(&self) -> &Calls {
        &self.calls
    }
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").finish_non_exhaustive()
    }
}
