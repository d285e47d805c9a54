use inkstone_console::{Cluster as Connection, Console, Options, hash};
use serde_json::json;
use sqlx::sqlite::SqlitePoolOptions;

use crate::kubernetes::{Cluster, FILE, FIRST, Fault, Pod, kubeconfig_for};
use crate::releases::{publish, save};
use crate::site::{Site, database, eventually, problem, quick};

#[tokio::test]
async fn a_cluster_that_does_not_answer_is_named_with_its_kubeconfig_and_the_console_works_on() {
    let cluster = Cluster::start(&[]).await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    std::fs::write(&cluster.kubeconfig, kubeconfig_for(&server)).unwrap();
    let kubeconfig = cluster.kubeconfig.display().to_string();
    let site = Site::with(cluster, quick()).await;
    let admin = site.admin().await;
    for path in ["applications", "applications/shop/catalog", "versions", FILE] {
        let (status, code, answer) = problem(admin.get(path).await).await;
        assert_eq!((status, code.as_str()), (503, "cluster_unreachable"), "{path}");
        let detail = answer["detail"].as_str().unwrap();
        assert!(detail.contains(&server) && detail.contains(&kubeconfig), "{detail}");
    }
    assert_eq!(admin.get("health").await.status(), 200);
    assert_eq!(admin.get("users").await.status(), 200);
}

#[tokio::test]
async fn a_kubeconfig_that_is_not_there_is_named() {
    let missing = std::path::Path::new("/nonexistent/kubeconfig");
    let error = Connection::connect("local", Some(missing)).await.unwrap_err().to_string();
    assert!(error.contains("/nonexistent/kubeconfig"), "{error}");
}

#[tokio::test]
async fn a_lost_answer_to_a_write_that_happened_is_found_out() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let revision = save(&admin, "a = 1\n").await;
    site.cluster.next_write(Fault::Mute);
    let body = json!({"revision": revision, "expected_live_hash": hash(FIRST)});
    // The one who asks goes away; the console has to find out alone.
    let path = format!("{FILE}/releases");
    tokio::select! {
        _ = admin.post(&path, &body) => panic!("the answer was to be lost"),
        () = eventually(async || (site.cluster.writes() > 0).then_some(())) => {}
    }
    let release = admin.read(FILE).await["releases"][0].clone();
    assert_eq!(release["state"], "publishing");
    let done = eventually_final(&admin, release["id"].as_str().unwrap()).await;
    assert_eq!(done["state"], "complete", "{done}");
    assert_eq!(site.cluster.content("catalog.toml").unwrap(), "a = 1\n");
}

/// The console waits ten seconds for the API's answer before it goes to look.
async fn eventually_final(admin: &crate::site::Browser, id: &str) -> serde_json::Value {
    eventually(async || {
        let release = admin.read(&format!("releases/{id}")).await;
        (release["state"] != "publishing").then_some(())
    })
    .await;
    admin.final_release(id).await
}

