//! The API without a network, for the fuzz targets. Nothing else uses it, and it may change at any time.

use std::{io, path::Path, time::Duration};

use axum::body::Body;
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::BodyExt;
use tokio_util::sync::CancellationToken;

use crate::{
    api::Api,
    store::{ApiError, Object, Resource, Store, StoreOptions},
};

const TOKEN: &str = "fuzz";

/// An API over a store of a few objects, in which nothing that is written is kept.
#[derive(Debug)]
pub struct Tried {
    api: Api,
    stop: CancellationToken,
}

/// A request as the input of a fuzz target says it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Call<'a> {
    /// `GET`, `POST`, …
    pub method: &'a str,
    /// Path and query.
    pub target: &'a str,
    /// The media type of the body.
    pub content: &'a str,
    /// What form the answer is wanted in.
    pub accept: &'a str,
    /// The body.
    pub body: &'a str,
}

impl Tried {
    /// An API over these objects, kept in `dir`.
    ///
    /// # Errors
    /// When the store cannot be opened, or takes one of the objects not.
    pub fn new(dir: &Path, objects: Vec<(&'static Resource, Object)>) -> io::Result<Self> {
        let store = Store::open(dir, &StoreOptions::default())?;
        for (resource, object) in objects {
            let taken = |error: ApiError| error.reason() == "AlreadyExists";
            store.create(resource, object).map(drop).or_else(|error| match taken(error.clone()) {
                true => Ok(()),
                false => Err(io::Error::other(error.to_string())),
            })?;
        }
        let stop = CancellationToken::new();
        Ok(Self { api: Api::new(store.dry_run(), TOKEN, dir.join("pods"), stop.clone()), stop })
    }

    /// The answer's status and what its body begins with; None for what is no HTTP request.
    pub async fn call(&self, call: Call<'_>) -> Option<(StatusCode, Vec<u8>)> {
        let mut request = Request::builder()
            .method(call.method)
            .uri(call.target)
            .header(header::AUTHORIZATION, format!("Bearer {TOKEN}"))
            .body(Body::from(call.body.to_owned()))
            .ok()?;
        for (name, value) in [(header::CONTENT_TYPE, call.content), (header::ACCEPT, call.accept)] {
            request.headers_mut().insert(name, HeaderValue::from_str(value).ok()?);
        }
        let answer = self.api.answer(request).await;
        let status = answer.status();
        let mut body = answer.into_body();
        let mut begin = Vec::new();
        // A watch never ends; what is there is enough.
        let read = async {
            while let Some(Ok(frame)) = body.frame().await {
                begin.extend(frame.into_data().unwrap_or_default());
            }
        };
        let _ = tokio::time::timeout(Duration::from_millis(1), read).await;
        Some((status, begin))
    }
}

impl Drop for Tried {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
