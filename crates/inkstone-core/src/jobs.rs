//! Work that runs to its end: `--job=a,b` instead of serving, or at the governor's request beside it.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use futures::FutureExt;
use futures::future::BoxFuture;
use inkstone_config::{Code, Fault, Problems};
use inkstone_observe::trace;
use serde::Serialize;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::error::{Error, Result};
use crate::handle::AppHandle;
use crate::job_metrics::JobMetrics;
use crate::panics::Edge;
use crate::signal::{Signals, Stop};

/// What a run of a job is given: `--job-data` and `--job-header`, or what the governor was sent.
#[derive(Debug, Clone, Default)]
pub struct JobInput {
    /// What to work on.
    pub data: Vec<u8>,
    /// Names and values, in the order given.
    pub headers: Vec<(String, String)>,
    stop: CancellationToken,
    /// Whether the job has asked to be told of a stop.
    listens: Arc<AtomicBool>,
}

impl JobInput {
    /// With data and headers.
    ///
    /// ```
    /// let input = inkstone_core::JobInput::new("all", [("Tenant", "acme=1")]);
    /// assert_eq!((input.text(), input.header("tenant")), (Ok("all"), Some("acme=1")));
    /// ```
    pub fn new<N: Into<String>, V: Into<String>>(
        data: impl Into<Vec<u8>>,
        headers: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let headers = headers.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { data: data.into(), headers, ..Self::default() }
    }

    /// The data as text.
    ///
    /// # Errors
    /// When it is not UTF-8.
    pub fn text(&self) -> std::result::Result<&str, std::str::Utf8Error> {
        std::str::from_utf8(&self.data)
    }

    /// The value of the last header of this name, whose case does not matter.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().rev().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.as_str())
    }

    /// Cancelled when the service is told to stop. A job that has called this is given until `app.stop_within` to end in
    /// its own way; any other ends at its next `await`.
    #[must_use]
    pub fn stopping(&self) -> CancellationToken {
        self.listens.store(true, Ordering::Relaxed);
        self.stop.clone()
    }
}

/// One job of an app, as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JobInfo {
    /// Its name.
    pub name: &'static str,
    /// Whether it can run more than once in one process.
    pub repeatable: bool,
    /// Whether it runs now.
    pub running: bool,
    /// Its last run in this process.
    pub last: Option<JobRun>,
}

/// The record of one run of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JobRun {
    /// Tells this run from others; in every line that it logs.
    pub id: String,
    /// The job's name.
    pub job: &'static str,
    /// When it began.
    pub started: SystemTime,
    /// How long it took.
    pub took: Duration,
    /// How it ended.
    pub outcome: JobOutcome,
    /// Why it failed.
    pub error: Option<String>,
}

/// How a run of a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum JobOutcome {
    /// It is done.
    Ok,
    /// It returned an error.
    Failed,
    /// It panicked.
    Panicked,
    /// The service was told to stop before the job had ended.
    Stopped,
}

impl JobOutcome {
    /// As labels and logs name it: `"ok"`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Panicked => "panicked",
            Self::Stopped => "stopped",
        }
    }
}

/// The jobs of an app.
#[derive(Default)]
pub(crate) struct Jobs {
    all: Mutex<Vec<Arc<Job>>>,
}

struct Job {
    name: &'static str,
    work: Work,
    running: AtomicBool,
    last: Mutex<Option<JobRun>>,
}

enum Work {
    /// A future can run once.
    Once(Mutex<Option<BoxFuture<'static, Result>>>),
    Often(Box<dyn Fn(JobInput) -> BoxFuture<'static, Result> + Send + Sync>),
}

impl Jobs {
    pub(crate) fn once(&self, name: &'static str, work: BoxFuture<'static, Result>) {
        self.add(name, Work::Once(Mutex::new(Some(work))));
    }

    pub(crate) fn often(
        &self,
        name: &'static str,
        work: impl Fn(JobInput) -> BoxFuture<'static, Result> + Send + Sync + 'static,
    ) {
        self.add(name, Work::Often(Box::new(work)));
    }

    fn add(&self, name: &'static str, work: Work) {
        let job = Job { name, work, running: AtomicBool::new(false), last: Mutex::default() };
        lock(&self.all).push(Arc::new(job));
    }

    pub(crate) fn names(&self) -> Vec<&'static str> {
        lock(&self.all).iter().map(|job| job.name).collect()
    }

    fn find(&self, name: &str) -> Option<Arc<Job>> {
        lock(&self.all).iter().find(|job| job.name == name).cloned()
    }
}

impl AppHandle {
    /// The jobs of this app, in the order in which they were added.
    #[must_use]
    pub fn jobs(&self) -> Vec<JobInfo> {
        let jobs = lock(&self.0.jobs.all).clone();
        let info = |job: Arc<Job>| JobInfo {
            name: job.name,
            repeatable: matches!(job.work, Work::Often(_)),
            running: job.running.load(Ordering::Relaxed),
            last: lock(&job.last).clone(),
        };
        jobs.into_iter().map(info).collect()
    }

