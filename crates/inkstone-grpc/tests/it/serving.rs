use inkstone_grpc::{Code, Request};
use prost::Message;
use prost_types::{FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto, ServiceDescriptorProto};
use tokio_stream::StreamExt;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use crate::echo::{Echo, Text, call, open, say};
use crate::fixture::{Backend, Caller, SOON};

fn text(text: &str) -> Request<Text> {
    Request::new(Text { text: text.to_owned() })
}

/// The descriptors of `test.v1.Echo`, as generated code has them.
fn descriptors() -> &'static [u8] {
    let method = |name: &str| MethodDescriptorProto {
        name: Some(name.to_owned()),
        input_type: Some(".test.v1.Text".to_owned()),
        output_type: Some(".test.v1.Text".to_owned()),
        ..Default::default()
    };
    let service = ServiceDescriptorProto {
        name: Some("Echo".to_owned()),
        method: vec![method("Say"), method("Stall")],
        ..Default::default()
    };
    let file = FileDescriptorProto {
        name: Some("test/v1/echo.proto".to_owned()),
        package: Some("test.v1".to_owned()),
        service: vec![service],
        message_type: vec![prost_types::DescriptorProto {
            name: Some("Text".to_owned()),
            ..Default::default()
        }],
        syntax: Some("proto3".to_owned()),
        ..Default::default()
    };
    FileDescriptorSet { file: vec![file] }.encode_to_vec().leak()
}

#[tokio::test]
async fn a_handler_that_panics_is_internal_and_the_server_goes_on() {
    let a = Backend::start(Echo::new("a")).await;
    let channel = a.channel().await;
    let status = say(&channel, "panic").await.unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    assert!(!status.message().contains("on purpose"), "what a panic says is not for clients: {status}");
    assert_eq!(say(&channel, "who").await.unwrap(), "a");
    let metrics = a.app.metrics().encode();
    assert!(metrics.contains("inkstone_panic_total{where=\"handler\"} 1"), "{metrics}");
}

#[tokio::test]
async fn a_stream_that_panics_ends_as_internal_and_the_connection_goes_on() {
    let a = Backend::start(Echo::new("a")).await;
    let channel = a.channel().await;
    let mut messages =
        open(&channel, "/test.v1.Echo/Fall", Request::new(Text { text: "first".into() })).await.unwrap();
    assert_eq!(messages.message().await.unwrap().unwrap().text, "first");
    let status = messages.message().await.unwrap_err();
    assert_eq!(status.code(), Code::Internal, "{status}");
    assert!(!status.message().contains("on purpose"), "what a panic says is not for clients: {status}");
    assert_eq!(say(&channel, "who").await.unwrap(), "a", "on the same connection");
    let metrics = a.app.metrics().encode();
    assert!(metrics.contains("inkstone_panic_total{where=\"stream\"} 1"), "{metrics}");
}

#[tokio::test]
async fn errors_of_handlers_arrive_and_are_counted_by_code() {
    let a = Backend::start(Echo::new("a")).await;
    let caller = Caller::of("", &[&a]).await;
    let status = caller.say("missing").await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::NotFound, "there is no such text"));
    let labels = "method=\"test.v1.Echo/Say\",code=\"NOT_FOUND\"";
    assert!(caller.metrics().contains(labels) && a.app.metrics().encode().contains(labels));
    assert!(a.app.metrics().encode().contains(
        "rpc_server_call_duration_seconds_count{name=\"server.grpc\",method=\"test.v1.Echo/Say\",code=\"OK\"}"
    ));
}

