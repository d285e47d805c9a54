//! The health of every component.

use std::time::Duration;

use futures::future::join_all;
use inkstone_core::{AppHandle, Health, Instance};
use serde::Serialize;
use tokio::time::timeout;

/// Longest wait for one component. Below a probe's usual second, so that the probe sees the answer and not a time-out.
const PATIENCE: Duration = Duration::from_millis(800);

/// What one component said about itself.
#[derive(Debug, Serialize)]
pub(crate) struct Check {
    kind: &'static str,
    name: String,
    pub(crate) status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    Up,
    Degraded,
    Down,
}

/// Asks all components, at the same time.
pub(crate) async fn all(app: &AppHandle) -> Vec<Check> {
    join_all(app.instances().into_iter().map(|instance| async move { one(&instance).await })).await
}

/// Asks one component.
pub(crate) async fn one(instance: &Instance) -> Check {
    let (status, reason) = match timeout(PATIENCE, instance.health()).await {
        Ok(Health::Up) => (Status::Up, None),
        Ok(Health::Degraded(reason)) => (Status::Degraded, Some(reason)),
        Ok(Health::Down(reason)) => (Status::Down, Some(reason)),
        Err(_elapsed) => (Status::Down, Some(format!("no answer within {PATIENCE:?}"))),
    };
    Check { kind: instance.kind, name: instance.name.to_string(), status, reason }
}
