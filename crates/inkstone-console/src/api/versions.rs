//! What every pod was built from.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::body::Json;
use crate::cluster::PodView;
use crate::concurrent::all;
use crate::console::Console;
use crate::governor::BuildInfo;
use crate::problem::Problem;

/// What every pod was built from, the console itself first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Versions {
    items: Vec<PodVersion>,
}

/// What a pod was built from.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PodVersion {
    namespace: String,
    application: String,
    pod: String,
    ready: bool,
    build: Option<BuildInfo>,
    /// Why that is not known.
    error: Option<String>,
}

pub(crate) async fn list(State(console): State<Console>) -> Result<Json<Versions>, Problem> {
    let workloads = console.cluster.applications().await?;
    let pods: Vec<(&str, &PodView)> = workloads
        .iter()
        .flat_map(|workload| workload.current_pods().map(|pod| (workload.name.as_str(), pod)))
        .collect();
    let asked = pods.into_iter().map(|(application, pod)| version(&console, application, pod));
    let mut items = vec![own(&console)];
    items.extend(all(asked.collect()).await);
    Ok(Json(Versions { items }))
}

async fn version(console: &Console, application: &str, pod: &PodView) -> PodVersion {
    let build = console.governors.build(pod).await;
    PodVersion {
        namespace: pod.namespace.clone(),
        application: application.to_owned(),
        pod: pod.name.clone(),
        ready: pod.ready,
        error: build.as_ref().err().cloned(),
        build: build.ok(),
    }
}

fn own(console: &Console) -> PodVersion {
    PodVersion {
        namespace: String::new(),
        application: "inkstone-console".to_owned(),
        pod: std::env::var("POD_NAME").unwrap_or_default(),
        ready: true,
        build: Some(console.options.build.clone()),
        error: None,
    }
}
