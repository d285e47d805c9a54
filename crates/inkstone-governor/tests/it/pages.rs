//! What is shown.

use std::time::{Duration, Instant};

use inkstone_core::{App, AppHandle};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{Service, free_port};

#[tokio::test]
async fn readiness_follows_the_health_of_each_component() {
    let check = |health: &'static str, code: u16, status: &'static str, check: &'static str| async move {
        let service = Service::start(&format!("health = \"{health}\""), "").await;
        let answer = service.get("/ready").await;
        assert_eq!(answer.status().as_u16(), code, "{health}");
        let body: serde_json::Value = answer.json().await.unwrap();
        assert_eq!(
            (&body["status"], &body["checks"][0]["status"]),
            (&json!(status), &json!(check)),
            "{health}"
        );
        assert_eq!(body["checks"][0]["name"], "patient.zero");
        // The process itself is alive whatever its components say.
        assert_eq!(service.status("/live").await, StatusCode::OK);
        service.stop().await.unwrap();
    };
    check("", 200, "ready", "up").await;
    check("degraded", 200, "ready", "degraded").await;
    check("down", 503, "unready", "down").await;
}

#[tokio::test]
async fn a_component_that_does_not_answer_is_down_before_the_probe_gives_up() {
    let service = Service::start("health = \"silent\"", "").await;
    let started = Instant::now();
    let components = service.json("/components").await;
    assert!(started.elapsed() < Duration::from_secs(3));
    assert_eq!(components[0]["kind"], "patient");
    assert_eq!(components[0]["status"], "down");
    assert!(components[0]["reason"].as_str().unwrap().contains("no answer within"), "{components}");
    service.stop().await.unwrap();
}

#[tokio::test]
async fn a_service_that_was_told_to_stop_is_not_ready_and_still_answers() {
    let service = Service::start("", "").await;
    service.app.stop();
    let deadline = Instant::now() + Duration::from_secs(5);
    let draining = loop {
        let answer = service.get("/ready").await;
        if answer.status() == StatusCode::SERVICE_UNAVAILABLE {
            break answer.json::<serde_json::Value>().await.unwrap();
        }
        assert!(Instant::now() < deadline, "still ready");
    };
    assert_eq!(draining["status"], "draining");
    service.stop().await.unwrap();
}

#[tokio::test]
async fn the_build_is_in_the_metrics_and_on_a_page_of_its_own() {
    let service = Service::start("", "").await;
    let text = service.get("/metrics").await.text().await.unwrap();
    assert!(text.contains("inkstone_build_info{name=\"clinic\",version=\""), "{text}");
    let build = service.json("/build").await;
    assert_eq!(build["name"], "clinic");
    for key in
        ["version", "commit", "dirty", "host", "user", "time", "rustc", "inkstone", "target", "profile"]
    {
        assert!(!build[key].is_null(), "{key}: {build}");
    }
    service.stop().await.unwrap();
}

#[tokio::test]
async fn configuration_is_shown_with_origins_and_without_secrets() {
    let service = Service::start("password = \"hunter2\"", "token = \"opensesame\"").await;
    let text = service.ask("/config", Some("opensesame")).await.text().await.unwrap();
    assert!(!text.contains("hunter2") && !text.contains("opensesame"), "{text}");
    let config: serde_json::Value = serde_json::from_str(&text).unwrap();
    let find = |key: &str| {
        let effective = config["effective"].as_array().unwrap();
        effective
            .iter()
            .find(|value| value["key"] == key)
            .unwrap_or_else(|| panic!("no {key} in {text}"))
            .clone()
    };
    assert_eq!(find("patient.zero.password")["value"], "***");
    assert_eq!(find("server.governor.host")["origin"], "default");
    assert_eq!(find("patient.zero.health")["live"], true);
    let port = find("server.governor.port");
    assert!(port["origin"].as_str().unwrap().starts_with("t.toml:"), "{port}");
    assert_eq!(port["live"], false);
    assert_eq!(config["sources"][0]["name"], "t.toml");
    assert_eq!(config["sources"][0]["hash"].as_str().unwrap().len(), 64);
    assert!(config["sources"][0]["loaded_at"].as_str().unwrap().ends_with('Z'), "{text}");
    assert_eq!(config["rejected"], json!(null));
    service.stop().await.unwrap();
}

/// An app over a file, as a pod has it.
async fn until_counted(app: &AppHandle) -> String {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let metrics = app.metrics().encode();
        if metrics.contains("reload_total{result=\"rejected\"}") || Instant::now() > deadline {
            return metrics;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_refused_change_is_shown_with_its_place_and_the_old_values_stay() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("clinic.toml");
    let port = free_port();
    let write = |health: &str| {
        let text = format!(
            "app.drain = \"0s\"\n[server.governor]\nport = {port}\n[patient.zero]\nhealth = \"{health}\"\n"
        );
        std::fs::write(&file, text).unwrap();
    };
    write("fine");
    let app = App::with_sources(inkstone_core::build_info!(), inkstone_config::Sources::new().file(&file));
    let service = Service::run(app, port).await;
    let until = async |what: &str, is: fn(&Value) -> bool| {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let config = service.json("/config").await;
            if is(&config) {
                return config;
            }
            assert!(Instant::now() < deadline, "not {what}: {config}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let followed = until("followed", |config| config["watch"]["mode"] == "events").await;
    assert_eq!(followed["watch"]["warnings"], json!([]));
    write("poorly");
    let applied = until("applied", |config| config["reloads"] == 1).await;
    write("impossible");
    let rejected = until("refused", |config| !config["rejected"].is_null()).await;
    assert_eq!(rejected["sources"], applied["sources"]);
    // The count comes a moment after the status.
    let metrics = until_counted(&service.app).await;
    for counted in ["applied", "rejected"] {
        let line = format!("inkstone_config_reload_total{{result=\"{counted}\"}} 1");
        assert!(metrics.contains(&line), "no {line} in {metrics}");
    }
    let hash = applied["sources"][0]["hash"].as_str().unwrap();
    let info: Vec<_> = metrics.lines().filter(|line| line.starts_with("inkstone_config_info{")).collect();
    assert!(info.len() == 1 && info[0].contains(hash), "{info:?} is not of {hash}");
    let problem = &rejected["rejected"]["problems"][0];
    assert_eq!((&problem["key"], &problem["line"]), (&json!("patient.zero.health"), &json!(5)), "{rejected}");
    assert!(problem["message"].as_str().unwrap().contains("nobody feels like this"));
    assert_ne!(rejected["rejected"]["sources"][0]["hash"], rejected["sources"][0]["hash"]);
    let effective = rejected["effective"].as_array().unwrap();
    let health = effective.iter().find(|value| value["key"] == "patient.zero.health").unwrap();
    assert_eq!(health["value"], "poorly");
    assert_eq!(service.status("/ready").await, StatusCode::OK);
    service.stop().await.unwrap();
}
