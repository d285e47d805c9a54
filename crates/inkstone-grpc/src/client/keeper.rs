//! Follows the target: a link for each endpoint that is there, none for those that are gone.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use inkstone_discover::{Endpoints, Resolution};
use tokio_util::sync::CancellationToken;

use crate::client::link::Connector;
use crate::client::links::Links;

/// Keeps links until `stop`.
pub(crate) async fn keep(
    links: Arc<Links>,
    connector: Connector,
    mut resolution: Resolution,
    stop: CancellationToken,
) {
    let mut kept: HashMap<SocketAddr, CancellationToken> = HashMap::new();
    let mut endpoints = resolution.current();
    loop {
        update(&links, &connector, &mut kept, &endpoints, &stop);
        endpoints = tokio::select! {
            endpoints = resolution.changed() => endpoints,
            () = stop.cancelled() => break,
        };
    }
    links.close();
}

fn update(
    links: &Arc<Links>,
    connector: &Connector,
    kept: &mut HashMap<SocketAddr, CancellationToken>,
    endpoints: &Endpoints,
    stop: &CancellationToken,
) {
    let wanted = endpoints.ready();
    kept.retain(|addr, link| {
        let stays = wanted.iter().any(|endpoint| endpoint.addr == *addr);
        if !stays {
            // The link itself ends with its calls. Cancelled first: from then on it does not list itself any more.
            link.cancel();
            links.removed(*addr);
        }
        stays
    });
    for endpoint in wanted {
        kept.entry(endpoint.addr).or_insert_with(|| {
            links.connecting(endpoint.addr);
            let stop = stop.child_token();
            connector.spawn_link(endpoint.addr, links.clone(), stop.clone());
            stop
        });
    }
    links.resolved(endpoints);
}
