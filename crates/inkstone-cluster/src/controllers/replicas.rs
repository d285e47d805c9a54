//! ReplicaSet → pods.
use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::events::Recorder;
use super::{Controller, Key, owner};
use crate::store::{
    ApiError, DeleteOptions, Object, PODS, Part, REPLICASETS, Resource, Selector, Store, object,
};

pub(super) struct ReplicaSets {
    store: Store,
    recorder: Recorder,
}

impl ReplicaSets {
    pub(super) fn new(store: Store) -> Self {
        Self { recorder: Recorder::new(store.clone(), "replicaset-controller", None), store }
    }
}

impl Controller for ReplicaSets {
    const NAME: &'static str = "replicaset";
    const WATCHES: &'static [&'static Resource] = &[REPLICASETS, PODS];

    fn concerned(&self, resource: &'static Resource, object: &Object) -> Vec<Key> {
        let namespace = object::namespace(object);
        if resource == REPLICASETS {
            return vec![(namespace.to_owned(), object::name(object).to_owned())];
        }
        if owner::controller(object).is_some() {
            let name = owner::controller_name(object, "ReplicaSet");
            return name.map(|name| (namespace.to_owned(), name.to_owned())).into_iter().collect();
        }
        // Nobody's pod: one whose selector matches will take it.
        let sets = self.store.list(REPLICASETS, Some(namespace), &Selector::all()).items;
        let takes = |set: &&Arc<Object>| {
            Selector::of_label_selector(&set["spec"]["selector"])
                .is_ok_and(|selector| selector.matches(object))
        };
        sets.iter().filter(takes).map(|set| (namespace.to_owned(), object::name(set).to_owned())).collect()
    }

    fn reconcile(&mut self, namespace: &str, name: &str) -> Result<Option<Duration>, ApiError> {
        let Ok(set) = self.store.get(REPLICASETS, namespace, name) else { return Ok(None) };
        let selector = Selector::of_label_selector(&set["spec"]["selector"])?;
        let mut pods = self.active(&set, &selector)?;
        let mut failure = None;
        if !object::is_deleting(&set) {
            let wanted = usize::try_from(set["spec"]["replicas"].as_i64().unwrap_or(1)).unwrap_or(0);
            if pods.len() < wanted {
                failure = self.create(&set, wanted - pods.len()).err();
            } else {
                self.delete_surplus(&set, &mut pods, wanted)?;
            }
            pods = self.active(&set, &selector)?;
        }
        let later = self.write_status(&set, &pods, failure.as_ref())?;
        match failure {
            // Everything in it is going; there is nothing to retry.
            Some(error) if error.code() == 403 => Ok(None),
            Some(error) => Err(error),
            None => Ok(later),
        }
    }
}

impl ReplicaSets {
    /// The set's pods that run or will run.
    fn active(&self, set: &Object, selector: &Selector) -> Result<Vec<Arc<Object>>, ApiError> {
        let mut pods = owner::claim(&self.store, PODS, set, selector)?;
        pods.retain(|pod| !object::is_deleting(pod) && !is_over(pod));
        Ok(pods)
    }

