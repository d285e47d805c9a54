//! A console that is up, and people who use it.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use inkstone_console::{Cluster, Console, Options};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};
use tokio::net::TcpListener;

use crate::kubernetes::{self, Pod};

pub(crate) const PASSWORD: &str = "correct horse battery";

pub(crate) struct Site {
    pub(crate) console: Console,
    pub(crate) pool: SqlitePool,
    pub(crate) cluster: kubernetes::Cluster,
    pub(crate) url: String,
    pub(crate) dir: tempfile::TempDir,
}

pub(crate) fn database(dir: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(dir.join("console.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .busy_timeout(Duration::from_secs(10))
}

pub(crate) fn quick() -> Options {
    Options { proof_deadline: Duration::from_millis(1500), ..Options::default() }
}

impl Site {
    pub(crate) async fn start() -> Self {
        Self::with(kubernetes::Cluster::start(&[Pod::Follows, Pod::Follows]).await, quick()).await
    }

    pub(crate) async fn with(cluster: kubernetes::Cluster, options: Options) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self::at(dir, cluster, options).await
    }

    pub(crate) async fn at(dir: tempfile::TempDir, cluster: kubernetes::Cluster, options: Options) -> Self {
        let pool = SqlitePoolOptions::new().connect_with(database(dir.path())).await.unwrap();
        let connected = Cluster::connect("local", Some(&cluster.kubeconfig)).await.unwrap();
        let base = format!("/{}", options.base_path.trim_matches('/'));
        let console = Console::open(pool.clone(), connected, options).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}{}/", listener.local_addr().unwrap(), base.trim_end_matches('/'));
        let service = console.router().into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        Self { console, pool, cluster, url, dir }
    }

    pub(crate) fn visitor(&self) -> Browser {
        Browser::at(&self.url)
    }

    /// The first account.
    pub(crate) async fn admin(&self) -> Browser {
        let token = self.console.setup_token().await.unwrap().unwrap();
        let mut browser = self.visitor();
        let body = json!({"token": token, "name": "root", "password": PASSWORD});
        let reply = browser.post("setup", &body).await;
        assert_eq!(reply.status(), StatusCode::OK);
        browser.remember(reply).await;
        browser
    }

    /// One more account, signed in.
    pub(crate) async fn person(&self, admin: &Browser, name: &str, role: &str) -> Browser {
        let body = json!({"name": name, "password": PASSWORD, "role": role});
        let made = admin.post("users", &body).await;
        assert_eq!(made.status(), StatusCode::CREATED);
        self.sign_in(name).await
    }

    pub(crate) async fn sign_in(&self, name: &str) -> Browser {
        let mut browser = self.visitor();
        let reply = browser.post("login", &json!({"name": name, "password": PASSWORD})).await;
        assert_eq!(reply.status(), StatusCode::OK);
        browser.remember(reply).await;
        browser
    }
}

/// Somebody with a cookie jar.
#[derive(Debug, Clone)]
pub(crate) struct Browser {
    http: reqwest::Client,
    pub(crate) api: String,
    pub(crate) cookie: Option<String>,
    pub(crate) csrf: String,
}

impl Browser {
    pub(crate) fn at(url: &str) -> Self {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
        Self { http: http.build().unwrap(), api: url.to_owned(), cookie: None, csrf: String::new() }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut request = self.http.request(method, format!("{}api/v1/{path}", self.api));
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie);
        }
        request
    }

    pub(crate) async fn page(&self, path: &str) -> Response {
        self.http.get(format!("{}{path}", self.api)).send().await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Response {
        let request = self.request(Method::POST, path).header("x-csrf-token", &self.csrf);
        request.json(body).send().await.unwrap()
    }

    /// The body of an answer that must be good.
    pub(crate) async fn read(&self, path: &str) -> Value {
        good(self.get(path).await).await
    }

    pub(crate) async fn write(&self, path: &str, body: &Value) -> Value {
        good(self.post(path, body).await).await
    }

    pub(crate) async fn remember(&mut self, reply: Response) {
        let cookie = reply.headers()["set-cookie"].to_str().unwrap().to_owned();
        self.cookie = Some(cookie.split(';').next().unwrap().to_owned());
        let body: Value = reply.json().await.unwrap();
        self.csrf = body["csrf"].as_str().unwrap().to_owned();
    }

    /// Waits until a release is final.
    pub(crate) async fn final_release(&self, id: &str) -> Value {
        eventually(async || {
            let release = self.read(&format!("releases/{id}")).await;
            let open = ["publishing", "written"].contains(&release["state"].as_str().unwrap());
            (!open).then_some(release)
        })
        .await
    }
}

pub(crate) async fn good(reply: Response) -> Value {
    let status = reply.status();
    let body: Value = reply.json().await.unwrap();
    assert!(status.is_success(), "{status}: {body}");
    body
}

/// The problem of an answer that must be one.
pub(crate) async fn problem(reply: Response) -> (u16, String, Value) {
    let status = reply.status().as_u16();
    assert_eq!(reply.headers()["content-type"], "application/problem+json");
    let body: Value = reply.json().await.unwrap();
    assert_eq!(body["status"], status);
    for member in ["title", "detail"] {
        assert!(body[member].as_str().is_some_and(|text| !text.is_empty()), "{body}");
    }
    (status, body["code"].as_str().unwrap().to_owned(), body)
}

/// Tries until there is something, for at most ten seconds.
pub(crate) async fn eventually<T>(mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(found) = attempt().await {
            return found;
        }
        assert!(Instant::now() < deadline, "it did not happen within ten seconds");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