#[tokio::test]
async fn only_real_methods_become_labels() {
    for described in [false, true] {
        let a = Backend::with("0s", |grpc| {
            let grpc = grpc.add(Echo::new("a"));
            if described { grpc.descriptors(descriptors()) } else { grpc }
        })
        .await;
        let channel = a.channel().await;
        for path in ["/test.v1.Echo/MadeUp", "/made.up/Service", "/x"] {
            assert_eq!(
                call(&channel, path, text("")).await.unwrap_err().code(),
                Code::Unimplemented,
                "{path}"
            );
        }
        let denied = call(&channel, "/test.v1.Echo/MadeUpDenied", text("")).await.unwrap_err();
        assert_eq!(denied.code(), Code::Unauthenticated);
        say(&channel, "who").await.unwrap();
        let metrics = a.app.metrics().encode();
        assert!(metrics.contains("method=\"unknown\",code=\"UNAUTHENTICATED\"} 1"), "{metrics}");
        assert!(metrics.contains("method=\"unknown\",code=\"UNIMPLEMENTED\"} 3"), "{metrics}");
        assert!(metrics.contains("method=\"test.v1.Echo/Say\",code=\"OK\"} 1"), "{metrics}");
        assert!(!metrics.contains("MadeUp") && !metrics.contains("made.up"), "{metrics}");
    }
}

#[tokio::test]
async fn health_follows_the_life_of_the_app() {
    let serving = |response: &HealthCheckResponse| response.status() == ServingStatus::Serving;
    let a = Backend::with("1s", |grpc| grpc.add(Echo::new("a"))).await;
    let mut health = HealthClient::new(a.channel().await);
    for service in ["", "test.v1.Echo"] {
        let request = HealthCheckRequest { service: service.to_owned() };
        assert!(serving(health.check(request).await.unwrap().get_ref()), "{service}");
    }
    let unknown = health.check(HealthCheckRequest { service: "made.up".to_owned() }).await;
    assert_eq!(unknown.unwrap_err().code(), Code::NotFound);

    let request = HealthCheckRequest { service: "test.v1.Echo".to_owned() };
    let mut watch = health.watch(request).await.unwrap().into_inner();
    assert!(serving(&watch.next().await.unwrap().unwrap()));
    a.app.stop();
    let draining = tokio::time::timeout(SOON, watch.next()).await.unwrap().unwrap().unwrap();
    assert_eq!(draining.status(), ServingStatus::NotServing);
    assert_eq!(say(&a.channel().await, "who").await.unwrap(), "a", "while draining it still serves");
    // A client that watches does not hold up the stop.
    a.stop().await;
}

#[tokio::test]
async fn reflection_lists_and_describes_the_services() {
    let a = Backend::with("0s", |grpc| grpc.add(Echo::new("a")).descriptors(descriptors())).await;
    let mut client = ServerReflectionClient::new(a.channel().await);
    let ask = |message| tonic_reflection::pb::v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(message),
    };
    let asked = [
        MessageRequest::ListServices(String::new()),
        MessageRequest::FileContainingSymbol("test.v1.Echo".into()),
    ];
    let requests = tokio_stream::iter(asked.map(ask));
    let mut answers = client.server_reflection_info(requests).await.unwrap().into_inner();
    let Some(MessageResponse::ListServicesResponse(list)) =
        answers.next().await.unwrap().unwrap().message_response
    else {
        panic!("a list")
    };
    let names: Vec<_> = list.service.iter().map(|service| service.name.as_str()).collect();
    assert!(names.contains(&"test.v1.Echo") && names.contains(&"grpc.health.v1.Health"), "{names:?}");
    let Some(MessageResponse::FileDescriptorResponse(files)) =
        answers.next().await.unwrap().unwrap().message_response
    else {
        panic!("a file")
    };
    let file = FileDescriptorProto::decode(files.file_descriptor_proto[0].as_slice()).unwrap();
    assert_eq!(file.name(), "test/v1/echo.proto");
    drop(answers);
    a.stop().await;
}

#[tokio::test]
async fn a_connection_that_says_nothing_does_not_hold_up_the_stop() {
    let a = Backend::start(Echo::new("a")).await;
    let _silent = tokio::net::TcpStream::connect(a.addr).await.unwrap();
    // Accepted after the silent one.
    assert_eq!(say(&a.channel().await, "who").await.unwrap(), "a");
    let before_it_would_be_cut_off = std::time::Duration::from_secs(5);
    tokio::time::timeout(before_it_would_be_cut_off, a.stop()).await.expect("stops at once");
}

