use std::time::Duration;

use inkstone_console::Options;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::kubernetes::Cluster;
use crate::site::{PASSWORD, Site, problem, quick};

#[tokio::test]
async fn the_setup_link_makes_one_administrator_and_works_once() {
    let site = Site::start().await;
    let visitor = site.visitor();
    assert_eq!(visitor.read("session").await["setup"], true);
    let token = site.console.setup_token().await.unwrap().unwrap();
    let body = json!({"token": token, "name": "Root", "password": PASSWORD});
    let reply = visitor.post("setup", &body).await;
    assert_eq!(reply.status(), StatusCode::OK);
    let session: serde_json::Value = reply.json().await.unwrap();
    assert_eq!(session["user"], json!({"name": "root", "role": "admin"}));
    assert_eq!(visitor.read("session").await["setup"], false);
    assert!(site.console.setup_token().await.unwrap().is_none());
    let (status, code, _) = problem(visitor.post("setup", &body).await).await;
    assert_eq!((status, code.as_str()), (409, "already_set_up"));
}

#[tokio::test]
async fn a_setup_link_that_is_wrong_old_or_replaced_makes_nothing() {
    let options = Options { setup_lifetime: Duration::ZERO, ..quick() };
    let site = Site::with(Cluster::start(&[]).await, options).await;
    let visitor = site.visitor();
    let late = site.console.setup_token().await.unwrap().unwrap();
    for token in ["", "guess", &late] {
        let body = json!({"token": token, "name": "root", "password": PASSWORD});
        let (status, code, _) = problem(visitor.post("setup", &body).await).await;
        assert_eq!((status, code.as_str()), (403, "bad_setup_token"), "{token:?}");
    }
    assert_eq!(visitor.read("session").await["setup"], true);

    let site = Site::start().await;
    let replaced = site.console.setup_token().await.unwrap().unwrap();
    site.console.setup_token().await.unwrap().unwrap();
    let body = json!({"token": replaced, "name": "root", "password": PASSWORD});
    assert_eq!(problem(site.visitor().post("setup", &body).await).await.0, 403);
}

#[tokio::test]
async fn a_short_password_is_refused_with_the_rule_it_breaks() {
    let site = Site::start().await;
    let token = site.console.setup_token().await.unwrap().unwrap();
    let body = json!({"token": token, "name": "root", "password": "too short"});
    let (status, code, problem) = problem(site.visitor().post("setup", &body).await).await;
    assert_eq!((status, code.as_str()), (422, "weak_password"));
    assert!(problem["detail"].as_str().unwrap().contains("12"), "{problem}");
}

#[tokio::test]
async fn the_session_cookie_is_out_of_reach_of_scripts_and_other_sites() {
    let site = Site::start().await;
    site.admin().await;
    let login = json!({"name": "root", "password": PASSWORD});
    let reply = site.visitor().post("login", &login).await;
    let cookie = reply.headers()["set-cookie"].to_str().unwrap().to_owned();
    for part in ["inkstone_session=", "HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "plain http would lose it: {cookie}");
    let public_url = "https://console.example/ink".to_owned();
    let options = Options { public_url, base_path: "/ink/".to_owned(), ..quick() };
    let site = Site::with(Cluster::start(&[]).await, options).await;
    site.admin().await;
    let reply = site.visitor().post("login", &login).await;
    let cookie = reply.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("; Secure") && cookie.contains("Path=/ink;"), "{cookie}");
}

#[tokio::test]
async fn signing_in_gives_a_new_session_and_ends_the_old_one_and_signing_out_ends_it() {
    let site = Site::start().await;
    let first = site.admin().await;
    let reply = first.post("login", &json!({"name": "ROOT ", "password": PASSWORD})).await;
    let mut second = first.clone();
    second.remember(reply).await;
    assert_ne!(first.cookie, second.cookie);
    assert_eq!(first.get("applications").await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(second.get("applications").await.status(), StatusCode::OK);
    let out =
        second.request(Method::POST, "logout").header("x-csrf-token", &second.csrf).send().await.unwrap();
    assert_eq!(out.status(), StatusCode::NO_CONTENT);
    assert!(out.headers()["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(second.get("applications").await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_database_holds_neither_passwords_nor_session_ids() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let id = admin.cookie.unwrap().split_once('=').unwrap().1.to_owned();
    let (hash, session): (String, String) =
        sqlx::query_as("SELECT password_hash, sessions.hash FROM accounts JOIN sessions ON account = name")
            .fetch_one(&site.pool)
            .await
            .unwrap();
    assert!(hash.starts_with("$argon2id$"), "{hash}");
    assert_ne!(session, id);
}

#[tokio::test]
async fn a_session_ends_when_idle_and_at_its_latest_time() {
    for (idle, lifetime) in [(0, 3600), (3600, 0)] {
        let session_idle = Duration::from_secs(idle);
        let session_lifetime = Duration::from_secs(lifetime);
        let options = Options { session_idle, session_lifetime, ..quick() };
        let site = Site::with(Cluster::start(&[]).await, options).await;
        let admin = site.admin().await;
        let (status, code, _) = problem(admin.get("applications").await).await;
        assert_eq!((status, code.as_str()), (401, "signed_out"), "idle {idle}, lifetime {lifetime}");
    }
}

#[tokio::test]
async fn guessing_a_password_is_stopped_and_other_accounts_can_still_sign_in() {
    let site = Site::start().await;
    let admin = site.admin().await;
    site.person(&admin, "alice", "viewer").await;
    let visitor = site.visitor();
    for _ in 0..5 {
        let guess = json!({"name": "root", "password": "not the password"});
        let (status, code, _) = problem(visitor.post("login", &guess).await).await;
        assert_eq!((status, code.as_str()), (401, "bad_credentials"));
    }
    let right = visitor.post("login", &json!({"name": "root", "password": PASSWORD})).await;
    assert!(right.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() > 0);
    assert_eq!(problem(right).await.1, "too_many_attempts");
    site.sign_in("alice").await;
}

#[tokio::test]
async fn an_unknown_name_is_answered_like_a_wrong_password() {
    let site = Site::start().await;
    site.admin().await;
    let visitor = site.visitor();
    let wrong = visitor.post("login", &json!({"name": "root", "password": "not the password"})).await;
    let unknown = visitor.post("login", &json!({"name": "nobody", "password": "not the password"})).await;
    assert_eq!(problem(wrong).await, problem(unknown).await);
}

#[tokio::test]
async fn a_changed_password_ends_the_other_sessions_and_keeps_this_one() {
    let site = Site::start().await;
    let here = site.admin().await;
    let there = site.sign_in("root").await;
    let new = "another good password";
    let wrong = here.post("password", &json!({"old": "not it", "new": new})).await;
    assert_eq!(problem(wrong).await.1, "bad_credentials");
    let done = here.post("password", &json!({"old": PASSWORD, "new": new})).await;
    assert_eq!(done.status(), StatusCode::NO_CONTENT);
    assert_eq!(here.get("applications").await.status(), StatusCode::OK);
    assert_eq!(there.get("applications").await.status(), StatusCode::UNAUTHORIZED);
    let login = here.post("login", &json!({"name": "root", "password": new})).await;
    assert_eq!(login.status(), StatusCode::OK);
}

#[tokio::test]
async fn two_accounts_cannot_have_one_name() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let body = json!({"name": "Root", "password": PASSWORD, "role": "viewer"});
    let (status, code, _) = problem(admin.post("users", &body).await).await;
    assert_eq!((status, code.as_str()), (409, "name_taken"));
    assert_eq!(admin.read("users").await["items"].as_array().unwrap().len(), 1);
}
