//! The table of what can be asked: everything in it answers, is guarded, and is described.

use inkstone_core::{App, build_info};
use inkstone_governor::{Governor, HeapProfiler};
use reqwest::header::{ACCEPT, ORIGIN};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{Service, client, free_port};

/// Everything that the description lists: method, path with its parameters filled in, whether it is open.
async fn described(service: &Service, token: Option<&str>) -> Vec<(Method, String, bool)> {
    let description: Value = service.ask("/openapi.json", token).await.json().await.unwrap();
    let mut found = Vec::new();
    for (path, operations) in description["paths"].as_object().unwrap() {
        let path = path.replace("{code}", "INK1001").replace("{name}", "none");
        for (method, operation) in operations.as_object().unwrap() {
            let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes()).unwrap();
            found.push((method, path.clone(), operation["security"].is_null()));
        }
    }
    assert!(found.len() > 10, "{description}");
    found
}

#[tokio::test]
async fn every_described_path_answers_and_every_route_is_described() {
    let service = Service::start("", "").await;
    let described = described(&service, None).await;
    for (method, path, _) in &described {
        if path == "/calls" {
            // It does not end by itself.
            continue;
        }
        let query = if path == "/profile/cpu" { "?seconds=1" } else { "" };
        let request = client().request(method.clone(), format!("http://{}{path}{query}", service.address));
        let status = request.send().await.unwrap().status();
        let fine = [200, 400, 404, 501].contains(&status.as_u16());
        assert!(fine, "{method} {path}: {status}");
        // There, if not now: only a job of no name is not found.
        assert!(status != StatusCode::NOT_FOUND || path.starts_with("/jobs/"), "{method} {path}: {status}");
    }
    let index = service.json("/").await;
    for endpoint in index["endpoints"].as_array().unwrap() {
        let path = endpoint["path"].as_str().unwrap().replace("{code}", "INK1001").replace("{name}", "none");
        let listed = (endpoint["method"].as_str().unwrap().parse().unwrap(), path, endpoint["open"] == true);
        assert!(described.contains(&listed), "{listed:?} is not described");
    }
    assert_eq!(index["endpoints"].as_array().unwrap().len(), described.len());
    service.stop().await.unwrap();
}

#[tokio::test]
async fn whatever_is_not_health_or_metrics_needs_the_token() {
    let service = Service::start("", "token = \"opensesame\"\ntokens = { console = \"letmein\" }").await;
    let mut open = Vec::new();
    for (method, path, is_open) in described(&service, Some("letmein")).await {
        if is_open {
            open.push(path);
            continue;
        }
        for token in ["", "wrong", "letmei", "console"] {
            let request = client().request(method.clone(), format!("http://{}{path}", service.address));
            let answer = request.bearer_auth(token).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{method} {path}");
            let problem: Value = answer.json().await.unwrap();
            assert_eq!((&problem["status"], &problem["code"]), (&json!(401), &json!("unauthorized")));
        }
    }
    open.sort();
    assert_eq!(open, ["/live", "/metrics", "/ready"]);
    service.stop().await.unwrap();
}

#[tokio::test]
async fn an_unknown_path_and_an_unknown_method_are_errors_in_json() {
    let service = Service::start("", "").await;
    let answer = service.get("/debug/pprof/?token=x").await;
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(problem["code"], "not_found");
    assert!(problem["detail"].as_str().unwrap().contains("/debug/pprof/ "), "{problem}");
    let answer = client().post(format!("http://{}/build", service.address)).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.json::<Value>().await.unwrap()["code"], "method_not_allowed");
    service.stop().await.unwrap();
}

#[tokio::test]
async fn a_page_of_another_origin_is_refused_even_where_no_token_is_needed() {
    let service = Service::start("", "").await;
    let request = client().get(format!("http://{}/config", service.address));
    let answer = request.header(ORIGIN, "https://evil.example").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    service.stop().await.unwrap();
}

#[tokio::test]
async fn browsers_get_a_page_that_lists_what_there_is() {
    let service = Service::start("", "").await;
    let request = client().get(format!("http://{}/", service.address));
    let answer = request.header(ACCEPT, "text/html,*/*").send().await.unwrap();
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    let text = answer.text().await.unwrap();
    assert!(text.contains("<h1>clinic ") && text.contains("<a href=\"/config\">"), "{text}");
    service.stop().await.unwrap();
}

#[tokio::test]
async fn each_error_code_has_its_page() {
    let service = Service::start("", "").await;
    let codes = service.json("/errors").await;
    let codes = codes.as_array().unwrap();
    assert!(codes.len() > 20);
    for code in codes {
        let page = service.json(&format!("/errors/{}", code["code"].as_str().unwrap())).await;
        assert_eq!(page["title"], code["title"]);
        assert!(page["page"].as_str().unwrap().len() > 50, "{page}");
    }
    assert_eq!(service.status("/errors/INK9").await, StatusCode::NOT_FOUND);
    service.stop().await.unwrap();
}

