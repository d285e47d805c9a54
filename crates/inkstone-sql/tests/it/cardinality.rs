//! What is in a statement must not make the metrics grow.

use std::collections::BTreeSet;

use inkstone_sql::sqlx;
use sqlx::AssertSqlSafe;

use crate::Database;

#[tokio::test]
async fn statements_tables_values_and_errors_make_no_series() {
    let database = Database::with_goods().await;
    let explode = async |round: u32| {
        for i in 0..40 {
            let id = format!("evil_{round}_{i}");
            for sql in [
                format!("SELECT '{id}'"),
                format!("SELECT {id} FROM good"),
                format!("INSERT INTO {id} VALUES (1)"),
                format!("{id} FROM good"),
                format!("/* {id} */ -- {id}\n SELECT 1"),
                format!("CREATE TABLE {id} (n INTEGER CHECK (n > 0))"),
                format!("INSERT INTO {id} VALUES (-1)"),
            ] {
                let _result = sqlx::query(AssertSqlSafe(sql)).execute(&database.sqlite).await;
            }
        }
    };
    let series = || -> BTreeSet<String> {
        let metrics = database.app.metrics().encode();
        let lines =
            metrics.lines().filter(|line| line.starts_with("db_") || line.starts_with("inkstone_calls"));
        lines.filter_map(|line| line.split("} ").next()).map(str::to_owned).collect()
    };
    explode(1).await;
    let first = series();
    explode(2).await;
    assert_eq!(series(), first);
    assert!(first.len() > 20 && !first.iter().any(|series| series.contains("evil")), "{first:#?}");
}
