use serde_json::json;

use crate::kubernetes::FILE;
use crate::site::{PASSWORD, Site, problem};

#[tokio::test]
async fn every_change_and_every_denied_attempt_leaves_a_row() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let viewer = site.person(&admin, "vera", "viewer").await;
    let revision = json!({"content": "[log]\n", "message": "m", "base": null});
    problem(viewer.post(&format!("{FILE}/revisions"), &revision).await).await;
    admin.write(&format!("{FILE}/revisions"), &revision).await;
    problem(site.visitor().post("login", &json!({"name": "vera", "password": "not the password"})).await)
        .await;
    let page = admin.read("audit").await;
    let rows: Vec<String> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let text = |name: &str| row[name].as_str().unwrap().to_owned();
            assert_eq!(text("address"), "127.0.0.1");
            format!("{} {} {} {}", text("actor"), text("action"), text("object"), text("result"))
        })
        .collect();
    let denied = format!("vera denied POST /{FILE}/revisions denied");
    assert_eq!(
        rows,
        [
            "vera login vera denied",
            "root revision.save shop/catalog/catalog.toml ok",
            denied.as_str(),
            "vera login vera ok",
            "root account.create vera ok",
            "root setup root ok",
        ]
    );
    let all = page.to_string();
    assert!(!all.contains(PASSWORD) && !all.contains("argon2"), "{all}");
}

#[tokio::test]
async fn the_log_comes_in_pages_newest_first() {
    let site = Site::start().await;
    let admin = site.admin().await;
    site.person(&admin, "vera", "viewer").await;
    let first = admin.read("audit?limit=2").await;
    let next = first["next"].as_i64().unwrap();
    let second = admin.read(&format!("audit?limit=2&before={next}")).await;
    let actions = |page: &serde_json::Value| -> Vec<String> {
        let rows = page["items"].as_array().unwrap();
        rows.iter().map(|row| row["action"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        (actions(&first), actions(&second)),
        (vec!["login".to_owned(), "account.create".to_owned()], vec!["setup".to_owned()],)
    );
    assert_eq!(second["next"], serde_json::Value::Null);
    assert_eq!(problem(admin.get("audit?limit=many").await).await.0, 400);
}

#[tokio::test]
async fn not_even_the_console_can_change_or_delete_what_was_logged() {
    let site = Site::start().await;
    site.admin().await;
    for sql in ["UPDATE audit SET actor = 'nobody'", "DELETE FROM audit"] {
        let error = sqlx::query(sql).execute(&site.pool).await.unwrap_err();
        assert!(error.to_string().contains("append-only"), "{error}");
    }
}

#[tokio::test]
async fn strangers_cannot_fill_the_log() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let visitor = site.visitor();
    for _ in 0..60 {
        visitor.post("users", &json!({})).await;
        visitor.get("users").await;
    }
    let rows = admin.read("audit?limit=500").await["items"].as_array().unwrap().len();
    assert!((2..=40).contains(&rows), "{rows} rows");
}
