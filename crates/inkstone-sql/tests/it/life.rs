//! Opening, migrating, health, closing.

use std::time::{Duration, Instant};

use inkstone_core::{App, Component, Health};
use inkstone_sql::{Sqlite, code, sqlx};
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;

use crate::{Database, build};

const MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("tests/it/migrations");

#[tokio::test]
async fn migrations_are_applied_once_however_often_the_job_runs() {
    let database = Database::open("").await;
    for _ in 0..2 {
        database.sqlite.migrate(MIGRATIONS).await.unwrap();
    }
    let columns: i64 = sqlx::query_scalar("SELECT count(*) FROM pragma_table_info('good')")
        .fetch_one(&database.sqlite)
        .await
        .unwrap();
    assert_eq!(columns, 2);
}

#[tokio::test]
async fn a_database_newer_than_the_program_is_refused_with_advice() {
    let database = Database::open("").await;
    database.sqlite.migrate(MIGRATIONS).await.unwrap();
    let older = sqlx::migrate::Migrator::with_migrations(Vec::new());
    let report = database.sqlite.migrate(older).await.unwrap_err().to_string();
    assert!(report.contains("newer than this program") && report.contains("goods.db"), "{report}");
}

#[tokio::test]
async fn a_database_in_memory_is_one_for_all_who_use_it() {
    let (built, _app) = build("addr = \"sqlite::memory:\"").await;
    let memory = built.unwrap();
    sqlx::raw_sql("CREATE TABLE t (a)").execute(&memory).await.unwrap();
    let inserts = (0..8).map(|i| sqlx::query("INSERT INTO t VALUES (?)").bind(i).execute(&memory));
    futures::future::try_join_all(inserts).await.unwrap();
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM t").fetch_one(&memory).await.unwrap();
    assert_eq!(count, 8);
}

#[tokio::test]
async fn the_write_ahead_log_and_foreign_keys_are_on_unless_turned_off() {
    for (keys, expected) in [("", ("wal", 1)), ("wal = false\nforeign_keys = false", ("delete", 0))] {
        let database = Database::open(keys).await;
        let wal: String =
            sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&database.sqlite).await.unwrap();
        let foreign: i64 =
            sqlx::query_scalar("PRAGMA foreign_keys").fetch_one(&database.sqlite).await.unwrap();
        assert_eq!((wal.as_str(), foreign), expected, "{keys:?}");
    }
}

#[tokio::test]
async fn health_turns_down_when_it_is_closed_and_closing_twice_is_no_error() {
    let database = Database::open("").await;
    assert_eq!(database.sqlite.health().await, Health::Up);
    database.sqlite.close().await;
    database.sqlite.close().await;
    assert!(matches!(database.sqlite.health().await, Health::Down(why) if why.contains("goods.db")));
    let error = sqlx::query("SELECT 1").execute(&database.sqlite).await.unwrap_err();
    assert_eq!(code(&error), "closed");
    drop(database);
}

#[tokio::test]
async fn a_database_whose_connections_are_all_in_use_is_busy_and_not_down() {
    let database = Database::open("pool_size = 1").await;
    let using = database.sqlite.begin_read().await.unwrap();
    assert!(
        matches!(database.sqlite.health().await, Health::Degraded(why) if why.contains("all 1 connections"))
    );
    using.commit().await.unwrap();
    // The connection goes back to the pool on a task of its own.
    let deadline = Instant::now() + Duration::from_secs(10);
    while database.sqlite.health().await != Health::Up {
        assert!(Instant::now() < deadline, "the connection does not come back");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_app_closes_it_when_it_stops() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("goods.db");
    let app = App::from_toml(
        "t.toml",
        &format!("app.drain = \"0s\"\n[sqlite.goods]\naddr = \"{}\"", file.display()),
    )
    .keep_running();
    let sqlite = app.load::<Sqlite>("sqlite.goods").build().await.unwrap();
    app.handle().stop();
    app.run().await.unwrap();
    assert!(sqlite.pool().is_closed());
    assert!(!file.with_extension("db-wal").exists(), "the log is written back and removed");
}

#[tokio::test]
async fn a_database_that_another_process_reads_for_a_moment_is_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("goods.db");
    let options = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
    let mut other = options.connect().await.unwrap();
    sqlx::raw_sql("CREATE TABLE t (a); BEGIN; SELECT * FROM t").execute(&mut other).await.unwrap();
    let opening = tokio::spawn(async move { build(&format!("addr = \"{}\"", file.display())).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!opening.is_finished(), "the mode cannot be changed while there is a reader");
    sqlx::raw_sql("COMMIT").execute(&mut other).await.unwrap();
    let (sqlite, _app) = opening.await.unwrap();
    sqlite.unwrap();
}

#[tokio::test]
async fn the_pool_says_how_many_connections_it_has_and_how_many_are_in_use() {
    let database = Database::open("pool_size = 3").await;
    let instance = database.app.instances().remove(0);
    let (_one, _two) =
        (database.sqlite.pool().acquire().await.unwrap(), database.sqlite.pool().acquire().await.unwrap());
    assert_eq!(instance.stats(), [("connections", 2), ("idle", 0), ("in_use", 2), ("limit", 3)]);
}
