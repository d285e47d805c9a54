//! An API that refuses, forgets, or is not there.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::{Json, Router};
use futures::StreamExt;
use inkstone_discover::Resolver;
use serde_json::{Value, json};

use crate::{expect, follow, resolver_of, until};

/// An API whose answers a test writes: to listing number n, and to watching after it.
#[derive(Clone)]
pub(crate) struct Fake {
    listed: Arc<AtomicUsize>,
    list: fn(usize) -> (StatusCode, Value),
    watch: fn(usize) -> Vec<Value>,
}

impl Fake {
    pub(crate) fn new(list: fn(usize) -> (StatusCode, Value), watch: fn(usize) -> Vec<Value>) -> Self {
        let _already = rustls::crypto::aws_lc_rs::default_provider().install_default();
        Self { listed: Arc::default(), list, watch }
    }

    /// Serves for as long as the runtime lives; the kubeconfig that leads to it.
    pub(crate) async fn serve(self, dir: &Path) -> PathBuf {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(any(answer)).with_state(self);
        tokio::spawn(axum::serve(listener, router).into_future());
        kubeconfig(dir, &server)
    }
}

pub(crate) fn kubeconfig(dir: &Path, server: &str) -> PathBuf {
    let file = dir.join("kubeconfig");
    let text = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "contexts": [{ "name": "c", "context": { "cluster": "c", "user": "u" } }],
        "clusters": [{ "name": "c", "cluster": { "server": server } }],
        "users": [{ "name": "u", "user": {} }],
    });
    std::fs::write(&file, text.to_string()).unwrap();
    file
}

async fn answer(State(fake): State<Fake>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let selectors =
        ["labelSelector=kubernetes.io%2Fservice-name%3Dcatalog", "fieldSelector=metadata.name%3Dcatalog"];
    assert!(selectors.iter().any(|selector| query.contains(selector)), "{query}");
    if !query.contains("watch=") {
        let number = fake.listed.fetch_add(1, Ordering::SeqCst) + 1;
        let (code, body) = (fake.list)(number);
        return (code, Json(body)).into_response();
    }
    let events = (fake.watch)(fake.listed.load(Ordering::SeqCst));
    let lines = events.into_iter().map(|event| Ok::<_, std::io::Error>(Bytes::from(format!("{event}\n"))));
    // A watch stays open when it has nothing more to say.
    Body::from_stream(futures::stream::iter(lines).chain(futures::stream::pending())).into_response()
}

fn slices(version: usize, address: &str) -> (StatusCode, Value) {
    let list = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSliceList", "metadata": { "resourceVersion": version.to_string() },
        "items": [slice(version, address)],
    });
    (StatusCode::OK, list)
}

fn slice(version: usize, address: &str) -> Value {
    json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": { "name": "catalog-a", "namespace": "shop", "resourceVersion": version.to_string() },
        "ports": [{ "name": "grpc", "port": 9002 }],
        "endpoints": [{ "addresses": [address], "conditions": { "ready": true } }],
    })
}

pub(crate) fn status(code: u16, message: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "message": message, "reason": "x" })
}

#[tokio::test]
async fn when_the_past_is_forgotten_everything_is_listed_again() {
    let fake = Fake {
        listed: Arc::default(),
        list: |number| slices(number * 10, &format!("127.1.0.{number}")),
        watch: |number| match number {
            1 => vec![json!({ "type": "ERROR", "object": status(410, "too old resource version") })],
            _ => vec![json!({ "type": "MODIFIED", "object": slice(21, "127.1.0.9") })],
        },
    };
    let dir = tempfile::tempdir().unwrap();
    let listed = fake.listed.clone();
    let mut catalog = follow(&fake.serve(dir.path()).await, "k8s:///catalog.shop:grpc");
    expect(&mut catalog, &["127.1.0.9:9002"]).await;
    assert_eq!(listed.load(Ordering::SeqCst), 2);
}

/// Two seconds of an API whose watches end with this code, again and again: how often it was asked to list.
async fn listed_in_two_seconds(watch: fn(usize) -> Vec<Value>) -> usize {
    let fake = Fake { listed: Arc::default(), list: |_| slices(10, "127.1.0.1"), watch };
    let dir = tempfile::tempdir().unwrap();
    let listed = fake.listed.clone();
    let mut catalog = follow(&fake.serve(dir.path()).await, "k8s:///catalog.shop:grpc");
    expect(&mut catalog, &["127.1.0.1:9002"]).await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await; // the time in which it must not ask too often
    listed.load(Ordering::SeqCst)
}

