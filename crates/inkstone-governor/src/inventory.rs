//! What the program is made of and runs in.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State as Extract};
use futures::future::join_all;
use inkstone_config::{CODES, Code, telltale};
use inkstone_core::{Offer, Peer};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::checks::{self, Check};
use crate::governor::State;
use crate::problem::{Answer, Problem};

const MASK: &str = "***";

/// A component with all that is known of it.
#[derive(Debug, Serialize)]
pub(crate) struct Component {
    #[serde(flatten)]
    check: Check,
    stats: Map<String, Value>,
    peers: Vec<Peer>,
}

pub(crate) async fn components(Extract(state): Extract<State>) -> Json<Vec<Component>> {
    let asked = state.app.instances().into_iter().map(|instance| async move {
        let stats = instance.stats().into_iter().map(|(name, value)| (name.to_owned(), value.into()));
        Component { stats: stats.collect(), peers: instance.peers(), check: checks::one(&instance).await }
    });
    Json(join_all(asked).await)
}

pub(crate) async fn dependencies(Extract(state): Extract<State>) -> Json<Value> {
    Json(json!(state.app.build_info().dependencies.sorted()))
}

pub(crate) async fn routes(Extract(state): Extract<State>) -> Json<Vec<Offer>> {
    Json(state.app.offers())
}

pub(crate) async fn errors() -> Json<Vec<Value>> {
    Json(CODES.iter().map(|code| code_in_short(*code)).collect())
}

pub(crate) async fn error(Path(code): Path<String>) -> Answer<Json<Value>> {
    let unknown = || Problem::not_found("there is no such error code; GET /errors lists them");
    let code = Code::parse(&code).ok_or_else(unknown)?;
    let mut shown = code_in_short(code);
    shown["page"] = code.page().into();
    Ok(Json(shown))
}

fn code_in_short(code: Code) -> Value {
    json!({ "code": code.as_str(), "title": code.title(), "exit_status": code.exit_status() })
}

/// Names of variables whose values are shown: where the process runs, never how it gets in anywhere. What configures it
/// is on the page of the configuration, where secrets are known by their type.
const SHOWN: &[&str] = &[
    "CONTAINER_NAME",
    "HOME",
    "HOSTNAME",
    "INKSTONE_CONFIG",
    "INKSTONE_DEBUG",
    "INKSTONE_HOST",
    "INKSTONE_INSTANCE",
    "INKSTONE_LOG",
    "INKSTONE_MODE",
    "INKSTONE_NAME",
    "INKSTONE_REGION",
    "INKSTONE_ZONE",
    "KUBERNETES_SERVICE_HOST",
    "KUBERNETES_SERVICE_PORT",
    "LANG",
    "LC_ALL",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "LISTEN_PID",
    "MALLOC_CONF",
    "_RJEM_MALLOC_CONF",
    "NODE_NAME",
    "PATH",
    "POD_IP",
    "POD_NAME",
    "POD_NAMESPACE",
    "PWD",
    "RUST_BACKTRACE",
    "RUST_LOG",
    "SHELL",
    "TMPDIR",
    "TZ",
    "USER",
];

pub(crate) async fn environment() -> Json<Value> {
    let variables: BTreeMap<String, String> = std::env::vars_os()
        .map(|(name, value)| {
            let name = name.to_string_lossy().into_owned();
            let shown = variable(&name, &value.to_string_lossy());
            (name, shown)
        })
        .collect();
    let arguments: Vec<String> =
        std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    let program = std::env::current_exe().ok().map(|path| path.display().to_string());
    let directory = std::env::current_dir().ok().map(|path| path.display().to_string());
    Json(json!({
        "pid": std::process::id(),
        "program": program,
        "directory": directory,
        "arguments": masked(&arguments),
        "variables": variables,
    }))
}

fn variable(name: &str, value: &str) -> String {
    let shown = SHOWN.contains(&name) && !telltale(name) && !value.contains("://");
    if shown || value.is_empty() { value.to_owned() } else { MASK.to_owned() }
}

/// Arguments: files and names of jobs are shown; what is given to a key or a job is not, nor any address.
fn masked(arguments: &[String]) -> Vec<String> {
    let mut shown = Vec::with_capacity(arguments.len());
    for argument in arguments {
        let text = match argument.split_once('=') {
            Some((flag, value)) if value.contains("://") && flag.starts_with("--") && flag != "--set" => {
                format!("{flag}={MASK}")
            }
            Some(("--config" | "--job", _)) => argument.clone(),
            Some((flag @ ("--set" | "--job-header"), rest)) => match rest.split_once('=') {
                Some((key, _)) => format!("{flag}={key}={MASK}"),
                None => format!("{flag}={MASK}"),
            },
            Some((key, _)) if !key.contains("://") => format!("{key}={MASK}"),
            _ if argument.contains("://") => MASK.to_owned(),
            _ => argument.clone(),
        };
        // The word after such a flag is its value, whatever it looks like.
        let after = shown.last().is_some_and(|flag: &String| {
            flag.starts_with('-') && !flag.contains('=') && telltale(flag) || flag == "--job-data"
        });
        shown.push(if after { MASK.to_owned() } else { text });
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_masked_unless_they_are_known_to_be_harmless() {
        let check = |name: &str, value: &str, shown: &str| assert_eq!(variable(name, value), shown, "{name}");
        check("POD_NAME", "shop-1", "shop-1");
        check("INKSTONE__MYSQL__GOODS__ADDR", "mysql://root:hunter2@db", MASK);
        check("GOVERNOR_TOKEN", "hunter2", MASK);
        check("WHATEVER", "hunter2", MASK);
        check("HOME", "https://user:hunter2@host", MASK);
        check("EMPTY", "", "");
    }

    #[test]
    fn what_arguments_give_to_a_key_is_masked() {
        let arguments = [
            "shop",
            "--config=a.toml,b.toml",
            "--job",
            "install",
            "--set",
            "redis.addr=redis://:pw@h",
            "--set=a.b=hunter2",
            "--password",
            "hunter2",
            "--job-data",
            "hunter2",
            "--job-data=hunter2",
            "--job-header=authorization=hunter2",
            "--job-header",
            "authorization=hunter2",
            "redis://:hunter2@h",
            "etcd://shop:hunter2@h/a=b",
            "--config=a.toml,etcd://shop:hunter2@h/k",
            "--set=redis.addr=redis://:hunter2@h",
        ];
        let shown = masked(&arguments.map(str::to_owned));
        assert_eq!(
            shown,
            [
                "shop",
                "--config=a.toml,b.toml",
                "--job",
                "install",
                "--set",
                "redis.addr=***",
                "--set=a.b=***",
                "--password",
                "***",
                "--job-data",
                "***",
                "--job-data=***",
                "--job-header=authorization=***",
                "--job-header",
                "authorization=***",
                "***",
                "***",
                "--config=***",
                "--set=redis.addr=***",
            ]
        );
    }
}
