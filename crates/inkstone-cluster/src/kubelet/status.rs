//! What the kubelet knows about a pod, and the `status` that says it.
use std::path::PathBuf;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{self, Container, Pod};
use serde_json::{Value, json};

use crate::store::object::timestamp;

/// One finished run of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) signal: Option<i32>,
    pub(crate) message: Option<String>,
    pub(crate) started: Timestamp,
    pub(crate) finished: Timestamp,
    pub(crate) id: String,
}

/// What a container is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    Waiting { reason: &'static str, message: String },
    Running { since: Timestamp },
    Ended(Ended),
}

/// One container of a pod.
#[derive(Debug, Clone)]
pub(crate) struct ContainerState {
    pub(crate) name: String,
    pub(crate) image: String,
    /// The program that the image stands for, once found.
    pub(crate) program: Option<PathBuf>,
    pub(crate) state: State,
    pub(crate) last: Option<Ended>,
    pub(crate) restarts: u32,
    /// The number that the next run will have: its restart count, and the name of its log.
    pub(crate) next_run: u32,
    pub(crate) ready: bool,
    /// The startup probe, if there is one, has succeeded in this run.
    pub(crate) started: bool,
    /// Names the present run.
    pub(crate) id: String,
}

/// What the whole pod's status is made from.
#[derive(Debug, Clone)]
pub(crate) struct PodState {
    pub(crate) ip: Option<String>,
    pub(crate) host_ip: String,
    pub(crate) since: Timestamp,
    pub(crate) restart_policy: RestartPolicy,
    pub(crate) inits: Vec<ContainerState>,
    pub(crate) containers: Vec<ContainerState>,
    /// Why the pod failed as a whole, if it did.
    pub(crate) failure: Option<String>,
    pub(crate) generation: Option<i64>,
}

/// What happens when a container ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RestartPolicy {
    Always,
    OnFailure,
    Never,
}

impl RestartPolicy {
    pub(crate) fn of(pod: &Pod) -> Self {
        match pod.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref()) {
            Some("Never") => Self::Never,
            Some("OnFailure") => Self::OnFailure,
            _ => Self::Always,
        }
    }

    pub(crate) fn restarts(self, code: i32) -> bool {
        match self {
            Self::Always => true,
            Self::OnFailure => code != 0,
            Self::Never => false,
        }
    }

    /// An init container that succeeded is done, whatever the policy.
    pub(crate) fn for_init(self) -> Self {
        if self == Self::Never { Self::Never } else { Self::OnFailure }
    }
}

impl ContainerState {
    /// A container that this kubelet has not started yet. `before` is what the pod's status says of it: a run that
    /// an earlier kubelet had started has ended with it, and the next counts as a restart.
    pub(crate) fn new(
        container: &Container,
        before: Option<&v1::ContainerStatus>,
        waits_for: &'static str,
    ) -> Self {
        let last = before.and_then(last_run);
        Self {
            name: container.name.clone(),
            image: container.image.clone().unwrap_or_default(),
            program: None,
            state: State::Waiting { reason: waits_for, message: String::new() },
            restarts: before.map_or(0, restarts),
            next_run: before.map_or(0, |status| restarts(status) + u32::from(has_run(status))),
            last,
            ready: false,
            started: false,
            id: String::new(),
        }
    }

    fn succeeded(&self) -> bool {
        matches!(&self.state, State::Ended(ended) if ended.code == 0)
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name,
            "image": self.image,
            "imageID": self.program.as_ref().map(|path| format!("file://{}", path.display())).unwrap_or_default(),
            "containerID": self.id,
            "state": state_json(&self.state),
            "lastState": self.last.as_ref().map_or_else(|| json!({}), ended_json),
            "restartCount": self.restarts,
            "ready": self.ready,
            "started": self.started,
        })
    }
}

fn restarts(status: &v1::ContainerStatus) -> u32 {
    u32::try_from(status.restart_count).unwrap_or(0)
}

fn has_run(status: &v1::ContainerStatus) -> bool {
    let before = status.last_state.as_ref().is_some_and(|last| last.terminated.is_some());
    before || status.state.as_ref().is_some_and(|state| state.running.is_some() || state.terminated.is_some())
}

fn last_run(status: &v1::ContainerStatus) -> Option<Ended> {
    let state = status.state.as_ref()?;
    let finished = state.terminated.as_ref().or_else(|| status.last_state.as_ref()?.terminated.as_ref());
    if let Some(running) = &state.running {
        let started = running.started_at.as_ref().map_or_else(Timestamp::now, |at| at.0);
        return Some(Ended {
            code: 137,
            signal: Some(9),
            message: Some("the local cluster was stopped".to_owned()),
            started,
            finished: Timestamp::now(),
            id: status.container_id.clone().unwrap_or_default(),
        });
    }
    finished.map(|ended| Ended {
        code: ended.exit_code,
        signal: ended.signal,
        message: ended.message.clone(),
        started: ended.started_at.as_ref().map_or(Timestamp::UNIX_EPOCH, |at| at.0),
        finished: ended.finished_at.as_ref().map_or(Timestamp::UNIX_EPOCH, |at| at.0),
        id: ended.container_id.clone().unwrap_or_default(),
    })
}

