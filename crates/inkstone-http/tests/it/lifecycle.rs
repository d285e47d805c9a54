use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use inkstone_core::Phase;
use inkstone_http::axum::Router;
use inkstone_http::axum::body::Body;
use inkstone_http::axum::http::header::CONTENT_LENGTH;
use inkstone_http::axum::routing::get;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::client::Client;
use crate::fixture::{SOON, Service};

#[tokio::test]
async fn what_is_in_flight_is_finished_and_then_the_port_is_closed() {
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let handler = {
        let (begun, go) = (begun.clone(), go.clone());
        move || async move {
            begun.notify_one();
            go.notified().await;
            "done"
        }
    };
    let service = Service::start("", "0s", Router::new().route("/", get(handler))).await;
    let mut client = Client::connect(service.addr).await;
    let idle = Client::connect(service.addr).await;
    client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n").await;
    begun.notified().await;

    let addr = service.addr;
    let stopped = tokio::spawn(service.stop());
    idle.closed().await;
    tokio::time::timeout(SOON, async {
        while TcpStream::connect(addr).await.is_ok() {
            tokio::task::yield_now().await
        }
    })
    .await
    .expect("the port is closed while the request is still going on");
    assert!(!stopped.is_finished());

    go.notify_one();
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "done"));
    assert!(answer.headers.contains("connection: close"), "{answer:?}");
    client.closed().await;
    stopped.await.unwrap();
}

#[tokio::test]
async fn a_request_on_its_way_over_a_new_connection_when_the_server_stops_is_answered() {
    let service = Service::start("", "0s", Router::new().route("/", get(|| async { "hello" }))).await;
    let addr = service.addr;
    let mut client = Client::connect(addr).await;
    // The server has accepted it once it has answered one that came later.
    Client::connect(addr).await.get("/").await;
    let stopped = tokio::spawn(service.stop());
    tokio::time::timeout(SOON, async {
        while TcpStream::connect(addr).await.is_ok() {
            tokio::task::yield_now().await
        }
    })
    .await
    .expect("the server stops");
    assert_eq!(client.get("/").await.body, "hello");
    stopped.await.unwrap();
}

#[tokio::test]
async fn while_draining_requests_are_served_and_connections_told_to_close() {
    let service = Service::start("", "1s", Router::new().route("/", get(|| async { "hello" }))).await;
    let mut client = Client::connect(service.addr).await;
    assert!(!client.get("/").await.headers.contains("connection: close"));
    service.app.stop();
    // The server hears of it within a moment; until then, and after, it serves.
    loop {
        let answer = client.get("/").await;
        assert_eq!(answer.status, 200);
        if answer.headers.contains("connection: close") {
            break;
        }
    }
    client.closed().await;
    assert_eq!(*service.app.phase().borrow(), Phase::Draining);
    assert_eq!(
        Client::connect(service.addr).await.get("/").await.status,
        200,
        "new connections are still taken"
    );
    service.stop().await;
}

#[tokio::test]
async fn connections_that_nobody_has_accepted_yet_when_the_server_stops_are_served() {
    let service = Service::start("", "0s", Router::new().route("/", get(|| async { "hello" }))).await;
    // Nothing here lets the server run before it is told to stop.
    let connect = |_| {
        let mut stream = std::net::TcpStream::connect(service.addr).unwrap();
        std::io::Write::write_all(&mut stream, b"GET / HTTP/1.1\r\nhost: test\r\n\r\n").unwrap();
        stream.set_nonblocking(true).unwrap();
        stream
    };
    let waiting: Vec<_> = (0..5).map(connect).collect();
    service.app.stop();
    service.stopping.cancel();
    for stream in waiting {
        assert_eq!(Client::over(stream).answer().await.body, "hello");
    }
    service.stop().await;
}

/// Routes with a stream that says one thing and then nothing more, as server-sent events do, and with what has an end.
fn streams() -> Router {
    let first = || stream::iter([Ok::<_, Infallible>("first")]);
    let events = move || async move { Body::from_stream(first().chain(stream::pending())) };
    let ever = || async { Body::from_stream(stream::repeat(Ok::<_, Infallible>("more"))) };
    let known = move || async move {
        let slow = stream::once(async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            Ok("second")
        });
        ([(CONTENT_LENGTH, "11")], Body::from_stream(first().chain(slow)))
    };
    Router::new().route("/events", get(events)).route("/ever", get(ever)).route("/known", get(known))
}

#[tokio::test]
async fn a_stream_that_is_still_open_after_its_grace_ends_cleanly_and_the_stop_is_a_clean_one() {
    for (path, settings) in [("/events", "stream_grace = \"100ms\""), ("/ever", "stream_grace = \"0s\"")] {
        let service = Service::start(settings, "0s", streams()).await;
        let mut client = Client::connect(service.addr).await;
        client.send(&format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n")).await;
        let head = client.answer().await;
        assert!(head.headers.contains("transfer-encoding: chunked"), "{head:?}");
        let metrics = service.app.metrics().clone();
        let reading = tokio::spawn(client.rest());
        service.stop().await;
        let rest = reading.await.unwrap();
        assert!(rest.ends_with("\r\n0\r\n\r\n"), "{path}: the last chunk is missing");
        let ended = format!("method=\"GET {path}\",code=\"200\"}} 1");
        assert!(metrics.encode().contains(&ended), "{}", metrics.encode());
    }
}

#[tokio::test]
async fn what_has_a_known_end_is_sent_whole_however_short_the_grace() {
    let service = Service::start("stream_grace = \"0s\"", "0s", streams()).await;
    let mut client = Client::connect(service.addr).await;
    client.send("GET /known HTTP/1.1\r\nhost: test\r\n\r\n").await;
    let begun = client.head().await;
    assert_eq!(begun.status, 200);
    let stopped = tokio::spawn(service.stop());
    assert_eq!(client.rest().await, "firstsecond");
    stopped.await.unwrap();
}
