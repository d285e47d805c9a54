use std::time::{Duration, Instant};

use inkstone_grpc::{Code, Request, Status};
use tokio_util::task::AbortOnDropHandle;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::echo::{Echo, Text, call, open, say, stall};
use crate::fixture::{Backend, Caller, SOON};

fn empty() -> Request<Text> {
    Request::new(Text { text: String::new() })
}

fn within(millis: u64, text: &str) -> Request<Text> {
    let mut request = Request::new(Text { text: text.to_owned() });
    request.set_timeout(Duration::from_millis(millis));
    request
}

#[tokio::test]
async fn a_call_without_an_answer_in_time_is_deadline_exceeded() {
    let a = Backend::start(Echo::new("a")).await;
    let caller =
        Caller::of("guard.timeout = \"20s\"\nguard.methods.\"test.v1.Echo/Say\".timeout = \"50ms\"", &[&a])
            .await;
    let started = Instant::now();
    let status = caller.say("never").await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
    assert!(started.elapsed() < Duration::from_secs(10));
    let labels = "name=\"grpc.echo\",method=\"test.v1.Echo/Say\",code=\"DEADLINE_EXCEEDED\"";
    assert!(caller.metrics().contains(labels), "{}", caller.metrics());
}

#[tokio::test]
async fn the_server_learns_how_long_its_caller_waits() {
    let a = Backend::start(Echo::new("a")).await;
    let caller = Caller::of("guard.timeout = \"5s\"", &[&a]).await;
    let remaining: u64 = caller.say("remaining").await.unwrap().parse().unwrap();
    assert!((3000..=5000).contains(&remaining), "{remaining}");
    let own = call(&caller.client, "/test.v1.Echo/Say", within(2000, "remaining")).await.unwrap();
    assert!(
        (1..=2000).contains(&own.parse::<u64>().unwrap()),
        "the request's own time-out is earlier: {own}"
    );
    let none =
        call(&a.channel().await, "/test.v1.Echo/Say", Request::new(Text { text: "remaining".into() })).await;
    assert_eq!(none.unwrap(), "none");
}

#[tokio::test]
async fn an_incoming_deadline_caps_the_calls_made_while_serving_it() {
    let last = Backend::start(Echo::new("last")).await;
    let onward = Caller::of("guard.timeout = \"60s\"", &[&last]).await;
    let middle = Backend::start(Echo { next: Some(onward.client.clone()), ..Echo::new("middle") }).await;
    let first = Caller::of("guard.timeout = \"5s\"", &[&middle]).await;
    let remaining: u64 = first.say("onward").await.unwrap().parse().unwrap();
    assert!((1..=5000).contains(&remaining), "{remaining}");
    assert!(
        say(&onward.client, "remaining").await.unwrap().parse::<u64>().unwrap() > 50_000,
        "on its own it has more"
    );
}

#[tokio::test]
async fn a_server_ends_a_call_whose_time_is_up() {
    let a = Backend::start(Echo::new("a")).await;
    // Bare HTTP/2, because every client of gRPC would end the call itself.
    let stream = tokio::net::TcpStream::connect(a.addr).await.unwrap();
    let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
    let connection = AbortOnDropHandle::new(tokio::spawn(connection));
    let request = http::Request::post("http://a/test.v1.Echo/Say").header("content-type", "application/grpc");
    let request = request.header("grpc-timeout", "50m").body(()).unwrap();
    let (response, mut body) = client.send_request(request, false).unwrap();
    // the frame of a message: not compressed, 7 bytes long, field 1 is the text `never`
    body.send_data(b"\0\0\0\0\x07\x0a\x05never".as_slice().into(), true).unwrap();
    let response = tokio::time::timeout(SOON, response).await.expect("an answer").unwrap();
    assert_eq!(response.headers()["grpc-status"], "4");
    drop(connection);
    assert!(a.app.metrics().encode().contains("code=\"DEADLINE_EXCEEDED\"} 1"));
}

#[tokio::test]
async fn a_deadline_ends_a_stream_on_either_side() {
    async fn second(mut stream: inkstone_grpc::Streaming<Text>) -> Status {
        stream.message().await.expect("the first message").expect("there is one");
        tokio::time::timeout(SOON, stream.message()).await.expect("ends").expect_err("in an error")
    }
    let a = Backend::start(Echo::new("a")).await;
    let caller = Caller::of("guard.timeout = \"700ms\"", &[&a]).await;
    assert_eq!(second(stall(&caller.client, empty()).await.unwrap()).await.code(), Code::DeadlineExceeded);
    // tonic's own channel minds the head only: here it is the server that ends the stream.
    let mut request = empty();
    request.set_timeout(Duration::from_millis(700));
    let status = second(stall(&a.channel().await, request).await.unwrap()).await;
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
}

#[tokio::test]
async fn the_servers_own_time_out_ends_a_stream_but_not_what_every_server_has() {
    let a = Backend::of("guard.timeout = \"300ms\"", "0s", |grpc| grpc.add(Echo::new("a"))).await;
    let channel = a.channel().await;
    let mut health = HealthClient::new(channel.clone());
    let mut watch = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    watch.message().await.unwrap().expect("the health now");
    for path in ["/test.v1.Echo/Stall", "/test.v1.Echo/Ever"] {
        let mut stream = open(&channel, path, empty()).await.unwrap();
        let ended = async {
            while stream.message().await?.is_some() {}
            Ok::<_, Status>(())
        };
        let status = tokio::time::timeout(SOON, ended).await.expect("ends").expect_err("in an error");
        assert_eq!(status.code(), Code::DeadlineExceeded, "{path}: {status}");
    }
    let still = tokio::time::timeout(Duration::from_millis(50), watch.message()).await;
    assert!(still.is_err(), "a watch of the health ended: {still:?}");
    drop(watch);
    let metrics = a.app.metrics().encode();
    assert!(metrics.contains("method=\"test.v1.Echo/Stall\",code=\"DEADLINE_EXCEEDED\"} 1"), "{metrics}");
}
