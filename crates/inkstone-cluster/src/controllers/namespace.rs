//! Namespaces: the first ones, a default service account in each, and emptying those that are deleted.
use std::time::Duration;

use serde_json::json;

use super::{Controller, Key};
use crate::store::{
    ApiError, CONFIGMAPS, DEPLOYMENTS, DeleteOptions, ENDPOINTSLICES, EVENTS, LEASES, NAMESPACES, Object,
    PODS, Part, REPLICASETS, RESOURCES, Resource, SECRETS, SERVICEACCOUNTS, SERVICES, Selector, Store,
    object,
};

/// Namespaces that are there from the beginning.
const FIRST: [&str; 2] = ["default", "kube-system"];

/// Creates the namespaces that every cluster has.
pub(super) fn create_first(store: &Store) -> Result<(), ApiError> {
    for name in FIRST {
        if store.get(NAMESPACES, "", name).is_err() {
            store.create(NAMESPACES, json!({"metadata": {"name": name}}))?;
        }
    }
    Ok(())
}

pub(super) struct Namespaces {
    store: Store,
}

impl Namespaces {
    pub(super) fn new(store: Store) -> Self {
        Self { store }
    }
}

impl Controller for Namespaces {
    const NAME: &'static str = "namespace";
    const WATCHES: &'static [&'static Resource] = &[
        NAMESPACES,
        SERVICEACCOUNTS,
        PODS,
        CONFIGMAPS,
        SECRETS,
        SERVICES,
        DEPLOYMENTS,
        REPLICASETS,
        ENDPOINTSLICES,
        LEASES,
        EVENTS,
    ];

    fn concerned(&self, resource: &'static Resource, object: &Object) -> Vec<Key> {
        let name = if resource == NAMESPACES { object::name(object) } else { object::namespace(object) };
        // The content of a namespace matters only while it is being emptied, and its account always.
        let matters = resource == NAMESPACES
            || resource == SERVICEACCOUNTS
            || self.store.get(NAMESPACES, "", name).is_ok_and(|namespace| object::is_deleting(&namespace));
        if matters { vec![(String::new(), name.to_owned())] } else { Vec::new() }
    }

    fn reconcile(&mut self, _: &str, name: &str) -> Result<Option<Duration>, ApiError> {
        let Ok(namespace) = self.store.get(NAMESPACES, "", name) else { return Ok(None) };
        if object::is_deleting(&namespace) {
            if self.empty(name)? {
                self.finalize(name)?;
            }
        } else if self.store.get(SERVICEACCOUNTS, name, "default").is_err() {
            let account = json!({"metadata": {"name": "default", "namespace": name}});
            self.store.create(SERVICEACCOUNTS, account)?;
        }
        Ok(None)
    }
}

impl Namespaces {
    /// Deletes everything in the namespace. True when nothing was left to delete.
    fn empty(&self, name: &str) -> Result<bool, ApiError> {
        let mut empty = true;
        for resource in RESOURCES.iter().copied().filter(|resource| resource.namespaced) {
            for object in self.store.list(resource, Some(name), &Selector::all()).items {
                if object::is_deleting(&object) {
                    empty = false;
                    continue;
                }
                match self.store.delete(resource, name, object::name(&object), &DeleteOptions::default()) {
                    // What is only marked goes later, and its going brings us here again.
                    Ok(last) => empty &= !object::is_deleting(&last),
                    Err(error) if error.code() == 404 => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(empty)
    }

    fn finalize(&self, name: &str) -> Result<(), ApiError> {
        let done = self.store.modify(NAMESPACES, "", name, Part::Main, |namespace| {
            namespace["spec"]["finalizers"] = json!([]);
            Ok(())
        });
        match done {
            Err(error) if error.code() != 404 => Err(error),
            _ => Ok(()),
        }
    }
}
