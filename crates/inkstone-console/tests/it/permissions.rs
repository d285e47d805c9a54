use std::collections::BTreeSet;

use inkstone_console::{Permission, routes};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::site::{Browser, PASSWORD, Site, problem};

/// A path of the table with something in its placeholders that exists nowhere.
fn filled(path: &str) -> String {
    let parts = path.trim_start_matches('/').split('/');
    parts.map(|part| if part.starts_with('{') { "none" } else { part }).collect::<Vec<_>>().join("/")
}

async fn attempt(browser: &Browser, method: &Method, path: &str) -> StatusCode {
    let request = browser.request(method.clone(), &filled(path)).header("x-csrf-token", &browser.csrf);
    let request = if method == Method::POST { request.json(&json!({})) } else { request };
    request.send().await.unwrap().status()
}

#[tokio::test]
async fn each_route_lets_in_whom_its_permission_says_and_nobody_else() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let editor = site.person(&admin, "edna", "editor").await;
    let viewer = site.person(&admin, "vera", "viewer").await;
    let stranger = site.visitor();
    for route in routes() {
        // Signing out here would end the session that the next routes need.
        if route.path == "/logout" {
            assert_eq!(attempt(&stranger, &route.method, route.path).await, StatusCode::UNAUTHORIZED);
            continue;
        }
        let (stranger_may, viewer_may, editor_may) = match route.permission {
            Permission::Public => (true, true, true),
            Permission::SignedIn | Permission::View => (false, true, true),
            Permission::Edit | Permission::Publish => (false, false, true),
            Permission::Audit | Permission::Accounts => (false, false, false),
        };
        let people = [
            (&stranger, stranger_may, StatusCode::UNAUTHORIZED),
            (&viewer, viewer_may, StatusCode::FORBIDDEN),
            (&editor, editor_may, StatusCode::FORBIDDEN),
            (&admin, true, StatusCode::FORBIDDEN),
        ];
        for (person, may, refused) in people {
            let status = attempt(person, &route.method, route.path).await;
            let denied = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&status);
            assert_eq!(denied, !may, "{} {} gave {status}", route.method, route.path);
            assert!(may || status == refused, "{} {} gave {status}", route.method, route.path);
        }
    }
}

/// What nobody may change by accident: each line here is a decision.
#[test]
fn the_table_of_routes_gives_each_the_permission_that_was_decided() {
    let public: Vec<_> =
        routes().into_iter().filter(|route| route.permission == Permission::Public).collect();
    let public: BTreeSet<_> = public.iter().map(|route| (route.method.as_str(), route.path)).collect();
    let decided = [("GET", "/health"), ("GET", "/session"), ("POST", "/login"), ("POST", "/setup")];
    assert_eq!(public, BTreeSet::from(decided));
    for route in routes() {
        let last = route.path.rsplit('/').next().unwrap();
        let needed = match (route.method.as_str(), last) {
            ("POST", "releases" | "rollback") => Permission::Publish,
            ("POST", "revisions" | "check") => Permission::Edit,
            ("POST", "logout" | "password") => Permission::SignedIn,
            (_, "users") => Permission::Accounts,
            (_, "audit") => Permission::Audit,
            ("GET", "health" | "session") | ("POST", "login" | "setup") => Permission::Public,
            ("GET", _) => Permission::View,
            other => panic!("decide what {other:?} needs"),
        };
        assert_eq!(route.permission, needed, "{} {}", route.method, route.path);
    }
}

#[tokio::test]
async fn the_description_tells_of_every_route_and_no_other() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let described = admin.read("openapi.json").await;
    let mut found = BTreeSet::new();
    for (path, methods) in described["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            found.insert((
                method.to_uppercase(),
                path.clone(),
                operation["x-permission"].as_str().unwrap().to_owned(),
            ));
        }
    }
    let table: BTreeSet<_> = routes()
        .iter()
        .map(|route| (route.method.to_string(), route.path.to_owned(), route.permission.as_str().to_owned()))
        .collect();
    assert_eq!(found, table);
    let schemas = described["components"]["schemas"].as_object().unwrap();
    for reference in references(&described) {
        let name = reference.strip_prefix("#/components/schemas/").unwrap();
        assert!(schemas.contains_key(name), "{reference} leads nowhere");
    }
}

fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, value)| match (name.as_str(), value) {
                ("$ref", Value::String(target)) => vec![target.clone()],
                _ => references(value),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn a_write_that_another_site_could_have_caused_is_refused() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let host = admin.api.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let body = json!({"name": "mallory", "password": PASSWORD, "role": "admin"});
    let forged: [&[(&str, &str)]; 5] = [
        &[],
        &[("x-csrf-token", "wrong")],
        &[("x-csrf-token", &admin.csrf), ("origin", "https://evil.example")],
        &[("x-csrf-token", &admin.csrf), ("origin", "null")],
        &[("x-csrf-token", &admin.csrf), ("sec-fetch-site", "cross-site")],
    ];
    for headers in forged {
        let mut request = admin.request(Method::POST, "users").json(&body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (status, code, _) = problem(request.send().await.unwrap()).await;
        assert_eq!((status, code.as_str()), (403, "csrf"), "{headers:?}");
    }
    let login = admin.request(Method::POST, "login").header("origin", "https://evil.example").json(&body);
    assert_eq!(problem(login.send().await.unwrap()).await.1, "csrf");
    let own = admin.request(Method::POST, "users").header("x-csrf-token", &admin.csrf).json(&body);
    let own = own.header("origin", format!("http://{host}")).header("sec-fetch-site", "same-origin");
    assert_eq!(own.send().await.unwrap().status(), StatusCode::CREATED);
}

#[tokio::test]
async fn a_token_of_another_session_is_refused() {
    let site = Site::start().await;
    let mut here = site.admin().await;
    here.csrf = site.sign_in("root").await.csrf;
    let body = json!({"name": "mallory", "password": PASSWORD, "role": "admin"});
    assert_eq!(problem(here.post("users", &body).await).await.1, "csrf");
}

#[tokio::test]
async fn a_body_that_is_not_json_is_refused() {
    let site = Site::start().await;
    let admin = site.admin().await;
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        let request = admin.request(Method::POST, "users").header("x-csrf-token", &admin.csrf);
        let reply = request.header("content-type", kind).body("{}").send().await.unwrap();
        assert_eq!(problem(reply).await.0, 415, "{kind}");
    }
    let request = admin.request(Method::POST, "users").header("x-csrf-token", &admin.csrf);
    let broken = request.header("content-type", "application/json").body("{").send().await.unwrap();
    assert_eq!(problem(broken).await.0, 400);
}

#[tokio::test]
async fn what_no_route_takes_is_a_problem_and_not_a_page() {
    let site = Site::start().await;
    let visitor = site.visitor();
    assert_eq!(problem(visitor.get("nothing/here").await).await.1, "not_found");
    let wrong = visitor.request(Method::DELETE, "session").send().await.unwrap();
    assert_eq!(problem(wrong).await.1, "wrong_method");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let body = json!({"content": "x".repeat(3 << 20), "message": "m", "base": null});
    let reply = admin.post(&format!("{}/revisions", crate::kubernetes::FILE), &body).await;
    assert_eq!(problem(reply).await.1, "too_large");
}

#[tokio::test]
async fn a_head_is_a_get_without_its_body_and_no_forgery() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let head = async |browser: &Browser, path: &str| {
        browser.request(Method::HEAD, path).send().await.unwrap().status()
    };
    assert_eq!(head(&admin, "applications").await, StatusCode::OK);
    assert_eq!(head(&site.visitor(), "applications").await, StatusCode::UNAUTHORIZED);
    let newest = &admin.read("audit?limit=1").await["items"][0];
    assert_ne!(newest["result"], "denied", "{newest}");
}
