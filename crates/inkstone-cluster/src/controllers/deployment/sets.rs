//! The replica sets of a deployment, told apart by their templates.
use std::sync::Arc;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::REVISION;
use crate::controllers::owner;
use crate::controllers::rollout::{Bounds, Count};
use crate::store::{Object, object};

const HASH: &str = "pod-template-hash";
const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
const MOST: &str = "deployment.kubernetes.io/max-replicas";
/// Annotations of a deployment that are about itself, not about its version.
const OWN: [&str; 4] = ["kubectl.kubernetes.io/last-applied-configuration", REVISION, DESIRED, MOST];

/// One replica set of a deployment.
#[derive(Debug)]
pub(super) struct Version {
    pub(super) object: Arc<Object>,
    pub(super) revision: i64,
    pub(super) count: Count,
}

impl Version {
    fn new(object: Arc<Object>) -> Self {
        let revision = object::annotation(&object, REVISION).and_then(|text| text.parse().ok()).unwrap_or(0);
        let count = Count {
            desired: object["spec"]["replicas"].as_i64().unwrap_or(0),
            available: object["status"]["availableReplicas"].as_i64().unwrap_or(0),
        };
        Self { object, revision, count }
    }

    pub(super) fn status(&self, field: &str) -> i64 {
        self.object["status"][field].as_i64().unwrap_or(0)
    }

    /// Whether it has no pods, wants none and knows that.
    pub(super) fn is_idle(&self) -> bool {
        self.count.desired == 0
            && self.status("replicas") == 0
            && self.object["status"]["observedGeneration"] == self.object["metadata"]["generation"]
            && !object::is_deleting(&self.object)
    }
}

/// All versions of one deployment.
#[derive(Debug)]
pub(super) struct Sets {
    /// The one with the deployment's present template.
    pub(super) new: Option<Version>,
    /// The others, oldest first.
    pub(super) old: Vec<Version>,
}

impl Sets {
    pub(super) fn of(deployment: &Object, owned: Vec<Arc<Object>>) -> Self {
        let mut all: Vec<Version> =
            owned.into_iter().filter(|set| !object::is_deleting(set)).map(Version::new).collect();
        all.sort_by_cached_key(|version| {
            (version.object["metadata"]["creationTimestamp"].as_str().map(str::to_owned), version.revision)
        });
        let wanted = without_hash(&deployment["spec"]["template"]);
        let present =
            all.iter().position(|version| without_hash(&version.object["spec"]["template"]) == wanted);
        let new = present.map(|index| all.remove(index));
        Self { new, old: all }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Version> {
        self.new.iter().chain(&self.old)
    }

    /// The number of a version that is newer than all old ones.
    pub(super) fn next_revision(&self) -> i64 {
        self.old.iter().map(|old| old.revision).max().unwrap_or(0) + 1
    }

    /// The replica set of the present template.
    pub(super) fn make(&self, deployment: &Object, replicas: i64, bounds: Bounds) -> Object {
        let spec = &deployment["spec"];
        let hash = hash(&spec["template"]);
        let mut template = spec["template"].clone();
        template["metadata"]["labels"][HASH] = hash.as_str().into();
        let mut selector = spec["selector"].clone();
        selector["matchLabels"][HASH] = hash.as_str().into();
        let mut set = json!({
            "metadata": {
                "name": format!("{}-{hash}", object::name(deployment)),
                "namespace": object::namespace(deployment),
                "labels": template["metadata"]["labels"],
                "ownerReferences": [owner::reference(deployment)],
            },
            "spec": {"replicas": replicas, "selector": selector, "template": template},
        });
        if let Some(patience) = spec.get("minReadySeconds") {
            set["spec"]["minReadySeconds"] = patience.clone();
        }
        annotate(&mut set, deployment, &self.next_revision().to_string());
        note_bounds(&mut set, bounds);
        set
    }
}

/// Copies the deployment's annotations, and the number of the version.
pub(super) fn annotate(set: &mut Object, deployment: &Object, revision: &str) {
    for (key, value) in deployment["metadata"]["annotations"].as_object().into_iter().flatten() {
        if !OWN.contains(&key.as_str()) {
            set["metadata"]["annotations"][key] = value.clone();
        }
    }
    set["metadata"]["annotations"][REVISION] = revision.into();
}

pub(super) fn note_bounds(set: &mut Object, bounds: Bounds) {
    set["metadata"]["annotations"][DESIRED] = bounds.replicas.to_string().into();
    set["metadata"]["annotations"][MOST] = (bounds.replicas + bounds.surge).to_string().into();
}

fn without_hash(template: &Value) -> Value {
    let mut template = template.clone();
    if let Some(labels) = template["metadata"]["labels"].as_object_mut() {
        labels.shift_remove(HASH);
    }
    template
}

/// Ten characters that name a template. Letters that make words are left out, as in generated names.
fn hash(template: &Value) -> String {
    const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut canonical = template.clone();
    canonical.sort_all_objects();
    let digest = Sha256::digest(canonical.to_string().as_bytes());
    digest.iter().take(10).map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_keys_makes_no_other_version() {
        let one = json!({"metadata": {"labels": {"a": "1", "b": "2"}}, "spec": {}});
        let other = json!({"spec": {}, "metadata": {"labels": {"b": "2", "a": "1"}}});
        assert_eq!(hash(&one), hash(&other));
        assert_eq!(hash(&one).len(), 10);
        assert_ne!(hash(&one), hash(&json!({"metadata": {"labels": {"a": "1"}}, "spec": {}})));
    }

    #[test]
    fn the_version_of_the_present_template_is_found_without_its_hash() {
        let deployment = json!({"metadata": {"name": "web", "namespace": "shop", "uid": "u"}, "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}}}});
        let bounds = Bounds { replicas: 2, surge: 1, unavailable: 0 };
        let none = Sets { new: None, old: Vec::new() };
        let set = Arc::new(none.make(&deployment, 2, bounds));
        assert_eq!(set["metadata"]["annotations"][REVISION], "1");
        assert_eq!(set["metadata"]["annotations"][MOST], "3");
        let sets = Sets::of(&deployment, vec![set.clone()]);
        assert!(sets.new.is_some() && sets.old.is_empty());
        let mut changed = deployment;
        changed["spec"]["template"]["spec"]["containers"] = json!([{"name": "x"}]);
        let sets = Sets::of(&changed, vec![set]);
        assert!(sets.new.is_none() && sets.next_revision() == 2);
    }
}
