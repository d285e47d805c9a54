//! Deployment → replica sets: one per version of the template, replaced step by step.
mod condition;
mod sets;

use std::time::Duration;

use serde_json::json;

use self::condition::Progress;
use self::sets::{Sets, Version};
use super::events::Recorder;
use super::replicas::is_over;
use super::rollout::{Bounds, Count};
use super::{Controller, Key, owner};
use crate::store::{
    self, ApiError, DEPLOYMENTS, DeleteOptions, Object, PODS, Part, REPLICASETS, Resource, Selector, Store,
    object,
};

/// On a replica set and on the deployment: which of its versions this is.
const REVISION: &str = "deployment.kubernetes.io/revision";

pub(super) struct Deployments {
    store: Store,
    recorder: Recorder,
}

impl Deployments {
    pub(super) fn new(store: Store) -> Self {
        Self { recorder: Recorder::new(store.clone(), "deployment-controller", None), store }
    }
}

impl Controller for Deployments {
    const NAME: &'static str = "deployment";
    const WATCHES: &'static [&'static Resource] = &[DEPLOYMENTS, REPLICASETS, PODS];

    fn concerned(&self, resource: &'static Resource, object: &Object) -> Vec<Key> {
        let namespace = object::namespace(object);
        let key = |name: &str| (namespace.to_owned(), name.to_owned());
        if resource == DEPLOYMENTS {
            return vec![key(object::name(object))];
        }
        if resource == PODS {
            // A deployment that is recreated waits for the last old pod to go.
            let set = owner::controller_name(object, "ReplicaSet");
            let set = set.and_then(|name| self.store.get(REPLICASETS, namespace, name).ok());
            return set.iter().filter_map(|set| owner::controller_name(set, "Deployment")).map(key).collect();
        }
        if owner::controller(object).is_some() {
            return owner::controller_name(object, "Deployment").map(key).into_iter().collect();
        }
        let all = self.store.list(DEPLOYMENTS, Some(namespace), &Selector::all()).items;
        let takes = |deployment: &Object| {
            Selector::of_label_selector(&deployment["spec"]["selector"])
                .is_ok_and(|selector| selector.matches(object))
        };
        all.iter()
            .filter(|deployment| takes(deployment))
            .map(|deployment| key(object::name(deployment)))
            .collect()
    }

    fn reconcile(&mut self, namespace: &str, name: &str) -> Result<Option<Duration>, ApiError> {
        let Ok(deployment) = self.store.get(DEPLOYMENTS, namespace, name) else { return Ok(None) };
        if object::is_deleting(&deployment) {
            return Ok(None);
        }
        let step = Step { store: &self.store, recorder: &self.recorder, deployment: &deployment };
        match step.take() {
            // The namespace is being emptied.
            Err(error) if error.code() == 403 => Ok(None),
            outcome => outcome,
        }
    }
}

/// One look at one deployment.
struct Step<'a> {
    store: &'a Store,
    recorder: &'a Recorder,
    deployment: &'a Object,
}

