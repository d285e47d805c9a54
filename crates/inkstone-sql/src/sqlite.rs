//! An SQLite database.

use std::sync::Arc;
use std::time::{Duration, Instant};

use inkstone_config::{Code, Live};
use inkstone_core::{Component, Cx, Health};
use inkstone_guard::GuardConfig;
use inkstone_observe::Protocol;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};
use sqlx::{ConnectOptions, Connection, Error, SqliteConnection, SqlitePool};

use crate::calls::Calls;
use crate::config::SqliteConfig;
use crate::error::{cannot_open, code};
use crate::file::Place;
use crate::transaction::Transaction;

/// Pause before a database that is being opened by somebody else is tried again.
const AGAIN: Duration = Duration::from_millis(10);

/// An SQLite database. `&sqlite` executes whatever sqlx can, guarded and recorded.
///
/// A handle: clones share the pool of connections.
#[derive(Debug, Clone)]
pub struct Sqlite(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    pool: SqlitePool,
    calls: Calls,
    place: Place,
    cx: Cx,
}

impl Component for Sqlite {
    const KIND: &'static str = "sqlite";
    type Config = SqliteConfig;

    async fn build(config: Live<SqliteConfig>, cx: Cx) -> Result<Self, inkstone_core::Error> {
        let start = config.get();
        let place = Place::of(&start.addr);
        place.check(start.create_if_missing, &cx).await?;
        let pool = open(&place, &start).await.map_err(|error| cannot_open(&error, &place, &cx))?;
        let guard: Live<GuardConfig> = config.map(|config| config.guard.clone());
        let access = config.map(|config| config.access.clone());
        let calls = Calls::new(cx.guard(Protocol::Db, place.to_string(), guard).access(access));
        Ok(Self(Arc::new(Inner { pool, calls, place, cx })))
    }

    async fn health(&self) -> Health {
        let pool = self.pool();
        let free = pool.try_acquire();
        let limit = pool.options().get_max_connections();
        // Too much to do is no reason to be taken out of service: the others would have still more.
        if free.is_none() && pool.size() >= limit && !pool.is_closed() {
            return Health::Degraded(format!("{}: all {limit} connections are in use", self.0.place));
        }
        let asked = async {
            let mut connection = match free {
                Some(connection) => connection,
                None => pool.acquire().await?,
            };
            sqlx::query("SELECT 1").execute(&mut *connection).await
        };
        match asked.await {
            Ok(_) => Health::Up,
            Err(error) => Health::Down(format!("{}: {error}", self.0.place)),
        }
    }

    fn stats(&self) -> Vec<(&'static str, u64)> {
        let pool = self.pool();
        let (open, idle) = (u64::from(pool.size()), pool.num_idle() as u64);
        let limit = u64::from(pool.options().get_max_connections());
        vec![("connections", open), ("idle", idle), ("in_use", open.saturating_sub(idle)), ("limit", limit)]
    }

    async fn close(&self) {
        self.pool().close().await;
    }
}

impl Sqlite {
    /// Begins a transaction that may write. It takes the write lock now, waiting for `busy_timeout` if it must: a
    /// transaction that began by reading could fail with `busy` at its first write, with half its work done.
    ///
    /// # Errors
    /// When another writer does not finish in time, or no connection is free.
    pub async fn begin(&self) -> Result<Transaction, Error> {
        Transaction::begin(self, "BEGIN IMMEDIATE").await
    }

    /// Begins a transaction that only reads: all its statements see the same state. It waits for no writer.
    ///
    /// # Errors
    /// When no connection is free in time.
    pub async fn begin_read(&self) -> Result<Transaction, Error> {
        Transaction::begin(self, "BEGIN DEFERRED").await
    }

    /// Brings the tables up to date: what a job such as `install` runs. Doing it again changes nothing.
    ///
    /// # Errors
    /// Which migration failed and why; those before it stay done, it is undone as a whole.
    pub fn migrate(
        &self,
        migrations: Migrator,
    ) -> impl Future<Output = inkstone_core::Result> + Send + use<> {
        let Self(database) = self.clone();
        async move {
            // Not through the guard: a migration takes as long as it takes.
            migrations.run(&database.pool).await.map_err(|error| database.cannot_migrate(&error).into())
        }
    }

    /// The raw pool, for what needs one. What goes through it is neither guarded nor recorded.
    #[must_use]
    pub fn pool(&self) -> &SqlitePool {
        &self.0.pool
    }

    pub(crate) fn calls(&self) -> &Calls {
        &self.0.calls
    }
}

impl Inner {
    fn cannot_migrate(&self, error: &MigrateError) -> inkstone_config::Fault {
        let hint = match error {
            MigrateError::VersionMissing(_) | MigrateError::VersionTooNew(..) => {
                "the database is newer than this program: run the newer one, or restore an older copy"
            }
            MigrateError::VersionMismatch(_) => {
                "never change a migration that has been applied; add another one"
            }
            _ => "mend the cause and run the job again: what has been applied is skipped",
        };
        self.cx
            .fault(Code::JobFailed, format!("the tables were not brought up to date: {error}"))
            .target(&self.place)
            .hint(hint)
    }
}

async fn open(place: &Place, config: &SqliteConfig) -> Result<SqlitePool, Error> {
    let mut options = SqliteConnectOptions::new()
        .create_if_missing(config.create_if_missing)
        .busy_timeout(config.busy_timeout.get())
        .foreign_keys(config.foreign_keys)
        // the guard writes the record
        .disable_statement_logging();
    let mut pool = SqlitePoolOptions::new()
        .acquire_timeout(config.acquire_timeout.get())
        // Connections to a file do not age, and the one to a database in memory is the database.
        .idle_timeout(None)
        .max_lifetime(None);
    match place {
        Place::File(path) => {
            options = options.filename(path);
            if config.wal {
                options = options.journal_mode(SqliteJournalMode::Wal);
            }
            pool = pool.max_connections(config.pool_size.get()).min_connections(config.min_idle);
        }
        Place::Memory => {
            options = options.in_memory(true);
            pool = pool.max_connections(1).min_connections(1);
        }
    }
    if *place == Place::Memory {
        return pool.connect_with(options).await;
    }
    // Open until the pool is: while there is another, none of the pool's can meet a database that changes its mode.
    let first = first_connection(&options, config.busy_timeout.get()).await?;
    let pool = pool.connect_with(options).await;
    first.close().await?;
    pool
}

/// The first connection to a file, which brings it into the mode that is asked for. SQLite does not wait for others
/// while one connection does that, or while the last one of another process closes (<https://www.sqlite.org/wal.html>,
/// "Sometimes Queries Return SQLITE_BUSY In WAL Mode"): so it is waited for here.
async fn first_connection(
    options: &SqliteConnectOptions,
    patience: Duration,
) -> Result<SqliteConnection, Error> {
    let deadline = Instant::now() + patience;
    loop {
        match options.connect().await {
            Err(error) if code(&error) == "busy" && Instant::now() < deadline => {
                tokio::time::sleep(AGAIN).await;
            }
            opened => return opened,
        }
    }
}
