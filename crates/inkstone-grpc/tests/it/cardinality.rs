//! What callers send and servers answer must not make the metrics grow.

use std::collections::BTreeSet;

use inkstone_core::AppHandle;
use inkstone_grpc::Request;

use crate::echo::{Echo, Text, call};
use crate::fixture::{Backend, Caller};

/// The series of calls, without their values.
fn series(app: &AppHandle) -> BTreeSet<String> {
    let metrics = app.metrics().encode();
    let lines = metrics.lines().filter(|line| line.starts_with("rpc_") || line.starts_with("inkstone_calls"));
    lines.filter_map(|line| line.split("} ").next()).map(str::to_owned).collect()
}

fn evil(id: &str) -> Request<Text> {
    let mut request = Request::new(Text { text: format!("evil {id}") });
    for key in ["app", "user-agent", "x-forwarded-for", "evil"] {
        request.metadata_mut().insert(key, id.parse().unwrap());
    }
    request
}

#[tokio::test]
async fn methods_peers_and_texts_make_no_series_on_a_server_and_few_on_a_client() {
    let a = Backend::start(Echo::new("a")).await;
    let caller = Caller::of("\n[metrics]\nmax_methods = 5", &[&a]).await;
    let explode = async |round: u32| {
        for i in 0..60 {
            let id = format!("evil-{round}-{i}");
            for path in
                [format!("/test.v1.Echo/Evil{id}"), format!("/evil.{id}/Say"), "/test.v1.Echo/Say".to_owned()]
            {
                let _answer = call(&caller.client, path.leak(), evil(&id)).await;
            }
        }
    };
    explode(1).await;
    let (served, called) = (series(&a.app), series(&caller.app));
    explode(2).await;
    assert_eq!(series(&a.app), served);
    assert_eq!(series(&caller.app), called);
    let text = a.app.metrics().encode().to_lowercase();
    assert!(!text.contains("evil"), "{text}");
    // A program that makes up methods itself has as many as it may have, and the rest in one.
    let text = caller.metrics();
    let started: Vec<&str> =
        text.lines().filter(|line| line.starts_with("inkstone_calls_started_total{")).collect();
    assert_eq!(started.len(), 6, "{started:#?}");
    assert!(text.contains(
        "inkstone_calls_started_total{protocol=\"rpc_client\",name=\"grpc.echo\",method=\"other\"} "
    ));
    assert!(text.contains(
        "inkstone_metrics_labels_folded_total{protocol=\"rpc_client\",name=\"grpc.echo\",label=\"method\"} "
    ));
    caller.close().await;
    a.stop().await;
}
