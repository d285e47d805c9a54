//! A service for the tests of its own life: hooks, gates, jobs, a part that may be away, a server on a real socket. The
//! `[stages]` table says which of them there are.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use inkstone_config::{Code, Config, Live};
use inkstone_core::{
    App, Bound, Component, Cx, Error, Health, JobInput, Load, Result, Section, Server, build_info,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::Barrier;

fn main() -> ExitCode {
    inkstone_core::main(build_info!(), service)
}

/// What the service consists of.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Stages {
    /// Whether there is a server.
    serves: bool,
    /// Whether there is a part that may be away.
    far: bool,
    /// Whether the far part may be loaded later.
    optional: bool,
    /// Where it panics.
    panics: String,
    /// How often the gate says no.
    gate: u32,
    /// How often registering fails.
    registers: u32,
    /// How the hooks end: `fail`, `hang`, or well.
    hooks: String,
    /// Work beside the servers: `short` or `long`.
    work: String,
    /// How long a second server lives, in milliseconds; 0 has none.
    second: u64,
}

impl Config for Stages {}

async fn service(app: App) -> Result {
    let stages = app.live::<Stages>("stages").get();
    let handle = app.handle().clone();
    let hooks = stages.hooks.clone();
    let mut app = app.after_stop("goodbye", async move { hook("after stop", &hooks).await });
    assert!(stages.panics != "service", "the service is broken");
    if stages.panics == "thread" {
        let _panicked = std::thread::spawn(|| panic!("the thread is broken")).join();
    }
    if stages.far {
        let far = app.load::<Far>("far.away");
        match stages.optional {
            true => {
                let far = far.optional().await?;
                say(if far.get().is_some() { "far is there" } else { "without far" });
                let told = handle.clone();
                let stopping = handle.stopping();
                handle.spawn(async move {
                    tokio::select! {
                        _far = far.wait() => say(&format!("far came: {:?}", told.instances()[0].health().await)),
                        () = stopping.cancelled() => {}
                    }
                });
                say(&format!("health: {:?}", handle.instances()[0].health().await));
            }
            false => drop(far.build().await?),
        }
    }
    let together = Arc::new(Barrier::new(2));
    let (left, right) = (together.clone(), together);
    app = app
        .job_with("echo", echo)
        .job_with("wait", wait)
        .job("hang", async {
            say("hanging");
            std::future::pending::<Result>().await
        })
        .job("panic", async { Err(std::io::Error::other(broken("the job is broken"))) })
        .job("left", meet(left))
        .job("right", meet(right));
    if stages.serves {
        let greeter = app.load::<Greeter>("server.greet");
        app = app.serve(greeter);
    }
    if stages.gate > 0 {
        let left = AtomicU32::new(stages.gate);
        app = app.wait_until("the cache is warm", move || {
            let cold = left.fetch_sub(1, Ordering::Relaxed) > 1;
            async move {
                say("asked");
                if cold { Health::Down("cold".to_owned()) } else { Health::Up }
            }
        });
    }
    if stages.second > 0 {
        let second = app.load::<Greeter>("server.second");
        app = app.serve(Mortal(second, Duration::from_millis(stages.second)));
    }
    match stages.work.as_str() {
        "short" => handle.spawn(async { say("worked") }),
        "long" => {
            let stopping = handle.stopping();
            handle.spawn(async move {
                say("working");
                stopping.cancelled().await;
                say("work stopped");
            });
        }
        "panics" => handle.spawn(async { drop(broken("the task is broken")) }),
        _ => {}
    }
    let attempts = AtomicU32::new(0);
    let (fails, hooks, phase) = (stages.registers, stages.hooks.clone(), handle.phase());
    app.on_ready("register", move || {
        let attempt = attempts.fetch_add(1, Ordering::Relaxed);
        async move {
            if attempt < fails {
                return Err(std::io::Error::other("the registry is away"));
            }
            say("registered");
            Ok(())
        }
    })
    .before_stop("deregister", async move {
        say(&format!("deregistering while {:?}", *phase.borrow()));
        hook("deregistered", &hooks).await
    })
    .before_stop("second", async {
        say("second hook");
        Ok::<_, Error>(())
    })
    .run()
    .await
}