#[tokio::test]
async fn an_api_that_lists_and_refuses_to_watch_is_asked_ever_less_often() {
    let refused = |_| vec![json!({ "type": "ERROR", "object": status(403, "may not watch") })];
    let listed = listed_in_two_seconds(refused).await;
    assert!((2..=7).contains(&listed), "listed {listed} times in 2 s");
}

#[tokio::test]
async fn an_api_that_forgets_at_once_is_not_asked_without_a_pause() {
    let forgotten = |_| vec![json!({ "type": "ERROR", "object": status(410, "too old") })];
    let listed = listed_in_two_seconds(forgotten).await;
    assert!((2..=25).contains(&listed), "listed {listed} times in 2 s");
}

#[tokio::test]
async fn an_account_without_the_right_is_told_which_right_it_needs() {
    let fake = Fake {
        listed: Arc::default(),
        list: |_| (StatusCode::FORBIDDEN, status(403, "catalog is forbidden")),
        watch: |_| Vec::new(),
    };
    let dir = tempfile::tempdir().unwrap();
    let mut catalog = follow(&fake.serve(dir.path()).await, "k8s:///catalog.shop:grpc");
    let refused = until(&mut catalog, "an error", |now| now.error().is_some()).await;
    let error = refused.error().unwrap();
    for part in ["catalog is forbidden", "list and watch endpointslices", "namespace shop"] {
        assert!(error.contains(part), "no {part:?} in {error}");
    }
    assert!(!refused.is_resolved());
}

#[tokio::test]
async fn an_api_that_answers_nonsense_first_is_asked_until_it_makes_sense() {
    let fake = Fake {
        listed: Arc::default(),
        list: |number| match number {
            1 => (StatusCode::INTERNAL_SERVER_ERROR, json!("oops")),
            2 => (StatusCode::OK, json!({ "kind": "Nonsense" })),
            _ => slices(1, "127.1.0.1"),
        },
        watch: |_| Vec::new(),
    };
    let dir = tempfile::tempdir().unwrap();
    let mut catalog = follow(&fake.serve(dir.path()).await, "k8s:///catalog.shop:grpc");
    expect(&mut catalog, &["127.1.0.1:9002"]).await;
}

#[tokio::test]
async fn a_port_that_the_pods_do_not_have_is_an_error_that_names_theirs() {
    let fake = Fake { listed: Arc::default(), list: |_| slices(1, "127.1.0.1"), watch: |_| Vec::new() };
    let dir = tempfile::tempdir().unwrap();
    let mut catalog = follow(&fake.serve(dir.path()).await, "k8s:///catalog.shop:http");
    let wrong = until(&mut catalog, "an error", |now| now.error().is_some()).await;
    let error = wrong.error().unwrap();
    assert!(error.contains("shop/catalog have no port `http`; they have `grpc`"), "{error}");
}

#[tokio::test]
async fn a_port_that_disappears_takes_its_endpoints_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake {
        listed: Arc::default(),
        list: |_| slices(1, "127.1.0.1"),
        watch: |_| {
            let mut renamed = slice(2, "127.1.0.1");
            renamed["ports"][0]["name"] = json!("http");
            vec![json!({ "type": "MODIFIED", "object": renamed })]
        },
    };
    let mut catalog = follow(&fake.serve(dir.path()).await, "k8s:///catalog.shop:grpc");
    let gone = until(&mut catalog, "an error", |now| now.error().is_some()).await;
    assert!(gone.error().unwrap().contains("have no port `grpc`; they have `http`"), "{gone:?}");
    assert!(gone.is_resolved() && gone.ready().is_empty(), "dead endpoints stay: {gone:?}");
}

#[tokio::test]
async fn a_kubeconfig_that_is_missing_broken_or_leads_nowhere_is_named() {
    let check = |file: PathBuf, parts: &'static [&'static str]| async move {
        let mut catalog = follow(&file, "k8s:///catalog.shop:grpc");
        let failed = until(&mut catalog, "an error", |now| now.error().is_some()).await;
        let error = failed.error().unwrap();
        for part in [parts, &[file.to_str().unwrap()]].concat() {
            assert!(error.contains(part), "no {part:?} in {error}");
        }
    };
    let dir = tempfile::tempdir().unwrap();
    check(dir.path().join("not-there"), &["cannot be used", "No such file"]).await;
    let broken = dir.path().join("broken");
    std::fs::write(&broken, "clusters: [").unwrap();
    check(broken, &["cannot be used"]).await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    check(kubeconfig(dir.path(), &server), &["127.0.0.1", "does not answer", "Connection refused"]).await;
}

#[tokio::test]
async fn a_target_that_names_no_port_can_never_be_resolved() {
    let error =
        resolver_of(Path::new("unused")).resolve(&"k8s:///catalog.shop".parse().unwrap()).unwrap_err();
    assert!(error.to_string().contains("it names no port"), "{error}");
}