fn state_json(state: &State) -> Value {
    match state {
        State::Waiting { reason, message } if message.is_empty() => json!({"waiting": {"reason": reason}}),
        State::Waiting { reason, message } => json!({"waiting": {"reason": reason, "message": message}}),
        State::Running { since } => json!({"running": {"startedAt": timestamp(*since)}}),
        State::Ended(ended) => ended_json(ended),
    }
}

fn ended_json(ended: &Ended) -> Value {
    let mut body = json!({
        "exitCode": ended.code,
        "reason": if ended.code == 0 { "Completed" } else { "Error" },
        "startedAt": timestamp(ended.started),
        "finishedAt": timestamp(ended.finished),
        "containerID": ended.id,
    });
    if let Some(signal) = ended.signal {
        body["signal"] = signal.into();
    }
    if let Some(message) = &ended.message {
        body["message"] = message.as_str().into();
    }
    json!({ "terminated": body })
}

impl PodState {
    /// The phase, as the Kubernetes API defines it.
    pub(crate) fn phase(&self) -> &'static str {
        if self.failure.is_some() {
            return "Failed";
        }
        let init_policy = self.restart_policy.for_init();
        if let Some(init) = self.inits.iter().find(|init| !init.succeeded()) {
            return match &init.state {
                State::Ended(ended) if !init_policy.restarts(ended.code) => "Failed",
                _ => "Pending",
            };
        }
        let mut ended = self.containers.iter().map(|container| match &container.state {
            State::Ended(ended) if !self.restart_policy.restarts(ended.code) => Some(ended.code),
            _ => None,
        });
        if let Some(codes) = ended.clone().collect::<Option<Vec<_>>>() {
            return if codes.iter().all(|code| *code == 0) { "Succeeded" } else { "Failed" };
        }
        let never_started = |container: &ContainerState| {
            matches!(container.state, State::Waiting { .. }) && container.last.is_none()
        };
        if self.containers.iter().any(never_started) && !ended.any(|code| code.is_some()) {
            return "Pending";
        }
        "Running"
    }

    /// Whether every init container is done.
    fn initialized(&self) -> bool {
        // Once a container has run, initialization is over.
        self.inits.iter().all(ContainerState::succeeded)
    }

    /// The whole `status`. `previous` is the status now in the store; conditions that did not change keep their time.
    pub(crate) fn status(&self, previous: &Value, now: Timestamp) -> Value {
        let phase = self.phase();
        let done = matches!(phase, "Succeeded" | "Failed");
        let unready: Vec<&str> =
            self.containers.iter().filter(|one| !one.ready).map(|one| one.name.as_str()).collect();
        let ready = if unready.is_empty() {
            Ok(())
        } else if done {
            Err(("PodCompleted", String::new()))
        } else {
            Err(("ContainersNotReady", format!("containers with unready status: [{}]", unready.join(" "))))
        };
        let initialized = if self.initialized() {
            Ok(())
        } else {
            let open: Vec<&str> =
                self.inits.iter().filter(|init| !init.succeeded()).map(|init| init.name.as_str()).collect();
            Err((
                "ContainersNotInitialized",
                format!("containers with incomplete status: [{}]", open.join(" ")),
            ))
        };
        let condition = |kind: &str, is: &Result<(), (&str, String)>| condition(previous, kind, is, now);
        let mut status = json!({
            "phase": phase,
            "conditions": [
                condition("Initialized", &initialized),
                condition("Ready", &ready),
                condition("ContainersReady", &ready),
                condition("PodScheduled", &Ok(())),
            ],
            "hostIP": self.host_ip,
            "hostIPs": [{"ip": self.host_ip}],
            "startTime": timestamp(self.since),
            "containerStatuses": self.containers.iter().map(ContainerState::json).collect::<Vec<_>>(),
            "qosClass": "BestEffort",
        });
        if let Some(ip) = &self.ip {
            status["podIP"] = ip.as_str().into();
            status["podIPs"] = json!([{ "ip": ip }]);
        }
        if !self.inits.is_empty() {
            status["initContainerStatuses"] = self.inits.iter().map(init_json).collect();
        }
        if let Some(failure) = &self.failure {
            status["reason"] = "Failed".into();
            status["message"] = failure.as_str().into();
        }
        if let Some(generation) = self.generation {
            status["observedGeneration"] = generation.into();
        }
        status
    }
}

