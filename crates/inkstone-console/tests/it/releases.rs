use futures::StreamExt as _;
use inkstone_console::{Options, hash};
use serde_json::{Value, json};

use crate::kubernetes::{Cluster, FILE, FIRST, Fault, Pod};
use crate::site::{Browser, Site, eventually, problem, quick};

/// Saves a content on top of the newest revision.
pub(crate) async fn save(browser: &Browser, content: &str) -> String {
    let base = browser.read(FILE).await["revisions"][0]["id"].clone();
    let body = json!({"content": content, "message": "m", "base": base});
    browser.write(&format!("{FILE}/revisions"), &body).await["id"].as_str().unwrap().to_owned()
}

pub(crate) async fn live_hash(browser: &Browser) -> Value {
    browser.read(FILE).await["live"]["hash"].clone()
}

pub(crate) async fn publish(browser: &Browser, content: &str) -> Value {
    let revision = save(browser, content).await;
    let body = json!({"revision": revision, "expected_live_hash": live_hash(browser).await, "message": "go"});
    browser.write(&format!("{FILE}/releases"), &body).await
}

fn id(release: &Value) -> &str {
    release["id"].as_str().unwrap()
}

#[tokio::test]
async fn a_publish_reaches_the_config_map_and_is_complete_when_each_pod_has_loaded_it() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let release = publish(&admin, "[log]\nlevel = \"debug\"\n").await;
    assert_eq!(site.cluster.content("catalog.toml").unwrap(), "[log]\nlevel = \"debug\"\n");
    assert_eq!(site.cluster.content("other.toml").unwrap(), "# mine\n");
    let done = admin.final_release(id(&release)).await;
    assert_eq!(done["state"], "complete", "{done}");
    let pods: Vec<_> =
        done["pods"].as_array().unwrap().iter().map(|pod| pod["state"].as_str().unwrap()).collect();
    assert_eq!(pods, ["loaded", "loaded"]);
    let content_hash = hash("[log]\nlevel = \"debug\"\n");
    assert_eq!(site.cluster.annotation("inkstone.dev/release").unwrap(), id(&release));
    assert_eq!(site.cluster.annotation("inkstone.dev/hash.catalog.toml").unwrap(), content_hash);
    let file = admin.read(FILE).await;
    assert_eq!((&file["live"]["release"], &file["live"]["hash"]), (&release["id"], &json!(content_hash)));
    for time in ["created_at", "written_at", "completed_at"] {
        assert!(done[time].as_str().is_some_and(|at| at.ends_with('Z')), "{done}");
    }
}

#[tokio::test]
async fn a_publish_over_a_change_that_was_not_seen_is_refused_and_changes_nothing() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let revision = save(&admin, "a = 1\n").await;
    let compared = live_hash(&admin).await;
    site.cluster.edit("catalog.toml", "by = \"kubectl\"\n");
    let body = json!({"revision": revision, "expected_live_hash": compared});
    let (status, code, answer) = problem(admin.post(&format!("{FILE}/releases"), &body).await).await;
    assert_eq!((status, code.as_str()), (409, "live_changed"));
    assert_eq!(answer["live_hash"], hash("by = \"kubectl\"\n"));
    assert_eq!(site.cluster.content("catalog.toml").unwrap(), "by = \"kubectl\"\n");
    assert_eq!(admin.read(FILE).await["live"]["release"], Value::Null);
}

#[tokio::test]
async fn a_change_between_the_look_and_the_write_is_not_overwritten() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let revision = save(&admin, "a = 1\n").await;
    let body = json!({"revision": revision, "expected_live_hash": hash(FIRST)});
    site.cluster.next_write(Fault::SameKey);
    assert_eq!(problem(admin.post(&format!("{FILE}/releases"), &body).await).await.1, "live_changed");
    assert_eq!(site.cluster.content("catalog.toml").unwrap(), "# changed meanwhile\n");
    let releases = admin.read(FILE).await["releases"].clone();
    assert_eq!(releases[0]["state"], "interrupted");
}

