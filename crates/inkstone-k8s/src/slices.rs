//! The slices of one service, put together.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use inkstone_discover::Endpoint;
use k8s_openapi::api::discovery::v1::{Endpoint as Listed, EndpointSlice};

use crate::service::Port;

/// The slices of one service by name.
#[derive(Debug, Default)]
pub(crate) struct Slices {
    current: BTreeMap<String, EndpointSlice>,
    /// What a new listing has given so far. Until it is whole the current slices stay.
    listing: BTreeMap<String, EndpointSlice>,
}

/// The port is not among those that the service's pods have.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoSuchPort {
    pub(crate) known: Vec<String>,
}

impl Slices {
    pub(crate) fn begin(&mut self) {
        self.listing.clear();
    }

    pub(crate) fn list(&mut self, slice: EndpointSlice) {
        self.listing.insert(name(&slice), slice);
    }

    pub(crate) fn done(&mut self) {
        self.current = std::mem::take(&mut self.listing);
    }

    pub(crate) fn apply(&mut self, slice: EndpointSlice) {
        self.current.insert(name(&slice), slice);
    }

    pub(crate) fn delete(&mut self, slice: &EndpointSlice) {
        self.current.remove(&name(slice));
    }

    /// What may be given traffic.
    pub(crate) fn endpoints(&self, port: &Port) -> Result<Vec<Endpoint>, NoSuchPort> {
        let mut endpoints = Vec::new();
        let mut known = BTreeSet::new();
        let mut found = self.current.values().all(|slice| slice.endpoints.is_empty());
        for slice in self.current.values() {
            let ports = slice.ports.as_deref().unwrap_or_default();
            let Some(number) = ports.iter().find_map(|listed| port.matches(listed)) else {
                known.extend(ports.iter().filter_map(|port| {
                    port.name
                        .clone()
                        .filter(|name| !name.is_empty())
                        .or(port.port.map(|port| port.to_string()))
                }));
                continue;
            };
            found = true;
            for listed in slice.endpoints.iter().filter(|listed| takes_traffic(listed)) {
                let addresses = listed.addresses.iter().filter_map(|address| address.parse::<IpAddr>().ok());
                endpoints.extend(addresses.map(|address| Endpoint::new(SocketAddr::new(address, number))));
            }
        }
        if found { Ok(endpoints) } else { Err(NoSuchPort { known: known.into_iter().collect() }) }
    }
}

/// Ready means ready to the API too when it says nothing; a terminating pod is still answering and must get nothing new.
fn takes_traffic(listed: &Listed) -> bool {
    let conditions = listed.conditions.as_ref();
    let ready = conditions.and_then(|conditions| conditions.ready).unwrap_or(true);
    let terminating = conditions.and_then(|conditions| conditions.terminating).unwrap_or(false);
    ready && !terminating
}

fn name(slice: &EndpointSlice) -> String {
    slice.metadata.name.clone().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn slice(name: &str, ports: &serde_json::Value, endpoints: &serde_json::Value) -> EndpointSlice {
        serde_json::from_value(json!({
            "metadata": { "name": name }, "addressType": "IPv4", "ports": ports, "endpoints": endpoints,
        }))
        .unwrap()
    }

    fn addresses(slices: &Slices, port: &Port) -> Vec<String> {
        slices.endpoints(port).unwrap().iter().map(|endpoint| endpoint.addr.to_string()).collect()
    }

    #[test]
    fn only_ready_endpoints_that_are_not_terminating_take_traffic_over_all_slices() {
        let ports = json!([{ "name": "grpc", "port": 9002 }, { "name": "governor", "port": 9003 }]);
        let mut slices = Slices::default();
        slices.apply(slice(
            "a",
            &ports,
            &json!([
                { "addresses": ["127.0.0.2"], "conditions": { "ready": true } },
                { "addresses": ["127.0.0.3"], "conditions": { "ready": false } },
                { "addresses": ["127.0.0.4"], "conditions": { "ready": true, "terminating": true } },
            ]),
        ));
        slices.apply(slice("b", &ports, &json!([{ "addresses": ["127.0.0.5"] }])));
        assert_eq!(addresses(&slices, &Port::Name("grpc".to_owned())), ["127.0.0.2:9002", "127.0.0.5:9002"]);
        assert_eq!(addresses(&slices, &Port::Number(9003)), ["127.0.0.2:9003", "127.0.0.5:9003"]);
        slices.delete(&slice("b", &json!([]), &json!([])));
        assert_eq!(addresses(&slices, &Port::Number(9003)), ["127.0.0.2:9003"]);
    }

    #[test]
    fn a_new_listing_replaces_the_old_one_only_when_it_is_whole() {
        let ports = json!([{ "name": "grpc", "port": 1 }]);
        let port = Port::Name("grpc".to_owned());
        let mut slices = Slices::default();
        slices.apply(slice("a", &ports, &json!([{ "addresses": ["127.0.0.2"] }])));
        slices.begin();
        slices.list(slice("b", &ports, &json!([{ "addresses": ["127.0.0.3"] }])));
        assert_eq!(addresses(&slices, &port), ["127.0.0.2:1"]);
        slices.done();
        assert_eq!(addresses(&slices, &port), ["127.0.0.3:1"]);
    }

    #[test]
    fn a_port_that_no_pod_has_is_an_error_that_names_those_there_are() {
        let mut slices = Slices::default();
        assert_eq!(slices.endpoints(&Port::Number(1)), Ok(vec![]));
        let ports = json!([{ "name": "http", "port": 80 }, { "name": "", "port": 9 }]);
        slices.apply(slice("a", &ports, &json!([{ "addresses": ["127.0.0.2"] }])));
        let known = vec!["9".to_owned(), "http".to_owned()];
        assert_eq!(slices.endpoints(&Port::Name("grpc".to_owned())), Err(NoSuchPort { known }));
    }
}
