//! What an app has: the interfaces its servers offer, and the peers its components are connected to.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use crate::cx::Cx;

/// One thing that can be asked of a server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "protocol", rename_all = "lowercase")]
#[non_exhaustive]
pub enum Interface {
    /// A route of an HTTP server.
    Http {
        /// The path, as the route was written: `/orders/{id}`.
        path: String,
        /// The method, `GET`; `*` where any is answered.
        method: String,
    },
    /// A method of a gRPC service.
    Grpc {
        /// The service's full name, `shop.v1.Stock`.
        service: String,
        /// The method's name; none for a service that is not described.
        #[serde(skip_serializing_if = "Option::is_none")]
        method: Option<String>,
        /// Whether the caller sends a stream.
        client_streaming: bool,
        /// Whether the server sends a stream.
        server_streaming: bool,
    },
}

/// A server, and what it offers.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Offer {
    /// The kind of server: `server.http`.
    pub kind: &'static str,
    /// Its key in the configuration.
    pub name: Arc<str>,
    /// Where it listens.
    pub endpoint: Option<SocketAddr>,
    /// What it answers to, in order.
    pub interfaces: Vec<Interface>,
}

/// Somebody a component is connected to, or tries to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Peer {
    /// Its address.
    pub address: String,
    /// Whether it can be called now.
    pub up: bool,
    /// Why it cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Peer {
    /// One that can be called now.
    pub fn up(address: impl Into<String>) -> Self {
        Self { address: address.into(), up: true, reason: None }
    }

    /// One that cannot be called, and why.
    pub fn down(address: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { address: address.into(), up: false, reason: Some(reason.into()) }
    }
}

/// The servers of an app, in the order in which they spoke up.
#[derive(Debug, Default)]
pub(crate) struct Inventory(Mutex<Vec<Offer>>);

impl Inventory {
    pub(crate) fn offers(&self) -> Vec<Offer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A server listens.
    pub(crate) fn bound(&self, cx: &Cx, endpoint: Option<SocketAddr>) {
        self.change(cx, |offer| offer.endpoint = endpoint);
    }

    fn announce(&self, cx: &Cx, interfaces: impl Iterator<Item = Interface>) {
        self.change(cx, |offer| {
            offer.interfaces.extend(interfaces);
            offer.interfaces.sort();
            offer.interfaces.dedup();
        });
    }

    fn change(&self, cx: &Cx, change: impl FnOnce(&mut Offer)) {
        let mut offers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = offers.iter().position(|offer| offer.name == cx.name).unwrap_or_else(|| {
            let (kind, name) = (cx.kind, cx.name.clone());
            offers.push(Offer { kind, name, endpoint: None, interfaces: Vec::new() });
            offers.len() - 1
        });
        change(&mut offers[at]);
    }
}

impl Cx {
    /// Says what this server answers to, for the governor to show. What was said before stays.
    pub fn announce(&self, interfaces: impl IntoIterator<Item = Interface>) {
        self.app().0.inventory.announce(self, interfaces.into_iter());
    }
}