#[tokio::test]
async fn a_change_of_another_key_between_the_look_and_the_write_is_kept() {
    let site = Site::start().await;
    let admin = site.admin().await;
    site.cluster.next_write(Fault::OtherKey);
    let release = publish(&admin, "a = 1\n").await;
    assert_eq!(site.cluster.content("other.toml").unwrap(), "# changed meanwhile\n");
    assert_eq!(site.cluster.content("catalog.toml").unwrap(), "a = 1\n");
    assert_eq!(admin.final_release(id(&release)).await["state"], "complete");
}

#[tokio::test]
async fn a_refusal_is_shown_beside_the_pod_with_file_line_and_reason() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let release = publish(&admin, "level = wrong\n").await;
    let done = admin.final_release(id(&release)).await;
    assert_eq!(done["state"], "refused");
    let problem = &done["pods"][0]["problems"][0];
    assert_eq!((&problem["line"], &problem["code"]), (&json!(2), &json!("INK1002")));
    assert_eq!(problem["file"], "/etc/inkstone/catalog.toml");
    let application = admin.read("applications/shop/catalog").await;
    assert_eq!(application["config"], "refused");
    let file = &application["pods"][0]["config"][0];
    assert_eq!((&file["state"], &file["loaded_hash"]), (&json!("refused"), &json!(hash(FIRST))));
    assert_eq!(file["written_hash"], hash("level = wrong\n"));
}

#[tokio::test]
async fn rolling_back_is_a_new_release_of_the_earlier_content() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let good = publish(&admin, "a = 1\n").await;
    let bad = publish(&admin, "a = 2\n").await;
    let back = admin.write(&format!("releases/{}/rollback", id(&good)), &json!({"message": "back"})).await;
    assert_ne!(back["id"], good["id"]);
    assert_eq!((&back["kind"], &back["rollback_of"]), (&json!("rollback"), &good["id"]));
    assert_eq!((&back["number"], &back["revision"]), (&json!(3), &good["revision"]));
    assert_eq!(site.cluster.content("catalog.toml").unwrap(), "a = 1\n");
    assert_eq!(admin.final_release(id(&back)).await["state"], "complete");
    let bad = admin.read(&format!("releases/{}", id(&bad))).await;
    assert!(["complete", "superseded"].contains(&bad["state"].as_str().unwrap()), "{bad}");
}

#[tokio::test]
async fn a_rollback_over_a_change_that_was_not_seen_is_refused_unless_nothing_was_compared() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let good = publish(&admin, "a = 1\n").await;
    let path = format!("releases/{}/rollback", id(&good));
    let compared = live_hash(&admin).await;
    site.cluster.edit("catalog.toml", "by = \"kubectl\"\n");
    for unseen in [compared, Value::Null] {
        let body = json!({"message": "back", "expected_live_hash": unseen});
        let (status, code, answer) = problem(admin.post(&path, &body).await).await;
        assert_eq!((status, code.as_str()), (409, "live_changed"));
        assert_eq!(answer["live_hash"], hash("by = \"kubectl\"\n"));
        assert_eq!(site.cluster.content("catalog.toml").unwrap(), "by = \"kubectl\"\n");
    }
    let seen = json!({"expected_live_hash": live_hash(&admin).await});
    assert_eq!(admin.write(&path, &seen).await["kind"], "rollback");
    assert_eq!(site.cluster.content("catalog.toml").unwrap(), "a = 1\n");
    site.cluster.edit("catalog.toml", "by = \"kubectl\"\n");
    admin.write(&path, &json!({"message": "whatever is there"})).await;
    assert_eq!(site.cluster.content("catalog.toml").unwrap(), "a = 1\n");
}

