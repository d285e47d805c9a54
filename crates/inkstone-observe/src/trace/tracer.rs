//! Where spans begin: the app's rules about them, and the way out.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, HeaderName};
use inkstone_config::Live;

use super::context::{Context, current};
use super::export::Exporter;
use super::headers::{self, Incoming};
use super::sampler::Ratio;
use super::span::{Ended, Parent, Span, SpanKind};

/// The traces of one app: which are recorded, what travels with them, and where they go. A handle.
///
/// The default one records nothing. Requests have ids all the same.
#[derive(Clone)]
pub struct Tracer(Arc<Inner>);

struct Inner {
    rules: Live<Rules>,
    exporter: Option<Exporter>,
}

/// What can change while the app runs.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// The part of new traces that is recorded.
    pub ratio: Ratio,
    /// Headers that travel on with every request, to log lines and to the calls that it makes.
    pub propagate: Vec<HeaderName>,
    /// Servers whose callers are not believed, by their key in the configuration.
    pub untrusted: Vec<String>,
    /// The header of an HTTP response that tells the trace id.
    pub response_header: Option<HeaderName>,
}

impl Tracer {
    /// A tracer of these rules. Without an exporter no trace is recorded, unless the caller's says so, and then not here.
    #[must_use]
    pub fn new(rules: Live<Rules>, exporter: Option<Exporter>) -> Self {
        Self(Arc::new(Inner { rules, exporter }))
    }

    /// What came with a request to the server configured at `name`: nothing if its callers are not believed.
    #[must_use]
    pub fn extract(&self, name: &str, headers: &HeaderMap) -> Incoming {
        let rules = self.0.rules.get();
        if rules.untrusted.iter().any(|untrusted| untrusted == name) {
            return Incoming::default();
        }
        headers::extract(headers, &rules.propagate)
    }

    /// Writes `context` into the headers of an outgoing request.
    pub fn inject(&self, context: &Context, headers: &mut HeaderMap) {
        headers::inject(context, &self.0.rules.get().propagate, headers);
    }

    /// Begins the span of a call that is served. `background` is for what asks all the time, such as probes: it begins no
    /// trace that is recorded.
    pub fn serve(&self, incoming: Incoming, background: bool, name: impl Into<Cow<'static, str>>) -> Span {
        let parent = incoming.parent().map(|ids| Parent { span: ids.span, remote: true });
        let context = incoming.begin(|| if background { Ratio::default() } else { self.ratio() }.root());
        Span::begin(self, context, SpanKind::Server, parent, name)
    }

    /// Begins a span under what came with some other kind of request, such as that to run a job.
    pub fn begin(&self, kind: SpanKind, incoming: Incoming, name: impl Into<Cow<'static, str>>) -> Span {
        let parent = incoming.parent().map(|ids| Parent { span: ids.span, remote: true });
        let context = incoming.begin(|| self.ratio().root());
        Span::begin(self, context, kind, parent, name)
    }

    /// Begins a span under what the work at hand belongs to, or else a trace.
    pub fn span(&self, kind: SpanKind, name: impl Into<Cow<'static, str>>) -> Span {
        match current() {
            Some(above) => {
                let parent = Parent { span: above.ids().span, remote: false };
                Span::begin(self, above.child(), kind, Some(parent), name)
            }
            None => self.root(kind, name),
        }
    }

    /// Begins a trace.
    pub fn root(&self, kind: SpanKind, name: impl Into<Cow<'static, str>>) -> Span {
        Span::begin(self, Context::new(self.ratio().root()), kind, None, name)
    }

    /// The header of an HTTP response that tells the trace id, if one does.
    #[must_use]
    pub fn response_header(&self) -> Option<HeaderName> {
        self.0.rules.get().response_header.clone()
    }

    pub(crate) fn exports(&self) -> bool {
        self.0.exporter.is_some()
    }

    pub(crate) fn export(&self, ended: Ended) {
        if let Some(exporter) = &self.0.exporter {
            exporter.export(ended);
        }
    }

    /// Without an exporter the next service must not think that there is something to add to.
    fn ratio(&self) -> Ratio {
        if self.exports() { self.0.rules.get().ratio } else { Ratio::default() }
    }
}

impl Default for Tracer {
    fn default() -> Self {
        Self::new(Live::fixed(Rules::default()), None)
    }
}

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracer")
            .field("rules", &self.0.rules)
            .field("exports", &self.exports())
            .finish_non_exhaustive()
    }
}
