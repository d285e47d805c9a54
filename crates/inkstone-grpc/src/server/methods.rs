//! The methods a server really has: the only ones that become labels.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

use inkstone_core::Interface;
use prost::Message;
use prost::bytes::Bytes;
use prost_types::FileDescriptorSet;

/// Most methods that are learnt from responses.
const LEARNT: usize = 1000;

/// The label of everything that is not known to be a method.
const UNKNOWN: &str = "unknown";

/// The methods of the services that were added.
#[derive(Debug, Default)]
pub(crate) struct Methods {
    described: HashMap<String, Arc<str>>,
    /// Services whose descriptors were not given: their methods are learnt as they succeed.
    undescribed: HashSet<String>,
    learnt: RwLock<HashMap<String, Arc<str>>>,
}

impl Methods {
    /// The methods of `services`, as far as `descriptors` describe them.
    pub(crate) fn new(services: &[&str], descriptors: &[&[u8]]) -> Result<Self, prost::DecodeError> {
        let mut methods =
            Self { undescribed: services.iter().map(|&name| name.to_owned()).collect(), ..Self::default() };
        for set in descriptors {
            let set = FileDescriptorSet::decode(Bytes::copy_from_slice(set))?;
            for file in set.file {
                let package =
                    file.package.as_deref().map(|package| format!("{package}.")).unwrap_or_default();
                for service in &file.service {
                    let name = format!("{package}{}", service.name());
                    if methods.undescribed.remove(&name) {
                        let paths = service.method.iter().map(|method| format!("{name}/{}", method.name()));
                        methods.described.extend(paths.map(|path| (path.clone(), path.into())));
                    }
                }
            }
        }
        Ok(methods)
    }

    /// What can be called of `services`: their methods as far as `descriptors` describe them, else the service alone.
    pub(crate) fn interfaces(services: &[&str], descriptors: &[&[u8]]) -> Vec<Interface> {
        let mut undescribed: HashSet<String> = services.iter().map(|&name| name.to_owned()).collect();
        let mut found = Vec::new();
        for set in descriptors {
            // What cannot be read has been reported by `new`.
            let Ok(set) = FileDescriptorSet::decode(*set) else { continue };
            for file in set.file {
                let package =
                    file.package.as_deref().map(|package| format!("{package}.")).unwrap_or_default();
                for described in &file.service {
                    let service = format!("{package}{}", described.name());
                    if !undescribed.remove(&service) {
                        continue;
                    }
                    found.extend(described.method.iter().map(|method| Interface::Grpc {
                        service: service.clone(),
                        method: Some(method.name().to_owned()),
                        client_streaming: method.client_streaming(),
                        server_streaming: method.server_streaming(),
                    }));
                }
            }
        }
        found.extend(undescribed.into_iter().map(|service| Interface::Grpc {
            service,
            method: None,
            client_streaming: false,
            server_streaming: false,
        }));
        found
    }

    /// The label of a call to `path`.
    pub(crate) fn label(&self, path: &str) -> Arc<str> {
        self.known(path).unwrap_or_else(|| UNKNOWN.into())
    }

    /// Whether `path` may turn out to be a method, by the answer to it.
    pub(crate) fn may_learn(&self, path: &str) -> bool {
        let service = path.split_once('/').map_or(path, |(service, _)| service);
        self.undescribed.contains(service) && self.known(path).is_none()
    }

    /// A call of `path` succeeded: it is a method.
    pub(crate) fn learn(&self, path: String) -> Option<Arc<str>> {
        let mut learnt = self.learnt.write().unwrap_or_else(PoisonError::into_inner);
        // A service that answers whatever it is asked, such as a proxy, must not fill the metrics.
        if learnt.len() >= LEARNT {
            return None;
        }
        let label: Arc<str> = path.as_str().into();
        Some(learnt.entry(path).or_insert(label).clone())
    }

    fn known(&self, path: &str) -> Option<Arc<str>> {
        if let Some(label) = self.described.get(path) {
            return Some(label.clone());
        }
        if self.undescribed.is_empty() {
            return None;
        }
        self.learnt.read().unwrap_or_else(PoisonError::into_inner).get(path).cloned()
    }
}
