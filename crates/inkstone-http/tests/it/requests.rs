use std::time::Duration;

use futures::StreamExt;
use inkstone_http::Problem;
use inkstone_http::axum::Router;
use inkstone_http::axum::body::Body;
use inkstone_http::axum::extract::{ConnectInfo, Path};
use inkstone_http::axum::http::StatusCode;
use inkstone_http::axum::http::header::CONTENT_LENGTH;
use inkstone_http::axum::routing::{get, post};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{Client, get_http2};
use crate::fixture::Service;

#[tokio::test]
async fn requests_of_both_versions_are_answered_on_one_port() {
    let service = Service::start("", "0s", Router::new().route("/", get(|| async { "hello" }))).await;
    let mut client = Client::connect(service.addr).await;
    let answer = client.get("/").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "hello"));
    assert_eq!(get_http2(service.addr, "/").await.0, 200);
    service.stop().await;
}

#[tokio::test]
async fn a_handler_that_panics_gives_a_500_and_the_server_goes_on() {
    async fn falls() -> &'static str {
        panic!("on purpose")
    }
    let routes = Router::new().route("/falls", get(falls)).route("/", get(|| async { "hello" }));
    let service = Service::start("", "0s", routes).await;
    let mut client = Client::connect(service.addr).await;
    let answer = client.get("/falls").await;
    assert_eq!(answer.status, 500);
    assert!(
        answer.headers.contains("application/problem+json") && answer.body.contains("\"code\":\"panic\""),
        "{answer:?}"
    );
    assert!(!answer.body.contains("on purpose"), "what a panic says is not for clients");
    assert_eq!(client.get("/").await.status, 200, "on the same connection");
    let metrics = metrics(&service);
    assert!(metrics.contains("method=\"GET /falls\",code=\"500\""));
    assert!(metrics.contains("inkstone_panic_total{where=\"handler\"} 1"), "{metrics}");
    service.stop().await;
}

#[tokio::test]
async fn a_response_that_panics_while_it_is_sent_is_cut_off_and_the_server_goes_on() {
    async fn falls() -> Body {
        let frames = futures::stream::iter([0, 1]).then(async |frame| {
            if frame == 1 {
                tokio::task::yield_now().await; // the first part goes out while there is nothing more
                panic!("on purpose");
            }
            Ok::<_, std::io::Error>("the first part")
        });
        Body::from_stream(frames)
    }
    let routes = Router::new().route("/falls", get(falls)).route("/", get(|| async { "hello" }));
    let service = Service::start("", "0s", routes).await;
    let mut raw = TcpStream::connect(service.addr).await.unwrap();
    raw.write_all(b"GET /falls HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    raw.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.contains("the first part") && !answer.ends_with("0\r\n\r\n"),
        "it looks complete: {answer}"
    );
    assert_eq!(Client::connect(service.addr).await.get("/").await.status, 200);
    let metrics = metrics(&service);
    assert!(metrics.contains("inkstone_panic_total{where=\"stream\"} 1"), "{metrics}");
    service.stop().await;
}

#[tokio::test]
async fn metrics_name_the_route_and_never_the_path() {
    let nested = Router::new().route("/orders/{id}", get(|Path(id): Path<String>| async { id }));
    let service = Service::start("", "0s", Router::new().nest("/api", nested)).await;
    let mut client = Client::connect(service.addr).await;
    for id in 0..20 {
        assert_eq!(client.get(&format!("/api/orders/{id}")).await.status, 200);
    }
    assert_eq!(client.get("/made/up").await.status, 404);
    client.send("BREW /api/orders/1 HTTP/1.1\r\nhost: test\r\n\r\n").await;
    assert_eq!(client.answer().await.status, 405);
    let metrics = metrics(&service);
    for labels in [
        "name=\"server.http\",method=\"GET /api/orders/{id}\",code=\"200\"",
        "method=\"unmatched\",code=\"404\"",
        "method=\"_OTHER /api/orders/{id}\",code=\"405\"",
    ] {
        assert!(metrics.contains(labels), "{labels} in\n{metrics}");
    }
    assert!(metrics.contains("http_server_request_duration_seconds_count{name=\"server.http\",method=\"GET /api/orders/{id}\",code=\"200\"} 20"));
    assert!(!metrics.contains("made/up") && !metrics.contains("BREW"), "{metrics}");
    service.stop().await;
}

