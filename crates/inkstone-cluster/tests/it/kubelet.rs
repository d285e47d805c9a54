//! Pods as processes: what they are given, how they are watched, and how they end.
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use inkstone_cluster::Cluster;
use inkstone_cluster::store::{CONFIGMAPS, DeleteOptions, PODS, SECRETS, object};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::fixture::{Fixture, is_alive, is_ready, options, pod, process};

#[tokio::test]
async fn a_container_gets_its_environment_and_its_volumes_by_the_names_of_its_manifest() {
    let f = Fixture::start().await;
    f.create(
        CONFIGMAPS,
        json!({"metadata": {"name": "app"}, "data": {"app.toml": "port = 1", "MODE": "dev"}}),
    );
    f.create(SECRETS, json!({"metadata": {"name": "keys"}, "data": {"token": "c2VjcmV0"}}));
    let mut all = pod(
        "all",
        "cat /etc/app/app.toml; echo; cat /run/keys/token; echo; echo $POD_NAME $POD_IP $TOKEN $APP_MODE $FILE; \
         echo from init: $(cat /work/init); test -n \"$KUBERNETES_SERVICE_PORT\" && grep -c namespace $KUBECONFIG; \
         echo done; exec sleep 600",
    );
    let mounts = json!([
        {"name": "config", "mountPath": "/etc/app"},
        {"name": "keys", "mountPath": "/run/keys"},
        {"name": "work", "mountPath": "/work"},
        {"name": "host", "mountPath": "/var/lib/shop"},
    ]);
    all["spec"]["volumes"] = json!([
        {"name": "config", "configMap": {"name": "app"}},
        {"name": "keys", "secret": {"secretName": "keys"}},
        {"name": "work", "emptyDir": {}},
        {"name": "host", "hostPath": {"path": "/var/lib/shop", "type": "DirectoryOrCreate"}},
    ]);
    all["spec"]["initContainers"] = json!([
        {"name": "first", "image": "inkstone.local/sh", "args": ["-c", "echo one > /work/init"], "volumeMounts": mounts},
        {"name": "second", "image": "inkstone.local/sh", "volumeMounts": mounts,
            "args": ["-c", "echo two >> /work/init; echo kept > /var/lib/shop/file"]},
    ]);
    let main = &mut all["spec"]["containers"][0];
    main["volumeMounts"] = mounts;
    main["envFrom"] = json!([{"prefix": "APP_", "configMapRef": {"name": "app"}}]);
    main["env"] = json!([
        {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "token"}}},
        {"name": "FILE", "value": "/etc/app/$(POD_NAME).toml"},
    ]);
    f.create(PODS, all);
    let pod = f.until_log("all", "done").await;
    let log = f.log(&pod, "main", 0);
    let lines: Vec<&str> = log.lines().collect();
    let ip = pod["status"]["podIP"].as_str().unwrap();
    assert_eq!(lines[0..2], ["port = 1", "secret"]);
    let volume = f.state().join("pods").join(object::uid(&pod)).join("_volumes/config/all.toml");
    assert_eq!(lines[2], format!("all {ip} secret dev {}", volume.display()));
    assert_eq!(lines[3..5], ["from init: one two", "1"]);
    assert_eq!(std::fs::read_to_string(f.state().join("host/var/lib/shop/file")).unwrap(), "kept\n");
    assert_eq!(pod["status"]["initContainerStatuses"][1]["state"]["terminated"]["reason"], "Completed");
    assert_eq!(pod["status"]["phase"], "Running");
}

