//! `grpc.health.v1`, following the life of the app.

use inkstone_core::{AppHandle, Phase};
use tokio_util::sync::CancellationToken;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

/// Reports all services as the app's phase has them, until it stops; then ends what watches them.
pub(crate) async fn follow(
    app: AppHandle,
    services: Vec<&'static str>,
    mut reporter: HealthReporter,
    stopping: CancellationToken,
) {
    let mut phase = app.phase();
    loop {
        let now = *phase.borrow_and_update();
        report(&reporter, &services, now).await;
        tokio::select! {
            () = stopping.cancelled() => break,
            changed = phase.changed() => if changed.is_err() { break },
        }
    }
    report(&reporter, &services, Phase::Stopped).await;
    // A watch has no end of its own, and would hold up the stop.
    for service in names(&services) {
        reporter.clear_service_status(service).await;
    }
}

/// Sets the status of all services, and of the empty name, which means the whole server.
pub(crate) async fn report(reporter: &HealthReporter, services: &[&'static str], phase: Phase) {
    let status = if phase == Phase::Ready { ServingStatus::Serving } else { ServingStatus::NotServing };
    for service in names(services) {
        reporter.set_service_status(service, status).await;
    }
}

fn names<'a>(services: &'a [&'static str]) -> impl Iterator<Item = &'static str> + 'a {
    [""].into_iter().chain(services.iter().copied())
}
