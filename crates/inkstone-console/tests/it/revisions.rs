use serde_json::{Value, json};

use crate::kubernetes::{FILE, FIRST};
use crate::site::{Browser, Site, problem};

async fn save(browser: &Browser, content: &str, base: &Value) -> Value {
    let body = json!({"content": content, "message": format!("say {content}"), "base": base});
    browser.write(&format!("{FILE}/revisions"), &body).await
}

#[tokio::test]
async fn a_saved_revision_is_kept_with_its_author_message_and_content() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let first = save(&admin, "a = 1\n", &Value::Null).await;
    let second = save(&admin, "a = 2\n", &first["id"]).await;
    assert_eq!((&first["number"], &second["number"]), (&json!(1), &json!(2)));
    let read = admin.read(&format!("revisions/{}", second["id"].as_str().unwrap())).await;
    assert_eq!(read["content"], "a = 2\n");
    assert_eq!((&read["author"], &read["message"]), (&json!("root"), &json!("say a = 2\n")));
    assert_eq!(read["hash"], inkstone_console::hash("a = 2\n"));
    let file = admin.read(FILE).await;
    let listed: Vec<_> = file["revisions"].as_array().unwrap().iter().map(|r| r["number"].clone()).collect();
    assert_eq!(listed, [json!(2), json!(1)]);
    assert!(file["revisions"][0].get("content").is_none());
    assert_eq!(file["live"]["content"], FIRST);
}

#[tokio::test]
async fn saving_over_somebody_elses_revision_is_refused_and_names_it() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let first = save(&admin, "a = 1\n", &Value::Null).await;
    let theirs = save(&admin, "a = 2\n", &first["id"]).await;
    for base in [&Value::Null, &first["id"], &json!("nonsense")] {
        let body = json!({"content": "a = 3\n", "message": "", "base": base});
        let (status, code, problem) = problem(admin.post(&format!("{FILE}/revisions"), &body).await).await;
        assert_eq!((status, code.as_str()), (409, "stale"));
        assert_eq!(problem["newest"], theirs["id"]);
    }
    assert_eq!(admin.read(FILE).await["revisions"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn of_many_who_save_at_once_from_one_base_one_succeeds() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let base = save(&admin, "a = 0\n", &Value::Null).await["id"].clone();
    let attempts = (1..=8).map(|n| {
        let (admin, base) = (admin.clone(), base.clone());
        async move {
            let body = json!({"content": format!("a = {n}\n"), "message": "", "base": base});
            admin.post(&format!("{FILE}/revisions"), &body).await.status().as_u16()
        }
    });
    let mut statuses = futures::future::join_all(attempts).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
}

#[tokio::test]
async fn a_file_that_no_pod_mounts_cannot_be_written() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let body = json!({"content": "x", "message": "", "base": null});
    for path in [
        "applications/shop/catalog/files/kube-root-ca.crt/ca.crt/revisions",
        "applications/shop/nothing/files/catalog/catalog.toml/revisions",
        "applications/kube-system/catalog/files/catalog/catalog.toml/revisions",
    ] {
        assert_eq!(problem(admin.post(path, &body).await).await.0, 404, "{path}");
    }
}

#[tokio::test]
async fn a_revision_is_never_changed() {
    let site = Site::start().await;
    let admin = site.admin().await;
    save(&admin, "a = 1\n", &Value::Null).await;
    for sql in ["UPDATE revisions SET content = ''", "DELETE FROM revisions"] {
        assert!(sqlx::query(sql).execute(&site.pool).await.is_err());
    }
}
