//! Service → EndpointSlices: which addresses are behind a service, and which of them serve.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::replicas::{is_over, is_ready};
use super::{Controller, Key, owner};
use crate::store::{
    ApiError, DeleteOptions, ENDPOINTSLICES, Object, PODS, Part, Resource, SERVICES, Selector, Store, object,
};

const SERVICE: &str = "kubernetes.io/service-name";
const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
const MANAGER: &str = "endpointslice-controller.k8s.io";

pub(super) struct Endpoints {
    store: Store,
}

impl Endpoints {
    pub(super) fn new(store: Store) -> Self {
        Self { store }
    }
}

impl Controller for Endpoints {
    const NAME: &'static str = "endpointslice";
    const WATCHES: &'static [&'static Resource] = &[SERVICES, PODS, ENDPOINTSLICES];

    fn concerned(&self, resource: &'static Resource, object: &Object) -> Vec<Key> {
        let namespace = object::namespace(object);
        let key = |name: &str| (namespace.to_owned(), name.to_owned());
        if resource == SERVICES {
            return vec![key(object::name(object))];
        }
        if resource == ENDPOINTSLICES {
            return object::label(object, SERVICE).map(key).into_iter().collect();
        }
        // A pod whose labels changed must also leave the service that it was in: every service looks again.
        let services = self.store.list(SERVICES, Some(namespace), &Selector::all()).items;
        services.iter().map(|service| key(object::name(service))).collect()
    }

    fn reconcile(&mut self, namespace: &str, name: &str) -> Result<Option<Duration>, ApiError> {
        let Ok(service) = self.store.get(SERVICES, namespace, name) else { return Ok(None) };
        let selects = service["spec"]["selector"].as_object().filter(|labels| !labels.is_empty());
        let Some(labels) = selects.filter(|_| !object::is_deleting(&service)) else { return Ok(None) };
        let labels = labels.iter().map(|(key, value)| (key.as_str(), value.as_str().unwrap_or_default()));
        let pods = self.store.list(PODS, Some(namespace), &Selector::labels(labels)).items;
        match self.write(&service, wanted(&service, &pods)) {
            // The namespace is being emptied.
            Err(error) if error.code() == 403 => Ok(None),
            outcome => outcome.map(|()| None),
        }
    }
}

/// Endpoints that share their ports: one slice.
#[derive(Debug, PartialEq)]
struct Slice {
    ports: Value,
    endpoints: Vec<Value>,
}

/// The slices that `service` should have. A port given by name may be another number in another pod, so each set of
/// port numbers makes its own.
fn wanted(service: &Object, pods: &[Arc<Object>]) -> Vec<Slice> {
    let mut slices: BTreeMap<String, Slice> = BTreeMap::new();
    for pod in pods.iter().filter(|pod| !is_over(pod)) {
        let Some(endpoint) = endpoint(service, pod) else { continue };
        let ports = ports(service, pod);
        let slice = slices.entry(ports.to_string()).or_insert_with(|| Slice { ports, endpoints: Vec::new() });
        slice.endpoints.push(endpoint);
    }
    if slices.is_empty() {
        // An empty slice tells clients that the service is there and has nobody.
        return vec![Slice { ports: json!([]), endpoints: Vec::new() }];
    }
    slices.into_values().collect()
}

fn endpoint(service: &Object, pod: &Object) -> Option<Value> {
    let ip = pod["status"]["podIP"].as_str().filter(|ip| !ip.is_empty())?;
    let (serving, terminating) = (is_ready(pod), object::is_deleting(pod));
    let always = service["spec"]["publishNotReadyAddresses"] == true;
    Some(json!({
        "addresses": [ip],
        "conditions": {
            "ready": always || (serving && !terminating),
            "serving": always || serving,
            "terminating": terminating,
        },
        "nodeName": pod["spec"]["nodeName"],
        "targetRef": {
            "kind": "Pod",
            "namespace": object::namespace(pod),
            "name": object::name(pod),
            "uid": object::uid(pod),
        },
    }))
}

fn ports(service: &Object, pod: &Object) -> Value {
    let each = service["spec"]["ports"].as_array().into_iter().flatten();
    let resolved = each.filter_map(|port| {
        let protocol = port["protocol"].as_str().unwrap_or("TCP");
        let target = if port["targetPort"].is_null() { &port["port"] } else { &port["targetPort"] };
        let number = target.as_i64().or_else(|| named_port(pod, target.as_str()?, protocol))?;
        let name = port["name"].as_str().unwrap_or_default();
        let mut resolved = json!({"name": name, "protocol": protocol, "port": number});
        if let Some(application) = port.get("appProtocol") {
            resolved["appProtocol"] = application.clone();
        }
        Some(resolved)
    });
    resolved.collect()
}

