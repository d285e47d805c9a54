//! Who may see what, and where it listens.

use std::time::Duration;

use inkstone_config::Sources;
use inkstone_core::{App, build_info};
use reqwest::StatusCode;
use reqwest::header::{HOST, WWW_AUTHENTICATE};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{Service, client, free_port, refused};

const PROTECTED: &[&str] = &["/build", "/components", "/config"];

#[tokio::test]
async fn only_health_and_metrics_are_shown_without_the_token() {
    let service = Service::start("", "token = \"opensesame\"").await;
    for path in ["/live", "/ready", "/metrics"] {
        assert_eq!(service.status(path).await, StatusCode::OK, "{path}");
    }
    for path in PROTECTED {
        let refusal = service.get(path).await;
        assert_eq!(refusal.status(), StatusCode::UNAUTHORIZED, "{path}");
        assert!(refusal.headers().contains_key(WWW_AUTHENTICATE));
        assert!(refusal.text().await.unwrap().contains("server.governor.token"));
        assert_eq!(service.ask(path, Some("opensesam")).await.status(), StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(service.ask(path, Some("opensesame")).await.status(), StatusCode::OK, "{path}");
    }
    service.stop().await.unwrap();
}

#[tokio::test]
async fn without_a_token_a_web_page_under_another_name_sees_nothing() {
    let service = Service::start("", "").await;
    for path in PROTECTED {
        assert_eq!(service.status(path).await, StatusCode::OK, "{path}");
        let rebound = client().get(format!("http://{}{path}", service.address)).header(HOST, "evil.example");
        assert_eq!(rebound.send().await.unwrap().status(), StatusCode::UNAUTHORIZED, "{path}");
    }
    service.stop().await.unwrap();
}

#[tokio::test]
async fn a_listener_for_everyone_needs_a_token() {
    for host in ["0.0.0.0", "::", "10.0.0.1"] {
        let report = refused(&format!("[server.governor]\nhost = \"{host}\"\nport = 0")).await;
        for part in ["server.governor", host, "without a token", "GOVERNOR_TOKEN"] {
            assert!(report.contains(part), "no {part:?} in:\n{report}");
        }
    }
    let service = Service::start("", "host = \"0.0.0.0\"\ntoken = \"opensesame\"").await;
    assert_eq!(service.status("/live").await, StatusCode::OK);
    service.stop().await.unwrap();
}

#[tokio::test]
async fn taking_the_token_away_does_not_open_a_listener_that_is_still_for_everyone() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("t.toml");
    let port = free_port();
    let write = |host: &str, token: &str| {
        let table = format!("[server.governor]\nhost = \"{host}\"\ntoken = \"{token}\"\nport = {port}\n");
        std::fs::write(&file, format!("[patient.zero]\n{table}")).unwrap();
    };
    write("0.0.0.0", "opensesame");
    let app = App::with_sources(build_info!(), Sources::new().file(&file));
    let service = Service::run(app, port).await;
    // Loopback needs no token; but the host holds only after a restart.
    write("127.0.0.1", "");
    let _applied_here_or_by_the_watch = service.app.settings().reload().unwrap();
    for path in PROTECTED {
        assert_eq!(service.status(path).await, StatusCode::UNAUTHORIZED, "{path}");
    }
    service.stop().await.unwrap();
}

#[tokio::test]
async fn a_taken_port_is_named_with_what_to_do() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let report = refused(&format!("[server.governor]\nport = {port}")).await;
    for part in [format!("127.0.0.1:{port}").as_str(), "listens on this port already", "server.governor.port"]
    {
        assert!(report.contains(part), "no {part:?} in:\n{report}");
    }
}

#[tokio::test]
async fn a_host_that_is_not_this_machine_is_refused() {
    let report = refused("[server.governor]\nhost = \"192.0.2.1\"\ntoken = \"t\"\nport = 0").await;
    assert!(report.contains("192.0.2.1") && report.contains("server.governor.host"), "{report}");
}

#[tokio::test]
async fn idle_connections_make_room_for_new_ones() {
    let service = Service::start("", "max_connections = 4").await;
    let mut idle = Vec::new();
    for _ in 0..20 {
        idle.push(tokio::net::TcpStream::connect(service.address).await.unwrap());
    }
    assert_eq!(service.status("/live").await, StatusCode::OK);
    // The oldest were closed.
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(10), idle[0].read_to_end(&mut rest)).await;
    ended.expect("closed").unwrap_or_default();
    service.stop().await.unwrap();
}

#[tokio::test]
async fn heads_and_bodies_have_a_limit() {
    let service = Service::start("", "").await;
    let large = "x".repeat(100_000);
    let request = client().get(format!("http://{}/live", service.address)).header("large", &large);
    assert_eq!(request.send().await.unwrap().status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    assert_eq!(service.status("/live").await, StatusCode::OK);
    service.stop().await.unwrap();
}

#[tokio::test]
async fn a_client_that_sends_half_a_head_does_not_hold_up_the_stop() {
    let service = Service::start("", "").await;
    let mut silent = tokio::net::TcpStream::connect(service.address).await.unwrap();
    let mut half = tokio::net::TcpStream::connect(service.address).await.unwrap();
    half.write_all(b"GET /live HTTP/1.1\r\nhost: ").await.unwrap();
    // Accepted after both.
    assert_eq!(service.status("/live").await, StatusCode::OK);
    let before_it_would_be_cut_off = Duration::from_secs(10);
    tokio::time::timeout(before_it_would_be_cut_off, service.stop()).await.expect("stops soon").unwrap();
    for stream in [&mut silent, &mut half] {
        let mut rest = Vec::new();
        // A reset is an end, too.
        let _reset = stream.read_to_end(&mut rest).await;
    }
}
