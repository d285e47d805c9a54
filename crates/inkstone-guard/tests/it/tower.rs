use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, response};
use http_body_util::{BodyExt, Full, StreamBody};
use inkstone_config::{Dur, Live};
use inkstone_guard::{Guard, GuardConfig, GuardLayer, HttpProtocol, deadline};
use inkstone_observe::Method;
use tower::{Layer, ServiceExt, service_fn};

use crate::{calls, guard};

/// A protocol whose code is in the trailer `end`, and whose caller says how long it waits in the header `wait-ms`.
#[derive(Debug, Clone, Default)]
struct Plain;

impl HttpProtocol for Plain {
    const SERVER: bool = true;

    fn method<B>(&self, request: &Request<B>, guard: &Guard) -> Method {
        guard.method(request.uri().path())
    }

    fn time_allowed(&self, request: &HeaderMap) -> Option<Duration> {
        request.get("wait-ms")?.to_str().ok()?.parse().ok().map(Duration::from_millis)
    }

    fn code(&self, _: &response::Parts) -> Option<&'static str> {
        None
    }

    fn final_code(&self, head: &'static str, trailers: Option<&HeaderMap>) -> &'static str {
        if trailers.is_some_and(|trailers| trailers.contains_key("failed")) { "failed" } else { head }
    }

    fn failed(&self) -> &'static str {
        "broken"
    }

    fn timed_out<B: Default>(&self, _: Duration) -> (Response<B>, &'static str) {
        (Response::default(), "late")
    }
}

fn request(path: &str) -> Request<()> {
    Request::get(path).body(()).unwrap()
}

#[tokio::test]
async fn the_record_closes_at_the_end_of_the_body_with_the_code_of_the_trailers() {
    let (guard, metrics) = guard(Live::fixed(GuardConfig::unlimited()));
    let layer = GuardLayer::new(guard, Plain);
    let service = layer.layer(service_fn(|request: Request<()>| async move {
        let mut trailers = HeaderMap::new();
        if request.uri().path() == "/bad" {
            trailers.insert("failed", "1".parse().unwrap());
        }
        let frames = [
            Ok::<_, Infallible>(http_body::Frame::data(Bytes::from("x"))),
            Ok(http_body::Frame::trailers(trailers)),
        ];
        let body = BodyExt::boxed(StreamBody::new(futures::stream::iter(frames)));
        Ok::<_, Infallible>(Response::new(DefaultBody(body)))
    }));
    let response = service.clone().oneshot(request("/good")).await.unwrap();
    assert_eq!(calls(&metrics, "/good", "OK"), 0, "the body is still to come");
    response.into_body().collect().await.unwrap();
    assert_eq!(calls(&metrics, "/good", "OK"), 1);
    service.clone().oneshot(request("/bad")).await.unwrap().into_body().collect().await.unwrap();
    assert_eq!(calls(&metrics, "/bad", "failed"), 1);
    drop(service.oneshot(request("/dropped")).await.unwrap());
    assert_eq!(calls(&metrics, "/dropped", "cancelled"), 1);
}

#[tokio::test]
async fn a_body_that_is_never_polled_because_it_is_empty_is_recorded() {
    let (guard, metrics) = guard(Live::fixed(GuardConfig::unlimited()));
    let service = GuardLayer::new(guard, Plain).layer(service_fn(|_: Request<()>| async {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    }));
    drop(service.oneshot(request("/empty")).await.unwrap());
    assert_eq!(calls(&metrics, "/empty", "OK"), 1);
}

#[tokio::test]
async fn a_server_works_under_the_callers_deadline_and_answers_late_ones_itself() {
    let config = GuardConfig { timeout: Dur::from(Duration::from_secs(60)), ..GuardConfig::default() };
    let (guard, metrics) = guard(Live::fixed(config));
    let service = GuardLayer::new(guard, Plain).layer(service_fn(|_: Request<()>| async {
        assert!(deadline::current().is_some(), "the handler sees the deadline");
        pending::<Result<Response<Full<Bytes>>, Infallible>>().await
    }));
    let mut asked = request("/slow");
    asked.headers_mut().insert("wait-ms", "30".parse().unwrap());
    let response = tokio::time::timeout(Duration::from_secs(30), service.oneshot(asked))
        .await
        .expect("answered in time");
    response.unwrap().into_body().collect().await.unwrap();
    assert_eq!(calls(&metrics, "/slow", "late"), 1);
}

/// A boxed body with the default that a guarded response needs.
struct DefaultBody(http_body_util::combinators::BoxBody<Bytes, Infallible>);

impl Default for DefaultBody {
    fn default() -> Self {
        Self(BodyExt::boxed(Full::<Bytes>::default()))
    }
}

impl http_body::Body for DefaultBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        std::pin::Pin::new(&mut self.0).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }
}

#[tokio::test]
async fn what_a_body_does_while_it_is_read_is_under_the_deadline_of_the_caller() {
    let (guard, _metrics) = guard(Live::fixed(GuardConfig::unlimited()));
    let service = GuardLayer::new(guard, Plain).layer(service_fn(|_: Request<()>| async move {
        let frames = futures::stream::once(async {
            let capped = deadline::current().is_some();
            Ok::<_, Infallible>(http_body::Frame::data(Bytes::from(capped.to_string())))
        });
        Ok::<_, Infallible>(Response::new(DefaultBody(BodyExt::boxed(StreamBody::new(frames)))))
    }));
    for (wait, capped) in [(None, "false"), (Some("20000"), "true")] {
        let mut asked = request("/stream");
        if let Some(wait) = wait {
            asked.headers_mut().insert("wait-ms", wait.parse().unwrap());
        }
        let body = service.clone().oneshot(asked).await.unwrap().into_body().collect().await.unwrap();
        assert_eq!(body.to_bytes(), capped);
    }
}
