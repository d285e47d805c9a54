//! One request through the whole shop is one trace: in the logs of all its programs, and at the collector.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::collector::{Collector, attributes};

/// Longer than anything here takes on a busy machine.
const SOON: Duration = Duration::from_secs(60);

/// A program that runs, and what it says.
struct Program {
    child: Child,
    log: PathBuf,
}

/// Where all of them work.
struct Shop {
    dir: TempDir,
    programs: PathBuf,
    collector: String,
}

impl Shop {
    /// Builds the programs, unless that is done, where this test is.
    fn new(collector: &Collector) -> Self {
        let programs = std::env::current_exe().unwrap();
        let programs = programs.ancestors().nth(2).unwrap().to_owned();
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "-p", "shop-catalog", "-p", "shop-orders", "-p", "shop-storefront"])
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.."))
            .status()
            .unwrap();
        assert!(built.success(), "the programs cannot be built");
        Self { dir: tempfile::tempdir().unwrap(), programs, collector: collector.endpoint.clone() }
    }

    /// A program with this configuration, which says where spans go only by OpenTelemetry's variable.
    fn command(&self, name: &str, table: &str, args: &[&str], log: &Path) -> Command {
        let config = self.dir.path().join(format!("{name}.toml"));
        let text = format!(
            "[app]\ndrain = \"0s\"\n[log]\nformat = \"json\"\n[trace]\nratio = 1.0\ninterval = \"20ms\"\npropagate = [\"x-tenant\"]\n\
             [server.governor]\nport = 0\n{table}\n"
        );
        fs::write(&config, text).unwrap();
        let out = File::create(log).unwrap();
        let mut command = Command::new(self.programs.join(name));
        command
            .arg("--config")
            .arg(config)
            .args(args)
            .current_dir(self.dir.path())
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", &self.collector)
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap())
            .stderr(out);
        command
    }

    fn start(&self, name: &str, table: &str) -> Program {
        let log = self.dir.path().join(format!("{name}.log"));
        let child = self.command(name, table, &[], &log).spawn().unwrap();
        let mut program = Program { child, log };
        program.until("ready", |line| line["message"] == "ready");
        program
    }

    fn install(&self, name: &str, table: &str) {
        let log = self.dir.path().join(format!("{name}-install.log"));
        let parent = "traceparent=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let args = ["--job=install,seed", "--job-header", parent, "--job-header", "x-tenant=acme"];
        let status = self.command(name, table, &args, &log).status().unwrap();
        let said = fs::read_to_string(log).unwrap();
        assert!(status.success(), "{said}");
        let of_job = |line: &str| {
            line.contains("4bf92f3577b34da6a3ce929d0e0e4736") && line.contains("\"x-tenant\":\"acme\"")
        };
        assert!(said.lines().any(of_job), "the job's lines do not say whose they are: {said}");
    }
}

