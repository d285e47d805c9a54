//! `test.v1.Echo`: what generated code would be for a service with one unary and one streaming method.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::uri::PathAndQuery;
use inkstone_grpc::{Code, Codec, GrpcClient, Request, Response, Status, Streaming};
use inkstone_guard::deadline;
use tokio::sync::Semaphore;
use tokio_stream::StreamExt;
use tonic::body::Body;
use tonic::server::NamedService;
use tower::{Service, service_fn};

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Text {
    #[prost(string, tag = "1")]
    pub(crate) text: String,
}

/// Answers with its name. What is asked may change that.
#[derive(Debug, Clone)]
pub(crate) struct Echo {
    pub(crate) name: &'static str,
    /// Calls of `hold` wait for a permit of this.
    pub(crate) gate: Arc<Semaphore>,
    /// Calls of `hold` that have begun.
    pub(crate) begun: Arc<Semaphore>,
    /// What `onward` calls.
    pub(crate) next: Option<GrpcClient>,
}

impl Echo {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, gate: Arc::new(Semaphore::new(0)), begun: Arc::new(Semaphore::new(0)), next: None }
    }

    async fn say(self, request: Request<Text>) -> Result<Response<Text>, Status> {
        let text = match request.get_ref().text.as_str() {
            "missing" => return Err(Status::not_found("there is no such text")),
            "panic" => panic!("on purpose"),
            "never" => std::future::pending().await,
            "brief" => {
                tokio::time::sleep(Duration::from_millis(2)).await;
                self.name.to_owned()
            }
            "hold" => {
                self.begun.add_permits(1);
                self.gate.acquire().await.expect("never closed").forget();
                self.name.to_owned()
            }
            "remaining" => remaining(),
            "onward" => say(self.next.as_ref().expect("has a next"), "remaining").await?,
            _ => self.name.to_owned(),
        };
        Ok(Response::new(Text { text }))
    }
}

/// How many milliseconds the caller still waits.
fn remaining() -> String {
    let left =
        deadline::current().map(|deadline| deadline.saturating_duration_since(Instant::now()).as_millis());
    left.map_or("none".to_owned(), |left| left.to_string())
}

type Messages = Pin<Box<dyn tokio_stream::Stream<Item = Result<Text, Status>> + Send>>;

impl NamedService for Echo {
    const NAME: &'static str = "test.v1.Echo";
}

impl Service<http::Request<Body>> for Echo {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let echo = self.clone();
        Box::pin(async move {
            let codec = Codec::<Text, Text>::default();
            let mut grpc = tonic::server::Grpc::new(codec);
            Ok(match request.uri().path() {
                "/test.v1.Echo/Say" => {
                    grpc.unary(service_fn(move |request| echo.clone().say(request)), request).await
                }
                // one message, and then nothing more
                "/test.v1.Echo/Stall" => {
                    let stall = service_fn(|request: Request<Text>| async move {
                        let one = tokio_stream::once(Ok(request.into_inner()));
                        Ok::<_, Status>(Response::new(
                            Box::pin(one.chain(tokio_stream::pending())) as Messages
                        ))
                    });
                    grpc.server_streaming(stall, request).await
                }
                // one message, and then a panic
                "/test.v1.Echo/Fall" => {
                    let fall = service_fn(|request: Request<Text>| async move {
                        let more = tokio_stream::iter([0, 1]).then(move |message| {
                            let text = request.get_ref().text.clone();
                            async move {
                                if message == 1 {
                                    tokio::task::yield_now().await; // the first goes out while there is nothing more
                                    panic!("on purpose");
                                }
                                Ok(Text { text })
                            }
                        });
                        Ok::<_, Status>(Response::new(Box::pin(more) as Messages))
                    });
                    grpc.server_streaming(fall, request).await
                }
                // messages without end, as fast as they are taken
                "/test.v1.Echo/Ever" => {
                    let ever = service_fn(|request: Request<Text>| async move {
                        let more = tokio_stream::iter(std::iter::repeat(Ok(request.into_inner())));
                        Ok::<_, Status>(Response::new(Box::pin(more) as Messages))
                    });
                    grpc.server_streaming(ever, request).await
                }
                // as an interceptor does, whatever the path
                path if path.ends_with("Denied") => Status::unauthenticated("who are you?").into_http(),
                _ => Status::new(Code::Unimplemented, "no such method").into_http(),
            })
        })
    }
}

/// `test.v1.Echo/Say`.
pub(crate) async fn say<C>(client: &C, text: &str) -> Result<String, Status>
where
    C: Calls,
{
    call(client, "/test.v1.Echo/Say", Request::new(Text { text: text.to_owned() })).await
}

/// Calls any unary method.
pub(crate) async fn call<C: Calls>(
    client: &C,
    path: &'static str,
    request: Request<Text>,
) -> Result<String, Status> {
    let mut grpc = tonic::client::Grpc::new(client.clone());
    grpc.ready().await.map_err(|_| Status::internal("not ready"))?;
    let codec = Codec::<Text, Text>::default();
    let response = grpc.unary(request, PathAndQuery::from_static(path), codec).await?;
    Ok(response.into_inner().text)
}

/// `test.v1.Echo/Stall`.
pub(crate) async fn stall<C: Calls>(client: &C, request: Request<Text>) -> Result<Streaming<Text>, Status> {
    open(client, "/test.v1.Echo/Stall", request).await
}

/// Calls any method that answers with a stream.
pub(crate) async fn open<C: Calls>(
    client: &C,
    path: &'static str,
    request: Request<Text>,
) -> Result<Streaming<Text>, Status> {
    let mut grpc = tonic::client::Grpc::new(client.clone());
    grpc.ready().await.map_err(|_| Status::internal("not ready"))?;
    let codec = Codec::<Text, Text>::default();
    Ok(grpc.server_streaming(request, PathAndQuery::from_static(path), codec).await?.into_inner())
}

/// What generated clients take.
pub(crate) trait Calls:
    tonic::client::GrpcService<Body, Error = Self::Failure, ResponseBody = Self::Received> + Clone
{
    type Failure: Into<Box<dyn std::error::Error + Send + Sync>>;
    type Received: http_body::Body<Data = bytes::Bytes, Error = Self::Broken> + Send + 'static;
    type Broken: Into<Box<dyn std::error::Error + Send + Sync>> + Send;
}

impl Calls for GrpcClient {
    type Failure = Infallible;
    type Received = inkstone_grpc::ResponseBody;
    type Broken = Status;
}

impl Calls for tonic::transport::Channel {
    type Failure = tonic::transport::Error;
    type Received = Body;
    type Broken = Status;
}
