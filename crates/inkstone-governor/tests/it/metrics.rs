use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use inkstone_core::{App, Edge, Error, JobInput};
use inkstone_observe::names::{self, MetricKind};
use inkstone_observe::trace::TraceIds;
use inkstone_observe::{AllocatorStats, LogControl, Outcome, Protocol, Recorder};

use crate::{Service, client, free_port};

const PROTOCOLS: [Protocol; 6] = [
    Protocol::RpcServer,
    Protocol::RpcClient,
    Protocol::HttpServer,
    Protocol::HttpClient,
    Protocol::Db,
    Protocol::Task,
];

/// A service that shows everything there is to show: a sampled call of each kind, and one method too many.
async fn busy() -> Service {
    let port = free_port();
    let toml = format!(
        "app.drain = \"200ms\"\n[patient.zero]\n[server.governor]\nport = {port}\n[metrics]\nconnections = true\nmax_methods = 1\n\
         [trace]\nendpoint = \"http://127.0.0.1:1\"\nratio = 0.0\n"
    );
    let app = App::from_toml("t.toml", &toml).job_with("sweep", async |_: JobInput| Ok::<_, Error>(()));
    let service = Service::run(app, port).await;
    let swept = client().post(format!("http://{}/jobs/sweep", service.address)).body("{}").send().await;
    assert_eq!(swept.unwrap().status(), 200);
    let metrics = service.app.metrics();
    metrics.reloaded(true);
    metrics.allocator(|| AllocatorStats { allocated: Some(1), ..AllocatorStats::default() });
    metrics.task_runs("cron.sweep", "ok", 1);
    metrics.config_source("etcd://h/k", true);
    crate::levels::log_file();
    LogControl::current().register(metrics);
    let _panicked = service.app.caught(Edge::Task, "broom", async { panic!("on purpose") }).await;
    for protocol in PROTOCOLS {
        let calls = Recorder::new(metrics, protocol, "any", "any.one".into(), "-", false);
        for name in ["say \"hi\"\\n", "one too many"] {
            let method = calls.method(name);
            drop(method.start());
            calls.record(&Outcome {
                method: &method,
                code: "OK",
                target: None,
                cost: Duration::from_millis(3),
                trace: Some(TraceIds::root(true)),
                context: None,
                peer: None,
                request: None,
                response: None,
                error: None,
                access: None,
                caller: None,
            });
        }
    }
    service
}

async fn scrape(service: &Service, accept: &str) -> (String, String) {
    let request = client().get(format!("http://{}/metrics", service.address)).header("accept", accept);
    let answer = request.send().await.unwrap();
    let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
    (kind, answer.text().await.unwrap())
}

#[tokio::test]
async fn promtool_finds_nothing_to_object_to() {
    let service = busy().await;
    let (kind, text) = scrape(&service, "text/plain").await;
    assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is needed; it is in Debian's package: apt-get install -y prometheus");
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.trim().is_empty(), "{said}\nof\n{text}");
    service.stop().await.unwrap();
}