fn named_port(pod: &Object, name: &str, protocol: &str) -> Option<i64> {
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    let mut ports = containers.flat_map(|container| container["ports"].as_array().into_iter().flatten());
    ports
        .find(|port| port["name"] == name && port["protocol"].as_str().unwrap_or("TCP") == protocol)
        .and_then(|port| port["containerPort"].as_i64())
}

impl Endpoints {
    /// Makes the service's slices the wanted ones, changing as few as possible.
    fn write(&self, service: &Object, wanted: Vec<Slice>) -> Result<(), ApiError> {
        let namespace = object::namespace(service);
        let mine = Selector::labels([(SERVICE, object::name(service)), (MANAGED_BY, MANAGER)]);
        let mut present = self.store.list(ENDPOINTSLICES, Some(namespace), &mine).items;
        present.retain(|slice| !object::is_deleting(slice));
        let mut without = Vec::new();
        for slice in wanted {
            // The slice that has these ports already keeps them; watchers then see endpoints change, nothing else.
            match present.iter().position(|known| known["ports"] == slice.ports) {
                Some(index) => self.update(service, &present.remove(index), &slice)?,
                None => without.push(slice),
            }
        }
        for slice in without {
            match present.pop() {
                Some(known) => self.update(service, &known, &slice)?,
                None => drop(self.store.create(ENDPOINTSLICES, new_slice(service, &slice))?),
            }
        }
        for surplus in present {
            self.store.delete(
                ENDPOINTSLICES,
                namespace,
                object::name(&surplus),
                &DeleteOptions::default(),
            )?;
        }
        Ok(())
    }

    fn update(&self, service: &Object, known: &Object, slice: &Slice) -> Result<(), ApiError> {
        let labels = labels(service);
        self.store.modify(
            ENDPOINTSLICES,
            object::namespace(known),
            object::name(known),
            Part::Main,
            |object| {
                object["metadata"]["labels"] = labels.clone();
                object["endpoints"] = slice.endpoints.clone().into();
                object["ports"] = slice.ports.clone();
                Ok(())
            },
        )?;
        Ok(())
    }
}

fn new_slice(service: &Object, slice: &Slice) -> Object {
    json!({
        "metadata": {
            "generateName": format!("{}-", object::name(service)),
            "namespace": object::namespace(service),
            "labels": labels(service),
            "ownerReferences": [owner::reference(service)],
        },
        "addressType": "IPv4",
        "endpoints": slice.endpoints,
        "ports": slice.ports,
    })
}

fn labels(service: &Object) -> Value {
    let mut labels = service["metadata"]["labels"].clone();
    if !labels.is_object() {
        labels = json!({});
    }
    labels[SERVICE] = object::name(service).into();
    labels[MANAGED_BY] = MANAGER.into();
    if service["spec"]["clusterIP"] == "None" {
        labels["service.kubernetes.io/headless"] = "".into();
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service() -> Object {
        json!({"metadata": {"name": "catalog", "namespace": "shop"}, "spec": {"ports": [
            {"name": "grpc", "port": 80, "targetPort": "grpc", "protocol": "TCP"},
            {"name": "http", "port": 8080}]}})
    }

    fn pod(ip: &str, grpc: i64, ready: bool) -> Arc<Object> {
        Arc::new(json!({
            "metadata": {"name": ip, "namespace": "shop", "uid": ip},
            "spec": {"nodeName": "n", "containers": [{"ports": [{"name": "grpc", "containerPort": grpc}]}]},
            "status": {"podIP": ip, "phase": "Running",
                "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}]},
        }))
    }

    #[test]
    fn named_ports_are_looked_up_in_each_pod() {
        let slices = wanted(&service(), &[pod("a", 9001, true), pod("b", 9002, true), pod("c", 9001, false)]);
        assert_eq!(slices.len(), 2);
        assert_eq!(slices[0].ports[0], json!({"name": "grpc", "protocol": "TCP", "port": 9001}));
        assert_eq!(slices[0].ports[1]["port"], 8080);
        assert_eq!(slices[0].endpoints.len(), 2);
    }

    #[test]
    fn conditions_follow_readiness_and_deletion() {
        let conditions = |pod: &Object| endpoint(&service(), pod).unwrap()["conditions"].clone();
        let says = |ready, serving, terminating| json!({"ready": ready, "serving": serving, "terminating": terminating});
        assert_eq!(conditions(&pod("a", 1, true)), says(true, true, false));
        assert_eq!(conditions(&pod("a", 1, false)), says(false, false, false));
        let mut leaving = (*pod("a", 1, true)).clone();
        leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        assert_eq!(conditions(&leaving), says(false, true, true));
    }

    #[test]
    fn a_pod_without_an_address_is_no_endpoint() {
        let mut starting = (*pod("a", 1, false)).clone();
        starting["status"].as_object_mut().unwrap().remove("podIP");
        let slices = wanted(&service(), &[Arc::new(starting)]);
        assert_eq!(slices, [Slice { ports: json!([]), endpoints: vec![] }]);
    }
}
