//! What servers and clients say of themselves to the governor.

use std::time::Instant;

use inkstone_core::{Interface, Peer};

use crate::echo::Echo;
use crate::fixture::{Backend, Caller, SOON};

fn service(name: &str, interfaces: &[Interface]) -> Vec<(Option<String>, bool, bool)> {
    let named = interfaces.iter().filter_map(|interface| match interface {
        Interface::Grpc { service, method, client_streaming, server_streaming } if service == name => {
            Some((method.clone(), *client_streaming, *server_streaming))
        }
        _ => None,
    });
    named.collect()
}

#[tokio::test]
async fn a_server_announces_the_methods_it_has_and_a_service_without_description_by_its_name() {
    let echo = Backend::start(Echo::new("a")).await;
    let offers = echo.app.offers();
    assert_eq!((offers.len(), &*offers[0].name), (1, "server.grpc"));
    assert_eq!(offers[0].endpoint, Some(echo.addr));
    let interfaces = &offers[0].interfaces;
    // Nobody has described it.
    assert_eq!(service("test.v1.Echo", interfaces), [(None, false, false)]);
    let health = service("grpc.health.v1.Health", interfaces);
    assert!(health.contains(&(Some("Check".to_owned()), false, false)), "{health:?}");
    assert!(health.contains(&(Some("Watch".to_owned()), false, true)), "{health:?}");
    echo.stop().await;
}

#[tokio::test]
async fn a_client_says_which_endpoints_it_is_connected_to_and_why_not_to_the_others() {
    let echo = Backend::start(Echo::new("a")).await;
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let caller = Caller::of("", &[&echo]).await;
    let instance = caller.app.instances().remove(0);
    assert_eq!(instance.peers(), [Peer::up(echo.addr.to_string())]);
    assert_eq!(instance.stats(), [("endpoints", 1), ("connections", 1)]);
    caller.endpoints([echo.addr, dead]);
    let refused = Peer::down(dead.to_string(), "connection refused");
    let started = Instant::now();
    while !instance.peers().contains(&refused) {
        assert!(started.elapsed() < SOON, "{:?}", instance.peers());
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!(instance.stats(), [("endpoints", 2), ("connections", 1)]);
}