#[tokio::test]
async fn each_of_twenty_updates_in_a_row_swaps_the_volume() {
    let f = Fixture::start().await;
    f.create(CONFIGMAPS, json!({"metadata": {"name": "app"}, "data": {"n": "0"}}));
    let mut reader = pod("reader", "exec sleep 600");
    reader["spec"]["volumes"] = json!([{"name": "config", "configMap": {"name": "app"}}]);
    f.create(PODS, reader);
    let pod = f.until_ready(1).await.remove(0);
    let volume = f.state().join("pods").join(object::uid(&pod)).join("_volumes/config");
    let mut targets = vec![std::fs::read_link(volume.join("..data")).unwrap()];
    for round in 1..=20 {
        let text = round.to_string();
        f.edit(CONFIGMAPS, "app", |app| app["data"]["n"] = text.as_str().into());
        f.until(&format!("update {round}"), || {
            (std::fs::read_to_string(volume.join("n")).unwrap() == text).then_some(())
        })
        .await;
        let target = std::fs::read_link(volume.join("..data")).unwrap();
        assert!(!targets.contains(&target), "each update has a directory of its own");
        targets.push(target);
    }
}

#[tokio::test]
async fn a_volume_that_cannot_be_written_keeps_its_files_and_is_tried_again() {
    let f = Fixture::start().await;
    f.create(CONFIGMAPS, json!({"metadata": {"name": "app"}, "data": {"n": "old"}}));
    let mut reader = pod("reader", "exec sleep 600");
    reader["spec"]["volumes"] = json!([{"name": "config", "configMap": {"name": "app"}}]);
    f.create(PODS, reader);
    let pod = f.until_ready(1).await.remove(0);
    let volume = f.state().join("pods").join(object::uid(&pod)).join("_volumes/config");
    // Even root cannot replace a directory by a link.
    std::fs::create_dir(volume.join("..data_tmp")).unwrap();
    f.edit(CONFIGMAPS, "app", |app| app["data"]["n"] = "new".into());
    let said = f.until("the event", || f.events("FailedMount").pop()).await;
    assert!(said.contains("_volumes/config"), "{said}");
    assert_eq!(std::fs::read_to_string(volume.join("n")).unwrap(), "old");
    std::fs::remove_dir(volume.join("..data_tmp")).unwrap();
    f.until("the next try", || (std::fs::read_to_string(volume.join("n")).unwrap() == "new").then_some(()))
        .await;
}

#[tokio::test]
async fn a_missing_config_map_is_waited_for() {
    let f = Fixture::start().await;
    let mut waits = pod("waits", "exec sleep 600");
    waits["spec"]["volumes"] = json!([{"name": "config", "configMap": {"name": "late"}}]);
    f.create(PODS, waits);
    let said = f.until("the event", || f.events("FailedMount").pop()).await;
    assert!(said.contains("configmap \"late\" not found"), "{said}");
    assert_eq!(f.pod("waits").unwrap()["status"]["phase"], "Pending");
    f.create(CONFIGMAPS, json!({"metadata": {"name": "late"}, "data": {}}));
    f.until_ready(1).await;
}

#[tokio::test]
async fn a_missing_program_names_the_directories_looked_in() {
    let f = Fixture::start().await;
    let mut none = pod("none", "");
    none["spec"]["containers"][0]["image"] = "inkstone.local/no-such-program:v1".into();
    f.create(PODS, none);
    let waiting = f
        .until("the status", || {
            let waiting = f.pod("none")?["status"]["containerStatuses"][0]["state"]["waiting"].clone();
            (waiting["reason"] == "ErrImageNeverPull").then_some(waiting)
        })
        .await;
    assert!(waiting["message"].as_str().unwrap().contains("/bin, /usr/bin"), "{waiting}");
}

#[tokio::test]
async fn a_container_that_fails_is_restarted_with_back_off() {
    let f = Fixture::start().await;
    f.create(PODS, pod("fails", "echo run; exit 3"));
    let restarts = |pod: &Value| pod["status"]["containerStatuses"][0]["restartCount"].as_u64().unwrap_or(0);
    f.until("it waits before the next run", || {
        let pod = f.pod("fails")?;
        let status = &pod["status"]["containerStatuses"][0];
        let waits = status["state"]["waiting"]["reason"] == "CrashLoopBackOff";
        assert!(!waits || !is_ready(&pod));
        (waits && status["lastState"]["terminated"]["exitCode"] == 3).then_some(())
    })
    .await;
    let pod = f.until("some restarts", || f.pod("fails").filter(|pod| restarts(pod) >= 3)).await;
    assert_eq!(f.log(&pod, "main", 1), "run\n");
    assert!(!f.events("BackOff").is_empty());
}