fn init_json(init: &ContainerState) -> Value {
    let mut status = init.json();
    // An init container is ready when it is done.
    status["ready"] = init.succeeded().into();
    status
}

/// One condition of a status; it keeps its transition time while its value stays.
pub(crate) fn condition(
    previous: &Value,
    kind: &str,
    is: &Result<(), (&str, String)>,
    now: Timestamp,
) -> Value {
    let status = if is.is_ok() { "True" } else { "False" };
    let before = previous["conditions"].as_array().into_iter().flatten().find(|old| old["type"] == kind);
    let since = before
        .filter(|old| old["status"] == status)
        .map_or_else(|| timestamp(now).into(), |old| old["lastTransitionTime"].clone());
    let mut condition =
        json!({"type": kind, "status": status, "lastProbeTime": null, "lastTransitionTime": since});
    if let Err((reason, message)) = is {
        condition["reason"] = (*reason).into();
        if !message.is_empty() {
            condition["message"] = message.as_str().into();
        }
    }
    condition
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(state: State) -> ContainerState {
        let spec = Container { name: "main".into(), ..Container::default() };
        ContainerState { state, ..ContainerState::new(&spec, None, "ContainerCreating") }
    }

    fn waiting() -> State {
        State::Waiting { reason: "ContainerCreating", message: String::new() }
    }

    fn running() -> State {
        State::Running { since: Timestamp::UNIX_EPOCH }
    }

    fn ended(code: i32) -> State {
        State::Ended(Ended {
            code,
            signal: None,
            message: None,
            started: Timestamp::UNIX_EPOCH,
            finished: Timestamp::UNIX_EPOCH,
            id: String::new(),
        })
    }

    fn pod(restart_policy: RestartPolicy, inits: Vec<State>, containers: Vec<State>) -> PodState {
        PodState {
            ip: Some("127.70.0.1".into()),
            host_ip: "127.0.0.1".into(),
            since: Timestamp::UNIX_EPOCH,
            restart_policy,
            inits: inits.into_iter().map(container).collect(),
            containers: containers.into_iter().map(container).collect(),
            failure: None,
            generation: None,
        }
    }

    #[test]
    fn the_phase_follows_the_containers() {
        use RestartPolicy::{Always, Never, OnFailure};
        let cases = [
            (Always, vec![], vec![waiting()], "Pending"),
            (Always, vec![], vec![running()], "Running"),
            (Always, vec![], vec![running(), waiting()], "Pending"),
            (Always, vec![], vec![ended(0)], "Running"),
            (OnFailure, vec![], vec![ended(0)], "Succeeded"),
            (OnFailure, vec![], vec![ended(1)], "Running"),
            (Never, vec![], vec![ended(1), ended(0)], "Failed"),
            (Never, vec![], vec![ended(1), running()], "Running"),
            (Always, vec![running()], vec![waiting()], "Pending"),
            (Always, vec![ended(1)], vec![waiting()], "Pending"),
            (Never, vec![ended(1)], vec![waiting()], "Failed"),
            (Always, vec![ended(0)], vec![running()], "Running"),
        ];
        for (policy, inits, containers, expected) in cases {
            let shown = format!("{policy:?} {inits:?} {containers:?}");
            assert_eq!(pod(policy, inits, containers).phase(), expected, "{shown}");
        }
    }

    #[test]
    fn a_condition_keeps_its_time_while_it_stays() {
        let mut pod = pod(RestartPolicy::Always, vec![], vec![running()]);
        let first = pod.status(&Value::Null, Timestamp::from_second(100).unwrap());
        let again = pod.status(&first, Timestamp::from_second(200).unwrap());
        assert_eq!(first["conditions"], again["conditions"]);
        pod.containers[0].ready = true;
        let ready = pod.status(&again, Timestamp::from_second(300).unwrap());
        assert_eq!(ready["conditions"][1]["status"], "True");
        assert_eq!(ready["conditions"][1]["lastTransitionTime"], "1970-01-01T00:05:00Z");
        assert_eq!(ready["conditions"][3], first["conditions"][3]);
    }

    #[test]
    fn a_run_of_an_earlier_kubelet_counts_as_a_restart() {
        let spec = Container { name: "main".into(), ..Container::default() };
        let before: v1::ContainerStatus = serde_json::from_value(json!({
            "name": "main", "image": "i", "imageID": "", "ready": true, "restartCount": 2,
            "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
        }))
        .unwrap();
        let state = ContainerState::new(&spec, Some(&before), "ContainerCreating");
        assert_eq!((state.restarts, state.next_run), (2, 3));
        assert_eq!(state.last.unwrap().code, 137);
    }
}
