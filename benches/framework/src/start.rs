//! From nothing to ready.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anstream::println;
use anyhow::{bail, ensure};
use inkstone::governor::Governor;
use inkstone::http::axum::{Router, routing::get};
use inkstone::prelude::*;
use serde_json::{Value, json};

use crate::rounds::millis;

pub(crate) fn run(rounds: u32) -> anyhow::Result<Value> {
    let mut took = Vec::new();
    for _ in 0..rounds {
        took.push(once()?);
    }
    let millis = millis(&took);
    println!("{:<34} {millis:>8.2} ms", "start of hello to ready");
    Ok(json!({ "ms": millis }))
}

/// How long one process takes.
#[allow(
    clippy::disallowed_methods,
    reason = "there is no runtime, and asking without a pause would slow what is measured"
)]
fn once() -> anyhow::Result<Duration> {
    let (http, governor) = free_ports()?;
    let program = std::env::current_exe()?;
    let started = Instant::now();
    let child = Command::new(program)
        .args(["hello", &http.to_string(), &governor.to_string()])
        .stdout(Stdio::null())
        .spawn()?;
    let mut hello = Hello(child);
    while !ready(governor) {
        if let Some(status) = hello.0.try_wait()? {
            bail!("the service ended: {status}");
        }
        ensure!(started.elapsed() < Duration::from_secs(10), "the service is not ready after 10 s");
        std::thread::sleep(Duration::from_micros(200));
    }
    Ok(started.elapsed())
}

/// Both at once, or they might be the same.
fn free_ports() -> std::io::Result<(u16, u16)> {
    let free = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let (first, second) = (free()?, free()?);
    Ok((first.local_addr()?.port(), second.local_addr()?.port()))
}

fn ready(port: u16) -> bool {
    let asked = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"GET /ready HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    asked().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 "))
}

/// Serves until killed.
pub(crate) fn hello(http: u16, governor: u16) -> ExitCode {
    let flags = [
        "hello".to_owned(),
        "--set".to_owned(),
        format!("server.http.port={http}"),
        "--set".to_owned(),
        format!("server.governor.port={governor}"),
    ];
    inkstone::main_with(flags.map(Into::into), build_info!(), async |app: App| {
        let hello = Router::new().route("/", get(|| async { "hello" }));
        let http = app.load::<HttpServer>("server.http").routes(hello);
        let governor = app.load::<Governor>("server.governor");
        app.serve(http).serve(governor).run().await
    })
}

struct Hello(Child);

impl Drop for Hello {
    fn drop(&mut self) {
        // Already gone is as good.
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}
