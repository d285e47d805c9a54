//! Interleaved rounds of both sides of each pair, their medians, and the ratios.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anstream::println;
use anyhow::{Context as _, bail, ensure};
use clap::ValueEnum as _;
use serde_json::{Value, json};

use crate::load::Measured;
use crate::{Settings, Side};

/// What is compared. The bare servers have no access log, so it is measured on its own.
const PAIRS: [(&str, Side, Side, Logged); 4] = [
    ("unary gRPC", Side::Grpc, Side::Tonic, Logged(false)),
    ("unary gRPC, access log", Side::Grpc, Side::Tonic, Logged(true)),
    ("HTTP", Side::Http, Side::Axum, Logged(false)),
    ("HTTP, access log", Side::Http, Side::Axum, Logged(true)),
];

/// Whether the framework's server writes a line for each call, which is its default.
#[derive(Debug, Clone, Copy)]
struct Logged(bool);

pub(crate) fn run(settings: &Settings) -> anyhow::Result<()> {
    let mut report = serde_json::Map::new();
    for (name, framework, bare, logged) in PAIRS {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for round in 0..settings.rounds {
            // Who goes first changes, so that neither always meets a warmer machine.
            let order = if round % 2 == 0 { [framework, bare] } else { [bare, framework] };
            for side in order {
                let measured = measure(side, logged, settings)?;
                println!("{name:<22} round {:>2}  {:<9} {}", round + 1, shown(side), line(&measured));
                if side == framework { ours.push(measured) } else { theirs.push(measured) }
            }
        }
        let (ours, theirs) = (median(&ours), median(&theirs));
        let throughput = ours.throughput / theirs.throughput;
        let p99 = ours.p99 / theirs.p99;
        println!("{name:<22} median    {:<9} {}", shown(framework), line(&ours));
        println!("{name:<22} median    {:<9} {}", shown(bare), line(&theirs));
        println!("{name:<22} ratio     throughput {throughput:.2}, p99 {p99:.2}\n");
        report.insert(
            name.to_owned(),
            json!({ "framework": ours, "bare": theirs, "ratio": { "throughput": throughput, "p99": p99 } }),
        );
    }
    report.insert("settings".to_owned(), setting(settings));
    if let Some(path) = &settings.report {
        fs::write(path, serde_json::to_string_pretty(&report)? + "\n")
            .with_context(|| format!("write the figures to {}", path.display()))?;
    }
    Ok(())
}

/// One server process, one load process.
fn measure(side: Side, logged: Logged, settings: &Settings) -> anyhow::Result<Measured> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let _server = Server::start(side, logged, port)?;
    let output = Command::new(std::env::current_exe()?)
        .args(["--seconds", &settings.seconds.to_string()])
        .args(["--concurrency", &settings.concurrency.to_string()])
        .args(["--connections", &settings.connections.to_string()])
        .args(["load", shown(side).as_str(), &port.to_string()])
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(output.status.success(), "the load on {} failed: {}", shown(side), output.status);
    Ok(serde_json::from_slice(&output.stdout)?)
}

struct Server(Child);

impl Server {
    fn start(side: Side, Logged(logged): Logged, port: u16) -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["serve", shown(side).as_str(), &port.to_string()])
            .env("INKSTONE__SERVER__GRPC__ACCESS__ENABLED", logged.to_string())
            .env("INKSTONE__SERVER__HTTP__ACCESS__ENABLED", logged.to_string())
            .stdout(Stdio::null())
            .spawn()?;
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if let Some(status) = child.try_wait()? {
                bail!("the server {} ended: {status}", shown(side));
            }
            ensure!(Instant::now() < deadline, "the server {} does not listen", shown(side));
            std::thread::yield_now();
        }
        Ok(Self(child))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already gone is as good.
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// Each figure's own median.
fn median(rounds: &[Measured]) -> Measured {
    let of = |figure: fn(&Measured) -> f64| {
        let mut figures: Vec<f64> = rounds.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
    };
    Measured { throughput: of(|m| m.throughput), p50: of(|m| m.p50), p99: of(|m| m.p99) }
}

fn line(measured: &Measured) -> String {
    let Measured { throughput, p50, p99 } = measured;
    format!("{throughput:>8.0} answers/s   p50 {p50:>7.0} µs   p99 {p99:>7.0} µs")
}

fn shown(side: Side) -> String {
    side.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn setting(settings: &Settings) -> Value {
    let Settings { rounds, seconds, concurrency, connections, .. } = settings;
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("", |(_, name)| name);
    json!({
        "rounds": rounds, "seconds": seconds, "concurrency": concurrency, "connections": connections,
        "cores": cores, "cpu": cpu,
    })
}
