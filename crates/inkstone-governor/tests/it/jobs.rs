//! Jobs through the governor.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use inkstone_core::{App, Error, JobInput};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::levels::{LOGS, events_of, log_file};
use crate::{Service, client, free_port};

/// A service with a job that waits for permission, one that fails, and how often the first has run.
async fn start(go: Arc<Semaphore>) -> (Service, Arc<AtomicUsize>) {
    let port = free_port();
    let table = "tokens = { bert = \"letmein\" }";
    let toml = format!("app.drain = \"0s\"\n[patient.zero]\n[server.governor]\nport = {port}\n{table}\n");
    let ran = Arc::new(AtomicUsize::new(0));
    let counted = ran.clone();
    let app = App::from_toml("t.toml", &toml)
        .job_with("reindex", move |input: JobInput| {
            let (go, counted) = (go.clone(), counted.clone());
            async move {
                go.acquire().await.unwrap().forget();
                assert_eq!((input.text(), input.header("tenant")), (Ok("all"), Some("acme")));
                counted.fetch_add(1, Ordering::SeqCst);
                Ok::<_, Error>(())
            }
        })
        .job_with("fail", async |_: JobInput| Err::<(), _>(std::io::Error::other("no disk left")));
    (Service::run(app, port).await, ran)
}

async fn run(service: &Service, job: &str, body: &str) -> (StatusCode, Value) {
    let request = client().post(format!("http://{}/jobs/{job}", service.address)).bearer_auth("letmein");
    let answer = request.body(body.to_owned()).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

const INPUT: &str = "{\"data\": \"all\", \"headers\": {\"tenant\": \"acme\"}}";

#[tokio::test]
async fn a_job_is_run_one_at_a_time_and_whoever_ran_it_is_in_the_log() {
    let _turn = LOGS.lock().await;
    log_file();
    let go = Arc::new(Semaphore::new(0));
    let (service, ran) = start(go.clone()).await;
    let jobs: Value = service.ask("/jobs", Some("letmein")).await.json().await.unwrap();
    assert_eq!(
        (&jobs[0]["name"], &jobs[0]["running"], &jobs[0]["last"]),
        (&json!("reindex"), &json!(false), &Value::Null)
    );

    let first = run(&service, "reindex", INPUT);
    let second = async {
        loop {
            let jobs: Value = service.ask("/jobs", Some("letmein")).await.json().await.unwrap();
            if jobs[0]["running"] == true {
                break;
            }
        }
        let refused = run(&service, "reindex", INPUT).await;
        go.add_permits(1);
        refused
    };
    let ((status, record), (refused, _)) = tokio::join!(first, second);
    assert_eq!((status, refused), (StatusCode::OK, StatusCode::CONFLICT), "{record}");
    assert_eq!(
        (&record["job"], &record["outcome"], ran.load(Ordering::SeqCst)),
        (&json!("reindex"), &json!("ok"), 1)
    );
    let jobs: Value = service.ask("/jobs", Some("letmein")).await.json().await.unwrap();
    assert_eq!(jobs[0]["last"]["id"], record["id"]);

    let events = events_of("token bert");
    assert_eq!(events.len(), 1, "{events:?}");
    assert!(events[0].to_string().contains("job reindex"), "{events:?}");
    service.stop().await.unwrap();
}

#[tokio::test]
async fn a_job_that_fails_or_is_not_there_says_so() {
    let (service, _) = start(Arc::new(Semaphore::new(0))).await;
    let (status, record) = run(&service, "fail", "").await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(record["outcome"], "failed");
    assert!(record["error"].as_str().unwrap().contains("no disk left"), "{record}");
    let (status, problem) = run(&service, "reindexx", "").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(problem["detail"].as_str().unwrap().contains("reindex, fail"), "{problem}");
    let (status, _) = run(&service, "fail", "{\"date\": 1}").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let (status, _) = run(&service, "fail", &"x".repeat(100_000)).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    service.stop().await.unwrap();
}
