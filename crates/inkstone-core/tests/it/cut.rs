//! Servers in this process: what is left of them when the app has ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use inkstone_config::{Code, Config};
use inkstone_core::{App, Bound, Load, Result, Section, Server};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of a server that does not listen.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct NoConfig {}

impl Config for NoConfig {}

/// What a server does, and what it has come to.
#[derive(Debug, Clone, Default)]
struct Seen {
    /// Ends at once instead of never.
    gives_up: bool,
    /// Ends when it is told to, instead of never.
    obeys: bool,
    begun: Arc<AtomicBool>,
    /// Held by the server for as long as it lives.
    alive: Arc<()>,
}

struct Stubborn(Section<NoConfig>, Option<Seen>);

impl Load for Stubborn {
    const KIND: &'static str = "server.stubborn";
    type Config = NoConfig;
    type Loaded = Self;

    fn loaded(section: Section<NoConfig>) -> Self {
        Self(section, None)
    }
}

impl Server for Stubborn {
    async fn bind(self) -> Result<Bound> {
        let Some(seen) = self.1 else {
            return Err(self.0.cx.fault(Code::PortTaken, "the port is taken").into());
        };
        let stopping = self.0.cx.stopping();
        let serve = Box::pin(async move {
            let _alive = seen.alive;
            seen.begun.store(true, Ordering::Relaxed);
            match (seen.gives_up, seen.obeys) {
                (true, _) => {}
                (false, true) => stopping.cancelled().await,
                (false, false) => std::future::pending().await,
            }
            Ok(())
        });
        Ok(Bound { endpoint: None, serve })
    }

    fn cx(&self) -> &inkstone_core::Cx {
        &self.0.cx
    }
}

fn app() -> App {
    with_app_table("drain = \"0s\"\nstop_within = \"50ms\"")
}

fn with_app_table(table: &str) -> App {
    App::from_toml("t.toml", &format!("[app]\n{table}\n[server.a]\n[server.b]\n"))
}

fn server(app: &App, key: &str, seen: Option<&Seen>) -> Stubborn {
    Stubborn(app.load::<Stubborn>(key).0, seen.cloned())
}

#[tokio::test]
async fn a_server_that_is_cut_off_at_the_deadline_does_not_go_on() {
    let (app, seen) = (app(), Seen::default());
    let server = server(&app, "server.a", Some(&seen));
    let handle = app.handle().clone();
    let running = tokio::spawn(app.serve(server).run());
    handle.phase().wait_for(|phase| *phase == inkstone_core::Phase::Ready).await.unwrap();
    handle.stop();
    let report = running.await.unwrap().unwrap_err().to_string();
    assert!(report.contains("INK3005"), "{report}");
    let gone = async {
        while Arc::strong_count(&seen.alive) > 1 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), gone).await.expect("the server ends with its app");
}

#[tokio::test]
async fn no_server_begins_unless_all_are_bound() {
    let (app, seen) = (app(), Seen::default());
    let (first, second) = (server(&app, "server.a", Some(&seen)), server(&app, "server.b", None));
    let report = app.serve(first).serve(second).run().await.unwrap_err().to_string();
    assert!(report.contains("the port is taken"), "{report}");
    tokio::task::yield_now().await;
    assert!(!seen.begun.load(Ordering::Relaxed), "the first has begun with its work");
    assert_eq!(Arc::strong_count(&seen.alive), 1);
}

#[tokio::test]
async fn a_server_that_ends_by_itself_is_a_failure_and_callers_of_the_others_are_given_time() {
    let app = with_app_table("drain = \"200ms\"\nstop_within = \"10s\"");
    let first = server(&app, "server.a", Some(&Seen { gives_up: true, ..Seen::default() }));
    let second = server(&app, "server.b", Some(&Seen { obeys: true, ..Seen::default() }));
    let started = std::time::Instant::now();
    let report = app.serve(first).serve(second).run().await.unwrap_err().to_string();
    assert!(report.contains("`server.a` ended by itself"), "{report}");
    assert!(started.elapsed() >= Duration::from_millis(200), "the second was stopped at once");
}
