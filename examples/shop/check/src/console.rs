//! The console, through its HTTP API.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use futures::StreamExt as _;
use reqwest::header::{COOKIE, SET_COOKIE};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

/// A person signed in to the console.
#[derive(Debug, Clone)]
pub(crate) struct Console {
    http: Client,
    base: String,
    cookie: String,
    csrf: String,
}

/// The account that the check makes.
pub(crate) const NAME: &str = "admin";
/// Its password.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// One file of an application's configuration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct File<'a> {
    pub(crate) app: &'a str,
    pub(crate) configmap: &'a str,
    pub(crate) key: &'a str,
}

/// The file that the scenario edits.
pub(crate) const CATALOG: File<'static> = File { app: "catalog", configmap: "catalog", key: "catalog.toml" };

impl File<'_> {
    fn path(&self) -> String {
        format!("applications/shop/{}/files/{}/{}", self.app, self.configmap, self.key)
    }
}

impl Console {
    /// Makes the first account by the one-time link, as a person does.
    pub(crate) async fn set_up(http: &Client, base: &str, link: &str) -> anyhow::Result<Self> {
        let (_, token) =
            link.split_once("#token=").with_context(|| format!("no token in the link {link}"))?;
        let body = json!({ "token": token, "name": NAME, "password": PASSWORD });
        Self::sign_in(http, base, "setup", body).await
    }

    /// Signs in with the account made before.
    pub(crate) async fn log_in(http: &Client, base: &str) -> anyhow::Result<Self> {
        let body = json!({ "name": NAME, "password": PASSWORD });
        Self::sign_in(http, base, "login", body).await
    }

    async fn sign_in(http: &Client, base: &str, by: &str, body: Value) -> anyhow::Result<Self> {
        let mut console = Self {
            http: http.clone(),
            base: base.trim_end_matches('/').to_owned(),
            cookie: String::new(),
            csrf: String::new(),
        };
        // The CSRF token belongs to the session; before there is one, to the visit.
        let visit = console.http.get(console.url("session")).send().await?;
        console.take_cookie(&visit);
        let visit: Value = visit.json().await?;
        console.csrf = visit["csrf"].as_str().unwrap_or_default().to_owned();

        let answer = console.request(Method::POST, by).json(&body).send().await?;
        console.take_cookie(&answer);
        let session = read(answer).await?;
        session["csrf"].as_str().context("the session has no csrf token")?.clone_into(&mut console.csrf);
        Ok(console)
    }

