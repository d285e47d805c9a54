//! Panics: caught where user code begins, logged once, counted.

use std::any::Any;
use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::io::Write;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use inkstone_config::{Code, Fault};
use inkstone_observe::{Metrics, names, trace};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

use crate::handle::AppHandle;

/// Where user code begins, and a panic in it ends: a label of `inkstone_panic_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Edge {
    /// The service's own function, `build` of a component, `bind` of a server.
    Start,
    /// A server, outside its handlers.
    Server,
    /// A handler of a request or a call.
    Handler,
    /// A response that is still being sent.
    Stream,
    /// Work beside the servers: [`AppHandle::spawn`].
    Task,
    /// A run of a job.
    Job,
    /// A run on a schedule.
    Cron,
    /// A hook of the start or the stop.
    Hook,
    /// A check of health.
    Health,
    /// `close` of a component.
    Close,
    /// None of these: a thread or task that the service has started on its own.
    Elsewhere,
}

impl Edge {
    /// As labels and logs name it: `"handler"`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Server => "server",
            Self::Handler => "handler",
            Self::Stream => "stream",
            Self::Task => "task",
            Self::Job => "job",
            Self::Cron => "cron",
            Self::Hook => "hook",
            Self::Health => "health",
            Self::Close => "close",
            Self::Elsewhere => "elsewhere",
        }
    }
}

/// A panic that was caught. It is logged and counted already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Panicked {
    /// What it said. Not for clients.
    pub message: String,
    /// File, line and column, if the panic hook of [`main`](crate::main()) is installed.
    pub location: Option<String>,
}

impl Panicked {
    /// As a fault of the service.
    #[must_use]
    pub fn fault(&self) -> Fault {
        Fault::new(Code::Panic, self)
    }
}

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.location {
            Some(location) => write!(f, "panicked at {location}: {}", self.message),
            None => write!(f, "panicked: {}", self.message),
        }
    }
}

impl std::error::Error for Panicked {}

/// An app's count of panics. A handle.
#[derive(Debug, Clone, Default)]
pub(crate) struct Panics(Family<[(&'static str, &'static str); 1], Counter>);