#[tokio::test]
async fn a_stream_of_known_length_is_recorded_as_whole() {
    let stream = || async {
        let chunks = futures::stream::iter(["hel", "lo"].map(Ok::<_, std::convert::Infallible>));
        ([(CONTENT_LENGTH, "5")], Body::from_stream(chunks))
    };
    let service = Service::start("", "0s", Router::new().route("/", get(stream))).await;
    let mut client = Client::connect(service.addr).await;
    assert_eq!(client.get("/").await.body, "hello");
    assert_eq!(client.get("/").await.body, "hello");
    service.app.stop();
    let metrics = metrics(&service);
    assert!(metrics.contains("method=\"GET /\",code=\"200\"} 2"), "{metrics}");
    assert!(!metrics.contains("cancelled"), "{metrics}");
    service.stop().await;
}

#[tokio::test]
async fn a_request_that_takes_longer_than_the_guard_allows_gives_a_503_that_says_so() {
    let routes = Router::new().route("/slow", get(|| async { std::future::pending::<()>().await }));
    let service = Service::start("guard.methods.\"GET /slow\".timeout = \"20ms\"", "0s", routes).await;
    let mut client = Client::connect(service.addr).await;
    let answer = client.get("/slow").await;
    assert_eq!(answer.status, 503);
    assert!(answer.headers.contains("content-type: application/problem+json"), "{answer:?}");
    for part in [r#""code":"timeout""#, "did not answer within 20ms"] {
        assert!(answer.body.contains(part), "{part} in {answer:?}");
    }
    assert!(metrics(&service).contains("method=\"GET /slow\",code=\"timeout\""));
    service.stop().await;
}

#[tokio::test]
async fn a_body_larger_than_allowed_gives_a_413() {
    let routes = Router::new().route("/", post(|body: String| async move { body.len().to_string() }));
    let service = Service::start("max_body = \"1KiB\"", "0s", routes).await;
    for (size, status) in [(1024, 200), (1025, 413)] {
        let mut client = Client::connect(service.addr).await;
        let body = "x".repeat(size);
        client.send(&format!("POST / HTTP/1.1\r\nhost: test\r\ncontent-length: {size}\r\n\r\n{body}")).await;
        assert_eq!(client.answer().await.status, status, "{size}");
    }
    service.stop().await;
}

#[tokio::test]
async fn a_client_that_does_not_send_a_head_is_cut_off() {
    let service = Service::start("header_timeout = \"50ms\"", "0s", Router::new()).await;
    let silent = Client::connect(service.addr).await;
    let mut slow = Client::connect(service.addr).await;
    slow.send("GET / HTTP/1.1\r\nhost:").await;
    for (which, client) in [("silent", silent), ("slow", slow)] {
        tokio::time::timeout(Duration::from_secs(10), client.closed()).await.expect(which);
    }
    service.stop().await;
}

#[tokio::test]
async fn handlers_know_the_peer_and_answer_problems() {
    let peer = |ConnectInfo(peer): ConnectInfo<std::net::SocketAddr>| async move { peer.ip().to_string() };
    let missing = || async {
        Err::<(), _>(Problem::new(StatusCode::NOT_FOUND, "no_such_order", "there is no order 7"))
    };
    let broken = || async { Ok::<_, Problem>("x".parse::<u8>()?.to_string()) };
    let routes =
        Router::new().route("/peer", get(peer)).route("/missing", get(missing)).route("/broken", get(broken));
    let service = Service::start("", "0s", routes).await;
    let mut client = Client::connect(service.addr).await;
    assert_eq!(client.get("/peer").await.body, "127.0.0.1");
    let answer = client.get("/missing").await;
    let expected =
        r#"{"status":404,"code":"no_such_order","title":"Not Found","detail":"there is no order 7"}"#;
    assert_eq!((answer.status, answer.body.as_str()), (404, expected));
    let answer = client.get("/broken").await;
    assert!(
        answer.status == 500 && !answer.body.contains("invalid digit"),
        "the cause is for the log: {answer:?}"
    );
    service.stop().await;
}

fn metrics(service: &Service) -> String {
    service.app.metrics().encode()
}