    fn take_cookie(&mut self, answer: &reqwest::Response) {
        if let Some(cookie) = answer.headers().get(SET_COOKIE).and_then(|cookie| cookie.to_str().ok()) {
            cookie.split(';').next().unwrap_or_default().clone_into(&mut self.cookie);
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}/api/v1/{path}", self.base)
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, self.url(path)).header("X-CSRF-Token", &self.csrf);
        if self.cookie.is_empty() { request } else { request.header(COOKIE, &self.cookie) }
    }

    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        read(self.request(Method::GET, path).timeout(Duration::from_secs(10)).send().await?).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        read(self.request(Method::POST, path).timeout(Duration::from_secs(10)).json(body).send().await?).await
    }

    /// The status of a write that leaves out the CSRF token, or the session as well.
    pub(crate) async fn forged(&self, path: &str, with_session: bool) -> anyhow::Result<StatusCode> {
        let mut request = self.http.post(self.url(path)).json(&json!({}));
        if with_session {
            request = request.header(COOKIE, &self.cookie);
        }
        Ok(request.send().await?.status())
    }

    /// The file's live content, revisions and releases.
    pub(crate) async fn file(&self, file: File<'_>) -> anyhow::Result<Value> {
        self.get(&file.path()).await
    }

    /// What the console says about a content before it is saved.
    pub(crate) async fn check(&self, file: File<'_>, content: &str) -> anyhow::Result<Value> {
        self.post(&format!("{}/check", file.path()), &json!({ "content": content })).await
    }

    /// Saves a revision on top of the newest.
    pub(crate) async fn save(&self, file: File<'_>, content: &str, message: &str) -> anyhow::Result<Value> {
        let seen = self.file(file).await?;
        let newest = newest(&seen["revisions"]).map_or(Value::Null, |revision| revision["id"].clone());
        self.save_on(file, content, message, &newest).await
    }

    /// Saves a revision on top of the one named.
    pub(crate) async fn save_on(
        &self,
        file: File<'_>,
        content: &str,
        message: &str,
        base: &Value,
    ) -> anyhow::Result<Value> {
        let body = json!({ "content": content, "message": message, "base": base });
        self.post(&format!("{}/revisions", file.path()), &body).await
    }

    /// Publishes a revision over what is live now.
    pub(crate) async fn publish(&self, file: File<'_>, revision: &Value) -> anyhow::Result<Value> {
        let live = self.file(file).await?["live"]["hash"].clone();
        let body = json!({ "revision": revision["id"], "expected_live_hash": live, "message": "check" });
        self.post(&format!("{}/releases", file.path()), &body).await
    }

    /// Saves and publishes a content and waits for the end of the release.
    pub(crate) async fn release(
        &self,
        file: File<'_>,
        content: &str,
        message: &str,
    ) -> anyhow::Result<Value> {
        let revision = self.save(file, content, message).await?;
        let release = self.publish(file, &revision).await?;
        Ok(self.follow(&release).await?.pop().unwrap_or(release))
    }

    /// Publishes an earlier release's content again and waits for the end of the new release.
    pub(crate) async fn roll_back(&self, release: &Value) -> anyhow::Result<Value> {
        let path = format!("releases/{}/rollback", id(release));
        let release = self.post(&path, &json!({ "message": "back" })).await?;
        Ok(self.follow(&release).await?.pop().unwrap_or(release))
    }

    /// Every state of a release, as the server sends them, up to the final one.
    pub(crate) async fn follow(&self, release: &Value) -> anyhow::Result<Vec<Value>> {
        let path = format!("releases/{}/events", id(release));
        let answer = self.request(Method::GET, &path).timeout(Duration::from_secs(30)).send().await?;
        ensure!(answer.status().is_success(), "{path}: {}", answer.status());
        let mut bytes = answer.bytes_stream();
        let (mut text, mut states) = (String::new(), Vec::new());
        while let Some(part) = bytes.next().await {
            text += &String::from_utf8_lossy(&part?);
            while let Some((event, rest)) = text.split_once("\n\n") {
                let data: String = event.lines().filter_map(|line| line.strip_prefix("data:")).collect();
                if !data.is_empty() {
                    states.push(serde_json::from_str::<Value>(&data)?);
                }
                text = rest.to_owned();
                if states.last().is_some_and(is_final) {
                    return Ok(states);
                }
            }
        }
        bail!("the events of release {} ended at {:?}", id(release), states.last().map(|last| &last["state"]))
    }
}

/// Whether nothing more will become of a release.
pub(crate) fn is_final(release: &Value) -> bool {
    matches!(
        release["state"].as_str(),
        Some("complete" | "refused" | "failed" | "interrupted" | "superseded")
    )
}

/// A release or revision's id, for a path.
pub(crate) fn id(object: &Value) -> String {
    object["id"].as_str().map_or_else(|| object["id"].to_string(), str::to_owned)
}

fn newest(list: &Value) -> Option<&Value> {
    list.as_array()?.iter().max_by_key(|item| item["number"].as_i64())
}

async fn read(answer: reqwest::Response) -> anyhow::Result<Value> {
    let (status, url) = (answer.status(), answer.url().path().to_owned());
    let text = answer.text().await?;
    ensure!(status.is_success(), "{url}: {status}: {text}");
    if text.is_empty() {
        Ok(Value::Null)
    } else {
        serde_json::from_str(&text).with_context(|| format!("{url}: {text}"))
    }
}