#[tokio::test]
async fn the_environment_is_shown_without_its_secrets() {
    let service = Service::start("", "").await;
    let shown = service.json("/environment").await;
    assert_eq!(shown["pid"], std::process::id());
    assert_eq!(shown["variables"]["PATH"], std::env::var("PATH").unwrap());
    // Set by cargo, and known to nobody here.
    assert_eq!(shown["variables"]["CARGO_PKG_NAME"], "***", "{shown}");
    service.stop().await.unwrap();
}

#[tokio::test]
async fn components_are_shown_with_what_they_count_and_routes_with_their_server() {
    let service = Service::start("", "").await;
    let components = service.json("/components").await;
    let expected = json!({"kind": "patient", "name": "patient.zero", "status": "up",
        "stats": {"beds": 3}, "peers": [{"address": "10.0.0.1:80", "up": true}]});
    assert_eq!(components[0], expected);
    let routes = service.json("/routes").await;
    assert_eq!(routes[0]["name"], "server.governor");
    assert_eq!(routes[0]["endpoint"], service.address.to_string());
    // What everybody may ask does not tell whom the service talks to.
    assert!(!service.get("/ready").await.text().await.unwrap().contains("10.0.0.1"));
    service.stop().await.unwrap();
}

#[tokio::test]
async fn a_cpu_profile_is_taken_one_at_a_time_and_not_for_ever() {
    let service = Service::start("", "max_profile = \"5s\"").await;
    for query in ["seconds=0", "seconds=6", "hz=0", "hz=100000", "format=svg", "second=1"] {
        assert_eq!(
            service.status(&format!("/profile/cpu?{query}")).await,
            StatusCode::BAD_REQUEST,
            "{query}"
        );
    }
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let burning = stop.clone();
    let burner = std::thread::spawn(move || {
        let mut value = 1_u64;
        while !burning.load(std::sync::atomic::Ordering::Relaxed) {
            value = std::hint::black_box(value.wrapping_mul(3));
        }
    });
    let take = async || {
        // Another test of this process may be taking one.
        loop {
            let answer = service.get("/profile/cpu?seconds=2&format=collapsed").await;
            if answer.status() != StatusCode::CONFLICT {
                break answer;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let (one, other) = tokio::join!(take(), take());
    for answer in [one, other] {
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["inkstone-samples-lost"], "0");
        let text = answer.text().await.unwrap();
        assert!(
            !text.is_empty()
                && text.lines().all(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().is_ok())
        );
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    burner.join().unwrap();
    service.stop().await.unwrap();
}

#[tokio::test]
async fn a_heap_profile_is_the_programs_and_without_one_it_says_how() {
    let without = Service::start("", "").await;
    let answer = without.get("/profile/heap").await;
    assert_eq!(answer.status(), StatusCode::NOT_IMPLEMENTED);
    assert!(answer.text().await.unwrap().contains("HeapProfiler::new"));
    without.stop().await.unwrap();

    let port = free_port();
    let toml = format!("app.drain = \"0s\"\n[patient.zero]\n[server.governor]\nport = {port}\n");
    let app = App::from_toml("t.toml", &toml).provide(HeapProfiler::new(|| Ok(b"profile".to_vec())));
    let with = Service::run(app, port).await;
    assert_eq!(with.get("/profile/heap").await.bytes().await.unwrap(), b"profile".as_slice());
    with.stop().await.unwrap();
}

#[tokio::test]
async fn several_apps_of_a_process_each_have_their_governor() {
    let (one, other) = (Service::start("health = \"down\"", "").await, Service::start("", "").await);
    assert_eq!(one.status("/ready").await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(other.status("/ready").await, StatusCode::OK);
    one.stop().await.unwrap();
    assert_eq!(other.status("/metrics").await, StatusCode::OK);
    other.stop().await.unwrap();
}

#[tokio::test]
async fn the_crates_of_the_program_are_listed() {
    let service = Service::start("", "").await;
    // This test's own crate has no build.rs that writes the list down.
    let expected = json!(build_info!().dependencies.sorted());
    assert_eq!(service.json("/dependencies").await, expected);
    service.stop().await.unwrap();
}

#[tokio::test]
async fn task_dumps_are_there_or_say_how_to_have_them() {
    let service = Service::start("", "").await;
    let answer = service.get("/tasks").await;
    if cfg!(tokio_unstable) {
        assert_eq!(answer.status(), StatusCode::OK);
        let text = answer.text().await.unwrap();
        assert!(text.contains("inkstone_governor::serving::serve"), "{text}");
    } else {
        assert_eq!(answer.status(), StatusCode::NOT_IMPLEMENTED);
        assert!(answer.text().await.unwrap().contains("--cfg tokio_unstable"));
    }
    let _governor_is_loaded = std::any::type_name::<Governor>();
    service.stop().await.unwrap();
}
