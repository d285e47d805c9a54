//! Plain HTTP to a cluster's API, as any client would speak it.
use std::time::Duration;

use inkstone_cluster::{Cluster, store::Object};
use reqwest::{Certificate, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::fixture::{Fixture, options};

/// How long an answer or an event may take; far more than it does.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const CONFIGMAPS: &str = "/api/v1/namespaces/default/configmaps";
pub(crate) const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";

/// A client of one cluster.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
    token: String,
}

impl Client {
    pub(crate) fn of(cluster: &Cluster) -> Self {
        let dir = cluster.kubeconfig().parent().unwrap();
        // Another test may have installed it already.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let ca = Certificate::from_pem(&std::fs::read(dir.join("ca.pem")).unwrap()).unwrap();
        let http = reqwest::Client::builder().tls_certs_only([ca]).build().unwrap();
        let token = std::fs::read_to_string(dir.join("token")).unwrap();
        Self { http, url: cluster.url(), token }
    }

    pub(crate) fn with_token(mut self, token: &str) -> Self {
        token.clone_into(&mut self.token);
        self
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url)).bearer_auth(&self.token)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    /// A GET whose answer is wanted in this form.
    pub(crate) async fn get_as(&self, path: &str, accept: &str) -> Answer {
        Answer::of(self.request(Method::GET, path).header("accept", accept)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(Method::POST, path).json(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(Method::PUT, path).json(body)).await
    }

    pub(crate) async fn delete(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(Method::DELETE, path).json(body)).await
    }

    /// A patch of the kind `json`, `merge`, `strategic-merge` or `apply`.
    pub(crate) async fn patch(&self, kind: &str, path: &str, body: &Value) -> Answer {
        let suffix = if kind == "apply" { "yaml" } else { "json" };
        let media = format!("application/{kind}-patch+{suffix}");
        let request = self.request(Method::PATCH, path).header("content-type", media).body(body.to_string());
        Answer::of(request).await
    }

    pub(crate) async fn watch(&self, path: &str, query: &str) -> Events {
        let path = format!("{path}?watch=1&{query}");
        let response = timeout(PATIENCE, self.request(Method::GET, &path).send()).await.unwrap().unwrap();
        Events { code: response.status().as_u16(), response, text: String::new() }
    }
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) body: Value,
    pub(crate) text: String,
    pub(crate) headers: reqwest::header::HeaderMap,
}

impl Answer {
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        let response = timeout(PATIENCE, request.send()).await.expect("an answer in time").unwrap();
        let (code, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self { code, body, text, headers }
    }

    /// The body of an answer that must have this code.
    #[track_caller]
    pub(crate) fn expect(self, code: u16) -> Value {
        assert_eq!(self.code, code, "{}", self.text);
        self.body
    }

    /// The message of a refusal that must have this code and reason.
    #[track_caller]
    pub(crate) fn refused(self, code: u16, reason: &str) -> String {
        assert_eq!(self.code, code, "{}", self.text);
        let status = &self.body;
        assert_eq!(
            (&status["kind"], &status["status"], &status["code"]),
            (&"Status".into(), &"Failure".into(), &code.into())
        );
        assert_eq!(status["reason"], reason, "{status}");
        status["message"].as_str().unwrap().to_owned()
    }
}

/// The lines of a watch.
pub(crate) struct Events {
    pub(crate) code: u16,
    response: Response,
    text: String,
}

impl Events {
    /// The next event; None when the stream has ended.
    pub(crate) async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((line, rest)) = self.text.split_once('\n') {
                let event: Value = serde_json::from_str(line).unwrap();
                self.text = rest.to_owned();
                return Some((event["type"].as_str().unwrap().to_owned(), event["object"].clone()));
            }
            let chunk = timeout(PATIENCE, self.response.chunk()).await.expect("an event in time").unwrap()?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next `count` events as `TYPE name`.
    pub(crate) async fn names(&mut self, count: usize) -> Vec<String> {
        let mut names = Vec::new();
        while names.len() < count {
            let (kind, object) = self.next().await.expect("the watch goes on");
            names.push(format!("{kind} {}", object["metadata"]["name"].as_str().unwrap_or_default()));
        }
        names
    }
}

pub(crate) fn config_map(name: &str, value: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name }, "data": { "a": value } })
}

pub(crate) fn version(object: &Object) -> u64 {
    object["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap()
}

/// A cluster and a client of it.
pub(crate) async fn start() -> (Fixture, Client) {
    let fixture = Fixture::start().await;
    let client = Client::of(&fixture.cluster);
    (fixture, client)
}

/// A cluster that remembers so many changes, and a client of it.
pub(crate) async fn start_with_history(history: usize) -> (Fixture, Client) {
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(&dir.path().join("state"));
    options.history = history;
    let cluster = Cluster::start(options).await.unwrap();
    let client = Client::of(&cluster);
    (Fixture { cluster, dir }, client)
}
