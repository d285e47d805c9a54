//! Who may ask, where, and what is offered.
use std::os::unix::fs::PermissionsExt;

use inkstone_cluster::Cluster;
use serde_json::json;

use super::{
    client::{Client, start},
    fixture::options,
};

#[tokio::test]
async fn without_the_token_only_health_is_told() {
    let (fixture, client) = start().await;
    for stranger in ["", "wrong"] {
        let stranger = Client::of(&fixture.cluster).with_token(stranger);
        for path in ["/api/v1/secrets", "/apis", "/version", "/openapi/v3", "/nothing"] {
            stranger.get(path).await.refused(401, "Unauthorized");
        }
        let health = stranger.get("/healthz").await;
        assert_eq!((health.code, health.text.as_str()), (200, "ok"));
    }
    client.get("/version").await.expect(200);
}

#[tokio::test]
async fn only_its_owner_can_read_the_kubeconfig() {
    let (fixture, _client) = start().await;
    let kubeconfig = fixture.cluster.kubeconfig();
    for path in
        [kubeconfig.to_owned(), kubeconfig.with_file_name("token"), kubeconfig.with_file_name("ca.key")]
    {
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
    }
    let text = std::fs::read_to_string(kubeconfig).unwrap();
    assert!(text.contains("current-context: inkstone-dev"), "{text}");
}

#[tokio::test]
async fn the_token_and_authority_stay_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(options(dir.path())).await.unwrap();
    let read =
        || ["token", "ca.pem"].map(|f| std::fs::read_to_string(dir.path().join("access").join(f)).unwrap());
    let before = read();
    cluster.stop().await.unwrap();
    let cluster = Cluster::start(options(dir.path())).await.unwrap();
    assert_eq!(read(), before);
    Client::of(&cluster).get("/version").await.expect(200);
}

#[tokio::test]
async fn an_address_that_others_reach_or_hold_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut open = options(dir.path());
    open.listen = ([0, 0, 0, 0], 0).into();
    let error = Cluster::start(open).await.unwrap_err();
    assert!(error.to_string().contains("loopback only"), "{error}");

    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let mut busy = options(dir.path());
    busy.listen = taken.local_addr().unwrap();
    let error = Cluster::start(busy).await.unwrap_err().to_string();
    assert!(
        error.contains(&taken.local_addr().unwrap().to_string()) && error.contains("choose another port"),
        "{error}"
    );
}

#[tokio::test]
async fn a_state_directory_that_cannot_be_used_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Cluster::start(options(&file.join("state"))).await.unwrap_err().to_string();
    assert!(error.contains("cannot create the directory") && error.contains("file/state"), "{error}");

    let running = Cluster::start(options(&dir.path().join("state"))).await.unwrap();
    let error = Cluster::start(options(&dir.path().join("state"))).await.unwrap_err().to_string();
    assert!(error.contains("another cluster uses"), "{error}");
    running.stop().await.unwrap();
}

#[tokio::test]
async fn discovery_lists_what_is_served() {
    let (_fixture, client) = start().await;
    assert_eq!(client.get("/api").await.expect(200)["versions"], json!(["v1"]));
    let groups = client.get("/apis").await.expect(200);
    let names: Vec<_> =
        groups["groups"].as_array().unwrap().iter().map(|g| g["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["apps", "coordination.k8s.io", "discovery.k8s.io"]);
    let core = client.get("/api/v1").await.expect(200);
    let resources = core["resources"].as_array().unwrap();
    let config_maps = resources.iter().find(|r| r["name"] == "configmaps").unwrap();
    assert_eq!((&config_maps["kind"], &config_maps["shortNames"]), (&"ConfigMap".into(), &json!(["cm"])));
    assert!(resources.iter().any(|r| r["name"] == "pods/log"));
    let apps = client.get("/apis/apps/v1").await.expect(200);
    let scale =
        apps["resources"].as_array().unwrap().iter().find(|r| r["name"] == "deployments/scale").unwrap();
    assert_eq!((&scale["kind"], &scale["group"]), (&"Scale".into(), &"autoscaling".into()));
    assert_eq!(client.get("/version").await.expect(200)["major"], "1");
    let open_api = client.get("/openapi/v3").await.expect(200);
    let url = open_api["paths"]["apis/apps/v1"]["serverRelativeURL"].as_str().unwrap();
    let document = client.get(url).await.expect(200);
    assert!(document.to_string().contains("fieldValidation"), "kubectl leaves validation to the server");
    assert_eq!(client.get("/apis/batch/v1").await.code, 404);
}

#[tokio::test]
async fn the_one_user_may_do_everything_and_tokens_can_be_reviewed() {
    let (fixture, client) = start().await;
    let review = json!({ "spec": { "resourceAttributes": { "verb": "create", "resource": "pods" } } });
    let answer =
        client.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", &review).await.expect(201);
    assert_eq!(answer["status"]["allowed"], true);
    let token = std::fs::read_to_string(fixture.cluster.kubeconfig().with_file_name("token")).unwrap();
    for (token, known) in [(token.as_str(), json!(true)), ("wrong", json!(null))] {
        let review = json!({ "spec": { "token": token } });
        let answer = client.post("/apis/authentication.k8s.io/v1/tokenreviews", &review).await.expect(201);
        assert_eq!(answer["status"]["authenticated"], known);
    }
}

#[tokio::test]
async fn people_get_indented_json_and_programs_one_line() {
    let (_fixture, client) = start().await;
    let lines = |text: &str| text.lines().count();
    assert_eq!(lines(&client.get("/version").await.text), 1);
    assert!(lines(&client.get("/version?pretty=true").await.text) > 5);
}

#[tokio::test]
async fn what_is_not_served_says_so() {
    let (fixture, client) = start().await;
    fixture.create(inkstone_cluster::store::PODS, super::fixture::pod("p", "exec sleep 600"));
    let pod = "/api/v1/namespaces/default/pods/p";
    let message =
        client.post(&format!("{pod}/exec?command=ls"), &json!({})).await.refused(501, "NotImplemented");
    assert!(message.contains("processes of this machine"), "{message}");
    client.post(pod, &json!({})).await.refused(405, "MethodNotAllowed");
    client.post("/version", &json!({})).await.refused(405, "MethodNotAllowed");
}