#[tokio::test]
async fn what_belongs_to_another_cluster_is_neither_taken_up_nor_published_here() {
    let site = Site::with(Cluster::start(&[Pod::Stuck]).await, Options::default()).await;
    let admin = site.admin().await;
    let open = publish(&admin, "a = 1\n").await;
    assert_eq!(open["state"], "written");
    site.console.close().await;
    // The same database, now with a console of another name; the release could still be settled if it were taken up.
    for statement in ["UPDATE files SET cluster = 'elsewhere'", "UPDATE releases SET state = 'publishing'"] {
        sqlx::query(statement).execute(&site.pool).await.unwrap();
    }
    let Site { pool, cluster, dir, .. } = site;
    pool.close().await;
    cluster.edit("catalog.toml", "here = 1\n");
    let site = Site::at(dir, cluster, quick()).await;
    let admin = site.sign_in("root").await;
    // A release of this cluster's own file comes to its end meanwhile.
    site.cluster.behave(0, Pod::Follows);
    let own = publish(&admin, "a = 2\n").await;
    assert_eq!(admin.final_release(id(&own)).await["state"], "complete");
    assert_eq!(admin.read(&format!("releases/{}", id(&open))).await["state"], "publishing");

    let body = json!({"message": "back"});
    let reply = admin.post(&format!("releases/{}/rollback", id(&open)), &body).await;
    let (status, code, answer) = problem(reply).await;
    assert_eq!((status, code.as_str()), (409, "other_cluster"));
    assert!(answer["detail"].as_str().unwrap().contains("\"elsewhere\""), "{answer}");
    let body = json!({"revision": open["revision"], "expected_live_hash": live_hash(&admin).await});
    assert_eq!(problem(admin.post(&format!("{FILE}/releases"), &body).await).await.0, 404);
    assert_eq!(site.cluster.content("catalog.toml").unwrap(), "a = 2\n");
}

#[tokio::test]
async fn three_publishes_in_a_row_all_arrive() {
    let site = Site::start().await;
    let admin = site.admin().await;
    for n in 1..=3 {
        let release = publish(&admin, &format!("a = {n}\n")).await;
        assert_eq!(site.cluster.content("catalog.toml").unwrap(), format!("a = {n}\n"));
        assert_eq!(admin.final_release(id(&release)).await["state"], "complete");
    }
}

#[tokio::test]
async fn a_later_release_takes_the_place_of_one_that_is_not_loaded_yet() {
    let cluster = Cluster::start(&[Pod::Stuck]).await;
    let site = Site::with(cluster, quick()).await;
    let admin = site.admin().await;
    let first = publish(&admin, "a = 1\n").await;
    site.cluster.behave(0, Pod::Follows);
    let second = publish(&admin, "a = 2\n").await;
    let first = admin.final_release(id(&first)).await;
    assert!(["superseded", "complete"].contains(&first["state"].as_str().unwrap()), "{first}");
    assert_eq!(admin.final_release(id(&second)).await["state"], "complete");
}

#[tokio::test]
async fn of_two_who_publish_at_once_after_the_same_comparison_one_succeeds() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let revision = save(&admin, "a = 1\n").await;
    let body = json!({"revision": revision, "expected_live_hash": hash(FIRST)});
    let attempts =
        (0..4).map(|_| async { admin.post(&format!("{FILE}/releases"), &body).await.status().as_u16() });
    let mut statuses = futures::future::join_all(attempts).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409]);
}

#[tokio::test]
async fn a_pod_that_does_not_load_it_makes_the_release_fail_by_name() {
    for (behaviour, reason) in [(Pod::Stuck, "catalog-1 has not loaded it"), (Pod::Gone, "it answered 502")] {
        let site = Site::with(Cluster::start(&[Pod::Follows, behaviour]).await, quick()).await;
        let admin = site.admin().await;
        let release = publish(&admin, "a = 1\n").await;
        let done = admin.final_release(id(&release)).await;
        assert_eq!(done["state"], "failed");
        let error = done["error"].as_str().unwrap();
        assert!(error.contains(reason) && !error.contains("catalog-0"), "{error}");
        assert_eq!(done["pods"][0]["state"], "loaded");
    }
}

