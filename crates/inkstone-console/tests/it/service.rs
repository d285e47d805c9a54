//! The console as a service of its own framework.

use std::path::Path;

use inkstone::App;
use inkstone_console::{Severity, Started, check, serve};
use serde_json::json;
use tokio::sync::oneshot;

use crate::kubernetes::{Cluster, FILE, Pod};
use crate::site::{Browser, PASSWORD, Site, problem};

fn config(dir: &Path, kubeconfig: &Path) -> String {
    format!(
        "[app]\nname = \"console\"\n[server.http]\nport = 0\n[server.governor]\nport = 0\n\
         [sqlite.console]\naddr = {:?}\n[console]\nkubeconfig = {:?}\nbase_path = \"/ink\"\n",
        dir.join("console.db").display().to_string(),
        kubeconfig.display().to_string(),
    )
}

async fn started(text: &str) -> (Started, inkstone::AppHandle, tokio::task::JoinHandle<inkstone::Result>) {
    let app = App::from_toml("console.toml", text);
    let handle = app.handle().clone();
    let (told, heard) = oneshot::channel();
    let running = tokio::spawn(serve(app, move |started| _ = told.send(started)));
    (heard.await.unwrap(), handle, running)
}

#[tokio::test]
async fn it_says_where_it_is_makes_the_first_account_and_stops_with_a_stream_open() {
    let cluster = Cluster::start(&[Pod::Stuck]).await;
    let dir = tempfile::tempdir().unwrap();
    let (started, handle, running) = started(&config(dir.path(), &cluster.kubeconfig)).await;
    let (page, token) = started.setup.as_ref().unwrap().split_once("#token=").unwrap();
    assert_eq!(page, format!("{}setup", started.url));
    assert!(started.url.ends_with("/ink/"), "{started:?}");
    let mut admin = Browser::at(&started.url);
    let body = json!({"token": token, "name": "root", "password": PASSWORD});
    let reply = admin.post("setup", &body).await;
    admin.remember(reply).await;
    let release = crate::releases::publish(&admin, "a = 1\n").await;
    let events = admin.get(&format!("releases/{}/events", release["id"].as_str().unwrap())).await;
    assert_eq!(admin.read("session").await["version"]["name"], "console");
    handle.stop();
    running.await.unwrap().unwrap();
    assert!(events.text().await.unwrap().contains("\"written\""));
}

#[tokio::test]
async fn a_second_start_gives_no_setup_link() {
    let cluster = Cluster::start(&[]).await;
    let dir = tempfile::tempdir().unwrap();
    let site = Site::at(dir, cluster, crate::site::quick()).await;
    site.admin().await;
    site.pool.close().await;
    let (started, handle, running) = started(&config(site.dir.path(), &site.cluster.kubeconfig)).await;
    assert!(started.setup.is_none());
    handle.stop();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_kubeconfig_that_cannot_be_read_stops_it_with_the_key_and_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let app = App::from_toml("console.toml", &config(dir.path(), Path::new("/nonexistent/kubeconfig")));
    let error = serve(app, |_| panic!("it must not start")).await.unwrap_err().to_string();
    for part in ["console.kubeconfig", "/nonexistent/kubeconfig"] {
        assert!(error.contains(part), "{error}");
    }
}

#[tokio::test]
async fn a_wrong_table_stops_it_with_every_problem() {
    let text = "[server.http]\nport = 0\n[server.governor]\nport = 0\n[sqlite.console]\naddr = \"sqlite::memory:\"\n\
                [console]\npublic_url = \"console.example\"\nsession_idel = \"1h\"\nproof_deadline = \"0s\"\n";
    let error = serve(App::from_toml("console.toml", text), |_| ()).await.unwrap_err().to_string();
    for part in ["public_url", "session_idel", "session_idle", "proof_deadline"] {
        assert!(error.contains(part), "{part} is not in {error}");
    }
}

#[test]
fn a_content_is_checked_as_the_service_would() {
    let found = check("catalog.toml", "[server.http]\nport = \"many\"\nhots = \"::\"\n");
    let keys: Vec<_> = found.iter().filter_map(|finding| finding.key.as_deref()).collect();
    assert!(keys.contains(&"server.http.port") && keys.contains(&"server.http.hots"), "{found:?}");
    assert!(
        found.iter().all(|finding| finding.severity == Severity::Error && finding.line.is_some()),
        "{found:?}"
    );
    assert!(check("catalog.toml", "[server.http]\nport = 80\n").is_empty());
    assert!(check("nginx.conf", "server { listen 80; }").is_empty());
    let syntax = check("catalog.toml", "[server.http\n");
    assert_eq!(syntax[0].line, Some(1), "{syntax:?}");
}

#[tokio::test]
async fn the_editor_is_told_what_is_wrong_and_where() {
    let site =
        Site::with(Cluster::start(&[]).await, inkstone_console::Options { check, ..crate::site::quick() })
            .await;
    let admin = site.admin().await;
    let body = json!({"content": "[log]\nlevle = \"info\"\n"});
    let answer = admin.write(&format!("{FILE}/check"), &body).await;
    let finding = &answer["problems"][0];
    assert_eq!((&finding["severity"], &finding["line"]), (&json!("error"), &json!(2)), "{answer}");
    let nothing = problem(site.visitor().post(&format!("{FILE}/check"), &body).await).await;
    assert_eq!(nothing.0, 401);
}
