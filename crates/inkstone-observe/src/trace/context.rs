//! What a piece of work belongs to, kept with its task.

use std::future::Future;
use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use tokio::task::JoinHandle;

use super::baggage::Baggage;
use super::ids::TraceIds;
use super::span::Recording;
use super::state::TraceState;

tokio::task_local! {
    static CURRENT: Context;
}

/// The trace that a piece of work belongs to, and what travels with it. Cloning it is cheap.
#[derive(Debug, Clone)]
pub struct Context {
    ids: TraceIds,
    /// Whether the trace id is random enough to sample by it, which level 2 tells with a flag.
    random: bool,
    /// Most requests carry nothing.
    carried: Option<Arc<Carried>>,
    /// The span itself, if it is recorded here.
    recording: Option<Arc<Recording>>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Carried {
    pub(crate) state: TraceState,
    pub(crate) baggage: Baggage,
    pub(crate) keys: Keys,
}

/// The propagated keys of a request: headers that were chosen by the configuration. They are on its log lines and on
/// the calls that it makes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keys(Vec<(HeaderName, HeaderValue)>);

impl Context {
    /// A context of these ids, with nothing else.
    #[must_use]
    pub fn new(ids: TraceIds) -> Self {
        Self { ids, random: true, carried: None, recording: None }
    }

    pub(crate) fn from_parts(ids: TraceIds, random: bool, carried: Option<Arc<Carried>>) -> Self {
        Self { ids, random, carried, recording: None }
    }

    /// The ids of the span.
    #[must_use]
    pub fn ids(&self) -> TraceIds {
        self.ids
    }

    /// The context of a span under this one: another span id, the same of all that travels.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { ids: self.ids.child(), ..self.unrecorded() }
    }

    /// What other tracing systems have added.
    #[must_use]
    pub fn state(&self) -> Option<&TraceState> {
        self.carried.as_deref().map(|carried| &carried.state)
    }

    /// The baggage.
    #[must_use]
    pub fn baggage(&self) -> Baggage {
        self.carried.as_deref().map(|carried| carried.baggage.clone()).unwrap_or_default()
    }

    /// This context with another baggage, for the calls made under it.
    ///
    /// ```
    /// use inkstone_observe::trace::{self, Context, TraceIds};
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let context = trace::current().unwrap_or_else(|| Context::new(TraceIds::root(false)));
    /// let baggage = context.baggage().with("tenant", "acme").expect("it has room");
    /// trace::scope(context.with_baggage(baggage), async {
    ///     assert_eq!(trace::current().unwrap().baggage().get("tenant"), Some("acme"));
    /// })
    /// .await;
    /// # });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn with_baggage(mut self, baggage: Baggage) -> Self {
        self.carry().baggage = baggage;
        self
    }

    /// The propagated keys with their values.
    pub fn keys(&self) -> impl Iterator<Item = (&str, &str)> {
        self.carried.iter().flat_map(|carried| carried.keys.iter())
    }

    /// This context with a propagated key more. One that is there already stays as it is: what came with the request is
    /// not overwritten. Which keys travel is up to the configuration; any other is on log lines only.
    #[must_use]
    pub fn with_key(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.carry().keys.add(name, value);
        self
    }

    pub(crate) fn random(&self) -> bool {
        self.random
    }

    pub(crate) fn carried(&self) -> Option<&Arc<Carried>> {
        self.carried.as_ref()
    }

    pub(crate) fn recording(&self) -> Option<&Recording> {
        self.recording.as_deref()
    }

    pub(crate) fn record(&mut self, recording: Option<Recording>) {
        self.recording = recording.map(Arc::new);
    }

    pub(crate) fn unrecorded(&self) -> Self {
        Self { ids: self.ids, random: self.random, carried: self.carried.clone(), recording: None }
    }

    fn carry(&mut self) -> &mut Carried {
        Arc::make_mut(self.carried.get_or_insert_default())
    }
}

impl Keys {
    /// Most keys of one request.
    pub(crate) const MOST: usize = 16;
    /// Most bytes of one value.
    pub(crate) const BYTES: usize = 256;

    /// Adds a key, unless it is there, its value is not plain text or too long, or there are too many.
    pub(crate) fn add(&mut self, name: HeaderName, value: HeaderValue) {
        let fits = (1..=Self::BYTES).contains(&value.len()) && value.to_str().is_ok();
        if fits && self.0.len() < Self::MOST && !self.0.iter().any(|(known, _)| *known == name) {
            self.0.push((name, value));
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn headers(&self) -> impl Iterator<Item = &(HeaderName, HeaderValue)> {
        self.0.iter()
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        // Only plain text gets in.
        self.0.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default()))
    }
}

/// What the work at hand belongs to; none outside of any call, task or job.
#[must_use]
pub fn current() -> Option<Context> {
    CURRENT.try_with(Context::clone).ok()
}

/// The ids of what the work at hand belongs to: cheaper than [`current`].
#[must_use]
pub fn current_ids() -> Option<TraceIds> {
    CURRENT.try_with(|context| context.ids).ok()
}

/// Looks at what the work at hand belongs to, without cloning it.
pub fn with_current<T>(look: impl FnOnce(&Context) -> T) -> Option<T> {
    CURRENT.try_with(look).ok()
}

/// Runs `work` as part of `context`.
pub async fn scope<F: Future>(context: Context, work: F) -> F::Output {
    CURRENT.scope(context, work).await
}

/// Runs one step of what is polled as part of `context`.
pub fn step<T>(context: &Context, step: impl FnOnce() -> T) -> T {
    CURRENT.sync_scope(context.clone(), step)
}

/// `work` as part of what is current now, wherever it is polled. A task that is spawned belongs to nothing otherwise.
pub fn in_current<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let context = current();
    async move {
        match context {
            Some(context) => scope(context, work).await,
            None => work.await,
        }
    }
}

/// Spawns `work` as part of what is current now. Whoever calls this waits for the task, or ends it.
pub fn spawn<F>(work: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(in_current(work))
}
