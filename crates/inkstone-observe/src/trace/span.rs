//! Spans: one call or one piece of work, from its beginning to its end.

use std::borrow::Cow;
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use super::context::{Context, current, scope, with_current};
use super::ids::TraceIds;
use super::tracer::Tracer;
use super::value::Value;

/// What a span is to the one on the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpanKind {
    /// Work inside the service.
    Internal,
    /// A call that is served.
    Server,
    /// A call that is made.
    Client,
}

/// One call or one piece of work. It ends when it is dropped.
///
/// A span of a trace that is not sampled has ids and nothing else: it costs a random number, and all that is said to it
/// is forgotten.
#[derive(Debug)]
#[must_use = "a span ends when it is dropped"]
pub struct Span {
    context: Context,
}

/// A span that will be exported. Shared by the span and the contexts of what runs in it.
#[derive(Debug)]
pub(crate) struct Recording {
    tracer: Tracer,
    kind: SpanKind,
    parent: Option<Parent>,
    started: SystemTime,
    clock: Instant,
    said: Mutex<Said>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Parent {
    pub(crate) span: [u8; 8],
    /// Whether it is of another process.
    pub(crate) remote: bool,
}

/// What is said about a span while it lasts.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub(crate) name: Cow<'static, str>,
    pub(crate) attributes: Vec<(&'static str, Value)>,
    pub(crate) events: Vec<Event>,
    /// What is beyond the limits is only counted.
    pub(crate) more_attributes: u32,
    pub(crate) more_events: u32,
    /// Why it failed, if it did. Empty where the attributes say it all.
    pub(crate) failed: Option<Cow<'static, str>>,
}

/// Something that happened at one moment of a span.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) name: Cow<'static, str>,
    pub(crate) at: SystemTime,
    pub(crate) attributes: Vec<(&'static str, Value)>,
}

/// A span that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) context: Context,
    pub(crate) kind: SpanKind,
    pub(crate) parent: Option<Parent>,
    pub(crate) started: SystemTime,
    pub(crate) ended: SystemTime,
    pub(crate) said: Said,
}

/// Most attributes and most events of one span: OpenTelemetry's own limits.
const MOST: usize = 128;

/// Begins a span under what the work at hand belongs to. Outside any call, task or job it is part of a trace that nobody
/// records; [`Tracer::span`] begins one that may be.
///
/// ```
/// use inkstone_observe::trace;
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let price = trace::span("work out the price")
///     .with("cart.size", 3)
///     .run(async {
///         trace::event("the discount is known", [("percent", 5.into())]);
///         42
///     })
///     .await;
/// assert_eq!(price, 42);
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn span(name: impl Into<Cow<'static, str>>) -> Span {
    match current() {
        Some(parent) => Span::child(&parent, SpanKind::Internal, name),
        None => Span { context: Context::new(TraceIds::root(false)) },
    }
}

/// Says something about the span of the work at hand.
pub fn set(key: &'static str, value: impl Into<Value>) {
    with_current(|context| context.set(key, value));
}