#[tokio::test]
async fn calls_in_flight_are_finished_before_the_server_ends() {
    let echo = Echo::new("a");
    let a = Backend::start(echo.clone()).await;
    let channel = a.channel().await;
    let held = tokio::spawn(async move { say(&channel, "hold").await });
    echo.begun.acquire().await.unwrap().forget();
    let addr = a.addr;
    let stopped = tokio::spawn(a.stop());
    let closed = async {
        while tokio::net::TcpStream::connect(addr).await.is_ok() {
            tokio::task::yield_now().await
        }
    };
    tokio::time::timeout(SOON, closed).await.expect("the port is closed while the call is still going on");
    assert!(!stopped.is_finished());
    echo.gate.add_permits(1);
    assert_eq!(held.await.unwrap().unwrap(), "a");
    stopped.await.unwrap();
}

#[tokio::test]
async fn streams_that_are_still_open_after_their_grace_end_as_unavailable_and_the_stop_is_a_clean_one() {
    for (path, grace) in [("/test.v1.Echo/Stall", "100ms"), ("/test.v1.Echo/Ever", "0s")] {
        let settings = format!("stream_grace = \"{grace}\"");
        let a = Backend::of(&settings, "0s", |grpc| grpc.add(Echo::new("a"))).await;
        let channel = a.channel().await;
        let mut reflection = ServerReflectionClient::new(channel.clone());
        let _asking = reflection.server_reflection_info(tokio_stream::pending()).await.unwrap();
        let mut stream = open(&channel, path, text("who")).await.unwrap();
        stream.message().await.unwrap().expect("the first message");
        let reading = tokio::spawn(async move {
            loop {
                if let Err(status) = stream.message().await.map(|message| message.expect("no end")) {
                    return status;
                }
            }
        });
        let metrics = a.app.metrics().clone();
        a.stop().await;
        let status = reading.await.unwrap();
        assert_eq!(status.code(), Code::Unavailable, "{path}: {status}");
        assert!(status.message().contains("the server is stopping"), "{status}");
        let metrics = metrics.encode();
        let ended = format!("method=\"{}\",code=\"UNAVAILABLE\"}} 1", path.trim_start_matches('/'));
        assert!(metrics.contains(&ended), "{metrics}");
    }
}

#[tokio::test]
async fn a_call_in_flight_is_answered_however_short_the_grace_of_streams() {
    let echo = Echo::new("a");
    let a = Backend::of("stream_grace = \"0s\"", "0s", |grpc| grpc.add(echo.clone())).await;
    let channel = a.channel().await;
    let held = tokio::spawn(async move { say(&channel, "hold").await });
    echo.begun.acquire().await.unwrap().forget();
    let stopping = a.stopping.clone();
    let stopped = tokio::spawn(a.stop());
    stopping.cancelled().await;
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    echo.gate.add_permits(1);
    assert_eq!(held.await.unwrap().unwrap(), "a");
    stopped.await.unwrap();
}

#[tokio::test]
async fn connections_that_nobody_has_accepted_yet_when_the_server_stops_are_served() {
    let a = Backend::start(Echo::new("a")).await;
    // Nothing here lets the server run before it is told to stop.
    let stream = std::net::TcpStream::connect(a.addr).unwrap();
    stream.set_nonblocking(true).unwrap();
    a.app.stop();
    a.stopping.cancel();
    let stream = tokio::net::TcpStream::from_std(stream).unwrap();
    let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
    let connection = tokio_util::task::AbortOnDropHandle::new(tokio::spawn(connection));
    let request = http::Request::post("http://a/test.v1.Echo/Say").header("content-type", "application/grpc");
    let (response, mut body) = client.send_request(request.body(()).unwrap(), false).unwrap();
    body.send_data(b"\0\0\0\0\0".as_slice().into(), true).unwrap();
    let response = tokio::time::timeout(SOON, response).await.expect("an answer").unwrap();
    assert!(!response.headers().contains_key("grpc-status"), "{response:?}");
    drop((response, client, connection));
    a.stop().await;
}
