//! Asking the pods: what they were built from, and which configuration they have loaded.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::redirect::Policy;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::cluster::{Cluster, FileState, Governor, PodView, base_name, chain};

const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);
const TIMEOUT: Duration = Duration::from_millis(1500);
/// So long a token is used before the Secret is looked at again.
const TOKEN_AGE: Duration = Duration::from_secs(30);
/// A governor's answer is a few kilobytes; a pod that sends more is not one.
const LARGEST: usize = 4 << 20;
const MOST_REMEMBERED: usize = 10_000;

/// What a program was built from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct BuildInfo {
    /// The program's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The commit it was built from.
    pub commit: String,
    /// Whether the sources differed from that commit.
    pub dirty: bool,
    /// The machine it was built on.
    pub host: String,
    /// Who built it.
    pub user: String,
    /// When.
    pub time: String,
    /// The compiler.
    pub rustc: String,
    /// The version of Inkstone in it.
    pub inkstone: String,
    /// The platform it was built for.
    pub target: String,
    /// The profile it was built with.
    pub profile: String,
}

/// Why a pod refused a configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Problem {
    /// The stable code, such as `INK1002`.
    pub code: String,
    /// The key.
    pub key: Option<String>,
    /// What is wrong with it.
    pub message: String,
    /// The file.
    pub file: Option<String>,
    /// The line, from 1.
    pub line: Option<u32>,
    /// The column, from 1.
    pub column: Option<u32>,
    /// What to do.
    pub hint: Option<String>,
}

/// A governor's word on its configuration.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Report {
    sources: Vec<Source>,
    rejected: Option<Rejected>,
    /// Keys that have changed and count only after a restart.
    pub(crate) pending_restart: Vec<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Source {
    name: String,
    hash: String,
    loaded_at: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Rejected {
    sources: Vec<Source>,
    problems: Vec<Problem>,
}

/// What a pod made of one content of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) state: FileState,
    pub(crate) reason: Option<String>,
    pub(crate) loaded_hash: Option<String>,
    pub(crate) loaded_at: Option<String>,
    pub(crate) problems: Vec<Problem>,
}

impl Report {
    /// What the pod made of the content with this hash of the file that it sees under this name.
    pub(crate) fn verdict(&self, file: &str, hash: &str) -> Verdict {
        let named = |source: &&Source| base_name(&source.name) == file;
        let loaded: Vec<&Source> = self.sources.iter().filter(named).collect();
        let current = loaded.iter().find(|source| source.hash == hash).or(loaded.first());
        let mut verdict = Verdict {
            state: FileState::Written,
            reason: None,
            loaded_hash: current.map(|source| source.hash.clone()),
            loaded_at: current.and_then(|source| source.loaded_at.clone()),
            problems: Vec::new(),
        };
        if verdict.loaded_hash.as_deref() == Some(hash) {
            verdict.state = FileState::Loaded;
            return verdict;
        }
        if let Some(rejected) = &self.rejected
            && rejected.sources.iter().filter(named).any(|source| source.hash == hash)
        {
            verdict.state = FileState::Refused;
            verdict.problems.clone_from(&rejected.problems);
        } else if loaded.is_empty() {
            verdict.state = FileState::Unknown;
            verdict.reason = Some(format!("the service does not read a file named {file}"));
        }
        verdict
    }
}

impl Verdict {
    pub(crate) fn unknown(reason: impl Into<String>) -> Self {
        Self {
            state: FileState::Unknown,
            reason: Some(reason.into()),
            loaded_hash: None,
            loaded_at: None,
            problems: Vec::new(),
        }
    }
}

/// Asks governors. Cloning it shares the connections.
#[derive(Debug, Clone)]
pub(crate) struct Governors {
    http: reqwest::Client,
    cluster: Cluster,
    known: Arc<Known>,
}

#[derive(Debug, Default)]
struct Known {
    tokens: Mutex<HashMap<String, (String, Instant)>>,
    /// By pod and number of restarts: a program does not change what it was built from.
    builds: Mutex<HashMap<(String, i32), BuildInfo>>,
}

impl Governors {
    pub(crate) fn new(cluster: Cluster) -> Result<Self, reqwest::Error> {
        // Pods are asked directly, never through a proxy of the environment, and never led elsewhere.
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .redirect(Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self { http, cluster, known: Arc::default() })
    }