/// Notes that something happened, in the span of the work at hand.
pub fn event(
    name: impl Into<Cow<'static, str>>,
    attributes: impl IntoIterator<Item = (&'static str, Value)>,
) {
    with_current(|context| context.event(name, attributes));
}

/// Marks the span of the work at hand as failed.
pub fn fail(why: impl Into<Cow<'static, str>>) {
    with_current(|context| context.fail(why));
}

/// Notes an error or a panic that ended the work at hand, and marks its span as failed.
pub fn exception(kind: &'static str, message: &str) {
    with_current(|context| context.exception(kind, message));
}

impl Span {
    pub(crate) fn begin(
        tracer: &Tracer,
        mut context: Context,
        kind: SpanKind,
        parent: Option<Parent>,
        name: impl Into<Cow<'static, str>>,
    ) -> Self {
        context.record(None);
        if context.ids().sampled && tracer.exports() {
            let said = Said { name: name.into(), ..Said::default() };
            context.record(Some(Recording {
                tracer: tracer.clone(),
                kind,
                parent,
                started: SystemTime::now(),
                clock: Instant::now(),
                said: Mutex::new(said),
            }));
        }
        Self { context }
    }

    /// A span under `parent`, recorded where that is.
    pub fn child(parent: &Context, kind: SpanKind, name: impl Into<Cow<'static, str>>) -> Self {
        let context = parent.child();
        match parent.recording() {
            Some(recording) => {
                let above = Parent { span: parent.ids().span, remote: false };
                Self::begin(&recording.tracer, context, kind, Some(above), name)
            }
            None => Self { context },
        }
    }

    /// What the work in this span belongs to.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Whether it is exported, so that it is worth saying something about it.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        self.context.recording().is_some()
    }

    /// Gives it another name, once more is known.
    pub fn rename(&self, name: impl Into<Cow<'static, str>>) {
        if let Some(recording) = self.context.recording() {
            recording.said().name = name.into();
        }
    }

    /// With something said about it.
    pub fn with(self, key: &'static str, value: impl Into<Value>) -> Self {
        self.context.set(key, value);
        self
    }

    /// Says something about it. What was said of the same key is replaced.
    pub fn set(&self, key: &'static str, value: impl Into<Value>) {
        self.context.set(key, value);
    }

    /// Marks it as failed. The reason is for people; none where the attributes say it all.
    pub fn fail(&self, why: impl Into<Cow<'static, str>>) {
        self.context.fail(why);
    }

    /// Runs `work` in it. The span ends with the work, also when that is given up.
    pub async fn run<F: Future>(self, work: F) -> F::Output {
        scope(self.context.clone(), work).await
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let Some(recording) = self.context.recording() {
            let ended = Ended {
                kind: recording.kind,
                parent: recording.parent,
                started: recording.started,
                ended: recording.started + recording.clock.elapsed(),
                said: std::mem::take(&mut *recording.said()),
                context: self.context.unrecorded(),
            };
            recording.tracer.export(ended);
        }
    }
}

impl Recording {
    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Context {
    /// Says something about the span that the work belongs to.
    pub fn set(&self, key: &'static str, value: impl Into<Value>) {
        let Some(recording) = self.recording() else { return };
        let said = &mut *recording.said();
        let full = said.attributes.len() == MOST;
        match said.attributes.iter_mut().find(|(known, _)| *known == key) {
            Some((_, known)) => *known = value.into(),
            None if full => said.more_attributes += 1,
            None => said.attributes.push((key, value.into())),
        }
    }

    /// Notes that something happened in the span that the work belongs to.
    pub fn event(
        &self,
        name: impl Into<Cow<'static, str>>,
        attributes: impl IntoIterator<Item = (&'static str, Value)>,
    ) {
        let Some(recording) = self.recording() else { return };
        let attributes = attributes.into_iter().take(MOST).collect();
        let event = Event { name: name.into(), at: SystemTime::now(), attributes };
        let said = &mut *recording.said();
        match said.events.len() {
            MOST => said.more_events += 1,
            _ => said.events.push(event),
        }
    }

    /// Marks the span that the work belongs to as failed. The first reason stays.
    pub fn fail(&self, why: impl Into<Cow<'static, str>>) {
        if let Some(recording) = self.recording() {
            recording.said().failed.get_or_insert_with(|| why.into());
        }
    }

    /// Notes an error or a panic, and marks the span that the work belongs to as failed
    /// ([exceptions on spans](https://opentelemetry.io/docs/specs/semconv/exceptions/exceptions-spans/)).
    pub fn exception(&self, kind: &'static str, message: &str) {
        if self.recording().is_some() {
            self.event("exception", [("exception.type", kind.into()), ("exception.message", message.into())]);
            self.fail(message.to_owned());
        }
    }
}