#[tokio::test]
async fn a_pod_that_need_not_be_restarted_succeeds_or_fails() {
    let f = Fixture::start().await;
    for (name, script, phase) in [("good", "exit 0", "Succeeded"), ("bad", "exit 2", "Failed")] {
        let mut once = pod(name, script);
        once["spec"]["restartPolicy"] = "Never".into();
        f.create(PODS, once);
        f.until(phase, || f.pod(name).filter(|pod| pod["status"]["phase"] == phase)).await;
        f.delete(PODS, name);
        assert!(f.pod(name).is_none());
    }
}

#[tokio::test]
async fn a_failed_liveness_probe_restarts_the_container() {
    let f = Fixture::start().await;
    let mut sick = pod("sick", "exec sleep 600");
    sick["spec"]["containers"][0]["livenessProbe"] =
        json!({"exec": {"command": ["false"]}, "periodSeconds": 1, "failureThreshold": 1});
    f.create(PODS, sick);
    f.until("a restart", || {
        let pod = f.pod("sick")?;
        (pod["status"]["containerStatuses"][0]["restartCount"].as_u64()? > 0).then_some(())
    })
    .await;
    assert!(f.events("Killing").iter().any(|message| message.contains("failed liveness probe")));
}

/// Answers each connection with one HTTP response.
async fn answer_http(listener: TcpListener, status: &'static str) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 1024];
        let read = stream.read(&mut request).await.unwrap_or(0);
        if String::from_utf8_lossy(&request[..read]).starts_with("GET /ready HTTP/1.1") {
            let _ =
                stream.write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").as_bytes()).await;
        }
    }
}