    fn create(&self, set: &Object, count: usize) -> Result<(), ApiError> {
        let template = &set["spec"]["template"];
        for _ in 0..count {
            let mut metadata = json!({
                "generateName": format!("{}-", object::name(set)),
                "namespace": object::namespace(set),
                "ownerReferences": [owner::reference(set)],
            });
            for part in ["labels", "annotations", "finalizers"] {
                if let Some(value) = template["metadata"].get(part) {
                    metadata[part] = value.clone();
                }
            }
            let pod = json!({"metadata": metadata, "spec": template["spec"]});
            match self.store.create(PODS, pod) {
                Ok(pod) => {
                    self.recorder.normal(
                        set,
                        "SuccessfulCreate",
                        &format!("Created pod: {}", object::name(&pod)),
                    );
                }
                Err(error) => {
                    self.recorder.warning(set, "FailedCreate", &format!("Error creating: {error}"));
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn delete_surplus(&self, set: &Object, pods: &mut [Arc<Object>], wanted: usize) -> Result<(), ApiError> {
        pods.sort_by_cached_key(|pod| worth(pod));
        for pod in pods.iter().take(pods.len().saturating_sub(wanted)) {
            let name = object::name(pod);
            let options =
                DeleteOptions { uid: Some(object::uid(pod).to_owned()), ..DeleteOptions::default() };
            match self.store.delete(PODS, object::namespace(pod), name, &options) {
                Ok(_) => self.recorder.normal(set, "SuccessfulDelete", &format!("Deleted pod: {name}")),
                Err(error) if error.code() == 404 => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn write_status(
        &self,
        set: &Object,
        pods: &[Arc<Object>],
        failure: Option<&ApiError>,
    ) -> Result<Option<Duration>, ApiError> {
        let labels = &set["spec"]["template"]["metadata"]["labels"];
        let labelled = Selector::of_label_selector(&json!({ "matchLabels": labels }))?;
        let patience = set["spec"]["minReadySeconds"].as_i64().unwrap_or(0);
        let now = Timestamp::now();
        let patience = SignedDuration::from_secs(patience);
        let waits: Vec<SignedDuration> = pods
            .iter()
            .filter_map(|pod| ready_since(pod))
            .map(|since| patience.saturating_sub(now.duration_since(since)))
            .collect();
        let later = waits.iter().filter(|wait| wait.is_positive()).min().copied();
        let mut status = json!({
            "replicas": pods.len(),
            "fullyLabeledReplicas": pods.iter().filter(|pod| labelled.matches(pod)).count(),
            "readyReplicas": waits.len(),
            "availableReplicas": waits.iter().filter(|wait| !wait.is_positive()).count(),
            "observedGeneration": set["metadata"]["generation"],
        });
        if let Some(error) = failure {
            status["conditions"] = json!([{
                "type": "ReplicaFailure",
                "status": "True",
                "reason": "FailedCreate",
                "message": error.to_string(),
                "lastTransitionTime": object::timestamp(now),
            }]);
        }
        let written = self.store.modify(
            REPLICASETS,
            object::namespace(set),
            object::name(set),
            Part::Status,
            |current| {
                if failure.is_some()
                    && current["status"]["conditions"][0]["message"] == status["conditions"][0]["message"]
                {
                    status["conditions"] = current["status"]["conditions"].clone();
                }
                current["status"] = status.clone();
                Ok(())
            },
        );
        match written {
            Err(error) if error.code() != 404 => Err(error),
            _ => Ok(later.map(|wait| wait.unsigned_abs())),
        }
    }
}

/// Since when the pod is ready, if it is.
fn ready_since(pod: &Object) -> Option<Timestamp> {
    let ready = ready_condition(pod)?;
    (ready["status"] == "True").then(|| ready["lastTransitionTime"].as_str()?.parse().ok())?
}

/// Whether the pod's `Ready` condition holds.
pub(super) fn is_ready(pod: &Object) -> bool {
    ready_condition(pod).is_some_and(|ready| ready["status"] == "True")
}

fn ready_condition(pod: &Object) -> Option<&Value> {
    pod["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == "Ready")
}

/// Whether the pod has ended for good.
pub(super) fn is_over(pod: &Object) -> bool {
    matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"))
}

/// What a pod is worth when some must go; the least go first: not bound, not running, not ready, cheap to delete,
/// ready only since lately, often restarted, young.
fn worth(pod: &Object) -> impl Ord + use<> {
    let cost = object::annotation(pod, "controller.kubernetes.io/pod-deletion-cost");
    let restarts: i64 = pod["status"]["containerStatuses"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|container| container["restartCount"].as_i64().unwrap_or(0))
        .sum();
    (
        pod["spec"]["nodeName"].is_string(),
        pod["status"]["phase"] == "Running",
        is_ready(pod),
        cost.and_then(|cost| cost.parse::<i64>().ok()).unwrap_or(0),
        Reverse(ready_since(pod)),
        Reverse(restarts),
        Reverse(pod["metadata"]["creationTimestamp"].as_str().map(str::to_owned)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pod_that_is_missed_least_goes_first() {
        let pod = |phase: &str, ready: &str, since: &str| {
            json!({"spec": {"nodeName": "n"}, "status": {"phase": phase, "conditions": [
                {"type": "Ready", "status": ready, "lastTransitionTime": since}]}})
        };
        let mut pods = [
            pod("Running", "True", "2026-01-01T00:00:00Z"),
            pod("Running", "True", "2026-01-02T00:00:00Z"),
            pod("Running", "False", "2026-01-01T00:00:00Z"),
            pod("Pending", "False", "2026-01-01T00:00:00Z"),
        ];
        let expected: Vec<_> = pods.iter().rev().cloned().collect();
        pods.sort_by_cached_key(worth);
        assert_eq!(pods.as_slice(), expected);
    }
}
