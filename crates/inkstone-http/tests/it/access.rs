//! What the record of a request has, by the settings of the access log.

use futures::StreamExt;
use inkstone_http::axum::Router;
use inkstone_http::axum::response::IntoResponse;
use inkstone_http::axum::routing::{get, post};
use inkstone_observe::{CallRecord, TailFilter};

use crate::client::Client;
use crate::fixture::{SOON, Service};

fn routes() -> Router {
    Router::new()
        .route("/login", post(|body: String| async move { ([("content-type", "application/json")], body) }))
        .route(
            "/picture",
            get(|| async { ([("content-type", "image/png")], vec![1_u8; 100]).into_response() }),
        )
}

/// The record of this request, with these lines of `[server.http]`.
async fn recorded(settings: &str, request: &str) -> CallRecord {
    let service = Service::start(settings, "0s", routes()).await;
    let mut records = service.app.tail().subscribe(TailFilter::default());
    let mut client = Client::connect(service.addr).await;
    client.send(request).await;
    assert_eq!(client.answer().await.status, 200);
    let record = tokio::time::timeout(SOON, records.next()).await.expect("a record").expect("it goes on");
    drop(client);
    service.stop().await;
    record
}

const LOGIN: &str = "POST /login?token=hunter2&n=1 HTTP/1.1\r\nhost: test\r\nauthorization: Bearer hunter2\r\n\
                     cookie: session=hunter2\r\ncontent-type: application/json\r\ncontent-length: 44\r\n\r\n\
                     {\"name\":\"ann\",\"password\":\"hunter2\",\"n\":1234}";

#[tokio::test]
async fn a_request_is_recorded_with_its_caller_and_nothing_of_its_content_by_default() {
    let record = recorded("", LOGIN).await;
    assert_eq!((record.method.as_str(), record.code, record.side), ("POST /login", "200", "server"));
    assert!(record.peer.as_deref().is_some_and(|peer| peer.starts_with("127.0.0.1:")), "{record:?}");
    assert_eq!((&record.request, &record.response), (&None, &None));
    assert!(record.trace_id.is_some());
}

#[tokio::test]
async fn bodies_are_recorded_when_asked_for_without_secrets_headers_or_more_than_was_asked_for() {
    let record = recorded("access.requests = true\naccess.responses = true", LOGIN).await;
    assert_eq!(
        record.request.as_deref(),
        Some(r#"POST /login?token=***&n=1 {"name":"ann","password":***,"n":1234}"#)
    );
    assert_eq!(record.response.as_deref(), Some(r#"{"name":"ann","password":***,"n":1234}"#));
    let settings = "access.requests = true\naccess.responses = true\naccess.max_bytes = \"16B\"";
    let record = recorded(settings, LOGIN).await;
    assert!(
        record.response.as_deref().is_some_and(|text| text.starts_with(r#"{"name":"ann","p…"#)),
        "{record:?}"
    );
}

#[tokio::test]
async fn what_people_cannot_read_is_not_recorded() {
    let settings = "access.requests = true\naccess.responses = true";
    let record = recorded(settings, "GET /picture HTTP/1.1\r\nhost: test\r\n\r\n").await;
    assert_eq!((record.request.as_deref(), record.response), (Some("GET /picture"), None));
}
