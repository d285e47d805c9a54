//! The life of one container: started, probed, ended, started again.
use std::future::pending;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, LifecycleHandler, Probe as ProbeSpec};
use rustix::process::Signal;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::backoff::Backoff;
use super::check::{Check, Checks};
use super::launch::{Prepared, Refusal};
use super::leftovers;
use super::pod::PodRun;
use super::probe::Probe;
use super::process::Process;
use super::status::{ContainerState, Ended, PodState, RestartPolicy, State};
use crate::controllers::events::Subject;

/// Tells when the pod must be gone; empty as long as it may stay.
pub(crate) type Stop = watch::Receiver<Option<Instant>>;

/// How many logs of earlier runs are kept.
const LOGS_KEPT: u32 = 5;

/// Which container of a pod.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Slot {
    Init(usize),
    Main(usize),
}

/// Runs one container of a pod.
#[derive(Debug)]
pub(crate) struct Runner<'a> {
    pub(crate) run: &'a PodRun,
    pub(crate) spec: &'a Container,
    pub(crate) slot: Slot,
    pub(crate) policy: RestartPolicy,
    pub(crate) stop: Stop,
}

struct Probes {
    startup: Option<Probe>,
    readiness: Option<Probe>,
    liveness: Option<Probe>,
}

/// Why a container must be ended although nobody wants the pod gone.
struct Unhealthy {
    message: String,
    grace: Option<Duration>,
}

enum Outcome {
    Ended(std::io::Result<ExitStatus>),
    Unhealthy(Unhealthy),
    Stopped,
}

