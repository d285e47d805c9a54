//! How a deployment says where its rollout is: what `kubectl rollout status` reads.
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::controllers::rollout::Bounds;
use crate::store::object;

/// Where a rollout is now.
#[derive(Debug)]
pub(super) struct Progress<'a> {
    pub(super) bounds: Bounds,
    pub(super) replicas: i64,
    pub(super) updated: i64,
    pub(super) ready: i64,
    pub(super) available: i64,
    /// The replica set made in this step.
    pub(super) created: Option<&'a str>,
    /// The replica set of the present template; empty when there is none.
    pub(super) set: &'a str,
    pub(super) paused: bool,
    /// Seconds without progress after which the rollout counts as failed.
    pub(super) deadline: i64,
}

/// What a condition says.
struct Says<'a> {
    status: &'a str,
    reason: &'a str,
    message: String,
}

impl Progress<'_> {
    /// The conditions that follow from `before`, the status so far, and when the deadline must be looked at.
    pub(super) fn conditions(&self, before: &Value) -> (Value, Option<Duration>) {
        let enough = self.available >= self.bounds.replicas - self.bounds.unavailable;
        let available = if enough {
            Says {
                status: "True",
                reason: "MinimumReplicasAvailable",
                message: "Deployment has minimum availability.".to_owned(),
            }
        } else {
            Says {
                status: "False",
                reason: "MinimumReplicasUnavailable",
                message: "Deployment does not have minimum availability.".to_owned(),
            }
        };
        let (progressing, moved, later) = self.progressing(before);
        let conditions = json!([
            condition(before, "Available", &available, false),
            condition(before, "Progressing", &progressing, moved),
        ]);
        (conditions, later)
    }

    fn is_complete(&self) -> bool {
        let wanted = self.bounds.replicas;
        !self.set.is_empty() && self.updated == wanted && self.replicas == wanted && self.available >= wanted
    }

    /// What `Progressing` says, whether something moved just now, and when to look at the deadline.
    fn progressing(&self, before: &Value) -> (Says<'static>, bool, Option<Duration>) {
        let known = find(before, "Progressing");
        let reason = known.map_or("", |known| known["reason"].as_str().unwrap_or_default());
        let set = format!("ReplicaSet \"{}\"", self.set);
        let says = |status, reason, message| Says { status, reason, message };
        if self.paused {
            return (says("Unknown", "DeploymentPaused", "Deployment is paused".to_owned()), false, None);
        }
        if self.is_complete() {
            let message = format!("{set} has successfully progressed.");
            return (says("True", "NewReplicaSetAvailable", message), false, None);
        }
        if let Some(name) = self.created {
            let message = format!("Created new replica set \"{name}\"");
            return (says("True", "NewReplicaSetCreated", message), true, Some(self.patience()));
        }
        let moved = self.has_moved(before) || matches!(reason, "" | "DeploymentPaused");
        if reason == "NewReplicaSetAvailable" && !moved {
            // It was complete once; a pod that fails later is no rollout that failed.
            let message = format!("{set} has successfully progressed.");
            return (says("True", "NewReplicaSetAvailable", message), false, None);
        }
        let idle = known
            .and_then(|known| known["lastUpdateTime"].as_str()?.parse::<Timestamp>().ok())
            .map_or(Duration::ZERO, |since| Timestamp::now().duration_since(since).unsigned_abs());
        if !moved && (reason == "ProgressDeadlineExceeded" || idle >= self.patience()) {
            let message = format!("{set} has timed out progressing.");
            return (says("False", "ProgressDeadlineExceeded", message), false, None);
        }
        let left = if moved { self.patience() } else { self.patience().saturating_sub(idle) };
        let says = match reason {
            "NewReplicaSetCreated" if !moved => {
                says("True", "NewReplicaSetCreated", format!("Created new replica set \"{}\"", self.set))
            }
            _ => says("True", "ReplicaSetUpdated", format!("{set} is progressing.")),
        };
        (says, moved, Some(left.max(Duration::from_millis(100))))
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(u64::try_from(self.deadline).unwrap_or(600))
    }

    /// More pods of the new version, fewer of the old, or more that serve.
    fn has_moved(&self, before: &Value) -> bool {
        let was = |field: &str| before[field].as_i64().unwrap_or(0);
        self.updated > was("updatedReplicas")
            || self.replicas - self.updated < was("replicas") - was("updatedReplicas")
            || self.ready > was("readyReplicas")
            || self.available > was("availableReplicas")
    }
}

fn find<'a>(status: &'a Value, kind: &str) -> Option<&'a Value> {
    status["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

fn condition(before: &Value, kind: &str, says: &Says<'_>, moved: bool) -> Value {
    let now = || Value::from(object::now());
    let known = find(before, kind);
    let same_status = known.filter(|known| known["status"] == says.status);
    let same = same_status.filter(|known| known["reason"] == says.reason && !moved);
    json!({
        "type": kind,
        "status": says.status,
        "reason": says.reason,
        "message": says.message,
        "lastUpdateTime": same.map_or_else(now, |known| known["lastUpdateTime"].clone()),
        "lastTransitionTime": same_status.map_or_else(now, |known| known["lastTransitionTime"].clone()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(updated: i64, available: i64) -> Progress<'static> {
        Progress {
            bounds: Bounds { replicas: 2, surge: 1, unavailable: 0 },
            replicas: 2,
            updated,
            ready: available,
            available,
            created: None,
            set: "web-1",
            paused: false,
            deadline: 600,
        }
    }

    fn status(reason: &str, since: &str, updated: i64, available: i64) -> Value {
        json!({"replicas": 2, "updatedReplicas": updated, "readyReplicas": available, "availableReplicas": available,
            "conditions": [{"type": "Progressing", "status": "True", "reason": reason,
            "lastUpdateTime": since, "lastTransitionTime": since}]})
    }

    fn reason(progress: &Progress<'_>, before: &Value) -> (String, bool) {
        let (conditions, later) = progress.conditions(before);
        (conditions[1]["reason"].as_str().unwrap().to_owned(), later.is_some())
    }

    #[test]
    fn a_rollout_says_where_it_is() {
        let now = object::now();
        let old = "2020-01-01T00:00:00Z";
        let cases = [
            (progress(2, 2), status("ReplicaSetUpdated", &now, 2, 1), ("NewReplicaSetAvailable", false)),
            (progress(1, 1), status("NewReplicaSetCreated", &now, 1, 1), ("NewReplicaSetCreated", true)),
            (progress(2, 1), status("NewReplicaSetCreated", &now, 1, 1), ("ReplicaSetUpdated", true)),
            (progress(1, 1), status("ReplicaSetUpdated", old, 1, 1), ("ProgressDeadlineExceeded", false)),
            (progress(2, 1), status("ProgressDeadlineExceeded", old, 1, 1), ("ReplicaSetUpdated", true)),
            (progress(2, 1), status("NewReplicaSetAvailable", old, 2, 2), ("NewReplicaSetAvailable", false)),
            (progress(1, 1), Value::Null, ("ReplicaSetUpdated", true)),
        ];
        for (progress, before, (expected, waits)) in cases {
            assert_eq!(reason(&progress, &before), (expected.to_owned(), waits), "{before}");
        }
    }

    #[test]
    fn availability_counts_what_may_be_missing() {
        let mut now = progress(2, 1);
        assert_eq!(now.conditions(&Value::Null).0[0]["status"], "False");
        now.bounds.unavailable = 1;
        assert_eq!(now.conditions(&Value::Null).0[0]["status"], "True");
    }
}
