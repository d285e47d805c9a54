//! Schedules that one replica alone may run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::BoxFuture;
use inkstone_core::{App, Claim, Error, LeaseStore, Leases, Tenure, Token};
use inkstone_task::{Cron, Run};

use crate::policy::{EACH_SECOND, Gate, Running, soon};

fn leased() -> String {
    format!(
        "{EACH_SECOND}lease = {{ enabled = true, name = \"sweep\", duration = \"900ms\", renew = \"100ms\" }}\n"
    )
}

fn replica(leases: &Leases, gate: &Gate) -> Running {
    Running::start(App::from_toml("t.toml", &leased()).provide(leases.clone()), gate)
}

#[tokio::test]
async fn one_replica_runs_and_the_next_takes_over_when_it_stops() {
    let leases = Leases::in_memory();
    let (one, two) = (Gate::new(1000), Gate::new(1000));
    let first = replica(&leases, &one);
    soon(|| one.ended() >= 1).await;
    let second = replica(&leases, &two);
    let before = one.ended();
    soon(|| one.ended() >= before + 2).await;
    assert_eq!((two.begun(), second.counted("started")), (0, 0));
    first.stop().await;
    let done = one.begun();
    soon(|| two.ended() >= 2).await;
    assert_eq!(one.begun(), done, "what has stopped does not take the lease again");
    second.stop().await;
}

#[tokio::test]
async fn a_stop_keeps_the_lease_until_the_run_is_done_and_then_lets_go() {
    let leases = Leases::in_memory();
    let (one, two) = (Gate::new(0), Gate::new(1000));
    let first = replica(&leases, &one);
    soon(|| one.going() == 1).await;
    let second = replica(&leases, &two);
    first.handle.stop();
    // Longer than the lease holds when it is not renewed.
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    assert_eq!((one.going(), two.begun()), (1, 0), "the run goes on, and alone");
    one.let_go(1);
    first.app.await.unwrap().unwrap();
    soon(|| two.ended() >= 1).await;
    assert_eq!((one.begun(), one.ended()), (1, 1));
    second.stop().await;
}

/// A store that can be told to answer nobody.
#[derive(Clone)]
struct Cut {
    shared: Leases,
    cut: Arc<AtomicBool>,
    tenure: Arc<tokio::sync::Mutex<Option<Tenure>>>,
}

impl LeaseStore for Cut {
    fn hold<'a>(&'a self, claim: &'a Claim) -> BoxFuture<'a, Result<Option<Token>, Error>> {
        Box::pin(async {
            if self.cut.load(Ordering::SeqCst) {
                return Err(std::io::Error::other("the network is down").into());
            }
            let mut tenure = self.tenure.lock().await;
            let tenure = tenure.get_or_insert_with(|| self.shared.compete(claim.clone()));
            if tenure.token().is_none() {
                let _changed = tokio::time::timeout(claim.renew, tenure.changed()).await;
            }
            Ok(tenure.token())
        })
    }

    fn release<'a>(&'a self, _: &'a Claim) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async {
            match self.tenure.lock().await.take() {
                Some(tenure) => tenure.release().await,
                None => Ok(()),
            }
        })
    }
}

#[tokio::test]
async fn a_run_is_cancelled_when_its_lease_is_lost() {
    let shared = Leases::in_memory();
    let cut = Arc::new(AtomicBool::new(false));
    let store = Cut { shared: shared.clone(), cut: cut.clone(), tenure: Arc::default() };
    let (one, two) = (Gate::new(0), Gate::new(1000));
    let first = replica(&Leases::new(store.clone()), &one);
    soon(|| one.going() == 1).await;
    let second = replica(&shared, &two);
    cut.store(true, Ordering::SeqCst);
    *store.tenure.lock().await = None;
    soon(|| first.counted("cancelled") == 1).await;
    assert_eq!((one.going(), one.ended()), (0, 0), "the run is gone");
    soon(|| two.ended() >= 1).await;
    let begun = one.begun();
    soon(|| two.ended() >= 3).await;
    assert_eq!(one.begun(), begun, "without the lease nothing starts");
    first.stop().await;
    second.stop().await;
}

#[tokio::test]
async fn each_holder_has_a_greater_fencing_token() {
    let leases = Leases::in_memory();
    let (tokens, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let mut last = None;
    for _ in 0..2 {
        let app = App::from_toml("t.toml", &leased()).provide(leases.clone());
        let tokens = tokens.clone();
        let sweep = app.load::<Cron>("cron.sweep").run_with(move |run: Run| {
            let told = tokens.send(run.token);
            async move { told.map_err(std::io::Error::other) }
        });
        let handle = app.handle().clone();
        let app = tokio::spawn(app.serve(sweep).run());
        let token =
            tokio::time::timeout(std::time::Duration::from_secs(20), seen.recv()).await.unwrap().unwrap();
        assert!(token.is_some() && token > last, "{token:?} after {last:?}");
        last = token;
        handle.stop();
        app.await.unwrap().unwrap();
        while seen.try_recv().is_ok() {}
    }
}

#[tokio::test]
async fn a_lease_without_a_place_to_keep_it_is_refused_at_the_start() {
    let app = App::from_toml("t.toml", &leased());
    let sweep = app.load::<Cron>("cron.sweep").run(|| async { Ok::<_, std::io::Error>(()) });
    let report = app.serve(sweep).run().await.unwrap_err().to_string();
    assert!(report.contains("no place where leases are kept") && report.contains("app.provide("), "{report}");
}

#[tokio::test]
async fn a_lease_that_is_renewed_too_seldom_is_refused() {
    let toml = format!("{EACH_SECOND}lease = {{ enabled = true, duration = \"3s\", renew = \"2s\" }}");
    let app = App::from_toml("t.toml", &toml).provide(Leases::in_memory());
    let sweep = app.load::<Cron>("cron.sweep").run(|| async { Ok::<_, std::io::Error>(()) });
    let report = app.serve(sweep).run().await.unwrap_err().to_string();
    assert!(report.contains("more than a third of duration (3s)"), "{report}");
}
