//! Statements through the guard.

use std::time::{Duration, Instant};

use futures::TryStreamExt;
use inkstone_guard::deadline;
use inkstone_sql::{code, sqlx};
use sqlx::Row;

use crate::Database;

/// Counts to a number that takes far longer than any test waits.
const FOR_EVER: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000000000) SELECT count(*) FROM n";

#[tokio::test]
async fn each_statement_is_recorded_by_its_operation_and_outcome() {
    let database = Database::with_goods().await;
    let goods = &database.sqlite;
    let insert = "INSERT INTO good (name, stock) VALUES (?, ?)";
    for name in ["ink", "stone"] {
        let done = sqlx::query(insert).bind(name).bind(3).execute(goods).await.unwrap();
        assert_eq!(done.rows_affected(), 1);
    }
    let names: Vec<String> =
        sqlx::query_scalar("SELECT name FROM good ORDER BY name").fetch_all(goods).await.unwrap();
    assert_eq!(names, ["ink", "stone"]);
    let rows = sqlx::query("SELECT stock FROM good").fetch(goods);
    let stock: i64 =
        rows.try_fold(0, |sum, row| async move { Ok(sum + row.get::<i64, _>(0)) }).await.unwrap();
    assert_eq!(stock, 6);
    let none = sqlx::query("SELECT 1 FROM good WHERE name = 'paper'").fetch_optional(goods).await.unwrap();
    assert!(none.is_none());

    let twice = sqlx::query(insert).bind("ink").bind(1).execute(goods).await.unwrap_err();
    let negative = sqlx::query("UPDATE good SET stock = -1").execute(goods).await.unwrap_err();
    let nonsense = sqlx::query("SELEKT 1").execute(goods).await.unwrap_err();
    let missing =
        sqlx::query("SELECT 1 FROM good WHERE name = ?").bind("paper").fetch_one(goods).await.unwrap_err();
    let codes = [twice, negative, nonsense, missing].each_ref().map(code);
    assert_eq!(codes, ["unique", "check", "sql", "not_found"]);

    for (method, code, count) in [
        ("INSERT", "OK", 2),
        ("INSERT", "unique", 1),
        ("SELECT", "OK", 3),
        ("SELECT", "not_found", 1),
        ("UPDATE", "check", 1),
        ("OTHER", "sql", 1),
    ] {
        assert_eq!(database.calls(method, code), count, "{method} {code}");
    }
}

#[tokio::test]
async fn a_transaction_is_done_whole_or_not_at_all() {
    let database = Database::with_goods().await;
    let goods = &database.sqlite;
    let count = || async {
        sqlx::query_scalar::<_, i64>("SELECT count(*) FROM good").fetch_one(goods).await.unwrap()
    };

    let mut kept = goods.begin().await.unwrap();
    sqlx::query("INSERT INTO good VALUES ('ink', 1)").execute(&mut kept).await.unwrap();
    sqlx::query("INSERT INTO good VALUES ('stone', 1)").execute(&mut kept).await.unwrap();
    let seen: i64 = sqlx::query_scalar("SELECT count(*) FROM good").fetch_one(&mut kept).await.unwrap();
    assert_eq!((seen, count().await), (2, 0));
    kept.commit().await.unwrap();
    assert_eq!(count().await, 2);

    let mut undone = goods.begin().await.unwrap();
    sqlx::query("DELETE FROM good").execute(&mut undone).await.unwrap();
    undone.rollback().await.unwrap();
    let mut dropped = goods.begin().await.unwrap();
    sqlx::query("DELETE FROM good").execute(&mut dropped).await.unwrap();
    drop(dropped);
    assert_eq!(count().await, 2);
    assert_eq!(
        [("BEGIN", 3), ("COMMIT", 1), ("ROLLBACK", 1), ("DELETE", 2)]
            .map(|(method, _)| database.calls(method, "OK")),
        [3, 1, 1, 2]
    );
}

#[tokio::test]
async fn writers_that_read_first_take_turns_and_lose_nothing() {
    let database = Database::with_goods().await;
    sqlx::query("INSERT INTO good VALUES ('ink', 0)").execute(&database.sqlite).await.unwrap();
    let buys = (0..8).map(|_| {
        let goods = database.sqlite.clone();
        tokio::spawn(async move {
            for _ in 0..5 {
                let mut change = goods.begin().await?;
                let stock: i64 = sqlx::query_scalar("SELECT stock FROM good").fetch_one(&mut change).await?;
                sqlx::query("UPDATE good SET stock = ?").bind(stock + 1).execute(&mut change).await?;
                change.commit().await?;
            }
            Ok::<_, sqlx::Error>(())
        })
    });
    for done in futures::future::join_all(buys).await {
        done.unwrap().unwrap();
    }
    let stock: i64 = sqlx::query_scalar("SELECT stock FROM good").fetch_one(&database.sqlite).await.unwrap();
    assert_eq!(stock, 40);
}

#[tokio::test]
async fn a_second_writer_is_told_that_the_database_is_busy() {
    let database = Database::open("busy_timeout = \"50ms\"").await;
    let _first = database.sqlite.begin().await.unwrap();
    let second = database.sqlite.begin().await.unwrap_err();
    assert_eq!((code(&second), database.calls("BEGIN", "busy")), ("busy", 1));
    // Reading needs no turn.
    database.sqlite.begin_read().await.unwrap().commit().await.unwrap();
}

#[tokio::test]
async fn a_statement_that_takes_too_long_ends_with_the_name_of_the_limit() {
    let database = Database::open(
        "busy_timeout = \"10ms\"\nguard.timeout = \"3s\"\nguard.methods.WITH.timeout = \"100ms\"",
    )
    .await;
    let started = Instant::now();
    let error = sqlx::query(FOR_EVER).fetch_one(&database.sqlite).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(3));
    assert_eq!((code(&error), database.calls("WITH", "timeout")), ("timeout", 1));
    assert!(error.to_string().contains("sqlite.goods.guard.timeout"), "{error}");
}

#[tokio::test]
async fn the_deadline_of_what_is_being_served_holds_too() {
    let database = Database::open("").await;
    let soon = Instant::now() + Duration::from_millis(100);
    let query = sqlx::query(FOR_EVER).fetch_one(&database.sqlite);
    let error = deadline::scope(soon, query).await.unwrap_err();
    assert_eq!(code(&error), "timeout");
}

#[tokio::test]
async fn a_result_that_nobody_reads_to_its_end_is_recorded_as_cancelled() {
    let database = Database::with_goods().await;
    sqlx::query("INSERT INTO good VALUES ('ink', 1), ('stone', 1)").execute(&database.sqlite).await.unwrap();
    let mut rows = sqlx::query("SELECT * FROM good").fetch(&database.sqlite);
    assert!(rows.try_next().await.unwrap().is_some());
    drop(rows);
    assert_eq!(database.calls("SELECT", "cancelled"), 1);
}
