//! A handler that panics gives a 500; everything else goes on.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{Request, StatusCode};
use inkstone_core::{Catcher, Panicked};
use tower::Service;

use crate::problem::Problem;

/// Catches the panics of handlers.
#[derive(Debug, Clone)]
pub(crate) struct Catching<S> {
    pub(crate) inner: S,
    pub(crate) catcher: Catcher,
}

impl<S> Service<Request<Body>> for Catching<S>
where
    S: Service<Request<Body>, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match self.catcher.now(|| self.inner.call(request)) {
            Ok(response) => {
                let response = self.catcher.run(response);
                Box::pin(async move { response.await.unwrap_or_else(|panicked| Ok(answer(&panicked))) })
            }
            Err(panicked) => Box::pin(std::future::ready(Ok(answer(&panicked)))),
        }
    }
}

/// The log has what it said and where; it is not for clients.
fn answer(_panicked: &Panicked) -> Response {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "panic",
        "the handler of this request panicked; see the log",
    )
    .into_response()
}