#[tokio::test]
async fn probes_over_http_and_tcp_reach_the_address_of_the_pod() {
    let f = Fixture::start().await;
    let mut served = pod("served", "exec sleep 600");
    served["spec"]["containers"][0]["ports"] = json!([{"name": "http", "containerPort": 18080}]);
    served["spec"]["containers"][0]["startupProbe"] = json!({"tcpSocket": {"port": "http"}});
    served["spec"]["containers"][0]["readinessProbe"] =
        json!({"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 1});
    f.create(PODS, served);
    let ip = f
        .until("it runs and has not started", || {
            let pod = f.pod("served")?;
            process(&pod)?;
            assert_eq!(pod["status"]["containerStatuses"][0]["started"], false);
            pod["status"]["podIP"].as_str().map(str::to_owned)
        })
        .await;
    let refusing = TcpListener::bind((ip.as_str(), 18080)).await.unwrap();
    let refusing = tokio::spawn(answer_http(refusing, "503 Service Unavailable"));
    f.until("the refusal is seen", || f.events("Unhealthy").into_iter().find(|said| said.contains("503")))
        .await;
    let status = f.pod("served").unwrap()["status"]["containerStatuses"][0].clone();
    assert_eq!((&status["started"], &status["ready"]), (&json!(true), &json!(false)));
    refusing.abort();
    let _ = refusing.await;
    let begun = Instant::now();
    let serving = TcpListener::bind((ip.as_str(), 18080)).await.unwrap();
    let serving = tokio::spawn(answer_http(serving, "200 OK"));
    f.until_ready(1).await;
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "a starting pod is probed often: {:?}",
        begun.elapsed()
    );
    serving.abort();
}

#[tokio::test]
async fn a_grpc_probe_asks_the_health_service() {
    let f = Fixture::start().await;
    let mut served = pod("served", "exec sleep 600");
    served["spec"]["containers"][0]["readinessProbe"] =
        json!({"grpc": {"port": 19090, "service": "shop"}, "periodSeconds": 1, "failureThreshold": 1});
    f.create(PODS, served);
    let ip = f
        .until("it runs", || {
            let pod = f.pod("served")?;
            process(&pod)?;
            pod["status"]["podIP"].as_str().map(str::to_owned)
        })
        .await;
    let (health, service) = tonic_health::server::health_reporter();
    let at = format!("{ip}:19090").parse().unwrap();
    let serving = tokio::spawn(tonic::transport::Server::builder().add_service(service).serve(at));
    f.until("an unknown service is refused", || {
        f.events("Unhealthy").into_iter().find(|said| said.contains("status 5"))
    })
    .await;
    health.set_service_status("shop", tonic_health::ServingStatus::Serving).await;
    f.until_ready(1).await;
    health.set_service_status("shop", tonic_health::ServingStatus::NotServing).await;
    f.until("not serving is seen", || f.ready().is_empty().then_some(())).await;
    serving.abort();
}

#[tokio::test]
async fn a_pod_may_end_by_itself_and_is_killed_after_its_grace_period() {
    let f = Fixture::start().await;
    let mut polite =
        pod("polite", "trap 'echo bye > /out/polite; exit 0' TERM; echo up; while :; do sleep 0.05; done");
    polite["spec"]["terminationGracePeriodSeconds"] = 20.into();
    polite["spec"]["volumes"] = json!([{"name": "out", "hostPath": {"path": "/out"}}]);
    polite["spec"]["containers"][0]["volumeMounts"] = json!([{"name": "out", "mountPath": "/out"}]);
    f.create(PODS, polite);
    // A child in the same group must not outlive the pod either.
    f.create(PODS, pod("stubborn", "trap '' TERM; sleep 600 & echo up; while :; do sleep 0.05; done"));
    f.until_log("polite", "up").await;
    let stubborn = f.until_log("stubborn", "up").await;
    let pid = process(&stubborn).unwrap();
    let begun = Instant::now();
    f.delete(PODS, "polite");
    f.delete(PODS, "stubborn");
    f.until("the polite pod is gone", || f.pod("polite").is_none().then_some(())).await;
    assert!(begun.elapsed() < Duration::from_secs(10), "it need not wait for its grace period");
    assert_eq!(std::fs::read_to_string(f.state().join("host/out/polite")).unwrap(), "bye\n");
    f.until("the stubborn pod is gone", || f.pod("stubborn").is_none().then_some(())).await;
    assert!(begun.elapsed() >= Duration::from_secs(1), "not before its second was over");
    until_gone(pid).await;
    let dir = f.state().join("pods").join(object::uid(&stubborn));
    f.until("its files are gone", || (!dir.exists()).then_some(())).await;
}

#[tokio::test]
async fn a_pod_deleted_by_force_is_killed_at_once() {
    let f = Fixture::start().await;
    let mut stubborn = pod("stubborn", "trap '' TERM; echo up; while :; do sleep 0.05; done");
    stubborn["spec"]["terminationGracePeriodSeconds"] = 600.into();
    f.create(PODS, stubborn);
    let stubborn = f.until_log("stubborn", "up").await;
    let pid = process(&stubborn).unwrap();
    f.delete(PODS, "stubborn");
    f.store().delete(PODS, "default", "stubborn", &DeleteOptions::now()).unwrap();
    until_gone(pid).await;
}

#[tokio::test]
async fn stopping_the_cluster_ends_every_process_and_starting_it_runs_the_pods_again() {
    let f = Fixture::start().await;
    f.create(PODS, pod("stays", "sleep 600 & exec sleep 600"));
    let pid = process(&f.until_ready(1).await[0]).unwrap();
    let Fixture { cluster, dir } = f;
    cluster.stop().await.unwrap();
    assert!(!is_alive(pid), "it was waited for");
    until_gone(pid).await;
    let cluster = Cluster::start(options(&dir.path().join("state"))).await.unwrap();
    let f = Fixture { cluster, dir };
    let again = f
        .until("it runs again", || {
            f.pod("stays").filter(|pod| is_ready(pod) && process(pod).is_some_and(|now| now != pid))
        })
        .await;
    assert_eq!(again["status"]["containerStatuses"][0]["restartCount"], 1);
}

/// Run by the next test in a process of its own, which is killed.
#[tokio::test]
async fn cluster_for_another_test() {
    let Ok(state) = std::env::var("INKSTONE_TEST_STATE") else { return };
    let cluster = Cluster::start(options(state.as_ref())).await.unwrap();
    let mut left = pod("left", "sleep 600 & sleep 600 & echo started; wait");
    left["metadata"]["namespace"] = "default".into();
    cluster.store().create(PODS, left).unwrap();
    loop {
        let pod = cluster.store().get(PODS, "default", "left").unwrap();
        // The children of the shell are there only after it has spoken.
        let log = format!("{state}/pods/{}/main/0.log", object::uid(&pod));
        if let Some(pid) = process(&pod)
            && std::fs::read_to_string(log).is_ok_and(|log| log.contains("started"))
        {
            println!("\nrunning {pid}");
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    std::future::pending().await
}

/// Starts a cluster in a process of its own. Returns it and the process of its pod, which has two children.
fn start_elsewhere(state: &Path) -> (Child, i32) {
    let mut cluster = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kubelet::cluster_for_another_test", "--nocapture"])
        .env("INKSTONE_TEST_STATE", state)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(cluster.stdout.take().unwrap()).lines().map_while(Result::ok);
    let pid: i32 = lines.find_map(|line| line.strip_prefix("running ")?.parse().ok()).unwrap();
    assert_eq!(group(pid).len(), 3, "a shell and its two children");
    (cluster, pid)
}

#[tokio::test]
async fn a_killed_cluster_leaves_no_process_behind() {
    let f = Fixture::start().await;
    let (mut cluster, pid) = start_elsewhere(&f.dir.path().join("killed"));
    cluster.kill().unwrap();
    cluster.wait().unwrap();
    until_gone(pid).await;
}

#[tokio::test]
async fn what_outlives_a_cluster_killed_with_its_guard_is_ended_by_the_next_start() {
    let f = Fixture::start().await;
    let state = f.dir.path().join("killed");
    let (mut cluster, pid) = start_elsewhere(&state);
    for child in children(cluster.id()) {
        if std::fs::read_to_string(format!("/proc/{child}/cmdline")).unwrap().contains("guard") {
            kill_process(Pid::from_raw(child).unwrap(), Signal::KILL).unwrap();
        }
    }
    cluster.kill().unwrap();
    cluster.wait().unwrap();
    f.until("the shell is gone", || (!is_alive(pid)).then_some(())).await;
    assert_eq!(group(pid).len(), 2, "its children are nobody's");
    let again = Cluster::start(options(&state)).await.unwrap();
    until_gone(pid).await;
    again.stop().await.unwrap();
}

fn children(parent: u32) -> Vec<i32> {
    let list = std::fs::read_dir(format!("/proc/{parent}/task")).unwrap().filter_map(Result::ok);
    let children = list.map(|task| std::fs::read_to_string(task.path().join("children")).unwrap_or_default());
    children
        .flat_map(|pids| pids.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<_>>())
        .collect()
}

/// Waits until a group has no living process: one that was killed is gone when it is next scheduled.
async fn until_gone(leader: i32) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !group(leader).is_empty() {
        assert!(Instant::now() < deadline, "processes are left: {:?}", group(leader));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The living processes of a group.
fn group(leader: i32) -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let of_group = |pid: &i32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(')')
            .is_some_and(|(_, rest)| rest.split_whitespace().nth(2) == Some(&leader.to_string()))
    };
    pids.filter(of_group).filter(|pid| is_alive(*pid)).collect()
}