    /// What the pod's program was built from.
    pub(crate) async fn build(&self, pod: &PodView) -> Result<BuildInfo, String> {
        let key = (pod.uid.clone(), pod.restarts);
        if let Some(build) = self.known.builds.lock().expect("nothing panics while it holds this").get(&key) {
            return Ok(build.clone());
        }
        let build: BuildInfo = self.ask(pod, "build").await?;
        let mut builds = self.known.builds.lock().expect("nothing panics while it holds this");
        if builds.len() >= MOST_REMEMBERED {
            builds.clear();
        }
        builds.insert(key, build.clone());
        Ok(build)
    }

    /// Which configuration the pod has loaded.
    pub(crate) async fn config(&self, pod: &PodView) -> Result<Report, String> {
        self.ask(pod, "config").await
    }

    async fn ask<T: DeserializeOwned>(&self, pod: &PodView, what: &str) -> Result<T, String> {
        let address = match pod.governor {
            Governor::None => return Err("the pod has no container port named governor".to_owned()),
            Governor::NotYet => return Err("the pod has no address yet".to_owned()),
            Governor::At(address) => address,
        };
        let token = self.token(&pod.namespace).await?;
        match self.get(address, what, &token).await {
            Err(Failure::Token) => {
                // Perhaps the Secret was replaced since we read it.
                self.known.tokens.lock().expect("nothing panics while it holds this").remove(&pod.namespace);
                let token = self.token(&pod.namespace).await?;
                self.get(address, what, &token).await.map_err(|failure| failure.text(address, &pod.namespace))
            }
            answer => answer.map_err(|failure| failure.text(address, &pod.namespace)),
        }
    }

    async fn get<T: DeserializeOwned>(
        &self,
        address: SocketAddr,
        what: &str,
        token: &str,
    ) -> Result<T, Failure> {
        let request = self.http.get(format!("http://{address}/{what}")).bearer_auth(token);
        let mut response = request.send().await.map_err(|e| Failure::Other(chain(&e)))?;
        match response.status().as_u16() {
            200 => {}
            401 | 403 => return Err(Failure::Token),
            status => return Err(Failure::Other(format!("it answered {status}"))),
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| Failure::Other(chain(&e)))? {
            body.extend_from_slice(&chunk);
            if body.len() > LARGEST {
                return Err(Failure::Other("it sent more than a governor would".to_owned()));
            }
        }
        serde_json::from_slice(&body)
            .map_err(|e| Failure::Other(format!("its answer is not as expected: {e}")))
    }

    async fn token(&self, namespace: &str) -> Result<String, String> {
        {
            let tokens = self.known.tokens.lock().expect("nothing panics while it holds this");
            if let Some((token, read)) = tokens.get(namespace)
                && read.elapsed() < TOKEN_AGE
            {
                return Ok(token.clone());
            }
        }
        let token = self.cluster.governor_token(namespace).await.map_err(|error| error.to_string())?;
        let token = token.unwrap_or_default();
        let mut tokens = self.known.tokens.lock().expect("nothing panics while it holds this");
        tokens.insert(namespace.to_owned(), (token.clone(), Instant::now()));
        Ok(token)
    }
}

enum Failure {
    Token,
    Other(String),
}

impl Failure {
    fn text(self, address: SocketAddr, namespace: &str) -> String {
        match self {
            Self::Token => format!(
                "the governor at {address} does not accept the token in Secret {namespace}/inkstone-governor"
            ),
            Self::Other(why) => format!("the governor at {address}: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(json: serde_json::Value) -> Report {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_file_counts_as_loaded_only_with_the_very_hash() {
        let report = report(serde_json::json!({
            "sources": [{"name": "/etc/inkstone/catalog.toml", "hash": "aa", "loaded_at": "2026-11-22T10:00:00Z"}],
            "rejected": null,
        }));
        assert_eq!(report.verdict("catalog.toml", "aa").state, FileState::Loaded);
        let waiting = report.verdict("catalog.toml", "bb");
        assert_eq!((waiting.state, waiting.loaded_hash.as_deref()), (FileState::Written, Some("aa")));
        assert_eq!(report.verdict("other.toml", "aa").state, FileState::Unknown);
    }

    #[test]
    fn a_refusal_counts_for_the_refused_content_only() {
        let report = report(serde_json::json!({
            "sources": [{"name": "catalog.toml", "hash": "aa"}],
            "rejected": {
                "sources": [{"name": "catalog.toml", "hash": "bb"}],
                "problems": [{"code": "INK1002", "message": "wrong type", "file": "catalog.toml", "line": 3}],
            },
        }));
        let refused = report.verdict("catalog.toml", "bb");
        assert_eq!((refused.state, refused.problems[0].line), (FileState::Refused, Some(3)));
        assert_eq!(report.verdict("catalog.toml", "cc").state, FileState::Written);
        assert_eq!(report.verdict("catalog.toml", "aa").state, FileState::Loaded);
    }
}
