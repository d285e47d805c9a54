//! What happens to runs that overlap, are missed, or are going on when the service stops.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use inkstone_config::Sources;
use inkstone_core::{App, AppHandle, Phase, build_info};
use inkstone_task::{Cron, Run};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

pub(crate) const EACH_SECOND: &str = "app.drain = \"0s\"\n[cron.sweep]\nschedule = \"* * * * * *\"\n";
const SELDOM: &str = "app.drain = \"0s\"\n[cron.sweep]\nschedule = \"0 0 1 1 *\"\n";

/// Waits until it holds.
#[track_caller]
pub(crate) fn soon(holds: impl Fn() -> bool) -> impl Future<Output = ()> {
    let at = std::panic::Location::caller();
    async move {
        let wait = async {
            while !holds() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait)
            .await
            .unwrap_or_else(|_| panic!("not within 20 s, {at}"));
    }
}

/// Work that counts itself and goes on until it is let go.
#[derive(Clone)]
pub(crate) struct Gate {
    begun: Arc<AtomicUsize>,
    going: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
    open: Arc<Semaphore>,
}

struct Going(Arc<AtomicUsize>);

impl Drop for Going {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Gate {
    pub(crate) fn new(open: usize) -> Self {
        let zero = || Arc::new(AtomicUsize::new(0));
        Self {
            begun: zero(),
            going: zero(),
            most: zero(),
            ended: zero(),
            open: Arc::new(Semaphore::new(open)),
        }
    }

    pub(crate) async fn work(self) -> Result<(), std::io::Error> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        self.most.fetch_max(self.going.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let _going = Going(self.going.clone());
        self.open.acquire().await.map_err(std::io::Error::other)?.forget();
        self.ended.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    pub(crate) fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }

    pub(crate) fn going(&self) -> usize {
        self.going.load(Ordering::SeqCst)
    }

    pub(crate) fn ended(&self) -> usize {
        self.ended.load(Ordering::SeqCst)
    }

    pub(crate) fn let_go(&self, runs: usize) {
        self.open.add_permits(runs);
    }
}

pub(crate) struct Running {
    pub(crate) handle: AppHandle,
    pub(crate) app: JoinHandle<inkstone_core::Result>,
}

impl Running {
    pub(crate) fn start(app: App, gate: &Gate) -> Self {
        let gate = gate.clone();
        let sweep = app.load::<Cron>("cron.sweep").run(move || gate.clone().work());
        let handle = app.handle().clone();
        Self { handle, app: tokio::spawn(app.serve(sweep).run()) }
    }

    fn of(toml: &str, gate: &Gate) -> Self {
        Self::start(App::from_toml("t.toml", toml), gate)
    }

    pub(crate) fn counted(&self, outcome: &str) -> u64 {
        let metrics = self.handle.metrics().encode();
        let line = format!("inkstone_task_runs_total{{name=\"cron.sweep\",outcome=\"{outcome}\"}} ");
        metrics.lines().find_map(|found| found.strip_prefix(&line)?.parse().ok()).unwrap_or(0)
    }