#[tokio::test]
async fn a_full_disk_is_said_plainly_and_loses_nothing() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let kept = save(&admin, "a = 1\n").await;
    let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(&site.pool).await.unwrap();
    site.pool.close().await;
    // The database may not grow any more: SQLite says what it says on a full disk.
    let limited = database(site.dir.path()).pragma("max_page_count", (pages + 2).to_string());
    let pool = SqlitePoolOptions::new().connect_with(limited).await.unwrap();
    let connection = Connection::connect("local", Some(&site.cluster.kubeconfig)).await.unwrap();
    let console = Console::open(pool, connection, Options::default()).await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut full = admin.clone();
    full.api = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, console.router()).await });
    let body = json!({"content": "b".repeat(200_000), "message": "m", "base": kept});
    let (status, code, answer) = problem(full.post(&format!("{FILE}/revisions"), &body).await).await;
    assert_eq!((status, code.as_str()), (507, "storage_full"));
    assert!(answer["detail"].as_str().unwrap().contains("room"), "{answer}");
    // What was there is there, reading works, and nobody is signed out.
    assert_eq!(full.read(&format!("revisions/{kept}")).await["content"], "a = 1\n");
    assert_eq!(full.read(FILE).await["revisions"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_stop_in_the_middle_of_the_proof_is_taken_up_again() {
    let site = Site::with(Cluster::start(&[Pod::Stuck]).await, Options::default()).await;
    let admin = site.admin().await;
    let release = publish(&admin, "a = 1\n").await;
    site.console.close().await;
    let open = admin.read(&format!("releases/{}", release["id"].as_str().unwrap())).await;
    assert_eq!(open["state"], "written");
    site.cluster.behave(0, Pod::Follows);
    let again = Site::at(site.dir, site.cluster, quick()).await;
    let mut admin = admin;
    admin.api.clone_from(&again.url);
    assert_eq!(admin.final_release(release["id"].as_str().unwrap()).await["state"], "complete");
}

#[tokio::test]
async fn a_database_that_fails_after_the_write_leaves_the_release_open_until_it_is_well() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let revision = save(&admin, "a = 1\n").await;
    let broken =
        "CREATE TRIGGER broken BEFORE UPDATE ON releases BEGIN SELECT RAISE(ABORT, 'disk trouble'); END";
    sqlx::query(broken).execute(&site.pool).await.unwrap();
    let body = json!({"revision": revision, "expected_live_hash": hash(FIRST)});
    let (status, code, answer) = problem(admin.post(&format!("{FILE}/releases"), &body).await).await;
    assert_eq!((status, code.as_str()), (500, "storage"));
    assert!(answer["detail"].as_str().unwrap().contains("The ConfigMap has release 1"), "{answer}");
    let open = admin.read(FILE).await["releases"][0].clone();
    assert_eq!(open["state"], "publishing", "nobody claims to know more than the database");
    assert_eq!(site.cluster.content("catalog.toml").unwrap(), "a = 1\n");
    sqlx::query("DROP TRIGGER broken").execute(&site.pool).await.unwrap();
    assert_eq!(eventually_final(&admin, open["id"].as_str().unwrap()).await["state"], "complete");
}

#[tokio::test]
async fn a_database_that_fails_before_the_write_leaves_the_config_map_alone() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let revision = save(&admin, "a = 1\n").await;
    let broken =
        "CREATE TRIGGER broken BEFORE INSERT ON releases BEGIN SELECT RAISE(ABORT, 'disk trouble'); END";
    sqlx::query(broken).execute(&site.pool).await.unwrap();
    let body = json!({"revision": revision, "expected_live_hash": hash(FIRST)});
    assert_eq!(problem(admin.post(&format!("{FILE}/releases"), &body).await).await.0, 500);
    assert_eq!(site.cluster.content("catalog.toml").unwrap(), FIRST);
    assert_eq!(site.cluster.writes(), 0);
}

#[tokio::test]
async fn a_write_that_happened_although_the_api_reports_a_failure_is_found_out() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let revision = save(&admin, "a = 1\n").await;
    site.cluster.next_write(Fault::Broken);
    let body = json!({"revision": revision, "expected_live_hash": hash(FIRST)});
    let (status, code, _) = problem(admin.post(&format!("{FILE}/releases"), &body).await).await;
    assert_eq!((status, code.as_str()), (502, "cluster_refused"));
    assert_eq!(site.cluster.content("catalog.toml").unwrap(), "a = 1\n");
    let release = admin.read(FILE).await["releases"][0].clone();
    let done = eventually_final(&admin, release["id"].as_str().unwrap()).await;
    assert_eq!(done["state"], "complete", "{done}");
}

#[tokio::test]
async fn a_database_that_cannot_note_what_a_release_replaces_does_not_lose_the_release() {
    let site = Site::with(Cluster::start(&[Pod::Stuck]).await, quick()).await;
    let admin = site.admin().await;
    let first = publish(&admin, "a = 1\n").await;
    let broken = "CREATE TRIGGER broken BEFORE UPDATE ON releases WHEN NEW.state = 'superseded'
                  BEGIN SELECT RAISE(ABORT, 'disk trouble'); END";
    sqlx::query(broken).execute(&site.pool).await.unwrap();
    let revision = save(&admin, "a = 2\n").await;
    let body = json!({"revision": revision, "expected_live_hash": hash("a = 1\n")});
    assert_eq!(problem(admin.post(&format!("{FILE}/releases"), &body).await).await.0, 500);
    site.cluster.behave(0, Pod::Follows);
    sqlx::query("DROP TRIGGER broken").execute(&site.pool).await.unwrap();
    let second = admin.read(FILE).await["releases"][0]["id"].clone();
    let done = eventually_final(&admin, second.as_str().unwrap()).await;
    assert_eq!((&done["number"], &done["state"]), (&json!(2), &json!("complete")), "{done}");
    assert!(
        ["superseded", "failed"]
            .contains(&admin.final_release(first["id"].as_str().unwrap()).await["state"].as_str().unwrap())
    );
}

#[tokio::test]
async fn a_namespace_that_would_lead_elsewhere_in_the_kubernetes_api_is_not_found() {
    let site = Site::start().await;
    let admin = site.admin().await;
    for namespace in ["shop%2F..%2Fshop", "..", "a%20b", "shop%3Fx=", "%7B", "Shop"] {
        let (status, code, answer) =
            problem(admin.get(&format!("applications/{namespace}/catalog")).await).await;
        assert_eq!((status, code.as_str()), (404, "not_found"), "{namespace}: {answer}");
    }
}