async fn hook(name: &str, how: &str) -> std::io::Result<()> {
    match how {
        "fail" => return Err(std::io::Error::other(format!("{name}: no route"))),
        "hang" => std::future::pending().await,
        "panic" => drop(broken("the hook is broken")),
        _ => say(name),
    }
    Ok(())
}

fn broken(why: &str) -> String {
    panic!("{why}")
}

async fn echo(input: JobInput) -> Result {
    say(&format!("data {}, headers {:?}", input.text()?, input.headers));
    Ok(())
}

async fn wait(input: JobInput) -> Result {
    let stopping = input.stopping();
    say("waiting");
    stopping.cancelled().await;
    say("ended in its own way");
    Ok(())
}

async fn meet(other: Arc<Barrier>) -> Result {
    other.wait().await;
    say("met");
    Ok(())
}

fn say(what: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "said: {what}").and_then(|()| out.flush()).expect("standard output is open");
}

/// Where a part is that may be away.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct FarConfig {
    /// Its address.
    addr: String,
}

impl Config for FarConfig {}

#[derive(Debug, Clone)]
struct Far(String);

impl Component for Far {
    const KIND: &'static str = "far";
    type Config = FarConfig;

    async fn build(config: Live<FarConfig>, cx: Cx) -> Result<Self> {
        let addr = config.get().addr.clone();
        match TcpStream::connect(&addr).await {
            Ok(_connected) => {
                say("built far");
                Ok(Self(addr))
            }
            Err(error) => Err(cx.fault(Code::ConnectFailed, error.to_string()).target(addr).into()),
        }
    }

    async fn health(&self) -> Health {
        match TcpStream::connect(&self.0).await {
            Ok(_connected) => Health::Up,
            Err(error) => Health::Down(error.to_string()),
        }
    }

    async fn close(&self) {
        say("closed far");
    }
}

/// Where a server listens that says who it is.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct GreeterConfig {
    /// Its port.
    port: u16,
}

impl Config for GreeterConfig {}

/// Answers each connection with the number of its process.
struct Greeter(Section<GreeterConfig>);

impl Load for Greeter {
    const KIND: &'static str = "server.greet";
    type Config = GreeterConfig;
    type Loaded = Self;

    fn loaded(section: Section<GreeterConfig>) -> Self {
        Self(section)
    }
}

impl Server for Greeter {
    async fn bind(self) -> Result<Bound> {
        let listener = self.0.cx.listen("", self.0.config.get().port).await?;
        let endpoint = Some(listener.local_addr()?);
        let stopping = self.0.cx.stopping();
        let name = self.0.cx.name.clone();
        let serve = Box::pin(async move {
            say(&format!("{name} serves"));
            loop {
                let mut stream = tokio::select! {
                    biased;
                    () = stopping.cancelled() => break,
                    accepted = listener.accept() => accepted?.0,
                };
                stream.write_all(format!("{}\n", std::process::id()).as_bytes()).await?;
            }
            for (mut stream, _peer) in inkstone_core::backlog(listener) {
                stream.write_all(format!("{}\n", std::process::id()).as_bytes()).await?;
            }
            say(&format!("{name} ended"));
            Ok(())
        });
        Ok(Bound { endpoint, serve })
    }

    fn cx(&self) -> &Cx {
        &self.0.cx
    }
}

/// A server that fails after some time, or, if that is 1 ms, panics at once.
struct Mortal(Greeter, Duration);

impl Server for Mortal {
    async fn bind(self) -> Result<Bound> {
        let cx = self.0.0.cx.clone();
        let serve = Box::pin(async move {
            say(&format!("{} serves", cx.name));
            assert!(self.1 > Duration::from_millis(1), "the server is broken");
            tokio::time::sleep(self.1).await;
            Err(cx.fault(Code::ServeFailed, format!("{} is out of luck", cx.name)).into())
        });
        Ok(Bound { endpoint: None, serve })
    }

    fn cx(&self) -> &Cx {
        &self.0.0.cx
    }
}
