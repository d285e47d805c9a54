//! For tests: what every source of configuration must do, whatever it is read from.
//!
//! The test of a source says how its content is written and its place made unreachable; [`check`] does the rest.

use std::{
    fmt::Write as _,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

use crate::{Code, Config, Live, Settings, Sources, Watching, origin::sha256};

/// Longer than anything here takes on a busy machine.
const SOON: Duration = Duration::from_secs(30);
/// How many changes follow one another without a pause.
const CHANGES: u32 = 20;

/// A source under test.
pub trait Subject: Send {
    /// Sources with nothing but this one, its address with credentials where it may have some.
    fn sources(&self) -> Sources;

    /// The same for something that does not exist.
    fn absent(&self) -> Sources;

    /// Makes or replaces the content, a TOML text.
    fn write(&mut self, text: &str) -> impl Future<Output = ()> + Send;

    /// Deletes what holds the content.
    fn delete(&mut self) -> impl Future<Output = ()> + Send;

    /// Makes the whole place unreachable.
    fn lose(&mut self) -> impl Future<Output = ()> + Send;

    /// Brings the place back with the content it had.
    fn restore(&mut self) -> impl Future<Output = ()> + Send;

    /// What must not be seen in status, log, errors and effective values.
    fn credentials(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The table that the checks write.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Shelf {
    /// The number of the change.
    #[schemars(extend("x-live" = true))]
    number: u32,
}

impl Config for Shelf {}

fn text(number: u32) -> String {
    format!("# content {number}\n[shelf]\nnumber = {number}\n")
}

/// Puts a source through everything that every source must do.
///
/// # Panics
/// Where it does not; the message says what was expected.
pub async fn check(mut subject: impl Subject) {
    let log = Log::capture();
    absent(&subject, &log).await;
    subject.write(&text(1)).await;
    let sources = subject.sources();
    sources.fetch().await;
    let settings = Settings::open(sources);
    let shelf = settings.load::<Shelf>("shelf", "shelf");
    assert!(settings.problems().is_empty(), "the first reading fails:\n{}", settings.problems());
    let run = Run { watching: Some(settings.watch()), settings, shelf, log };
    run.first_content().await;
    run.changes(&mut subject).await;
    run.refusal(&mut subject).await;
    run.deletion(&mut subject).await;
    run.outage(&mut subject).await;
    run.no_credentials(&subject);
    run.end(&mut subject).await;
}

/// What does not exist keeps the program from starting, and the error says what and why.
async fn absent(subject: &impl Subject, log: &Log) {
    let sources = subject.absent();
    sources.fetch().await;
    let settings = Settings::open(sources);
    settings.load::<Shelf>("shelf", "shelf");
    let problems = settings.problems();
    let codes: Vec<_> = problems.iter().map(|fault| fault.code).collect();
    let unreadable = matches!(codes[..], [Code::UnreadableFile | Code::UnreadableSource]);
    assert!(unreadable, "what does not exist gives one start error that says so, not:\n{problems}");
    for fault in problems.iter() {
        assert!(fault.target.is_some() && fault.hint.is_some(), "target and hint are missing:\n{problems}");
    }
    hides(subject, &format!("{problems} {problems:?} {} {}", problems.to_json_lines(), log.text()));
}

fn hides(subject: &impl Subject, shown: &str) {
    for secret in subject.credentials() {
        assert!(!shown.contains(&secret), "{secret:?} is shown in:\n{shown}");
    }
}

struct Run {
    settings: Settings,
    shelf: Live<Shelf>,
    watching: Option<Watching>,
    log: Log,
}

impl Run {
    async fn first_content(&self) {
        assert_eq!(self.shelf.get().number, 1, "the first content is in force when the source has been read");
        let effective = self.settings.effective();
        let value = effective.iter().find(|value| value.key == "shelf.number").expect("the key is loaded");
        let status = self.settings.status();
        let [source] = &status.sources[..] else { panic!("there is one source, not {:?}", status.sources) };
        assert_eq!(value.origin, format!("{}:3:10", source.name), "the origin is name, line and column");
        assert_eq!(source.hash, sha256(text(1).as_bytes()), "the hash is that of the content");
    }

    async fn changes(&self, subject: &mut impl Subject) {
        subject.write(&text(2)).await;
        self.arrives(2).await;
        for number in 3..3 + CHANGES {
            subject.write(&text(number)).await;
        }
        self.arrives(2 + CHANGES).await;
    }

    async fn refusal(&self, subject: &mut impl Subject) {
        let before = self.shelf.get().number;
        subject.write("[shelf]\nnumber = \"many\"\n").await;
        self.soon("a content that does not fit is refused", || self.settings.status().rejected.is_some())
            .await;
        let rejected = self.settings.status().rejected.expect("it was there").problems.to_string();
        assert!(rejected.contains("shelf"), "the refusal does not say why:\n{rejected}");
        assert_eq!(self.shelf.get().number, before, "a refused content changes nothing");
        subject.write(&text(100)).await;
        self.arrives(100).await;
    }

    async fn deletion(&self, subject: &mut impl Subject) {
        subject.delete().await;
        self.soon("a deletion is reported", || self.reports_trouble()).await;
        assert_eq!(self.shelf.get().number, 100, "a deletion keeps the last good value");
        subject.write(&text(101)).await;
        self.arrives(101).await;
    }

    async fn outage(&self, subject: &mut impl Subject) {
        subject.lose().await;
        self.soon("an outage is reported", || self.reports_trouble()).await;
        assert_eq!(self.shelf.get().number, 101, "an outage keeps the last good value");
        subject.restore().await;
        self.soon("the end of an outage is seen", || !self.reports_trouble()).await;
        assert_eq!(self.shelf.get().number, 101, "the content has not changed meanwhile");
        subject.write(&text(102)).await;
        self.arrives(102).await;
    }

    fn no_credentials(&self, subject: &impl Subject) {
        let status = self.settings.status();
        let mut shown = format!("{:?} {status:?} {}", self.settings, self.log.text());
        for value in self.settings.effective() {
            let _infallible = write!(shown, "{value:?}");
        }
        hides(subject, &shown);
    }

    /// After the settings are gone nothing follows the source any more.
    async fn end(mut self, subject: &mut impl Subject) {
        drop(self.watching.take());
        let shelf = self.shelf.clone();
        drop(self.settings);
        subject.write(&text(103)).await;
        assert_eq!(shelf.get().number, 102, "nothing is applied after watching has stopped");
    }

    fn reports_trouble(&self) -> bool {
        let status = self.settings.status();
        status.rejected.is_some() || status.sources.iter().any(|source| source.trouble.is_some())
    }

    /// Waits until this content is in force and nothing is reported.
    async fn arrives(&self, number: u32) {
        let what = format!("content {number} is in force, and nothing is wrong");
        self.soon(&what, || self.shelf.get().number == number && !self.reports_trouble()).await;
        let hash = sha256(text(number).as_bytes());
        self.soon("the status has its hash", || self.settings.status().sources[0].hash == hash).await;
    }

    async fn soon(&self, what: &str, holds: impl Fn() -> bool) {
        let start = Instant::now();
        while !holds() {
            let late = start.elapsed() > SOON;
            assert!(!late, "not within {SOON:?}: {what}; {:?}, {:?}", self.shelf, self.settings.status());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

/// Every log line of the process.
struct Log(Arc<Mutex<String>>);

impl Log {
    /// Of the whole process, if nothing else has taken the log yet: sources work on threads of their own.
    fn capture() -> Self {
        static LINES: std::sync::OnceLock<Arc<Mutex<String>>> = std::sync::OnceLock::new();
        let lines = LINES.get_or_init(|| {
            let lines = Arc::new(Mutex::new(String::new()));
            // A test that installs its own reads it itself.
            let _taken = tracing::subscriber::set_global_default(Lines(Arc::clone(&lines)));
            lines
        });
        Self(Arc::clone(lines))
    }

    fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

struct Lines(Arc<Mutex<String>>);

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Below that are other libraries' bytes on the wire.
        *metadata.level() <= tracing::Level::DEBUG
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        event.record(&mut Line(&mut lines));
        lines.push('\n');
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

struct Line<'a>(&'a mut String);

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _infallible = write!(self.0, " {field}={value:?}");
    }
}
