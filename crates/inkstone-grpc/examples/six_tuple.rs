//! A service that calls itself twice and ends, for the test of the six-tuple.

use std::process::ExitCode;

use http::uri::PathAndQuery;
use inkstone_core::{App, AppHandle, Phase, Result, build_info};
use inkstone_grpc::{Code, Codec, GrpcClient, GrpcServer, Request};

#[allow(dead_code)]
#[path = "../tests/it/echo.rs"]
mod echo;

fn main() -> ExitCode {
    inkstone_core::main(build_info!(), service)
}

async fn service(app: App) -> Result {
    let grpc = app.load::<GrpcServer>("server.grpc").add(echo::Echo::new("a"));
    let client = app.load::<GrpcClient>("grpc.echo").build().await?;
    let handle = app.handle().clone();
    app.handle().spawn(call(handle, client));
    app.serve(grpc).run().await
}

async fn call(app: AppHandle, client: GrpcClient) {
    let ready = app.phase().wait_for(|phase| *phase == Phase::Ready).await.is_ok();
    assert!(ready);
    // What a generated client does.
    let mut grpc = tonic::client::Grpc::new(client);
    let codec = Codec::<echo::Text, echo::Text>::default;
    let path = PathAndQuery::from_static("/test.v1.Echo/Say");
    let request = |text: &str| Request::new(echo::Text { text: text.to_owned() });
    let answer = grpc.unary(request("who"), path.clone(), codec()).await; // the call
    assert_eq!(answer.expect("it answers").into_inner().text, "a");
    let refused = grpc.unary(request("missing"), path, codec()).await;
    assert_eq!(refused.expect_err("there is none").code(), Code::NotFound);
    app.stop();
}
