use inkstone_console::Options;
use reqwest::StatusCode;

use crate::kubernetes::Cluster;
use crate::site::{Site, quick};

#[tokio::test]
async fn the_pages_are_served_under_any_base_path() {
    for (base, href) in [("/", "/"), ("/ink", "/ink/"), ("deep/er/", "/deep/er/")] {
        let options = Options { base_path: base.to_owned(), ..quick() };
        let site = Site::with(Cluster::start(&[]).await, options).await;
        let visitor = site.visitor();
        for page in ["", "applications/shop/catalog", "setup"] {
            let reply = visitor.page(page).await;
            assert_eq!(reply.status(), StatusCode::OK);
            assert!(reply.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
            let text = reply.text().await.unwrap();
            assert!(text.contains(&format!("<base href=\"{href}\">")), "{text}");
            assert!(text.contains(&format!("<meta name=\"inkstone-base\" content=\"{href}\">")), "{text}");
        }
        assert_eq!(visitor.get("health").await.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn the_base_path_without_its_slash_leads_to_the_one_with_it_and_nothing_is_outside() {
    let options = Options { base_path: "/ink".to_owned(), ..quick() };
    let site = Site::with(Cluster::start(&[]).await, options).await;
    let mut visitor = site.visitor();
    visitor.api = visitor.api.trim_end_matches("ink/").to_owned();
    let bare = visitor.page("ink").await;
    assert_eq!(
        (bare.status(), &bare.headers()["location"]),
        (StatusCode::PERMANENT_REDIRECT, &"/ink/".parse().unwrap())
    );
    assert_eq!(visitor.page("").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(visitor.page("inkling/").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn every_answer_forbids_foreign_scripts_frames_and_guessing_of_types() {
    let site = Site::start().await;
    let visitor = site.visitor();
    for reply in [visitor.page("").await, visitor.get("session").await, visitor.get("users").await] {
        let policy = reply.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(
            policy.contains("script-src 'self';") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert_eq!(reply.headers()["x-content-type-options"], "nosniff");
    }
    assert_eq!(visitor.get("session").await.headers()["cache-control"], "no-store");
}

#[tokio::test]
async fn an_unchanged_page_is_not_sent_again_and_a_missing_asset_is_not_a_page() {
    let site = Site::start().await;
    let visitor = site.visitor();
    let page = visitor.page("").await;
    assert_eq!(page.headers()["cache-control"], "no-cache");
    let tag = page.headers()["etag"].clone();
    let again = reqwest::Client::new().get(&site.url).header("if-none-match", tag).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(visitor.page("assets/missing-1234.js").await.status(), StatusCode::NOT_FOUND);
}
