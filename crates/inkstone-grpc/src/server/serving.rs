//! What surrounds every call that is served, inside the guard.

use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use futures::FutureExt;
use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;
use tower::Service;

use crate::protocol::{self, Found};
use crate::server::methods::Methods;
use crate::timed::Timed;
use crate::timeout;

/// Serves calls: a panic is an INTERNAL, a deadline ends streams too, and methods are learnt as they answer.
#[derive(Debug, Clone)]
pub(crate) struct Serve<S> {
    inner: S,
    methods: Arc<Methods>,
}

impl<S> Serve<S> {
    pub(crate) fn new(inner: S, methods: Arc<Methods>) -> Self {
        Self { inner, methods }
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
        let deadline = timeout::read(request.headers()).map(|allowed| Instant::now() + allowed);
        let path = protocol::path(&request);
        let learning = self.methods.may_learn(path).then(|| (self.methods.clone(), path.to_owned()));
        let response = AssertUnwindSafe(self.inner.call(request)).catch_unwind();
        Box::pin(async move {
            let response = match response.await {
                Ok(Ok(response)) => response,
                Ok(Err(never)) => match never {},
                // The panic hook has written what happened and where.
                Err(_panic) => {
                    return Ok(
                        Status::internal("the handler panicked; the server's log says where").into_http()
                    );
                }
            };
            let mut response = match deadline {
                Some(_) => response.map(|body| Body::new(Timed::new(body, deadline))),
                None => response,
            };
            if let Some((methods, path)) = learning {
                learn(&methods, path, &mut response);
            }
            Ok(response)
        })
    }
}

/// Generated code answers UNIMPLEMENTED to methods that it does not have.
fn learn(methods: &Methods, path: String, response: &mut Response<Body>) {
    let implemented = response.headers().get("grpc-status").is_none_or(|code| code != "12");
    if implemented && let Some(method) = methods.learn(path) {
        response.extensions_mut().insert(Found(method));
    }
}
