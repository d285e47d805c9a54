//! The live calls, read as a client of server-sent events reads them.

use std::time::Duration;

use inkstone_config::{Config, Live};
use inkstone_core::{App, Component, Cx, Error};
use inkstone_guard::{Guard, GuardConfig};
use inkstone_observe::Protocol;
use reqwest::{Response, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Service, free_port};

/// A component that does nothing but call.
#[derive(Debug, Clone)]
struct Ward(Guard);

#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
struct WardConfig {}

impl Config for WardConfig {}

impl Component for Ward {
    const KIND: &'static str = "ward";
    type Config = WardConfig;

    async fn build(_config: Live<WardConfig>, cx: Cx) -> Result<Self, Error> {
        Ok(Self(cx.guard(Protocol::Db, "first floor", Live::fixed(GuardConfig::default()))))
    }
}

impl Ward {
    fn call(&self, method: &str, code: &'static str) {
        self.0.enter(self.0.op(method)).finish(code);
    }
}

async fn start(governor: &str) -> (Service, Ward) {
    let port = free_port();
    let toml = format!(
        "app.drain = \"0s\"\n[ward.one]\n[patient.zero]\n[server.governor]\nport = {port}\n{governor}\n"
    );
    let app = App::from_toml("t.toml", &toml);
    let ward = app.load::<Ward>("ward.one").build().await.unwrap();
    (Service::run(app, port).await, ward)
}

/// The next call of a stream; `None` at its end.
async fn next(stream: &mut Response, text: &mut String) -> Option<Value> {
    loop {
        if let Some((event, rest)) = text.split_once("\n\n") {
            let data = event.lines().find_map(|line| line.strip_prefix("data: ").map(str::to_owned));
            *text = rest.to_owned();
            match data {
                Some(data) => return Some(serde_json::from_str(&data).unwrap()),
                None => continue,
            }
        }
        let chunk = tokio::time::timeout(Duration::from_secs(10), stream.chunk()).await.expect("in time");
        text.push_str(std::str::from_utf8(&chunk.unwrap_or_default()?).unwrap());
    }
}

#[tokio::test]
async fn calls_are_shown_as_they_end_and_only_those_asked_for() {
    let (service, ward) = start("").await;
    let mut stream = service.get("/calls?component=ward.one&failed=true").await;
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    ward.call("admit", "OK");
    ward.call("discharge", "aborted");
    let call = next(&mut stream, &mut String::new()).await.unwrap();
    assert_eq!((&call["call"]["method"], &call["call"]["code"]), (&"discharge".into(), &"aborted".into()));
    assert_eq!((&call["call"]["name"], &call["skipped"]), (&"ward.one".into(), &0.into()));
    service.stop().await.unwrap();
}

#[tokio::test]
async fn a_stream_is_capped_in_rate_and_time_and_ends_with_the_service() {
    let (service, ward) = start("").await;
    let (mut stream, mut text) = (service.get("/calls?rate=2&seconds=3").await, String::new());
    for _ in 0..10 {
        ward.call("admit", "OK");
    }
    for _ in 0..2 {
        assert_eq!(next(&mut stream, &mut text).await.unwrap()["skipped"], 0);
    }
    tokio::time::sleep(Duration::from_millis(1100)).await;
    ward.call("later", "OK");
    let later = next(&mut stream, &mut text).await.unwrap();
    assert_eq!((&later["call"]["method"], &later["skipped"]), (&"later".into(), &8.into()));
    assert_eq!(next(&mut stream, &mut text).await, None);

    let mut stream = service.get("/calls").await;
    let ended = tokio::spawn(async move { next(&mut stream, &mut String::new()).await });
    service.stop().await.unwrap();
    assert_eq!(ended.await.unwrap(), None);
}

#[tokio::test]
async fn there_are_so_many_readers_and_no_more_and_wrong_wishes_are_refused() {
    let (service, _ward) = start("max_readers = 1").await;
    for query in
        ["rate=0", "rate=1001", "seconds=0", "seconds=3601", "sample=0", "sample=2", "slower=x", "x=1"]
    {
        assert_eq!(service.status(&format!("/calls?{query}")).await, StatusCode::BAD_REQUEST, "{query}");
    }
    let reader = service.get("/calls").await;
    assert_eq!(service.status("/calls").await, StatusCode::CONFLICT);
    drop(reader);
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while service.status("/calls?seconds=1").await != StatusCode::OK {
        assert!(std::time::Instant::now() < deadline, "the place is not free again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    service.stop().await.unwrap();
}