#[tokio::test]
async fn openmetrics_is_sent_to_who_asks_for_it_with_the_traces_of_sampled_calls() {
    let service = busy().await;
    let prometheus =
        "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1";
    let (kind, text) = scrape(&service, prometheus).await;
    assert_eq!(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(text.ends_with("\n# EOF\n"), "{text}");
    let bucket = "db_client_operation_duration_seconds_bucket{le=\"0.005\",";
    let exemplar = text.lines().find(|line| line.starts_with(bucket)).unwrap().split_once(" # {").unwrap().1;
    let (labels, rest) = exemplar.split_once("} ").unwrap();
    let (trace, span) = labels.split_once(',').unwrap();
    assert_eq!(
        (trace.len(), span.len()),
        ("trace_id=\"\"".len() + 32, "span_id=\"\"".len() + 16),
        "{exemplar}"
    );
    assert!(rest.starts_with("0.003 "), "{exemplar}");
    let (_, text) = scrape(&service, "*/*").await;
    assert!(!text.contains(" # {") && !text.contains("# EOF") && !text.contains("# UNIT"), "{text}");
    service.stop().await.unwrap();
}

#[tokio::test]
async fn everything_shown_is_in_the_list_of_names_and_everything_in_the_list_is_shown() {
    let service = busy().await;
    let (_, text) = scrape(&service, "application/openmetrics-text").await;
    let listed: BTreeMap<String, &names::Metric> =
        names::ALL.iter().map(|metric| (metric.family(), metric)).collect();
    let mut shown = Vec::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (family, kind) = line.split_once(' ').unwrap();
        let metric = listed.get(family).unwrap_or_else(|| panic!("{family} is not in names.rs"));
        assert_eq!(metric.kind.as_str(), kind, "{family}");
        shown.push(family);
        let suffixes: &[&str] = match metric.kind {
            MetricKind::Histogram => &["_sum", "_count"],
            MetricKind::Counter => &["_total"],
            MetricKind::Gauge => &[""],
        };
        for suffix in suffixes {
            for sample in text.lines().filter_map(|line| line.strip_prefix(&format!("{family}{suffix}{{"))) {
                let labels: Vec<&str> =
                    sample.split("\",").map(|pair| pair.split_once('=').unwrap().0).collect();
                assert_eq!(labels, metric.labels, "{family}{{{sample}");
            }
        }
    }
    let missing: Vec<_> = listed.keys().filter(|family| !shown.contains(&family.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?} in\n{text}");
    service.stop().await.unwrap();
}

#[tokio::test]
async fn the_process_and_its_runtime_are_measured_unless_told_otherwise() {
    let service = Service::start("", "").await;
    let value = |text: &str, series: &str| -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{series} in\n{text}")).parse().unwrap()
    };
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    let text = loop {
        let (_, text) = scrape(&service, "").await;
        // The timer is looked at twice a second.
        if value(&text, "inkstone_runtime_lag_seconds_count") >= 1.0 {
            break text;
        }
        assert!(std::time::Instant::now() < deadline, "{text}");
    };
    assert!(value(&text, "process_resident_memory_bytes") > 1_000_000.0);
    assert!(value(&text, "process_virtual_memory_bytes") > 1_000_000.0);
    assert!(value(&text, "process_open_fds") >= 3.0 && value(&text, "process_max_fds") > 3.0);
    assert!(value(&text, "process_threads") >= 1.0);
    assert!(value(&text, "process_cpu_seconds_total") > 0.0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    assert!((0.0..3600.0).contains(&(now - value(&text, "process_start_time_seconds") + 2.0)), "{text}");
    assert_eq!(value(&text, "inkstone_runtime_workers"), 1.0, "tests run on one");
    assert!(value(&text, "inkstone_runtime_tasks") >= 1.0);
    assert!(value(&text, "inkstone_runtime_worker_busy_seconds_total{worker=\"0\"}") > 0.0);
    assert!(!text.contains("inkstone_tcp_connections"), "off unless asked for");
    service.stop().await.unwrap();

    let service =
        Service::start("", "\n[metrics]\nruntime = false\nprocess = false\nconnections = true").await;
    let (_, text) = scrape(&service, "").await;
    assert!(!text.contains("process_") && !text.contains("inkstone_runtime_"), "{text}");
    assert!(value(&text, "inkstone_tcp_connections{family=\"ipv4\",state=\"listen\"}") >= 1.0, "{text}");
    assert!(value(&text, "inkstone_tcp_connections{family=\"ipv4\",state=\"syn_sent\"}") == 0.0, "{text}");
    service.stop().await.unwrap();
}

#[tokio::test]
async fn buckets_are_those_of_the_configuration() {
    let toml = "\n[metrics]\nbuckets = [\"1ms\", \"1s\"]\nfamilies.db_client_operation_duration_seconds.buckets = [\"2ms\"]";
    let service = Service::start("", toml).await;
    for protocol in [Protocol::Db, Protocol::Task] {
        let calls = Recorder::new(service.app.metrics(), protocol, "any", "any.one".into(), "-", false);
        let method = &calls.method("m");
        let cost = Duration::from_millis(3);
        calls.record(&Outcome {
            method,
            code: "OK",
            target: None,
            cost,
            trace: None,
            context: None,
            peer: None,
            request: None,
            response: None,
            error: None,
            access: None,
            caller: None,
        });
    }
    let (_, text) = scrape(&service, "").await;
    let bounds = |family: &str| -> Vec<&str> {
        let lines = text.lines().filter_map(|line| line.strip_prefix(family)?.strip_prefix("_bucket{le=\""));
        lines.map(|line| line.split('"').next().unwrap()).collect()
    };
    assert_eq!(bounds("db_client_operation_duration_seconds"), ["0.002", "+Inf"]);
    assert_eq!(bounds("inkstone_task_duration_seconds"), ["0.001", "1.0", "+Inf"]);
    service.stop().await.unwrap();
}