impl Step<'_> {
    fn take(&self) -> Result<Option<Duration>, ApiError> {
        let spec = &self.deployment["spec"];
        let selector = Selector::of_label_selector(&spec["selector"])?;
        let sets =
            Sets::of(self.deployment, owner::claim(self.store, REPLICASETS, self.deployment, &selector)?);
        let bounds = self.bounds();
        let paused = spec["paused"] == true;
        let mut created = None;
        if paused {
            self.resize_paused(&sets, bounds)?;
        } else {
            created = self.advance(&sets, bounds)?;
        }
        let sets =
            Sets::of(self.deployment, owner::claim(self.store, REPLICASETS, self.deployment, &selector)?);
        let later = self.write_status(&sets, bounds, created.as_deref())?;
        if !paused {
            self.forget_old(&sets)?;
        }
        Ok(later)
    }

    fn bounds(&self) -> Bounds {
        let spec = &self.deployment["spec"];
        let replicas = spec["replicas"].as_i64().unwrap_or(1).max(0);
        let rolling = &spec["strategy"]["rollingUpdate"];
        Bounds::new(replicas, &rolling["maxSurge"], &rolling["maxUnavailable"])
    }

    /// One step towards the present template. Returns the name of the replica set made for it, if one was.
    fn advance(&self, sets: &Sets, bounds: Bounds) -> Result<Option<String>, ApiError> {
        let recreate = self.deployment["spec"]["strategy"]["type"] == "Recreate";
        if recreate {
            for old in &sets.old {
                self.scale(old, 0, bounds)?;
            }
            if sets.old.iter().any(|old| self.has_pods(old)) {
                return Ok(None);
            }
        }
        let total = sets.all().map(|version| version.count.desired).sum();
        let Some(new) = &sets.new else {
            let replicas = if recreate { bounds.replicas } else { bounds.grow(0, total) };
            return self.create(sets, replicas, bounds).map(Some);
        };
        self.refresh(new, sets)?;
        if recreate {
            self.scale(new, bounds.replicas, bounds)?;
            return Ok(None);
        }
        let grown = bounds.grow(new.count.desired, total);
        if grown != new.count.desired {
            self.scale(new, grown, bounds)?;
            return Ok(None);
        }
        let counts: Vec<Count> = sets.old.iter().map(|old| old.count).collect();
        for (old, desired) in sets.old.iter().zip(bounds.shrink(new.count, &counts)) {
            self.scale(old, desired, bounds)?;
        }
        Ok(None)
    }

    /// A paused deployment still follows `replicas`, with the version that it has.
    fn resize_paused(&self, sets: &Sets, bounds: Bounds) -> Result<(), ApiError> {
        let total: i64 = sets.all().map(|version| version.count.desired).sum();
        match sets.all().max_by_key(|version| (version.count.desired > 0, version.revision)) {
            Some(version) if total != bounds.replicas => {
                let others = total - version.count.desired;
                self.scale(version, (bounds.replicas - others).max(0), bounds)
            }
            _ => Ok(()),
        }
    }

    fn create(&self, sets: &Sets, replicas: i64, bounds: Bounds) -> Result<String, ApiError> {
        let set = sets.make(self.deployment, replicas, bounds);
        let created = self.store.create(REPLICASETS, set)?;
        let name = object::name(&created).to_owned();
        self.note_revision(&sets.next_revision().to_string())?;
        let message = format!("Scaled up replica set {name} from 0 to {replicas}");
        self.recorder.normal(self.deployment, "ScalingReplicaSet", &message);
        Ok(name)
    }

    /// The version of the present template is the newest revision, even when it is an old one come back.
    fn refresh(&self, new: &Version, sets: &Sets) -> Result<(), ApiError> {
        let revision = new.revision.max(sets.next_revision()).to_string();
        let patience = &self.deployment["spec"]["minReadySeconds"];
        let namespace = object::namespace(self.deployment);
        self.store.modify(REPLICASETS, namespace, object::name(&new.object), Part::Main, |set| {
            sets::annotate(set, self.deployment, &revision);
            if set["spec"]["minReadySeconds"] != *patience {
                set["spec"]["minReadySeconds"] = patience.clone();
            }
            Ok(())
        })?;
        self.note_revision(&revision)
    }

    fn note_revision(&self, revision: &str) -> Result<(), ApiError> {
        let (namespace, name) = (object::namespace(self.deployment), object::name(self.deployment));
        self.store.modify(DEPLOYMENTS, namespace, name, Part::Main, |deployment| {
            deployment["metadata"]["annotations"][REVISION] = revision.into();
            Ok(())
        })?;
        Ok(())
    }

    fn scale(&self, version: &Version, desired: i64, bounds: Bounds) -> Result<(), ApiError> {
        let before = version.count.desired;
        let name = object::name(&version.object);
        self.store.modify(REPLICASETS, object::namespace(self.deployment), name, Part::Main, |set| {
            set["spec"]["replicas"] = desired.into();
            sets::note_bounds(set, bounds);
            Ok(())
        })?;
        if desired != before {
            let way = if desired > before { "up" } else { "down" };
            let message = format!("Scaled {way} replica set {name} from {before} to {desired}");
            self.recorder.normal(self.deployment, "ScalingReplicaSet", &message);
        }
        Ok(())
    }

    fn has_pods(&self, version: &Version) -> bool {
        let namespace = object::namespace(self.deployment);
        let uid = object::uid(&version.object);
        let pods = self.store.list(PODS, Some(namespace), &Selector::all()).items;
        pods.iter()
            .any(|pod| !is_over(pod) && owner::controller(pod).is_some_and(|owner| owner["uid"] == uid))
    }

    fn write_status(
        &self,
        sets: &Sets,
        bounds: Bounds,
        created: Option<&str>,
    ) -> Result<Option<Duration>, ApiError> {
        let sum = |field: &str| sets.all().map(|version| version.status(field)).sum::<i64>();
        let (replicas, ready, available) = (sum("replicas"), sum("readyReplicas"), sum("availableReplicas"));
        let wanted: i64 = sets.all().map(|version| version.count.desired).sum();
        let updated = sets.new.as_ref().map_or(0, |new| new.status("replicas"));
        let generation = &self.deployment["metadata"]["generation"];
        let progress = Progress {
            bounds,
            replicas,
            updated,
            ready,
            available,
            created,
            set: sets.new.as_ref().map_or("", |new| object::name(&new.object)),
            paused: self.deployment["spec"]["paused"] == true,
            deadline: self.deployment["spec"]["progressDeadlineSeconds"].as_i64().unwrap_or(600),
        };
        let mut later = None;
        let (namespace, name) = (object::namespace(self.deployment), object::name(self.deployment));
        self.store.modify(DEPLOYMENTS, namespace, name, Part::Status, |current| {
            let before = &current["status"];
            let (conditions, wait) = progress.conditions(before);
            later = wait;
            current["status"] = json!({
                "observedGeneration": generation,
                "replicas": replicas,
                "updatedReplicas": updated,
                "readyReplicas": ready,
                "availableReplicas": available,
                "unavailableReplicas": (wanted.max(bounds.replicas) - available).max(0),
                "conditions": conditions,
            });
            Ok(())
        })?;
        Ok(later)
    }

    /// Deletes the oldest versions without pods, beyond the number that the deployment keeps for rollbacks.
    fn forget_old(&self, sets: &Sets) -> Result<(), ApiError> {
        let keep = self.deployment["spec"]["revisionHistoryLimit"].as_u64().unwrap_or(10);
        let mut idle: Vec<&Version> = sets.old.iter().filter(|old| old.is_idle()).collect();
        idle.sort_by_key(|old| old.revision);
        let surplus = idle.len().saturating_sub(usize::try_from(keep).unwrap_or(usize::MAX));
        for old in &idle[..surplus] {
            let options =
                DeleteOptions { uid: Some(object::uid(&old.object).to_owned()), ..DeleteOptions::default() };
            let name = object::name(&old.object);
            match self.store.delete(store::REPLICASETS, object::namespace(self.deployment), name, &options) {
                Err(error) if error.code() != 404 => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}
