//! A service for the tests of its logs: it logs from several threads, says on standard output how many lines that were,
//! and ends in the way that its first argument says.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use inkstone_config::{Config, Sources};
use inkstone_core::{App, Bound, Cx, Error, Load, Result, Section, Server, build_info};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

fn main() -> ExitCode {
    inkstone_core::main(build_info!(), service)
}

async fn service(app: App) -> Result {
    let server = app.load::<Writer>("server.lines");
    app.job("panic", async {
        write(&server_less(), 100);
        panic!("on purpose");
        #[allow(unreachable_code, reason = "says the type")]
        Ok::<(), Error>(())
    })
    .job("abort", async {
        write(&server_less(), 100);
        // What the panic hook does is done before.
        std::panic::catch_unwind(|| panic!("on purpose")).ok();
        std::process::abort();
        #[allow(unreachable_code, reason = "says the type")]
        Ok::<(), Error>(())
    })
    .job("late", async {
        write(&server_less(), 100);
        Ok::<(), Error>(())
    })
    .job("two", async {
        // A second app of the same process, whose configuration says otherwise.
        let text = "[log]\nlevel = \"off\"\n";
        let second = App::with_sources(build_info!(), Sources::new().text("second.toml", text));
        write(&server_less(), 10);
        drop(second);
        Ok::<(), Error>(())
    })
    .serve(server)
    .run()
    .await
}

fn server_less() -> Written {
    Written::default()
}

#[derive(Default, Clone)]
struct Written {
    lines: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

fn write(written: &Written, lines: u64) {
    for _ in 0..lines {
        let number = written.lines.fetch_add(1, Ordering::Relaxed);
        tracing::info!(number, padding = "x".repeat(40), "counted");
    }
}

/// Settings of a server that logs.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct WriterConfig {
    /// How many threads log.
    threads: u32,
    /// Whether it goes on when it should stop.
    stuck: bool,
}

impl Default for WriterConfig {
    fn default() -> Self {
        Self { threads: 2, stuck: false }
    }
}

impl Config for WriterConfig {}

struct Writer(Section<WriterConfig>);

impl Load for Writer {
    const KIND: &'static str = "server.lines";
    type Config = WriterConfig;
    type Loaded = Self;

    fn loaded(section: Section<WriterConfig>) -> Self {
        Self(section)
    }
}

impl Server for Writer {
    async fn bind(self) -> Result<Bound> {
        let config = self.0.config.get();
        let stopping = self.0.cx.stopping();
        let serve = Box::pin(async move {
            let written = Written::default();
            let threads: Vec<_> = (0..config.threads)
                .map(|_| {
                    let written = written.clone();
                    std::thread::spawn(move || {
                        while !written.stop.load(Ordering::Relaxed) {
                            write(&written, 1);
                            std::thread::yield_now();
                        }
                    })
                })
                .collect();
            stopping.cancelled().await;
            written.stop.store(true, Ordering::Relaxed);
            for thread in threads {
                thread.join().map_err(|_| Error::from(std::io::Error::other("a thread panicked")))?;
            }
            say(written.lines.load(Ordering::Relaxed))?;
            if config.stuck {
                tokio::time::sleep(Duration::from_secs(3600)).await;
            }
            Ok(())
        });
        Ok(Bound { endpoint: None, serve })
    }

    fn cx(&self) -> &Cx {
        &self.0.cx
    }
}

fn say(lines: u64) -> std::io::Result<()> {
    use std::io::Write;
    writeln!(std::io::stdout(), "lines: {lines}")
}
