//! Publishing, watching a release, and rolling back.

use std::convert::Infallible;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::StreamExt as _;
use http::StatusCode;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::files::{FilePath, check_message};
use crate::access::Visitor;
use crate::body::{Json, Path};
use crate::console::Console;
use crate::problem::Problem;
use crate::releases::{Expected, Publish};
use crate::store::Release;

/// A revision to be published.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct PublishRevision {
    /// The revision's id.
    revision: String,
    /// The hash of the live content that it was compared with; null when the ConfigMap has no such key.
    expected_live_hash: Option<String>,
    /// What there is to say about it.
    #[serde(default)]
    message: String,
}

/// Why a release's content is published again.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub(crate) struct Rollback {
    /// The hash of the live content that it was compared with; null when the ConfigMap had no such key. Without it
    /// the rollback goes ahead whatever is live.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    expected_live_hash: Option<Option<String>>,
    /// What there is to say about it.
    message: String,
}

/// Tells null from nothing: only what is there gets here.
fn given<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(value).map(Some)
}

pub(crate) async fn publish(
    State(console): State<Console>,
    Extension(visitor): Extension<Visitor>,
    Path(path): Path<FilePath>,
    Json(body): Json<PublishRevision>,
) -> Result<(StatusCode, Json<Release>), Problem> {
    check_message(&body.message)?;
    path.mounted(&console).await?;
    let publish = Publish {
        visitor,
        file: path.file(&console),
        application: path.application,
        revision: body.revision,
        message: body.message,
        expected: Expected::Hash(body.expected_live_hash),
        rollback_of: None,
    };
    Ok((StatusCode::CREATED, Json(console.releases.publish(publish).await?)))
}

pub(crate) async fn rollback(
    State(console): State<Console>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    Json(body): Json<Rollback>,
) -> Result<(StatusCode, Json<Release>), Problem> {
    check_message(&body.message)?;
    let earlier = find(&console, &id).await?;
    console.releases.of_this_cluster(&earlier.file())?;
    let path = FilePath {
        namespace: earlier.namespace,
        application: earlier.application,
        configmap: earlier.configmap,
        key: earlier.key,
    };
    path.mounted(&console).await?;
    let publish = Publish {
        visitor,
        file: path.file(&console),
        application: path.application,
        revision: earlier.revision,
        message: body.message,
        expected: body.expected_live_hash.map_or(Expected::Whatever, Expected::Hash),
        rollback_of: Some(earlier.id),
    };
    Ok((StatusCode::CREATED, Json(console.releases.publish(publish).await?)))
}

pub(crate) async fn show(
    State(console): State<Console>,
    Path(id): Path<String>,
) -> Result<Json<Release>, Problem> {
    Ok(Json(find(&console, &id).await?))
}

pub(crate) async fn events(
    State(console): State<Console>,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    let releases = console.releases.stream(&id).await?;
    let events = releases.map(|release| {
        let event = Event::default().event("release");
        Ok::<_, Infallible>(
            event.json_data(&*release).unwrap_or_else(|_| Event::default().comment("unreadable")),
        )
    });
    let stream = Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(10)));
    // A proxy that collects an answer before it passes it on would hold the events back.
    Ok(([("x-accel-buffering", "no")], stream))
}

async fn find(console: &Console, id: &str) -> Result<Release, Problem> {
    let release = console.store.release(id).await?;
    release.ok_or_else(|| Problem::not_found(format!("release {id}")))
}
