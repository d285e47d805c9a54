use inkstone_core::App;
use inkstone_grpc::{GrpcClient, GrpcServer};

use crate::echo::Echo;

/// What building a client of these settings reports.
async fn client(settings: &str) -> String {
    let app = App::from_toml("t.toml", &format!("[grpc.echo]\n{settings}"));
    app.load::<GrpcClient>("grpc.echo").build().await.unwrap_err().to_string()
}

#[tokio::test]
async fn what_is_wrong_with_a_client_names_key_target_and_remedy() {
    let cases: [(&str, &[&str]); 5] = [
        ("", &["grpc.echo", "addr", "not set"]),
        ("addr = \"localhost\"", &["addr", "`localhost` has no port", "k8s:///service.namespace:port-name"]),
        (
            "addr = \"k8s:///a.b:grpc\"",
            &["grpc.echo.addr", "nobody here resolves `k8s`", "dns, static", "app.provide"],
        ),
        ("addr = \"a:1\"\nconnect_timeout = \"0s\"", &["connect_timeout", "more than 0s"]),
        ("addr = \"a:1\"\nbalance = \"fair\"", &["balance", "round_robin"]),
    ];
    for (settings, parts) in cases {
        let report = client(settings).await;
        for part in parts {
            assert!(report.contains(part), "{part} in\n{report}");
        }
    }
}

#[tokio::test]
async fn a_target_may_be_a_list() {
    let app = App::from_toml("t.toml", "[grpc.echo]\naddr = [\"127.0.0.1:1\", \"127.0.0.1:2\"]");
    let client = app.load::<GrpcClient>("grpc.echo").build().await.unwrap();
    assert_eq!(client.target().to_string(), "127.0.0.1:1,127.0.0.1:2");
}

#[tokio::test]
async fn a_required_target_that_cannot_be_reached_keeps_the_service_from_starting() {
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let report =
        client(&format!("addr = \"{dead}\"\nconnect_at_start = true\nready_timeout = \"200ms\"")).await;
    for part in ["grpc.echo", &dead.to_string(), "connection refused", "waited 200ms", "starting.rs:"] {
        assert!(report.contains(part), "{part} in\n{report}");
    }
}

#[tokio::test]
async fn a_taken_port_says_by_whom_and_what_to_do() {
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port();
    let app = App::from_toml("t.toml", &format!("[server.grpc]\nport = {port}"));
    let grpc = app.load::<GrpcServer>("server.grpc");
    let report = app.serve(grpc).run().await.unwrap_err().to_string();
    for part in [
        "server.grpc",
        &format!("127.0.0.1:{port}"),
        &format!("pid {}", std::process::id()),
        "change server.grpc.port",
    ] {
        assert!(report.contains(part), "{part} in\n{report}");
    }
}

#[tokio::test]
async fn a_service_added_twice_and_descriptors_that_are_none_are_refused() {
    let run = async |add: fn(GrpcServer) -> GrpcServer| {
        let app = App::from_toml("t.toml", "[server.grpc]\nport = 0");
        let grpc = add(app.load::<GrpcServer>("server.grpc"));
        app.serve(grpc).run().await.unwrap_err().to_string()
    };
    let report = run(|grpc| grpc.add(Echo::new("a")).add(Echo::new("b"))).await;
    assert!(report.contains("test.v1.Echo was added twice"), "{report}");
    let report = run(|grpc| grpc.add(Echo::new("a")).descriptors(b"nonsense")).await;
    assert!(
        report.contains("descriptors cannot be read") && report.contains("FILE_DESCRIPTOR_SET"),
        "{report}"
    );
}
