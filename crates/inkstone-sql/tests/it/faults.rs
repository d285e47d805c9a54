//! What keeps a database from opening, and what a full disk does.

use std::path::Path;

use inkstone_config::Code;
use inkstone_sql::{code, sqlx};

use crate::{Database, build};

/// Building with these keys fails with this code, and the report has all the parts.
async fn check(keys: &str, code: Code, parts: &[&str]) {
    let error = build(keys).await.0.unwrap_err();
    let report = error.to_string();
    assert_eq!(error.problems().iter().next().unwrap().code, code, "{report}");
    for part in parts.iter().chain(&["sqlite.goods"]) {
        assert!(report.contains(part), "no {part:?} in:\n{report}");
    }
}

fn addr(path: &Path) -> String {
    format!("addr = \"sqlite:{}\"", path.display())
}

#[tokio::test]
async fn a_missing_directory_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("not/here");
    let parts = [missing.to_str().unwrap(), "does not exist", "sqlite.goods.addr"];
    check(&addr(&missing.join("goods.db")), Code::CannotCreate, &parts).await;
}

#[tokio::test]
async fn a_missing_file_is_created_unless_the_configuration_says_otherwise() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("goods.db");
    let keys = format!("{}\ncreate_if_missing = false", addr(&file));
    check(&keys, Code::ConnectFailed, &["the file does not exist", "create_if_missing"]).await;
    assert!(!file.exists());
    build(&addr(&file)).await.0.unwrap();
    assert!(file.exists());
}

#[tokio::test]
async fn a_directory_or_another_kind_of_file_is_not_taken_for_a_database() {
    let directory = tempfile::tempdir().unwrap();
    check(&addr(directory.path()), Code::ConnectFailed, &["this is a directory"]).await;
    let file = directory.path().join("letter.txt");
    std::fs::write(&file, "Dear reader, ".repeat(100)).unwrap();
    check(&addr(&file), Code::ConnectFailed, &["not an SQLite database", "letter.txt"]).await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_may_not_be_read_names_the_permission() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("goods.db");
    std::fs::write(&file, "").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::File::open(&file).is_ok() {
        // The superuser may read everything; a file that nobody can open is a loop of links.
        std::fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink(&file, &file).unwrap();
        check(&addr(&file), Code::ConnectFailed, &["the file cannot be opened", "symbolic links"]).await;
    } else {
        check(&addr(&file), Code::PermissionDenied, &["may not read and write", "permissions"]).await;
    }
}

#[tokio::test]
async fn wrong_keys_are_reported_together_before_anything_is_touched() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("goods.db");
    let keys = format!(
        "addr = \"sqlite:{}?mode=ro\"\nmin_idle = 9\nbusy_timeout = \"6s\"\npool = 3",
        file.display()
    );
    let report = build(&keys).await.0.unwrap_err().to_string();
    for part in
        ["mode=ro", "9 is more than pool_size (8)", "6s is not less than guard.timeout (5s)", "pool_size"]
    {
        assert!(report.contains(part), "no {part:?} in:\n{report}");
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_table_without_an_address_is_refused() {
    let report = build("").await.0.unwrap_err().to_string();
    assert!(report.contains("addr"), "{report}");
}

/// A limit on pages is what a full disk is to SQLite: the same code on the same path.
#[tokio::test]
async fn a_full_disk_fails_the_write_and_loses_nothing() {
    let database = Database::open("pool_size = 1").await;
    let goods = &database.sqlite;
    sqlx::raw_sql("CREATE TABLE page (text TEXT); PRAGMA max_page_count = 40").execute(goods).await.unwrap();
    let mut written = 0_i64;
    let error = loop {
        match sqlx::query("INSERT INTO page VALUES (hex(randomblob(4000)))").execute(goods).await {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 1000, "the disk never fills");
    };
    assert_eq!(code(&error), "full");
    assert!(database.calls("INSERT", "full") >= 1);

    let mut change = goods.begin().await.unwrap();
    let failed = async {
        for _ in 0..10 {
            sqlx::query("INSERT INTO page VALUES (hex(randomblob(4000)))").execute(&mut change).await?;
        }
        Ok::<_, sqlx::Error>(())
    };
    assert_eq!(code(&failed.await.unwrap_err()), "full");
    drop(change);

    sqlx::raw_sql("PRAGMA max_page_count = 100000").execute(goods).await.unwrap();
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM page").fetch_one(goods).await.unwrap();
    assert_eq!(kept, written);
    let check: String = sqlx::query_scalar("PRAGMA integrity_check").fetch_one(goods).await.unwrap();
    assert_eq!(check, "ok");
    sqlx::query("INSERT INTO page VALUES ('space again')").execute(goods).await.unwrap();
}