impl Runner<'_> {
    /// Runs the container until its policy says it is over, or the pod must go. Returns its last exit code, or
    /// `None` when the pod must go.
    pub(crate) async fn run(mut self) -> Option<i32> {
        let mut backoff = Backoff::new(self.run.node.options.restart_delay);
        loop {
            let begun = Instant::now();
            let ended = match self.start().await {
                Ok((process, prepared, probes)) => Some(self.supervise(process, &prepared, &probes).await),
                Err(refusal) => {
                    self.refuse(&refusal);
                    None
                }
            };
            if self.is_stopping() {
                return None;
            }
            let Some(ended) = ended else {
                self.wait_for_change().await;
                if self.is_stopping() {
                    return None;
                }
                continue;
            };
            if !self.policy.restarts(ended.code) {
                return Some(ended.code);
            }
            self.pause(backoff.after(begun.elapsed()), ended).await;
            if self.is_stopping() {
                return None;
            }
        }
    }

    async fn start(&mut self) -> Result<(Process, Prepared, Probes), Refusal> {
        let failed = |message: String| Refusal { reason: "CreateContainerError", message };
        let number = self.read(|container| container.next_run);
        let prepared = self.run.prepare_container(self.spec, number)?;
        let probes = self.probes(&prepared).map_err(failed)?;
        let dir = self.run.container_dir(&self.spec.name);
        std::fs::create_dir_all(&dir)
            .map_err(|error| failed(format!("cannot create {}: {error}", dir.display())))?;
        if let Some(old) = number.checked_sub(LOGS_KEPT) {
            // It may never have been written.
            let _ = std::fs::remove_file(dir.join(format!("{old}.log")));
        }
        let process = self.run.node.spawner.spawn(prepared.launch.clone()).await.map_err(|error| {
            failed(format!("cannot start {}: {error}", prepared.launch.program.display()))
        })?;
        let pid = process.pid().as_raw_nonzero().get();
        let identity = leftovers::Identity::of(pid);
        if let Some(identity) = identity
            && let Err(error) = leftovers::record(&dir, identity)
        {
            tracing::warn!(%error, pid, "cannot record the process of a container; should the cluster be killed, \
                                         its next start may not find it");
        }
        let id = format!("process://{pid}-{}", identity.map_or(0, |identity| identity.started));
        let has_startup = probes.startup.is_some();
        let ready = !has_startup && probes.readiness.is_none();
        self.update(|container| {
            container.program = Some(prepared.image.clone());
            container.id = id;
            container.started = !has_startup;
            container.ready = ready;
            let before = std::mem::replace(&mut container.state, State::Running { since: Timestamp::now() });
            if let State::Ended(ended) = before {
                container.last = Some(ended);
            }
            (container.restarts, container.next_run) = (number, number + 1);
        });
        self.normal("Started", &format!("Started container {}", self.spec.name));
        Ok((process, prepared, probes))
    }

    async fn supervise(&mut self, mut process: Process, prepared: &Prepared, probes: &Probes) -> Ended {
        let outcome = {
            let mut stop = self.stop.clone();
            tokio::select! {
                status = process.wait() => Outcome::Ended(status),
                unhealthy = self.health(probes) => Outcome::Unhealthy(unhealthy),
                _ = stop.wait_for(Option::is_some) => Outcome::Stopped,
            }
        };
        let name = &self.spec.name;
        let far = Instant::now() + Duration::from_secs(86_400);
        let (status, message) = match outcome {
            Outcome::Ended(status) => (status, None),
            Outcome::Unhealthy(unhealthy) => {
                self.normal("Killing", &format!("Container {name} {}, will be restarted", unhealthy.message));
                let grace = unhealthy.grace.unwrap_or_else(|| self.run.grace());
                (
                    self.terminate(&mut process, prepared, probes, Instant::now() + grace).await,
                    Some(unhealthy.message),
                )
            }
            Outcome::Stopped => {
                self.normal("Killing", &format!("Stopping container {name}"));
                (self.terminate(&mut process, prepared, probes, far).await, None)
            }
        };
        drop(process);
        let status = status.unwrap_or_else(|_| ExitStatus::from_raw(Signal::KILL.as_raw()));
        let (since, id) = self.read(|container| match container.state {
            State::Running { since } => (since, container.id.clone()),
            _ => (Timestamp::now(), container.id.clone()),
        });
        let ended = Ended {
            code: status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)),
            signal: status.signal(),
            message,
            started: since,
            finished: Timestamp::now(),
            id,
        };
        self.update(|container| {
            container.ready = false;
            container.started = false;
            container.state = State::Ended(ended.clone());
        });
        ended
    }

    /// Follows the probes; returns when one of them says that the container must be ended.
    async fn health(&self, probes: &Probes) -> Unhealthy {
        let spawner = &self.run.node.spawner;
        if let Some(startup) = &probes.startup {
            let failed = |error: &str| self.unhealthy("Startup", error);
            if startup.started(spawner, failed).await.is_err() {
                return Unhealthy { message: "failed startup probe".to_owned(), grace: startup.grace };
            }
            self.update(|container| {
                container.started = true;
                container.ready = probes.readiness.is_none();
            });
        }
        let dead = async {
            let Some(liveness) = &probes.liveness else { return pending().await };
            liveness.dead(spawner, |error| self.unhealthy("Liveness", error)).await;
            Unhealthy { message: "failed liveness probe".to_owned(), grace: liveness.grace }
        };
        tokio::select! {
            unhealthy = dead => unhealthy,
            never = self.readiness(probes) => match never {},
        }
    }

    async fn readiness(&self, probes: &Probes) -> std::convert::Infallible {
        let (started, ready) = self.read(|container| (container.started, container.ready));
        match &probes.readiness {
            Some(readiness) if started => {
                let change = |ready| self.update(|container| container.ready = ready);
                let failed = |error: &str| self.unhealthy("Readiness", error);
                readiness.readiness(&self.run.node.spawner, ready, change, failed).await
            }
            _ => pending().await,
        }
    }

    /// Ends the container: preStop, SIGTERM, and SIGKILL at `deadline` or at the pod's own, whichever is first.
    /// Readiness goes on being probed meanwhile.
    async fn terminate(
        &self,
        process: &mut Process,
        prepared: &Prepared,
        probes: &Probes,
        deadline: Instant,
    ) -> std::io::Result<ExitStatus> {
        let hook = self.pre_stop(prepared);
        tokio::select! {
            status = process.wait() => return status,
            () = hook => {}
            () = self.until(deadline) => {}
            never = self.readiness(probes) => match never {},
        }
        process.signal(Signal::TERM);
        tokio::select! {
            status = process.wait() => return status,
            () = self.until(deadline) => {}
            never = self.readiness(probes) => match never {},
        }
        process.signal(Signal::KILL);
        process.wait().await
    }

    /// Waits until `deadline`, or the pod's own when that is earlier; it may come nearer at any time.
    async fn until(&self, deadline: Instant) {
        let mut stop = self.stop.clone();
        loop {
            let due = stop.borrow_and_update().map_or(deadline, |pods| pods.min(deadline));
            tokio::select! {
                () = sleep_until(due) => return,
                changed = stop.changed() => if changed.is_err() {
                    return sleep_until(due).await;
                },
            }
        }
    }

    async fn pre_stop(&self, prepared: &Prepared) {
        let Some(hook) = self.spec.lifecycle.as_ref().and_then(|lifecycle| lifecycle.pre_stop.as_ref())
        else {
            return;
        };
        let outcome = match self.hook(hook, prepared) {
            Ok(check) => check.attempt(Duration::from_secs(86_400), &self.run.node.spawner).await,
            Err(error) => Err(error),
        };
        if let Err(error) = outcome {
            self.warning("FailedPreStopHook", &format!("preStop of container {}: {error}", self.spec.name));
        }
    }

    fn hook(&self, hook: &LifecycleHandler, prepared: &Prepared) -> Result<Check, String> {
        let checks = self.checks(prepared);
        if let Some(action) = &hook.exec {
            return checks.exec(action, |words| self.run.command(prepared, words));
        }
        if let Some(action) = &hook.http_get {
            return checks.http(action);
        }
        if let Some(action) = &hook.sleep {
            return Ok(Check::Sleep(Duration::from_secs(u64::try_from(action.seconds).unwrap_or(0))));
        }
        Err("a hook needs exec, httpGet or sleep".to_owned())
    }

    fn checks<'b>(&'b self, prepared: &'b Prepared) -> Checks<'b> {
        Checks { ip: self.run.ip().into(), container: self.spec, launch: &prepared.launch }
    }

    fn probes(&self, prepared: &Prepared) -> Result<Probes, String> {
        let checks = self.checks(prepared);
        let one = |probe: Option<&ProbeSpec>, which: &str| {
            probe
                .map(|probe| Probe::new(probe, &checks, |words| self.run.command(prepared, words)))
                .transpose()
                .map_err(|error| format!("{which}: {error}"))
        };
        Ok(Probes {
            startup: one(self.spec.startup_probe.as_ref(), "startupProbe")?,
            readiness: one(self.spec.readiness_probe.as_ref(), "readinessProbe")?,
            liveness: one(self.spec.liveness_probe.as_ref(), "livenessProbe")?,
        })
    }

    fn refuse(&self, refusal: &Refusal) {
        let (reason, message) = (refusal.reason, refusal.message.clone());
        self.warning(reason, &refusal.message);
        self.update(|container| container.state = State::Waiting { reason, message });
    }

    /// What was missing may appear: in the API, which tells, or on the disk, which is looked at now and then.
    async fn wait_for_change(&self) {
        let mut stop = self.stop.clone();
        let mut sources = self.run.sources_changed.subscribe();
        tokio::select! {
            _ = sources.changed() => {}
            () = sleep(self.run.node.options.restart_delay.first) => {}
            _ = stop.wait_for(Option::is_some) => {}
        }
    }

    async fn pause(&self, delay: Duration, ended: Ended) {
        if !delay.is_zero() {
            let name = &self.spec.name;
            let (pod, namespace, uid) = (self.run.name(), self.run.namespace(), self.run.uid());
            let of = format!("container {name} in pod {pod}_{namespace}({uid})");
            self.warning("BackOff", &format!("Back-off restarting failed {of}"));
            self.update(|container| {
                let message = format!("back-off {delay:?} restarting failed {of}");
                container.state = State::Waiting { reason: "CrashLoopBackOff", message };
                container.last = Some(ended.clone());
            });
            let mut stop = self.stop.clone();
            tokio::select! {
                () = sleep(delay) => {}
                _ = stop.wait_for(Option::is_some) => {}
            }
        }
        if self.is_stopping() {
            self.update(|container| container.state = State::Ended(ended));
        }
    }

    fn is_stopping(&self) -> bool {
        self.stop.borrow().is_some()
    }

    fn read<T>(&self, read: impl FnOnce(&ContainerState) -> T) -> T {
        self.run.read(|pod| match self.slot {
            Slot::Init(index) => read(&pod.inits[index]),
            Slot::Main(index) => read(&pod.containers[index]),
        })
    }

    fn update(&self, change: impl FnOnce(&mut ContainerState)) {
        self.run.change(|pod: &mut PodState| match self.slot {
            Slot::Init(index) => change(&mut pod.inits[index]),
            Slot::Main(index) => change(&mut pod.containers[index]),
        });
    }

    fn unhealthy(&self, which: &str, error: &str) {
        self.warning("Unhealthy", &format!("{which} probe failed: {error}"));
    }

    fn normal(&self, reason: &'static str, message: &str) {
        self.run.node.recorder.normal(
            Subject { object: &self.run.object, part: &self.part() },
            reason,
            message,
        );
    }

    fn warning(&self, reason: &'static str, message: &str) {
        self.run.node.recorder.warning(
            Subject { object: &self.run.object, part: &self.part() },
            reason,
            message,
        );
    }

    fn part(&self) -> String {
        let list = match self.slot {
            Slot::Init(_) => "initContainers",
            Slot::Main(_) => "containers",
        };
        format!("spec.{list}{{{}}}", self.spec.name)
    }
}