impl Program {
    fn lines(&self) -> Vec<Value> {
        let text = fs::read_to_string(&self.log).unwrap();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Polls for a line.
    fn until(&mut self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + SOON;
        loop {
            if let Some(line) = self.lines().into_iter().find(&is) {
                return line;
            }
            let ended = self.child.try_wait().unwrap();
            let text = || fs::read_to_string(&self.log).unwrap();
            assert!(ended.is_none(), "no line {what}, and it ended: {}", text());
            assert!(Instant::now() < deadline, "no line {what}: {}", text());
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn of<'a>(spans: &'a [Span], service: &str, name: &str) -> &'a Span {
    let is = |span: &&Span| span.name == name && attributes(&span.attributes)["inkstone.name"] == service;
    spans.iter().find(is).unwrap_or_else(|| panic!("no {name} of {service}: {spans:#?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn one_order_is_one_trace_in_every_log_and_at_the_collector() {
    let collector = Collector::start().await;
    let shop = tokio::task::block_in_place(|| Shop::new(&collector));
    let (http, catalog, orders) = (free_port(), free_port(), free_port());
    let tables = [
        format!("[server.grpc]\nport = {catalog}\n[sqlite.catalog]\naddr = \"catalog.db\""),
        format!(
            "[server.grpc]\nport = {orders}\n[sqlite.orders]\naddr = \"orders.db\"\n[grpc.catalog]\naddr = \"127.0.0.1:{catalog}\""
        ),
        format!(
            "[server.http]\nport = {http}\n[grpc.catalog]\naddr = \"127.0.0.1:{catalog}\"\n[grpc.orders]\naddr = \"127.0.0.1:{orders}\""
        ),
    ];
    let mut programs = tokio::task::block_in_place(|| {
        shop.install("catalog", &tables[0]);
        let catalog = shop.start("catalog", &tables[0]);
        shop.install("orders", &tables[1]);
        [catalog, shop.start("orders", &tables[1]), shop.start("storefront", &tables[2])]
    });
    // The jobs were told whose trace they belong to, and their last spans have arrived though they ended at once.
    let installed = collector.spans(4).await;
    for name in ["job install", "job seed"] {
        let runs: Vec<_> = installed.iter().filter(|span| span.name == name).collect();
        assert_eq!(runs.len(), 2, "{installed:#?}");
        for run in runs {
            assert_eq!(hex(&run.trace_id), "4bf92f3577b34da6a3ce929d0e0e4736");
            assert_eq!(hex(&run.parent_span_id), "00f067aa0ba902b7");
        }
    }

    let _already = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let answer = reqwest::Client::new()
        .post(format!("http://127.0.0.1:{http}/api/orders"))
        .header("x-tenant", "acme")
        .json(&json!({ "product_id": 1, "quantity": 2 }))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 201);
    let trace = answer.headers()["x-trace-id"].to_str().unwrap().to_owned();

    // In every log, with the key that travels.
    for program in &mut programs {
        tokio::task::block_in_place(|| {
            let line = program.until("of the trace", |line| line["trace_id"] == trace.as_str());
            assert_eq!(line["x-tenant"], "acme", "{line}");
            assert_eq!(line["span_id"].as_str().map(str::len), Some(16), "{line}");
        });
    }
    unsampled(&mut programs, &collector, http).await;

    // At the collector: the request, its call, the call of that, and the statements.
    let deadline = Instant::now() + SOON;
    let spans = loop {
        let all = collector.spans(0).await;
        let spans: Vec<_> = all.into_iter().filter(|span| hex(&span.trace_id) == trace).collect();
        if spans.iter().any(|span| span.name == "POST /api/orders") && spans.len() >= 8 {
            break spans;
        }
        assert!(Instant::now() < deadline, "{spans:#?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let chain = [
        of(&spans, "server.http", "POST /api/orders"),
        of(&spans, "grpc.orders", "shop.v1.OrderService/PlaceOrder"),
        of(&spans, "server.grpc", "shop.v1.OrderService/PlaceOrder"),
        of(&spans, "grpc.catalog", "shop.v1.CatalogService/GetProduct"),
        of(&spans, "server.grpc", "shop.v1.CatalogService/GetProduct"),
        of(&spans, "sqlite.catalog", "SELECT"),
    ];
    assert!(chain[0].parent_span_id.is_empty());
    for (above, below) in chain.iter().zip(&chain[1..]) {
        assert_eq!(below.parent_span_id, above.span_id, "{} is not under {}", below.name, above.name);
    }
    let served = chain[2];
    for name in ["BEGIN", "UPDATE", "INSERT", "COMMIT"] {
        assert_eq!(of(&spans, "sqlite.orders", name).parent_span_id, served.span_id, "{name}");
    }
    let services: Vec<String> = collector
        .requests(0)
        .await
        .iter()
        .flat_map(|(_, request)| &request.resource_spans)
        .map(|resource| attributes(&resource.resource.as_ref().unwrap().attributes)["service.name"].clone())
        .collect();
    for name in ["shop-catalog", "shop-orders", "shop-storefront"] {
        assert!(services.iter().any(|service| service == name), "{name} is not in {services:?}");
    }
}

/// A trace that its caller does not sample is in every log all the same, and not at the collector.
async fn unsampled(programs: &mut [Program], collector: &Collector, http: u16) {
    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    let answer = reqwest::Client::new()
        .post(format!("http://127.0.0.1:{http}/api/orders"))
        .header("traceparent", format!("00-{TRACE}-b7ad6b7169203331-00"))
        .json(&json!({ "product_id": 1, "quantity": 1 }))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 201);
    for program in programs {
        let line =
            tokio::task::block_in_place(|| program.until("unsampled", |line| line["trace_id"] == TRACE));
        assert_eq!(line["span_id"].as_str().map(str::len), Some(16), "{line}");
    }
    let sent = collector.spans(0).await;
    assert!(sent.iter().all(|span| hex(&span.trace_id) != TRACE), "{sent:#?}");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
