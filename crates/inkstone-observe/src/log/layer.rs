//! Turns tracing's events into lines.

use std::error::Error;
use std::fmt::{self, Write};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use arc_swap::Guard;
use tracing_core::field::{Field, Visit};
use tracing_core::span::{Attributes, Id, Record};
use tracing_core::subscriber::Interest;
use tracing_core::{Event, LevelFilter, Metadata, Subscriber};
use tracing_log::NormalizeEvent;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::config::RepeatBy;
use super::control::Logs;
use super::line::{Line, with_buffers};
use super::redaction::Redaction;
use super::repeat::Like;
use crate::redact::MASK;

/// Writes each event as a line, with the fields of the spans around it.
#[derive(Debug, Clone)]
pub(super) struct Lines(pub(super) Arc<Logs>);

impl<S> Layer<S> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        // A change of levels has every callsite asked again.
        if self.0.levels.now().enabled(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.0.levels.now().enabled(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let most = self.0.levels.now().most();
        // Spans up to info are always there, unless everything is off.
        Some(if most == LevelFilter::OFF { most } else { most.max(LevelFilter::INFO) })
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = SpanFields::default();
            attributes.record(&mut Gather { fields: &mut fields, redaction: &self.0.redaction.load() });
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<SpanFields>()
        {
            values.record(&mut Gather { fields, redaction: &self.0.redaction.load() });
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let of_log = event.normalized_metadata();
        let metadata = of_log.as_ref().unwrap_or_else(|| event.metadata());
        let logs = &*self.0;
        with_buffers(|buffers| {
            let mut line = Line::begin(buffers, logs.look, logs.most, *metadata.level(), metadata.target());
            let begun = line.len();
            let mut fields = Fields {
                line: &mut line,
                redaction: logs.redaction.load(),
                of_log: of_log.is_some(),
                message: None,
            };
            fields.message = logs.repeat.by().map(|_| String::new());
            event.record(&mut fields);
            let message = fields.message.take();
            let content = begun..line.len();
            around(&mut line, event, &context);
            logs.common(&mut line, metadata.file().zip(metadata.line()));
            line.end();
            if let (Some(by), Some(message)) = (logs.repeat.by(), message) {
                let mut hasher = DefaultHasher::new();
                event.metadata().callsite().hash(&mut hasher);
                if by == RepeatBy::Line {
                    buffers.text[content].hash(&mut hasher);
                }
                let target = metadata.target();
                let like = || Like { level: *metadata.level(), target: target.to_owned(), message };
                if !logs.admit(hasher.finish(), like) {
                    return;
                }
            }
            logs.write(*metadata.level(), &buffers.text);
        });
    }
}

/// The spans around an event: their path, and their fields, of which the innermost wins.
fn around<S>(line: &mut Line<'_>, event: &Event<'_>, context: &Context<'_, S>)
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let Some(scope) = context.event_scope(event) else { return };
    for span in scope {
        if let Some(fields) = span.extensions().get::<SpanFields>() {
            fields.0.iter().filter(|(name, _)| *name != "message").for_each(|(name, value)| {
                if !line.has(name) {
                    value.write(name, line);
                }
            });
        }
    }
    if line.has("span") {
        return;
    }
    let path = context.event_scope(event).into_iter().flat_map(|scope| scope.from_root());
    let mut text = String::new();
    for span in path {
        if !text.is_empty() {
            text.push(':');
        }
        text.push_str(span.name());
    }
    line.str("span", &text);
}

/// Fields of an event, straight into the line.
struct Fields<'l, 'b> {
    line: &'l mut Line<'b>,
    redaction: Guard<Arc<Redaction>>,
    /// Whether it comes from the crate `log`, which has its metadata in fields.
    of_log: bool,
    /// Where the message is kept, if somebody may need it.
    message: Option<String>,
}

impl Fields<'_, '_> {
    fn show(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        let name = field.name();
        if name == "message" {
            if let Some(message) = &mut self.message {
                let _ = write!(message, "{value}");
            }
            self.line.message(value);
        } else if self.of_log && name.starts_with("log.") {
            // Already in the line.
        } else if self.redaction.hides(name) {
            self.line.str(name, MASK);
        } else {
            self.line.show(name, value);
        }
    }
}

impl Fields<'_, '_> {
    fn number(&mut self, field: &Field, write: impl FnOnce(&mut Line<'_>, &'static str)) {
        let name = field.name();
        if self.redaction.hides(name) { self.line.str(name, MASK) } else { write(self.line, name) }
    }
}

impl Visit for Fields<'_, '_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.number(field, |line, name| line.float(name, value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.number(field, |line, name| line.plain(name, value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if !(self.of_log && field.name().starts_with("log.")) {
            self.number(field, |line, name| line.plain(name, value));
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        if self.redaction.lists(field.name()) {
            self.line.str(field.name(), MASK);
        } else {
            self.line.plain(field.name(), value);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.show(field, format_args!("{value}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.show(field, format_args!("{}", Chain(value)));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // A message is the program's own text; a value may be somebody's headers.
        if field.name() == "message" {
            return self.show(field, format_args!("{value:?}"));
        }
        let text = self.redaction.inside(format!("{value:?}"));
        self.show(field, format_args!("{text}"));
    }
}

/// An error with what caused it, unless it says that itself.
pub(super) struct Chain<'a>(pub(super) &'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = self.0.to_string();
        f.write_str(&said)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            let text = error.to_string();
            if !said.ends_with(&text) {
                write!(f, ": {text}")?;
            }
            said = text;
            source = error.source();
        }
        Ok(())
    }
}

/// The fields of a span.
#[derive(Debug, Default)]
struct SpanFields(Vec<(&'static str, Value)>);

#[derive(Debug)]
enum Value {
    Text(String),
    Plain(String),
    Float(f64),
}

impl Value {
    fn write(&self, name: &str, line: &mut Line<'_>) {
        match self {
            Self::Text(text) => line.str(name, text),
            Self::Plain(text) => line.plain(name, text),
            Self::Float(value) => line.float(name, *value),
        }
    }
}

struct Gather<'a> {
    fields: &'a mut SpanFields,
    redaction: &'a Redaction,
}

impl Gather<'_> {
    fn set(&mut self, field: &Field, value: Value) {
        match self.fields.0.iter_mut().find(|(name, _)| *name == field.name()) {
            Some((_, earlier)) => *earlier = value,
            None => self.fields.0.push((field.name(), value)),
        }
    }
}

impl Gather<'_> {
    fn number(&mut self, field: &Field, value: Value) {
        let hidden = self.redaction.hides(field.name());
        self.set(field, if hidden { Value::Text(MASK.to_owned()) } else { value });
    }
}

impl Visit for Gather<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.number(field, Value::Float(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.number(field, Value::Plain(value.to_string()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.number(field, Value::Plain(value.to_string()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        let hidden = self.redaction.lists(field.name());
        self.set(field, if hidden { Value::Text(MASK.to_owned()) } else { Value::Plain(value.to_string()) });
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let value = self.redaction.value(field.name(), value).to_owned();
        self.set(field, Value::Text(value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.record_str(field, &Chain(value).to_string());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &self.redaction.inside(format!("{value:?}")));
    }
}
