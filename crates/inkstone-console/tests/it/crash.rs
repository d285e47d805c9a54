//! The console is killed in the middle of a publish: a process of its own, `kill -9`, and a new start.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use inkstone_console::{Cluster as Connection, Console, hash};
use serde_json::{Value, json};
use sqlx::sqlite::SqlitePoolOptions;

use crate::kubernetes::{Cluster, FILE, FIRST, Fault, Pod};
use crate::releases::save;
use crate::site::{Browser, Site, database, eventually, quick};

const DIR: &str = "INKSTONE_TEST_CONSOLE_DIR";
const KUBECONFIG: &str = "INKSTONE_TEST_CONSOLE_KUBECONFIG";

/// Not a test by itself: the process that is killed. It does nothing unless it was asked to be one.
#[tokio::test]
async fn a_console_process() {
    let (Ok(dir), Ok(kubeconfig)) = (std::env::var(DIR), std::env::var(KUBECONFIG)) else { return };
    let pool = SqlitePoolOptions::new().connect_with(database(Path::new(&dir))).await.unwrap();
    let cluster = Connection::connect("local", Some(Path::new(&kubeconfig))).await.unwrap();
    let console = Console::open(pool, cluster, quick()).await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let announced = Path::new(&dir).join("address.part");
    std::fs::write(&announced, address).unwrap();
    std::fs::rename(announced, Path::new(&dir).join("address")).unwrap();
    let service = console.router().into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).await.unwrap();
}

struct Process(Child);

impl Process {
    async fn start(dir: &Path, cluster: &Cluster) -> (Self, String) {
        _ = std::fs::remove_file(dir.join("address"));
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "crash::a_console_process", "--nocapture"]);
        command.env(DIR, dir).env(KUBECONFIG, &cluster.kubeconfig);
        let process = Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let address = eventually(async || std::fs::read_to_string(dir.join("address")).ok()).await;
        (process, format!("http://{address}/"))
    }

    /// SIGKILL: nothing of it runs any more.
    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// Kills the console while its write of the ConfigMap meets `fault`, starts it again, and tells how the release
/// ended.
async fn killed_while_writing(fault: Fault) -> (Value, Cluster, Browser, (Process, tempfile::TempDir)) {
    let site = Site::with(Cluster::start(&[Pod::Follows]).await, quick()).await;
    let mut admin = site.admin().await;
    let revision = save(&admin, "a = 1\n").await;
    site.console.close().await;
    site.pool.close().await;
    let (process, url) = Process::start(site.dir.path(), &site.cluster).await;
    admin.api = url;
    site.cluster.next_write(fault);
    let body = json!({"revision": revision, "expected_live_hash": hash(FIRST)});
    let path = format!("{FILE}/releases");
    tokio::select! {
        _ = admin.request(reqwest::Method::POST, &path).header("x-csrf-token", &admin.csrf).json(&body).send() => {
            panic!("the publish was to hang")
        }
        () = eventually(async || (site.cluster.writes() > 0).then_some(())) => {}
    }
    process.kill();
    let (process, url) = Process::start(site.dir.path(), &site.cluster).await;
    admin.api = url;
    let releases = admin.read(FILE).await["releases"].clone();
    assert_eq!(releases.as_array().unwrap().len(), 1, "the release is not forgotten");
    let release = admin.final_release(releases[0]["id"].as_str().unwrap()).await;
    (release, site.cluster, admin, (process, site.dir))
}

#[tokio::test]
async fn killed_before_the_config_map_changed_the_release_is_visibly_interrupted() {
    let (release, cluster, admin, _running) = killed_while_writing(Fault::Hang).await;
    assert_eq!(release["state"], "interrupted");
    assert!(release["error"].as_str().unwrap().contains("nothing was published"), "{release}");
    assert_eq!(cluster.content("catalog.toml").unwrap(), FIRST);
    let file = admin.read(FILE).await;
    assert_eq!(file["live"]["release"], Value::Null);
    // And the same revision can be published now.
    let body = json!({"revision": release["revision"], "expected_live_hash": hash(FIRST)});
    let again = admin.write(&format!("{FILE}/releases"), &body).await;
    assert_eq!(admin.final_release(again["id"].as_str().unwrap()).await["state"], "complete");
}

#[tokio::test]
async fn killed_after_the_config_map_changed_the_release_is_completed() {
    let (release, cluster, admin, _running) = killed_while_writing(Fault::Mute).await;
    assert_eq!(release["state"], "complete", "{release}");
    assert_eq!(cluster.content("catalog.toml").unwrap(), "a = 1\n");
    assert_eq!(admin.read(FILE).await["live"]["release"], release["id"]);
}
