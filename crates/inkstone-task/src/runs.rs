//! The runs of one schedule: each is started, guarded, counted and logged here.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use futures::future::BoxFuture;
use inkstone_core::{Cx, Edge, Error, Token};
use inkstone_guard::{CallError, Guard};
use jiff::Zoned;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::config::Overlap;
use crate::run::{Failed, Run};

/// How many runs may wait for the one before them.
const MOST_WAITING: usize = 100;

/// What is called for each run.
pub(crate) type Work = Arc<dyn Fn(Run) -> BoxFuture<'static, Result<(), Error>> + Send + Sync>;

/// The runs that go on and those that wait. Dropped, it cuts them off.
pub(crate) struct Runs {
    cx: Cx,
    guard: Guard,
    work: Work,
    going: JoinSet<()>,
    waiting: VecDeque<Zoned>,
    /// Cancelled when the lease under which runs were started is lost.
    lost: CancellationToken,
    token: Option<Token>,
}

impl Runs {
    pub(crate) fn new(cx: Cx, guard: Guard, work: Work) -> Self {
        let lost = CancellationToken::new();
        Self { cx, guard, work, going: JoinSet::new(), waiting: VecDeque::new(), lost, token: None }
    }

    pub(crate) fn count(&self, outcome: &'static str, runs: usize) {
        let runs = u64::try_from(runs).unwrap_or(u64::MAX);
        self.cx.app().metrics().task_runs(&self.cx.name, outcome, runs);
    }

    /// Starts a run that is due, unless another goes on and the policy keeps it from that.
    pub(crate) fn due(&mut self, due: Zoned, overlap: Overlap) {
        match overlap {
            Overlap::Concurrent => self.start(due),
            _ if self.going.is_empty() => self.start(due),
            Overlap::Queue if self.waiting.len() < MOST_WAITING => self.waiting.push_back(due),
            Overlap::Queue | Overlap::Skip => {
                self.count("skipped", 1);
                tracing::warn!(name = %self.cx.name, %due, "run skipped: the one before still goes on");
            }
        }
    }

    fn start(&mut self, due: Zoned) {
        let run = Run::new(self.cx.name.clone(), due, self.token, self.lost.clone());
        let span = tracing::info_span!("run", name = %run.name, run = %run.id);
        let (cx, guard, work) = (self.cx.clone(), self.guard.clone(), Arc::clone(&self.work));
        self.count("started", 1);
        self.going.spawn(once(cx, guard, work, run).instrument(span));
    }

    /// Waits until a run has ended, and starts the next that waits. Never returns if none goes on. Cancel safe.
    pub(crate) async fn ended(&mut self) {
        if self.going.join_next().await.is_none() {
            std::future::pending().await
        }
        if self.going.is_empty()
            && let Some(due) = self.waiting.pop_front()
        {
            self.start(due);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.going.is_empty()
    }

    /// Leaves out those that wait.
    pub(crate) fn forget_waiting(&mut self) {
        self.count("skipped", self.waiting.len());
        self.waiting.clear();
    }

    /// Under which lease runs are from now on. Those under another, or under none any more, are cancelled.
    pub(crate) fn under(&mut self, token: Option<Token>) {
        if token != self.token {
            self.token = token;
            self.lost.cancel();
            self.lost = CancellationToken::new();
            self.forget_waiting();
        }
    }
}

/// One run, from its first line in the log to its last.
async fn once(cx: Cx, guard: Guard, work: Work, run: Run) {
    let count = |outcome| cx.app().metrics().task_runs(&run.name, outcome, 1);
    let began = Instant::now();
    tracing::info!(name = %run.name, run = %run.id, due = %run.due, token = ?run.token.map(|token| token.0), "run started");
    let catcher = cx.app().catcher(Edge::Cron, run.name.clone());
    let attempt = || async {
        match catcher.run(async { work(run.clone()).await }).await {
            Ok(result) => result.map_err(|error| Failed { code: "failed", why: error.to_string() }),
            Err(panicked) => Err(Failed { code: "panic", why: panicked.to_string() }),
        }
    };
    let result = tokio::select! {
        result = guard.call(guard.op("run"), attempt) => result,
        () = run.cancelled.cancelled() => {
            count("cancelled");
            let cost = began.elapsed();
            return tracing::error!(name = %run.name, run = %run.id, ?cost, "run cancelled: the lease is lost");
        }
    };
    let cost = began.elapsed();
    match result {
        Ok(()) => {
            count("ok");
            tracing::info!(name = %run.name, run = %run.id, ?cost, "run done");
        }
        Err(CallError::Failed(Failed { code, why })) => {
            count(if code == "panic" { code } else { "error" });
            tracing::error!(name = %run.name, run = %run.id, ?cost, code, "run failed: {}", why.trim_end());
        }
        Err(error) => {
            count(if matches!(error, CallError::Timeout(..)) { "timeout" } else { "error" });
            tracing::error!(name = %run.name, run = %run.id, ?cost, "run given up: {error}");
        }
    }
}
