use std::sync::Arc;

use inkstone_core::Phase;
use inkstone_http::axum::Router;
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
