use inkstone_core::{App, Interface};
use inkstone_http::HttpServer;
use inkstone_http::axum::Router;
use inkstone_http::axum::routing::get;

use crate::fixture::Service;

/// What `run` reports for these lines of `[server.http]`.
async fn refusal(settings: &str) -> String {
    let app = App::from_toml("t.toml", &format!("[server.http]\n{settings}"));
    let http = app.load::<HttpServer>("server.http");
    app.serve(http).run().await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_taken_port_says_by_whom_and_what_to_do() {
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port();
    let report = refusal(&format!("port = {port}")).await;
    for part in [
        "server.http",
        &format!("127.0.0.1:{port}"),
        &format!("pid {}", std::process::id()),
        "change server.http.port",
        "starting.rs:",
    ] {
        assert!(report.contains(part), "{part} in\n{report}");
    }
}

#[tokio::test]
async fn an_address_of_another_machine_is_refused() {
    let report = refusal("host = \"192.0.2.1\"\nport = 0").await;
    assert!(report.contains("192.0.2.1:0") && report.contains("server.http.host"), "{report}");
    let report = refusal("host = \"no-such-host.invalid\"").await;
    assert!(report.contains("no-such-host.invalid:8080"), "{report}");
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_all_at_once() {
    let report = refusal("header_timeout = \"0s\"\nmax_streams = 0\nprot = 1").await;
    for part in ["header_timeout", "max_streams", "did you mean `port`"] {
        assert!(report.contains(part), "{part} in\n{report}");
    }
}

#[tokio::test]
async fn a_server_announces_its_routes_and_where_it_listens() {
    let routes = Router::new().route("/orders/{id}", get(async || "").post(async || ""));
    let service = Service::start("", "0s", routes).await;
    let offers = service.app.offers();
    assert_eq!((offers.len(), offers[0].kind, &*offers[0].name), (1, "server.http", "server.http"));
    assert_eq!(offers[0].endpoint, Some(service.addr));
    let route = |method: &str| Interface::Http { path: "/orders/{id}".to_owned(), method: method.to_owned() };
    assert_eq!(offers[0].interfaces, [route("GET"), route("POST")]);
    service.stop().await;
}