impl Panics {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let panics = Self::default();
        metrics.register(|registry| names::PANICS.register(registry, panics.0.clone()));
        panics
    }

    fn count(&self, edge: Edge) {
        self.0.get_or_create(&[("where", edge.as_str())]).inc();
    }

    /// What is left of a panic at this edge.
    fn caught(&self, place: &Place, payload: &(dyn Any + Send)) -> Panicked {
        self.count(place.edge);
        let message = said(payload);
        trace::exception("panic", &message);
        let location = LAST.take();
        if location.is_none() {
            // Without the hook of `main` nothing has been logged.
            let (r#where, component) = (place.edge.as_str(), &*place.part);
            tracing::error!(code = Code::Panic.as_str(), r#where, component, "panicked: {message}");
        }
        Panicked { message, location }
    }
}

#[derive(Debug)]
struct Place {
    edge: Edge,
    /// The component, job or hook.
    part: Arc<str>,
}

thread_local! {
    /// Whose code this thread runs now.
    static HERE: RefCell<Option<Arc<Place>>> = const { RefCell::new(None) };
    /// Where the last panic of this thread was; taken by the edge that catches it.
    static LAST: Cell<Option<String>> = const { Cell::new(None) };
    /// A panic while one is being logged must not be logged.
    static LOGGING: Cell<bool> = const { Cell::new(false) };
}

impl AppHandle {
    /// Catches panics of the user's code in `part` of the app, for code that is called often.
    #[must_use]
    pub fn catcher(&self, edge: Edge, part: impl Into<Arc<str>>) -> Catcher {
        Catcher { place: Arc::new(Place { edge, part: part.into() }), panics: self.0.panics.clone() }
    }

    /// Runs `work`, the user's code in `part` of the app; a panic in it is logged and counted, and returned.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use inkstone_core::{App, Edge};
    ///
    /// let app = App::from_toml("t.toml", "").handle().clone();
    /// let panicked = app.caught(Edge::Task, "sweep", async { panic!("no broom") }).await;
    /// assert_eq!(panicked.unwrap_err().message, "no broom");
    /// assert!(app.metrics().encode().contains("inkstone_panic_total{where=\"task\"} 1"));
    /// # });
    /// ```
    pub fn caught<F: Future>(&self, edge: Edge, part: impl Into<Arc<str>>, work: F) -> Caught<F> {
        self.catcher(edge, part).run(work)
    }
}

/// Catches, logs and counts the panics of one part of an app. A handle.
#[derive(Debug, Clone)]
pub struct Catcher {
    place: Arc<Place>,
    panics: Panics,
}

impl Catcher {
    /// Runs `work`; a panic in it is returned.
    pub fn run<F: Future>(&self, work: F) -> Caught<F> {
        Caught { work, catcher: self.clone() }
    }

    /// [`run`](Self::run) for code that does not wait.
    ///
    /// # Errors
    /// When it panicked.
    pub fn now<T>(&self, work: impl FnOnce() -> T) -> Result<T, Panicked> {
        let outer = HERE.replace(Some(self.place.clone()));
        let done = catch_unwind(AssertUnwindSafe(work));
        HERE.replace(outer);
        done.map_err(|payload| self.panics.caught(&self.place, payload.as_ref()))
    }
}

pin_project_lite::pin_project! {
    /// Work whose panics are caught, from [`Catcher::run`].
    #[must_use = "a future does nothing until it is awaited"]
    pub struct Caught<F> {
        #[pin]
        work: F,
        catcher: Catcher,
    }
}

impl<F: Future> Future for Caught<F> {
    type Output = Result<F::Output, Panicked>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match this.catcher.now(|| this.work.poll(cx)) {
            Ok(polled) => polled.map(Ok),
            Err(panicked) => Poll::Ready(Err(panicked)),
        }
    }
}

impl<F> fmt::Debug for Caught<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caught").field("catcher", &self.catcher).finish_non_exhaustive()
    }
}

/// Runs the user's code before there is an app to count its panics.
pub(crate) fn before_the_app<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(work))
        .map_err(|payload| Panicked { message: said(payload.as_ref()), location: LAST.take() })
}

/// The panic hook of a service: one structured line with a backtrace instead of Rust's text. The count is for panics
/// that reach no edge; it is there once the app is.
pub(crate) fn install() -> Arc<OnceLock<Panics>> {
    let app = Arc::new(OnceLock::<Panics>::new());
    let count = app.clone();
    std::panic::set_hook(Box::new(move |panic| {
        let place = HERE.with_borrow(Clone::clone);
        if let (None, Some(panics)) = (&place, count.get()) {
            panics.count(Edge::Elsewhere);
        }
        let location = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        if !LOGGING.replace(true) {
            log(panic, place.as_deref(), &location);
            LOGGING.set(false);
        }
        LAST.set(Some(location));
    }));
    app
}

fn log(panic: &PanicHookInfo<'_>, place: Option<&Place>, location: &str) {
    let message = panic.payload_as_str().unwrap_or(NO_TEXT);
    let r#where = place.map_or(Edge::Elsewhere, |place| place.edge).as_str();
    let component = place.map_or("", |place| &*place.part);
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("unnamed");
    let backtrace = Backtrace::force_capture();
    if tracing::dispatcher::has_been_set() {
        let code = Code::Panic.as_str();
        tracing::error!(code, r#where, component, location, thread, %backtrace, "panicked: {message}");
    } else {
        // Before there are logs, standard error is all there is.
        let _closed = writeln!(std::io::stderr(), "panicked at {location}: {message}\n{backtrace}");
    }
}

const NO_TEXT: &str = "a panic without a message";

fn said(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| NO_TEXT.to_owned())
}
