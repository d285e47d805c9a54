use std::net::SocketAddr;
use std::time::Duration;

use inkstone_discover::{Endpoint, Policy, Resolution, ResolveError, Resolvers, Target};

const SOON: Duration = Duration::from_secs(10);

fn endpoint(port: u16) -> Endpoint {
    Endpoint::new(SocketAddr::from(([127, 0, 0, 1], port)))
}

#[tokio::test]
async fn addresses_are_there_at_once() {
    let target: Target = "127.0.0.1:2,127.0.0.1:1,127.0.0.1:2".parse().unwrap();
    let resolution = Resolvers::new().resolve(&target).unwrap();
    assert_eq!(resolution.current().ready(), [endpoint(1), endpoint(2)]);
}

#[tokio::test]
async fn names_are_looked_up() {
    let target: Target = "dns:///localhost:9002".parse().unwrap();
    let mut resolution = Resolvers::new().resolve(&target).unwrap();
    let found = tokio::time::timeout(SOON, resolution.changed()).await.unwrap();
    assert!(found.ready().contains(&endpoint(9002)), "{found:?}");
}

#[tokio::test]
async fn a_name_that_does_not_exist_shows_as_an_error() {
    let target: Target = "no-such-host.invalid:1".parse().unwrap();
    let mut resolution = Resolvers::new().resolve(&target).unwrap();
    let found = tokio::time::timeout(SOON, resolution.changed()).await.unwrap();
    assert!(found.error().unwrap().contains("cannot look up `no-such-host.invalid:1`"), "{found:?}");
    assert!(!found.is_resolved());
}

#[tokio::test]
async fn one_name_of_a_list_that_does_not_exist_keeps_none_of_the_others_back() {
    for scheme in ["static", "dns"] {
        let target: Target =
            format!("{scheme}:///no-such-host.invalid:1,localhost:9002,127.0.0.1:9003").parse().unwrap();
        let mut resolution = Resolvers::new().resolve(&target).unwrap();
        let found = tokio::time::timeout(SOON, resolution.changed()).await.unwrap();
        assert!(found.ready().contains(&endpoint(9002)), "{found:?}");
        assert!(found.ready().contains(&endpoint(9003)), "{found:?}");
        let error = found.error().expect("it is still wrong");
        assert!(error.contains("cannot look up `no-such-host.invalid:1`"), "{error}");
        assert!(!error.contains("localhost"), "{error}");
    }
}

#[tokio::test]
async fn an_unknown_scheme_is_refused_with_the_known_ones() {
    let target: Target = "k8s:///catalog.shop:grpc".parse().unwrap();
    let error = Resolvers::new().resolve(&target).unwrap_err();
    assert!(matches!(error, ResolveError::UnknownScheme { .. }));
    assert!(error.to_string().contains("known here are dns, static"), "{error}");
}

#[tokio::test]
async fn a_source_that_fails_keeps_the_last_good_set_and_shows_the_error() {
    let (publisher, mut resolution) = Resolution::channel();
    publisher.ready([endpoint(1)]);
    assert_eq!(resolution.changed().await.ready(), [endpoint(1)]);
    publisher.failed("the API does not answer");
    let endpoints = resolution.changed().await;
    assert_eq!(endpoints.ready(), [endpoint(1)]);
    assert_eq!(endpoints.error(), Some("the API does not answer"));
    publisher.ready([]);
    let endpoints = resolution.changed().await;
    assert_eq!((endpoints.ready(), endpoints.error(), endpoints.is_resolved()), (&[][..], None, true));
}

#[tokio::test]
async fn a_set_may_be_published_with_what_is_wrong_with_the_rest() {
    let (publisher, mut resolution) = Resolution::channel();
    publisher.ready([endpoint(1), endpoint(2)]);
    publisher.incomplete([endpoint(2)], "one is not there");
    let endpoints = resolution.changed().await;
    assert_eq!(endpoints.ready(), [endpoint(2)]);
    assert_eq!((endpoints.error(), endpoints.is_resolved()), (Some("one is not there"), true));
}

#[tokio::test]
async fn following_ends_with_the_resolution() {
    let (said, hears) = tokio::sync::oneshot::channel::<()>();
    let resolution = Resolution::follow(|publisher| async move {
        let _until_aborted = said;
        publisher.closed().await;
        std::future::pending::<()>().await;
    });
    drop(resolution);
    assert!(tokio::time::timeout(SOON, hears).await.unwrap().is_err());
}

#[test]
fn round_robin_is_even() {
    let balancer = Policy::RoundRobin.balancer();
    let mut counts = [0; 3];
    (0..300).for_each(|_| counts[balancer.pick(3)] += 1);
    assert_eq!(counts, [100; 3]);
}
