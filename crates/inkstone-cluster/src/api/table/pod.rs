//! The row of a pod: what its containers are up to, in one word.

use serde_json::Value;

use super::{
    Column,
    age::{age, since},
    column, name, or_none, wide,
};
use crate::store::{Object, object};

pub(super) const COLUMNS: &[Column] = &[
    column("Name"),
    column("Ready"),
    column("Status"),
    column("Restarts"),
    column("Age"),
    wide("IP"),
    wide("Node"),
    wide("Nominated Node"),
    wide("Readiness Gates"),
];

pub(super) fn cells(pod: &Object) -> Vec<Value> {
    let (spec, status) = (&pod["spec"], &pod["status"]);
    let containers = list(&status["containerStatuses"]);
    let ready = containers.iter().filter(|c| c["ready"] == true).count();
    let total = spec["containers"].as_array().map_or(0, Vec::len);
    vec![
        name(pod),
        format!("{ready}/{total}").into(),
        word(pod).into(),
        restarts(pod).into(),
        age(pod),
        or_none(status["podIP"].as_str().unwrap_or_default()),
        or_none(spec["nodeName"].as_str().unwrap_or_default()),
        or_none(status["nominatedNodeName"].as_str().unwrap_or_default()),
        "<none>".into(),
    ]
}

/// The most telling word about a pod: its phase, or why a container does not run.
fn word(pod: &Object) -> String {
    let status = &pod["status"];
    let plain = status["reason"].as_str().or_else(|| status["phase"].as_str()).unwrap_or("Unknown");
    let word = initializing(pod).unwrap_or_else(|| running(pod, plain));
    match object::is_deleting(pod) {
        true if status["reason"] == "NodeLost" => "Unknown".to_owned(),
        true if !matches!(status["phase"].as_str(), Some("Succeeded" | "Failed")) => "Terminating".to_owned(),
        _ => word,
    }
}

fn initializing(pod: &Object) -> Option<String> {
    let total = pod["spec"]["initContainers"].as_array().map_or(0, Vec::len);
    for (at, container) in list(&pod["status"]["initContainerStatuses"]).iter().enumerate() {
        let state = &container["state"];
        if state["terminated"]["exitCode"] == 0 {
            continue;
        }
        let ended = &state["terminated"];
        let waiting = state["waiting"]["reason"].as_str().unwrap_or_default();
        return Some(if ended.is_object() {
            format!("Init:{}", why_ended(ended))
        } else if !waiting.is_empty() && waiting != "PodInitializing" {
            format!("Init:{waiting}")
        } else {
            format!("Init:{at}/{total}")
        });
    }
    None
}

fn running(pod: &Object, plain: &str) -> String {
    let mut word = plain.to_owned();
    let mut any_running = false;
    for container in list(&pod["status"]["containerStatuses"]).iter().rev() {
        let state = &container["state"];
        let waiting = state["waiting"]["reason"].as_str().unwrap_or_default();
        if !waiting.is_empty() {
            waiting.clone_into(&mut word);
        } else if state["terminated"].is_object() {
            word = why_ended(&state["terminated"]);
        } else if container["ready"] == true && state["running"].is_object() {
            any_running = true;
        }
    }
    if word == "Completed" && any_running {
        let conditions = list(&pod["status"]["conditions"]);
        let ready = conditions.iter().any(|c| c["type"] == "Ready" && c["status"] == "True");
        return if ready { "Running".to_owned() } else { "NotReady".to_owned() };
    }
    word
}

fn why_ended(ended: &Value) -> String {
    match ended["reason"].as_str().unwrap_or_default() {
        "" => match ended["signal"].as_i64() {
            Some(signal) if signal != 0 => format!("Signal:{signal}"),
            _ => format!("ExitCode:{}", ended["exitCode"].as_i64().unwrap_or(0)),
        },
        reason => reason.to_owned(),
    }
}

fn restarts(pod: &Object) -> String {
    let containers = list(&pod["status"]["containerStatuses"]);
    let count: i64 = containers.iter().filter_map(|c| c["restartCount"].as_i64()).sum();
    let last = containers.iter().filter_map(|c| c["lastState"]["terminated"]["finishedAt"].as_str()).max();
    match last {
        Some(last) if count > 0 => format!("{count} ({} ago)", since(last)),
        _ => count.to_string(),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