    pub(crate) async fn stop(self) {
        self.handle.stop();
        self.app.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_run_that_is_due_while_another_goes_on_is_skipped_and_counted() {
    let gate = Gate::new(0);
    let app = Running::of(EACH_SECOND, &gate);
    soon(|| app.counted("skipped") >= 2).await;
    assert_eq!((gate.begun(), app.counted("started")), (1, 1));
    gate.let_go(1000);
    soon(|| app.counted("ok") >= 2).await;
    assert_eq!(gate.most.load(Ordering::SeqCst), 1);
    app.stop().await;
}

#[tokio::test]
async fn a_run_that_queues_starts_when_the_one_before_is_done() {
    let gate = Gate::new(0);
    let app = Running::of(&format!("{EACH_SECOND}overlap = \"queue\""), &gate);
    let start = jiff::Timestamp::now();
    soon(|| jiff::Timestamp::now().duration_since(start).as_secs() >= 4 && gate.begun() == 1).await;
    // Two wait at least; they start at once, one after the other.
    gate.let_go(3);
    soon(|| gate.ended() >= 3).await;
    assert_eq!((gate.most.load(Ordering::SeqCst), app.counted("skipped")), (1, 0));
    gate.let_go(1000);
    app.stop().await;
}

#[tokio::test]
async fn runs_go_on_beside_each_other_where_that_is_wanted() {
    let gate = Gate::new(0);
    let app = Running::of(&format!("{EACH_SECOND}overlap = \"concurrent\""), &gate);
    soon(|| gate.going() >= 2).await;
    gate.let_go(1000);
    soon(|| gate.going() == 0).await;
    app.stop().await;
}

#[tokio::test]
async fn the_first_run_comes_at_the_start_where_that_is_wanted() {
    let gate = Gate::new(1000);
    let app = Running::of(&format!("{SELDOM}run_at_start = true"), &gate);
    soon(|| app.counted("ok") == 1).await;
    app.stop().await;
    assert_eq!(gate.begun(), 1);
}

#[tokio::test]
async fn a_schedule_that_is_turned_off_runs_when_it_is_turned_on() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("t.toml");
    std::fs::write(&file, format!("{EACH_SECOND}run_at_start = true\nenabled = false")).unwrap();
    let gate = Gate::new(1000);
    let app = Running::start(App::with_sources(build_info!(), Sources::new().file(&file)), &gate);
    app.handle.phase().wait_for(|phase| *phase == Phase::Ready).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(gate.begun(), 0, "not even the run at the start");
    std::fs::write(&file, format!("{EACH_SECOND}run_at_start = true\nenabled = true")).unwrap();
    let _applied_here_or_by_the_watch = app.handle.settings().reload().unwrap();
    soon(|| gate.begun() > 0).await;
    app.stop().await;
}

#[tokio::test]
async fn a_stop_waits_for_the_run_and_starts_no_other() {
    let gate = Gate::new(0);
    let app = Running::of(&format!("{EACH_SECOND}overlap = \"queue\""), &gate);
    soon(|| gate.going() == 1).await;
    app.handle.stop();
    app.handle.phase().wait_for(|phase| *phase == Phase::Draining).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert!(!app.app.is_finished(), "the run goes on");
    gate.let_go(1000);
    app.app.await.unwrap().unwrap();
    assert_eq!((gate.begun(), gate.ended()), (1, 1));
}

#[tokio::test]
async fn a_stop_cuts_off_a_run_at_the_deadline() {
    let gate = Gate::new(0);
    let toml = EACH_SECOND.replace("app.drain = \"0s\"", "app.drain = \"0s\"\napp.stop_within = \"300ms\"");
    let app = Running::of(&toml, &gate);
    soon(|| gate.going() == 1).await;
    app.handle.stop();
    assert!(app.app.await.unwrap().is_err(), "what was cut off is reported");
    soon(|| gate.going() == 0).await;
    assert_eq!(gate.ended(), 0);
}

/// Nothing runs for three seconds, as when the machine sleeps.
#[expect(clippy::disallowed_methods, reason = "nothing else may run on this thread meanwhile")]
fn sleep_deeply() {
    std::thread::sleep(Duration::from_secs(3));
}

#[tokio::test]
async fn one_run_stands_for_all_that_were_missed() {
    let gate = Gate::new(1000);
    let app = Running::of(EACH_SECOND, &gate);
    soon(|| app.counted("ok") >= 1).await;
    let before = app.counted("started");
    sleep_deeply();
    soon(|| app.counted("started") > before).await;
    let missed = app.counted("missed");
    assert!((1..=3).contains(&missed), "{missed}");
    app.stop().await;
}

#[tokio::test]
async fn missed_runs_are_left_out_where_that_is_wanted() {
    let gate = Gate::new(1000);
    let app = Running::of(&format!("{EACH_SECOND}missed = \"skip\""), &gate);
    soon(|| app.counted("ok") >= 1).await;
    let before = app.counted("started");
    sleep_deeply();
    soon(|| app.counted("missed") > 0).await;
    assert_eq!(app.counted("started"), before, "none stands for them");
    soon(|| app.counted("started") > before).await;
    app.stop().await;
}

#[tokio::test]
async fn each_run_has_an_id_and_the_name_of_its_key() {
    let (runs, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let app = App::from_toml("t.toml", EACH_SECOND);
    let sweep = app.load::<Cron>("cron.sweep").run_with(move |run: Run| {
        let told = runs.send(run);
        async move { told.map_err(std::io::Error::other) }
    });
    let handle = app.handle().clone();
    let app = tokio::spawn(app.serve(sweep).run());
    let (one, two) = (seen.recv().await.unwrap(), seen.recv().await.unwrap());
    assert_eq!((&*one.name, one.id.len(), one.token), ("cron.sweep", 16, None));
    assert_ne!(one.id, two.id);
    assert!(one.due < two.due && two.due.subsec_nanosecond() == 0, "{one:?} {two:?}");
    handle.stop();
    app.await.unwrap().unwrap();
}
