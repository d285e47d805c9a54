//! SQLite as a service sees it: real files, real errors.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic where it stands")]

mod calls;
mod cardinality;
mod faults;
mod life;

use inkstone_core::{App, AppHandle, Result};
use inkstone_sql::Sqlite;
use tempfile::TempDir;

/// A database in a directory of its own.
struct Database {
    sqlite: Sqlite,
    app: AppHandle,
    _directory: TempDir,
}

impl Database {
    async fn open(more: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let addr = directory.path().join("goods.db");
        let (built, app) = build(&format!("addr = \"sqlite:{}\"\n{more}", addr.display())).await;
        let sqlite = built.unwrap();
        Self { sqlite, app, _directory: directory }
    }

    /// With a table `good(name, stock)`.
    async fn with_goods() -> Self {
        let database = Self::open("").await;
        inkstone_sql::sqlx::raw_sql(
            "CREATE TABLE good (name TEXT PRIMARY KEY, stock INTEGER NOT NULL CHECK (stock >= 0))",
        )
        .execute(database.sqlite.pool())
        .await
        .unwrap();
        database
    }

    /// How often `method` ended with `code`.
    fn calls(&self, method: &str, code: &str) -> u64 {
        let labels = format!("{{name=\"sqlite.goods\",method=\"{method}\",code=\"{code}\"}} ");
        let metrics = self.app.metrics().encode();
        let count = metrics.lines().find_map(|line| {
            line.strip_prefix("db_client_operation_duration_seconds_count")?.strip_prefix(labels.as_str())
        });
        count.map_or(0, |count| count.parse().unwrap())
    }
}

/// Builds `[sqlite.goods]` with these keys.
async fn build(keys: &str) -> (Result<Sqlite>, AppHandle) {
    let app = App::from_toml("t.toml", &format!("[sqlite.goods]\n{keys}"));
    let built = app.load::<Sqlite>("sqlite.goods").build().await;
    (built, app.handle().clone())
}
