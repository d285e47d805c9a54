//! The guard as tower middleware, for what already is tower: HTTP and gRPC, on either side.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use ::http::header::CONTENT_LENGTH;
use ::http::{HeaderMap, HeaderName, HeaderValue, Request, Response, response};
use http_body::Body;
use inkstone_observe::trace::{self, Span};
use inkstone_observe::{Method, Protocol};
use tower::{Layer, Service};

use crate::body::GuardedBody;
use crate::call::{Call, Op};
use crate::capture::Capture;
use crate::deadline;
use crate::guard::{Guard, within};

/// How one protocol over HTTP names its methods and says how a call ended.
pub trait HttpProtocol: Clone + Send + Sync + 'static {
    /// Whether we serve the calls. A server puts what it serves under the deadline that came with it.
    const SERVER: bool;

    /// The method, as the guard knows it by a name from a bounded set.
    fn method<B>(&self, request: &Request<B>, guard: &Guard) -> Method;

    /// Where the call goes or comes from, for the six-tuple.
    fn target<B>(&self, _request: &Request<B>) -> Option<Arc<str>> {
        None
    }

    /// Says about the span of a call what the request tells. Asked only if somebody will read it.
    fn describe<B>(&self, _request: &Request<B>, _span: &Span) {}

    /// Whether this is asked all the time and by nobody in particular, as probes are: it begins no trace that is recorded.
    fn is_background<B>(&self, _request: &Request<B>) -> bool {
        false
    }

    /// Who called, if we serve it and know.
    fn peer<B>(&self, _request: &Request<B>) -> Option<SocketAddr> {
        None
    }

    /// How long the caller is willing to wait, if it says so.
    fn time_allowed(&self, _request: &HeaderMap) -> Option<Duration> {
        None
    }

    /// Tells the other side how long we are willing to wait.
    fn announce(&self, _request: &mut HeaderMap, _remaining: Duration) {}

    /// Fills in what only the response tells: the endpoint that was chosen, or that the method exists.
    fn settle(&self, _head: &response::Parts, _call: &mut Call) {}

    /// The code, if the response's head already has it.
    fn code(&self, head: &response::Parts) -> Option<&'static str>;

    /// The code from the end of the body, whose trailers may be missing.
    fn final_code(&self, head: &'static str, trailers: Option<&HeaderMap>) -> &'static str;

    /// The code of a call that got no response at all.
    fn failed(&self) -> &'static str;

    /// The response of a call that took too long.
    fn timed_out<B: Default>(&self, waited: Duration) -> (Response<B>, &'static str);
}

/// Puts a [`Guard`] around a service.
#[derive(Debug, Clone)]
pub struct GuardLayer<P> {
    guard: Guard,
    protocol: P,
}

/// A service with a [`Guard`] around it.
#[derive(Debug, Clone)]
pub struct GuardService<S, P> {
    inner: S,
    guard: Guard,
    protocol: P,
}

impl<P> GuardLayer<P> {
    /// Guards calls of `protocol`.
    #[must_use]
    pub fn new(guard: Guard, protocol: P) -> Self {
        Self { guard, protocol }
    }
}

impl<S, P: Clone> Layer<S> for GuardLayer<P> {
    type Service = GuardService<S, P>;

    fn layer(&self, inner: S) -> Self::Service {
        GuardService { inner, guard: self.guard.clone(), protocol: self.protocol.clone() }
    }
}

impl<S, P, B, R> Service<Request<B>> for GuardService<S, P>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    P: HttpProtocol,
    R: Body + Default + Send + 'static,
{
    type Response = Response<GuardedBody<R, P>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let offered = if P::SERVER { None } else { Capture::take_offered() };
        let protocol = self.protocol.clone();
        let allowed = protocol.time_allowed(request.headers()).map(|allowed| Instant::now() + allowed);
        let op = Op {
            method: protocol.method(&request, &self.guard),
            request: None,
            target: protocol.target(&request),
        };
        let tracer = self.guard.tracer();
        let peer = protocol.peer(&request);
        let mut call = if P::SERVER {
            let incoming = tracer.extract(self.guard.recorder().name(), request.headers());
            self.guard.serve(op, incoming, protocol.is_background(&request))
        } else {
            self.guard.enter(op)
        };
        call.set_peer(peer);
        if call.span().is_recorded() {
            protocol.describe(&request, call.span());
        }
        let context = call.span().context().clone();
        if !P::SERVER {
            tracer.inject(&context, request.headers_mut());
        }
        let told = self.told(&call);
        let deadline = deadline::earlier(call.deadline(), allowed);
        if let Some(deadline) = deadline.filter(|_| !P::SERVER) {
            let remaining = deadline.saturating_duration_since(Instant::now());
            protocol.announce(request.headers_mut(), remaining);
        }
        let capture = call.captures().then(|| offered.unwrap_or_default());
        if let Some(capture) = &capture {
            capture.arm(call.most());
            if P::SERVER {
                // For what sees the bodies before anything of ours is polled.
                request.extensions_mut().insert(capture.clone());
            }
        }
        let response = trace::step(&context, || self.inner.call(request));
        Box::pin(async move {
            let served = trace::scope(context, serve::<P, _>(deadline, capture.clone(), response));
            let result = within(deadline, served).await;
            let response = respond(protocol, call, capture, allowed.filter(|_| P::SERVER), result);
            response.map(|response| tell(response, told))
        })
    }
}

impl<S, P> GuardService<S, P> {
    /// The header that tells an HTTP client its trace, if one does.
    fn told(&self, call: &Call) -> Option<(HeaderName, HeaderValue)> {
        if self.guard.recorder().protocol() != Protocol::HttpServer {
            return None;
        }
        let name = self.guard.tracer().response_header()?;
        Some((name, HeaderValue::from_str(&call.trace()?.trace_id()).ok()?))
    }
}

fn tell<B>(mut response: Response<B>, told: Option<(HeaderName, HeaderValue)>) -> Response<B> {
    if let Some((name, value)) = told {
        response.headers_mut().entry(name).or_insert(value);
    }
    response
}

/// The response under the deadline and with the capture that belong to it. Both are for what runs inside a server.
async fn serve<P: HttpProtocol, F: Future>(
    deadline: Option<Instant>,
    capture: Option<Capture>,
    work: F,
) -> F::Output {
    match (P::SERVER, deadline, capture) {
        (true, Some(deadline), Some(capture)) => deadline::scope(deadline, capture.serve(work)).await,
        (true, Some(deadline), None) => deadline::scope(deadline, work).await,
        (true, None, Some(capture)) => capture.serve(work).await,
        _ => work.await,
    }
}

fn respond<P, R, E>(
    protocol: P,
    mut call: Call,
    capture: Option<Capture>,
    allowed: Option<Instant>,
    result: Result<Result<Response<R>, E>, Duration>,
) -> Result<Response<GuardedBody<R, P>>, E>
where
    P: HttpProtocol,
    R: Body + Default,
{
    match result {
        Ok(Ok(response)) => {
            let (head, body) = response.into_parts();
            protocol.settle(&head, &mut call);
            let code = protocol.code(&head);
            let length =
                head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
            let body = GuardedBody::new(body, protocol, call, code, capture, length).under(allowed);
            Ok(Response::from_parts(head, body))
        }
        Ok(Err(error)) => {
            call.finish(protocol.failed());
            Err(error)
        }
        Err(waited) => {
            let (response, code) = protocol.timed_out::<R>(waited);
            let (head, body) = response.into_parts();
            Ok(Response::from_parts(head, GuardedBody::new(body, protocol, call, Some(code), capture, None)))
        }
    }
}
