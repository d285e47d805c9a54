//! The Kubernetes API over the store: every request is understood, checked and answered here.

mod answer;
mod apply;
mod body;
mod discovery;
mod follow;
mod logs;
mod patch;
mod read;
mod request;
mod review;
mod scale;
mod schema;
mod serve;
mod table;
mod write;

use std::{path::PathBuf, sync::Arc};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header, request::Parts};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

pub(crate) use self::serve::serve;
use self::{
    answer::{Answer, Form, plain, refuse},
    logs::Logs,
    request::{Query, Route, Target},
    write::Write,
};
use crate::store::{ApiError, DeleteOptions, PODS, Part, Store};

/// The largest body that is read.
const MOST_BODY: usize = 3 << 20;

/// What answers requests. Cloning shares it.
#[derive(Debug, Clone)]
pub(crate) struct Api(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    /// Digest of the token: comparing digests tells nothing about the token by the time it takes.
    token: [u8; 32],
    logs: Logs,
}

impl Api {
    /// An API over `store` for those who have the token; logs are read from below `pods`.
    pub(crate) fn new(store: Store, token: &str, pods: PathBuf, stop: CancellationToken) -> Self {
        let logs = Logs { pods, stop };
        Self(Arc::new(Inner { store, token: Sha256::digest(token).into(), logs }))
    }

    /// Answers one request; a refusal is an answer too.
    pub(crate) async fn answer(&self, request: Request<Body>) -> Answer {
        let (parts, body) = request.into_parts();
        let answer = self.route(&parts, body).await.unwrap_or_else(|error| refuse(&error));
        let status = answer.status().as_u16();
        tracing::debug!(method = %parts.method, path = parts.uri.path(), status, "cluster API");
        answer
    }

    async fn route(&self, parts: &Parts, body: Body) -> Result<Answer, ApiError> {
        let route = Route::parse(parts.uri.path());
        if route == Route::Health {
            return Ok(plain(StatusCode::OK, "ok"));
        }
        self.authenticate(&parts.headers)?;
        let body = collect(body).await?;
        let query = Query::of(&parts.uri)?;
        if let Route::Object(target) = &route {
            return self.object(parts, target, &query, body).await;
        }
        let form = Form::negotiate(&parts.headers, &query)?;
        if let Route::Review(review) = &route {
            if parts.method != Method::POST {
                return Err(not_allowed());
            }
            let body = body::read(&parts.headers, &body)?;
            let is_ours = |token: &str| self.is_token(token);
            return Ok(review::answer(review, body, is_ours, form).unwrap_or_else(unknown));
        }
        let host = answer::text(&parts.headers, &header::HOST);
        match discovery::answer(&route, host, form) {
            Some(_) if parts.method != Method::GET => Err(not_allowed()),
            Some(answer) => Ok(answer),
            None => Ok(unknown()),
        }
    }

    async fn object(
        &self,
        parts: &Parts,
        target: &Target,
        query: &Query,
        body: Bytes,
    ) -> Result<Answer, ApiError> {
        let Parts { method, headers, .. } = parts;
        let store = &self.0.store;
        let (name, subresource) = (target.name.as_deref(), target.subresource.as_deref());
        if let (Some(name), Some("log")) = (name, subresource) {
            return match (target.resource == PODS, method == Method::GET) {
                (true, true) => self.0.logs.read(store, target, name, query).await,
                (true, false) => Err(not_allowed()),
                (false, _) => Ok(unknown()),
            };
        }
        let form = Form::negotiate(headers, query)?;
        if method == Method::GET && subresource.is_none() {
            return match name {
                _ if query.flag("watch") => follow::watch(store, target, query, form),
                Some(name) => read::get(store, target, name, form),
                None => read::list(store, target, query, form).await,
            };
        }
        let part = if subresource == Some("status") { Part::Status } else { Part::Main };
        let store = if query.dry_run()? { store.dry_run() } else { store.clone() };
        let write = Write { store, target, part, headers, query, form, body };
        match (name, subresource) {
            (None, _) => match *method {
                Method::POST => write.create(),
                Method::DELETE => write.delete_collection(),
                _ => Err(not_allowed()),
            },
            (Some(name), None) => match *method {
                Method::PUT => write.replace(name),
                Method::PATCH => write.patch(name),
                Method::DELETE => write.delete(name),
                _ => Err(not_allowed()),
            },
            (Some(name), Some(subresource)) => self.subresource(method, &write, name, subresource),
        }
    }

    fn subresource(
        &self,
        method: &Method,
        write: &Write<'_>,
        name: &str,
        subresource: &str,
    ) -> Result<Answer, ApiError> {
        let target = write.target;
        let resource = target.resource;
        match subresource {
            "status" if resource.status => match *method {
                Method::GET => read::get(&self.0.store, target, name, write.form),
                Method::PUT => write.replace(name),
                Method::PATCH => write.patch(name),
                _ => Err(not_allowed()),
            },
            "scale" if resource.scale => match *method {
                Method::GET => scale::get(&self.0.store, target, name, write.form),
                Method::PUT => write.replace_scale(name),
                Method::PATCH => write.patch_scale(name),
                _ => Err(not_allowed()),
            },
            "finalize" if resource.kind == "Namespace" && *method == Method::PUT => write.replace(name),
            "eviction" if resource == PODS && *method == Method::POST => {
                // Without disruption budgets an eviction is a deletion.
                write.store.delete(resource, target.home(), name, &DeleteOptions::default())?;
                let status = serde_json::json!({
                    "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201,
                });
                Ok(write.form.json(StatusCode::CREATED, &status))
            }
            "exec" | "attach" | "portforward" | "proxy" if resource == PODS => {
                let message = format!(
                    "{subresource} is not served by this local cluster: pods are processes of this machine, reachable \
                     at their address (kubectl get pod {name} -o wide)"
                );
                Err(ApiError::new(501, "NotImplemented", message))
            }
            _ => Ok(unknown()),
        }
    }

    fn authenticate(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let given = answer::text(headers, &header::AUTHORIZATION);
        match given.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && self.is_token(token.trim()) => {
                Ok(())
            }
            _ => Err(ApiError::new(401, "Unauthorized", "Unauthorized")),
        }
    }

    fn is_token(&self, token: &str) -> bool {
        let digest: [u8; 32] = Sha256::digest(token).into();
        digest == self.0.token
    }
}

async fn collect(body: Body) -> Result<Bytes, ApiError> {
    match Limited::new(body, MOST_BODY).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            let message = format!("Request entity too large: limit is {MOST_BODY}");
            Err(ApiError::new(413, "RequestEntityTooLarge", message))
        }
        Err(error) => Err(ApiError::bad_request(format!("cannot read the request: {error}"))),
    }
}

fn unknown() -> Answer {
    plain(StatusCode::NOT_FOUND, Body::from("404 page not found\n"))
}

fn not_allowed() -> ApiError {
    ApiError::new(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
}
