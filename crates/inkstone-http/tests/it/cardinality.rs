//! What clients send must not make the metrics grow.

use std::collections::BTreeSet;

use inkstone_http::Problem;
use inkstone_http::axum::Router;
use inkstone_http::axum::extract::Path;
use inkstone_http::axum::http::StatusCode;
use inkstone_http::axum::routing::any;

use crate::client::Client;
use crate::fixture::Service;

/// The series that there are, without their values.
fn series(service: &Service) -> BTreeSet<String> {
    let metrics = service.app.metrics().encode();
    let lines =
        metrics.lines().filter(|line| !line.starts_with('#') && !line.starts_with("inkstone_runtime"));
    lines.filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned())).collect()
}

/// Answers with the status that the path asks for, and says so in words that differ each time.
async fn answer(Path(path): Path<String>) -> Problem {
    let status =
        path.split('-').next().and_then(|status| status.parse().ok()).unwrap_or(StatusCode::BAD_REQUEST);
    Problem::new(status, "as_asked", format!("evil-{path} failed"))
}

#[tokio::test]
async fn paths_hosts_peers_methods_statuses_and_error_texts_make_no_series() {
    let routes =
        Router::new().route("/orders/{*path}", any(answer)).fallback(|| async { StatusCode::NOT_FOUND });
    let service = Service::start("", "0s", routes).await;
    let mut client = Client::connect(service.addr).await;
    let mut explode = async |round: u32| {
        for i in 0..120 {
            let id = format!("evil-{round}-{i}");
            // Registered statuses, and the others up to 999.
            let status = 200 + i * 800 / 120;
            for path in [format!("/orders/{status}-{id}"), format!("/{id}/x"), format!("/?{id}={id}")] {
                for method in ["GET", &format!("EVIL{round}X{i}")] {
                    client
                        .send(&format!(
                            "{method} {path} HTTP/1.1\r\nhost: {id}.test\r\napp: {id}\r\nuser-agent: {id}\r\n\
                             x-forwarded-for: {id}\r\ntraceparent: 00-{i:032x}-{i:016x}-00\r\ncontent-length: 0\r\n\r\n"
                        ))
                        .await;
                    client.answer().await;
                }
            }
        }
    };
    explode(1).await;
    let first = series(&service);
    explode(2).await;
    let second = series(&service);
    let new: Vec<_> = second.difference(&first).collect();
    assert!(new.is_empty(), "{new:#?}");
    let text = service.app.metrics().encode().to_lowercase();
    assert!(!text.contains("evil"), "{text}");
    service.stop().await;
}

#[tokio::test]
async fn routes_beyond_the_limit_are_counted_as_other_and_that_is_counted() {
    let routes =
        (0..10).fold(Router::new(), |routes, i| routes.route(&format!("/r{i}"), any(|| async { "hello" })));
    let service = Service::start("\n[metrics]\nmax_methods = 3", "0s", routes).await;
    let mut client = Client::connect(service.addr).await;
    for _ in 0..2 {
        for i in 0..10 {
            client.get(&format!("/r{i}")).await;
        }
    }
    let text = service.app.metrics().encode();
    let family = "http_server_request_duration_seconds_count{name=\"server.http\",method=";
    let counted: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix(family)).collect();
    let expected = [
        "\"GET /r0\",code=\"200\"} 2",
        "\"GET /r1\",code=\"200\"} 2",
        "\"GET /r2\",code=\"200\"} 2",
        "\"other\",code=\"200\"} 14",
    ];
    assert_eq!(counted, expected);
    let folded = "inkstone_metrics_labels_folded_total{protocol=\"http_server\",name=\"server.http\",label=\"method\"} 14";
    assert!(text.contains(folded), "{text}");
    service.stop().await;
}

#[tokio::test]
async fn a_request_is_active_until_the_end_of_its_answer() {
    let (open, gate) = tokio::sync::oneshot::channel::<()>();
    let gate = std::sync::Arc::new(tokio::sync::Mutex::new(Some(gate)));
    let hold = move || async move {
        if let Some(gate) = gate.lock().await.take() {
            let _opened = gate.await;
        }
    };
    let service = Service::start("", "0s", Router::new().route("/hold", any(hold))).await;
    let labels = "{protocol=\"http_server\",name=\"server.http\",method=\"GET /hold\"}";
    let shown = |active: u8| {
        let text = service.app.metrics().encode();
        text.contains(&format!("inkstone_calls_active{labels} {active}\n"))
            && text.contains(&format!("inkstone_calls_started_total{labels} 1\n"))
    };
    let mut client = Client::connect(service.addr).await;
    client.send("GET /hold HTTP/1.1\r\nhost: test\r\n\r\n").await;
    let begun = async {
        while !shown(1) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::fixture::SOON, begun)
        .await
        .expect("counted when it begins, not when it ends");
    open.send(()).unwrap();
    client.answer().await;
    let ended = async {
        while !shown(0) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::fixture::SOON, ended).await.expect("not active any more");
    service.stop().await;
}