#[tokio::test]
async fn the_events_of_a_release_end_with_its_final_state() {
    let site = Site::with(Cluster::start(&[Pod::Stuck]).await, quick()).await;
    let admin = site.admin().await;
    let release = publish(&admin, "a = 1\n").await;
    let reply = admin.get(&format!("releases/{}/events", id(&release))).await;
    assert_eq!(reply.headers()["content-type"], "text/event-stream");
    site.cluster.behave(0, Pod::Follows);
    let mut text = String::new();
    let mut stream = reply.bytes_stream();
    while let Some(chunk) = stream.next().await {
        text.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
    }
    let events: Vec<Value> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    assert!(text.starts_with("event: release\n"), "{text}");
    assert_eq!(events.last().unwrap()["state"], "complete");
    // Whoever comes later sees how it ended.
    let late = admin.get(&format!("releases/{}/events", id(&release))).await.text().await.unwrap();
    assert_eq!(late.matches("event: release").count(), 1);
}

#[tokio::test]
async fn a_publish_that_the_cluster_forbids_says_so_and_leaves_a_visible_trace() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let revision = save(&admin, "a = 1\n").await;
    site.cluster.next_write(Fault::Forbid);
    let body = json!({"revision": revision, "expected_live_hash": hash(FIRST)});
    let (status, code, answer) = problem(admin.post(&format!("{FILE}/releases"), &body).await).await;
    assert_eq!((status, code.as_str()), (502, "cluster_refused"));
    assert!(answer["detail"].as_str().unwrap().contains("kubeconfig"), "{answer}");
    let file = admin.read(FILE).await;
    assert_eq!(file["releases"][0]["state"], "interrupted");
    assert_eq!(file["live"]["content"], FIRST);
    let newest = &admin.read("audit?limit=1").await["items"][0];
    assert_eq!((&newest["action"], &newest["result"]), (&json!("release.publish"), &json!("failed")));
}

#[tokio::test]
async fn a_key_that_does_not_exist_yet_can_be_published() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let path = FILE.replace("catalog.toml", "new.toml");
    assert_eq!(admin.read(&path).await["live"], Value::Null);
    let revision = json!({"content": "n = 1\n", "message": "", "base": null});
    let revision = admin.write(&format!("{path}/revisions"), &revision).await["id"].clone();
    let body = json!({"revision": revision, "expected_live_hash": null});
    admin.write(&format!("{path}/releases"), &body).await;
    assert_eq!(site.cluster.content("new.toml").unwrap(), "n = 1\n");
}

#[tokio::test]
async fn a_release_waits_for_pods_that_ought_to_be_there_and_are_not() {
    let site = Site::with(Cluster::start(&[]).await, Options::default()).await;
    let admin = site.admin().await;
    let release = publish(&admin, "a = 1\n").await;
    let looks = site.cluster.looks();
    eventually(async || (site.cluster.looks() > looks + 1).then_some(())).await;
    let waiting = admin.read(&format!("releases/{}", id(&release))).await;
    assert_eq!(waiting["state"], "written", "nobody has loaded it: {waiting}");
    site.cluster.add_pod(Pod::Follows).await;
    let done = admin.final_release(id(&release)).await;
    assert_eq!((&done["state"], &done["pods"][0]["state"]), (&json!("complete"), &json!("loaded")));
}

#[tokio::test]
async fn a_write_that_another_console_took_for_interrupted_is_not_made() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let revision = save(&admin, "a = 1\n").await;
    let body = json!({"revision": revision, "expected_live_hash": hash(FIRST)});
    site.cluster.next_write(Fault::Fence);
    assert_eq!(problem(admin.post(&format!("{FILE}/releases"), &body).await).await.1, "live_changed");
    assert_eq!(site.cluster.content("catalog.toml").unwrap(), FIRST);
    assert_eq!(admin.read(FILE).await["releases"][0]["state"], "interrupted");
}
