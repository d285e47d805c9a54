//! What surrounds every call that is served, inside the guard.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use http::{Request, Response, StatusCode};
use inkstone_core::{Catcher, Cx, Edge};
use inkstone_guard::deadline;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::body::Body;
use tower::Service;

use crate::protocol::{self, Found};
use crate::server::cut::Cut;
use crate::server::grpc_server::is_own;
use crate::server::methods::Methods;
use crate::timed::Timed;
use crate::timeout;

/// Serves calls: a panic is an INTERNAL, a deadline and the server's stop end streams too, and methods are learnt as they
/// succeed.
#[derive(Debug, Clone)]
pub(crate) struct Serve<S> {
    inner: S,
    methods: Arc<Methods>,
    streams_end: Arc<CancellationToken>,
    catching: Catching,
}

/// Catches the panics of handlers, and of the streams that they return.
#[derive(Debug, Clone)]
pub(crate) struct Catching {
    handlers: Catcher,
    streams: Catcher,
}

impl Catching {
    pub(crate) fn new(cx: &Cx) -> Self {
        let catcher = |edge| cx.app().catcher(edge, cx.name.clone());
        Self { handlers: catcher(Edge::Handler), streams: catcher(Edge::Stream) }
    }
}

impl<S> Serve<S> {
    /// Streams end when `streams_end` is cancelled.
    pub(crate) fn new(
        inner: S,
        methods: Arc<Methods>,
        streams_end: Arc<CancellationToken>,
        catching: Catching,
    ) -> Self {
        Self { inner, methods, streams_end, catching }
    }
}

impl<S> Service<Request<Body>> for Serve<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let callers = timeout::read(request.headers()).map(|allowed| Instant::now() + allowed);
        let path = protocol::path(&request);
        let own = is_own(path);
        let streams_end = self.streams_end.clone();
        let learning = self.methods.may_learn(path).then(|| (self.methods.clone(), path.to_owned()));
        let cut = Cut::default();
        let request = request.map(|body| Body::new(cut.request(body)));
        let Catching { handlers, streams } = self.catching.clone();
        let response = match handlers.now(|| self.inner.call(request)) {
            Ok(response) => handlers.run(response),
            Err(_panicked) => return Box::pin(std::future::ready(Ok(panicked().into_http()))),
        };
        Box::pin(async move {
            // The guard's time-out is in it. It is for the calls of the service: a watch of the health has no end.
            let deadline = if own { callers } else { deadline::current() };
            let response = match response.await {
                Ok(Ok(response)) => response,
                Ok(Err(never)) => match never {},
                Err(_panicked) => return Ok(panicked().into_http()),
            };
            let mut response =
                response.map(|body| Body::new(Timed::new(body, deadline).until(streams_end, cut, streams)));
            if let Some((methods, path)) = learning {
                learn(&methods, path, &mut response);
            }
            Ok(response)
        })
    }
}

/// What a client learns of a panic: the log has what it said and where.
pub(crate) fn panicked() -> Status {
    Status::internal("the handler panicked; the server's log says where")
}

/// Only a success proves that there is such a method: whoever stands in front of the service may refuse any path.
fn learn(methods: &Methods, path: String, response: &mut Response<Body>) {
    // Without a code in the head there is a message, and the code comes after it.
    let failed = response.headers().get("grpc-status").is_some_and(|code| code != "0");
    if response.status() == StatusCode::OK
        && !failed
        && let Some(method) = methods.learn(path)
    {
        response.extensions_mut().insert(Found(method));
    }
}