    /// Runs a job beside the servers, and waits for its end. It goes on if the returned future is dropped; a stop of the
    /// app ends it.
    ///
    /// # Errors
    /// When there is no such job, it runs already, it has run and can run only once, or the app stops. How the run itself
    /// ended is in its record.
    pub async fn run_job(&self, name: &str, input: JobInput) -> Result<JobRun> {
        if self.0.stop.is_cancelled() {
            return Err(Error::new(
                Code::JobFailed,
                format!("job `{name}` does not start: the service stops"),
            ));
        }
        let ready = take(self, name, input)?;
        let (done, ended) = tokio::sync::oneshot::channel();
        let handle = self.clone();
        self.0.tasks.spawn(async move {
            let (run, _error) = ready.run(&handle).await;
            // Whoever asked may have gone.
            let _gone = done.send(run);
        });
        ended.await.map_err(|_| {
            Error::new(Code::JobFailed, format!("job `{name}` was cut off at the end of the service"))
        })
    }
}

/// A run that may begin.
struct Ready {
    job: Arc<Job>,
    work: BoxFuture<'static, Result>,
    listens: Arc<AtomicBool>,
    /// What the run was given.
    headers: Vec<(String, String)>,
    /// Shows the job as running for as long as it lives.
    _running: Running,
}

struct Running(Arc<Job>, JobMetrics);

impl Drop for Running {
    fn drop(&mut self) {
        self.1.end(self.0.name);
        self.0.running.store(false, Ordering::Release);
    }
}

fn take(handle: &AppHandle, name: &str, mut input: JobInput) -> Result<Ready> {
    let job = handle.0.jobs.find(name).ok_or_else(|| no_such(name, &handle.0.jobs.names()))?;
    if job.running.swap(true, Ordering::AcqRel) {
        return Err(Fault::new(Code::JobFailed, format!("job `{name}` runs already"))
            .hint("wait for its end")
            .into());
    }
    let running = Running(job.clone(), handle.0.job_metrics.clone());
    running.1.begin(job.name);
    input.stop = handle.0.stop.clone();
    input.listens = Arc::default();
    let (listens, headers) = (input.listens.clone(), input.headers.clone());
    let work = match &job.work {
        // Called by the first poll of the run, so that a panic of the function itself is one of the job.
        Work::Often(_) => {
            let job = job.clone();
            async move {
                match &job.work {
                    Work::Often(work) => work(input).await,
                    Work::Once(_) => Ok(()),
                }
            }
            .boxed()
        }
        Work::Once(work) => lock(work).take().ok_or_else(|| {
            Fault::new(Code::JobFailed, format!("job `{name}` has run, and can run only once in a process"))
                .hint("add it with `job_with`, which can run it again")
        })?,
    };
    Ok(Ready { job, work, listens, headers, _running: running })
}

impl Ready {
    /// Runs it to its end, which a stop of the app may be.
    async fn run(self, handle: &AppHandle) -> (JobRun, Option<Error>) {
        let Self { job, work, listens, headers, _running } = self;
        let (id, started, began) = (run_id(), SystemTime::now(), Instant::now());
        let span = tracing::info_span!("job", job = job.name, run = %id);
        let traced = handle.job_span(job.name, &id, &headers);
        let context = traced.context().clone();
        let work = handle.caught(Edge::Job, job.name, work.instrument(span.clone()));
        let work = trace::scope(context.clone(), work);
        trace::step(&context, || span.in_scope(|| tracing::info!("job started")));
        let (outcome, error) = tokio::select! {
            biased;
            ended = work => match ended {
                Ok(Ok(())) => (JobOutcome::Ok, None),
                Ok(Err(error)) => (JobOutcome::Failed, Some(named(job.name, &error))),
                Err(panicked) => (JobOutcome::Panicked, Some(named(job.name, &panicked.fault().into()))),
            },
            () = given_up(handle, &listens) => {
                let message = format!("job `{}` was told to stop before it was done", job.name);
                (JobOutcome::Stopped, Some(Error::new(Code::JobFailed, message)))
            }
        };
        let why = error.as_ref().map(messages);
        let run = JobRun { id, job: job.name, started, took: began.elapsed(), outcome, error: why };
        handle.0.job_metrics.ended(&run);
        let (after, outcome) = (run.took, outcome.as_str());
        traced.set("inkstone.job.outcome", outcome);
        if let Some(why) = &run.error {
            traced.fail(why.clone());
        }
        let ended = || match &run.error {
            None => tracing::info!(outcome, ?after, "job ended"),
            Some(why) => tracing::error!(outcome, ?after, "job ended: {why}"),
        };
        trace::step(&context, || span.in_scope(ended));
        *lock(&job.last) = Some(run.clone());
        (run, error)
    }
}

/// Ends when a job is waited for no longer.
async fn given_up(handle: &AppHandle, listens: &AtomicBool) {
    handle.0.stop.cancelled().await;
    if listens.load(Ordering::Relaxed) {
        tokio::time::sleep_until(handle.stop_deadline()).await;
    }
}

/// Runs the jobs of the command line: one after the other in the order asked, until one fails; or all at once.
pub(crate) async fn run(handle: &AppHandle, signals: &mut Signals) -> Result {
    let flags = &handle.0.flags;
    let input = || JobInput::new(flags.job_data.clone().unwrap_or_default(), flags.job_header.clone());
    let all = async {
        let mut failed = Problems::default();
        if flags.job_parallel {
            let mut runs = Vec::new();
            for name in &flags.job {
                runs.push(take(handle, name, input())?);
            }
            for (_run, error) in futures::future::join_all(runs.into_iter().map(|run| run.run(handle))).await
            {
                failed.append(error.map(|error| error.problems()).unwrap_or_default());
            }
        } else {
            for name in &flags.job {
                let (_run, error) = take(handle, name, input())?.run(handle).await;
                if let Some(error) = error {
                    return Err(error);
                }
            }
        }
        if failed.is_empty() { Ok(()) } else { Err(failed.into()) }
    };
    let mut all = std::pin::pin!(all);
    let stop = tokio::select! {
        ended = &mut all => return ended,
        stop = signals.stop() => stop,
    };
    tracing::info!(reason = ?stop, "stopping");
    handle.stop_deadline();
    handle.0.stop.cancel();
    let cut = || {
        Err(Error::new(Code::JobFailed, format!("told to stop at once ({stop:?}): the jobs were cut off")))
    };
    if stop == Stop::Forced {
        return cut();
    }
    tokio::select! {
        ended = all => ended,
        () = signals.again() => cut(),
    }
}

/// Every name that is not a job's, all at once, before any job runs.
pub(crate) fn check(handle: &AppHandle) -> Result {
    let (asked, known) = (&handle.0.flags.job, handle.0.jobs.names());
    let mut problems = Problems::default();
    for (at, name) in asked.iter().enumerate() {
        if !known.contains(&name.as_str()) {
            problems.push(no_such(name, &known));
        } else if asked[..at].contains(name) {
            let message = format!("job `{name}` is asked for twice");
            problems.push(Fault::new(Code::UnknownJob, message).hint("name each job once"));
        }
    }
    for (at, name) in known.iter().enumerate() {
        if known[..at].contains(name) {
            let message = format!("two jobs are called `{name}`");
            problems.push(Fault::new(Code::DuplicateName, message).hint("give each job a name of its own"));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.into()) }
}

fn no_such(name: &str, known: &[&str]) -> Fault {
    let known = match known {
        [] => "this service has no jobs".to_owned(),
        known => format!("the jobs are {}", known.join(", ")),
    };
    Fault::new(Code::UnknownJob, format!("no job `{name}`")).hint(known)
}

/// An error with the job's name in it.
fn named(name: &str, error: &Error) -> Error {
    let mut problems = Problems::default();
    for fault in error.problems().iter() {
        let mut fault = fault.clone();
        if fault.code == Code::ServiceFailed {
            fault.code = Code::JobFailed;
        }
        fault.message = format!("job `{name}`: {}", fault.message);
        problems.push(fault);
    }
    problems.into()
}

fn messages(error: &Error) -> String {
    error.problems().iter().map(|fault| fault.message.clone()).collect::<Vec<_>>().join("; ")
}

/// 64 random bits.
fn run_id() -> String {
    use std::hash::BuildHasher;
    format!("{:016x}", std::hash::RandomState::new().hash_one(0))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}
