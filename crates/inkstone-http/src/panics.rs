//! A handler that panics gives a 500; everything else goes on.

use std::any::Any;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use tower_http::catch_panic::CatchPanicLayer;

use crate::problem::Problem;

type Answer = fn(Box<dyn Any + Send>) -> Response;

pub(crate) fn layer() -> CatchPanicLayer<Answer> {
    CatchPanicLayer::custom(answer as Answer)
}

#[allow(clippy::needless_pass_by_value, reason = "the layer's signature")]
fn answer(panic: Box<dyn Any + Send>) -> Response {
    let message = match (panic.downcast_ref::<String>(), panic.downcast_ref::<&str>()) {
        (Some(message), _) => message,
        (None, Some(message)) => *message,
        (None, None) => "a panic without a message",
    };
    // The panic hook has written where it was.
    inkstone_observe::trace::panicked(panic.as_ref());
    tracing::error!("a handler panicked: {message}");
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "panic",
        "the handler of this request panicked; see the log",
    )
    .into_response()
}
