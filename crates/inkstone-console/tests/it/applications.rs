use serde_json::json;

use crate::kubernetes::{Cluster, FIRST, Pod};
use crate::site::{Site, problem, quick};

#[tokio::test]
async fn an_application_shows_its_pods_versions_and_files() {
    let site = Site::with(Cluster::start(&[Pod::Follows, Pod::Gone]).await, quick()).await;
    let admin = site.admin().await;
    let list = admin.read("applications").await;
    let summary = &list["items"][0];
    assert_eq!((&summary["namespace"], &summary["name"]), (&json!("shop"), &json!("catalog")));
    assert_eq!(summary["pods"], json!({"ready": 2, "total": 2}));
    assert_eq!(summary["versions"], json!(["0.1.0"]));
    assert_eq!(summary["config"], "unknown");
    let application = admin.read("applications/shop/catalog").await;
    let pod = &application["pods"][0];
    assert_eq!(
        (&pod["name"], &pod["ip"], &pod["node"]),
        (&json!("catalog-0"), &json!("127.0.0.1"), &json!("node-1"))
    );
    assert_eq!((&pod["ready"], &pod["restarts"], &pod["governor"]), (&json!(true), &json!(1), &json!("ok")));
    assert_eq!(pod["build"]["commit"], "abc");
    let config = &pod["config"][0];
    assert_eq!((&config["key"], &config["state"]), (&json!("catalog.toml"), &json!("loaded")));
    assert_eq!(config["loaded_hash"], inkstone_console::hash(FIRST));
    let gone = application["pods"][1]["governor"].as_str().unwrap();
    assert!(gone.starts_with("unreachable: ") && gone.contains("502"), "{gone}");
    let files = application["files"].as_array().unwrap();
    let keys: Vec<_> = files.iter().map(|file| file["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["catalog.toml", "other.toml"]);
    assert_eq!(files[0]["content_type"], "toml");
}

#[tokio::test]
async fn the_versions_are_those_of_the_console_and_of_each_pod() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let versions = admin.read("versions").await;
    let items = versions["items"].as_array().unwrap();
    assert_eq!(items[0]["application"], "inkstone-console");
    let pods: Vec<_> = items[1..].iter().map(|item| item["pod"].as_str().unwrap()).collect();
    assert_eq!(pods, ["catalog-0", "catalog-1"]);
    assert_eq!(items[1]["build"]["version"], "0.1.0");
}

#[tokio::test]
async fn an_application_that_is_not_there_is_named() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let (status, _, answer) = problem(admin.get("applications/shop/orders").await).await;
    assert_eq!(status, 404);
    assert!(answer["detail"].as_str().unwrap().contains("orders"), "{answer}");
}
