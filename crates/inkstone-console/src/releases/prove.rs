//! Proof, not hope: a release is complete when each pod says that it loaded that very hash.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::settle::own_entry;
use super::{Pace, Releases};
use crate::cluster::{FileState, PodView, Workload};
use crate::concurrent::all;
use crate::governor::Verdict;
use crate::store::{PodProof, Progress, Release, ReleaseState};

/// Between two looks at which pods there are.
const LIST_EVERY: Duration = Duration::from_millis(250);

impl Releases {
    /// Watches the pods until the release reaches a final state.
    pub(super) fn prove_later(&self, release: Release) {
        let (releases, stop) = (self.clone(), self.stop.clone());
        self.tasks.spawn(async move {
            tokio::select! {
                // The next run of the console takes it up again.
                () = stop.cancelled() => {}
                () = releases.prove(release) => {}
            }
        });
    }

    async fn prove(&self, mut release: Release) {
        let mut look = Look::new(self.pace);
        loop {
            // Somebody else may have brought it to its end: a later release.
            match self.store.release(&release.id).await {
                Ok(Some(current)) if !current.state.is_final() => release = current,
                Ok(Some(current)) => {
                    // Our own last word may have come after that of whoever ended it.
                    self.announce(&current);
                    return;
                }
                Ok(None) => return,
                Err(error) => {
                    tracing::warn!(%error, release = release.id, "cannot see how the release stands")
                }
            }
            look.around(self, &release).await;
            let pods = look.proofs();
            let end = look.end(&pods);
            if end.is_some() || pods != release.pods {
                let entry =
                    end.as_ref().and_then(|end| end.state).map(|state| own_entry(action(state), &release));
                let step = Progress { pods: Some(pods), ..end.unwrap_or_default() };
                match self.store.advance(&release.id, step, entry).await {
                    Ok(current) => {
                        self.announce(&current);
                        release = current;
                    }
                    // The disk may be full: what the pods say is asked again in the next round.
                    Err(error) => {
                        tracing::warn!(%error, release = release.id, "cannot note what the pods say");
                        tokio::time::sleep(self.pace.patient).await;
                    }
                }
            }
            if release.state.is_final() {
                return;
            }
            tokio::time::sleep(look.pause()).await;
        }
    }
}

fn action(state: ReleaseState) -> &'static str {
    match state {
        ReleaseState::Complete => "release.complete",
        ReleaseState::Refused => "release.refused",
        _ => "release.failed",
    }
}

/// What has been seen so far.
struct Look {
    pace: Pace,
    began: Instant,
    listed: Option<Instant>,
    workload: Result<Workload, String>,
    verdicts: HashMap<String, Verdict>,
    first_refusal: Option<Instant>,
}

impl Look {
    fn new(pace: Pace) -> Self {
        Self {
            pace,
            began: Instant::now(),
            listed: None,
            workload: Err("the pods have not been looked at yet".to_owned()),
            verdicts: HashMap::new(),
            first_refusal: None,
        }
    }

    fn pause(&self) -> Duration {
        if self.began.elapsed() < self.pace.eager_for { self.pace.eager } else { self.pace.patient }
    }

    /// Looks at which pods there are, from time to time and before the end, and asks those that have not loaded
    /// the release.
    async fn around(&mut self, releases: &Releases, release: &Release) {
        let done = !self.verdicts.is_empty() && self.verdicts.values().all(|v| v.state == FileState::Loaded);
        if done || self.listed.is_none_or(|at| at.elapsed() >= LIST_EVERY) {
            let workload = releases.cluster.application(&release.namespace, &release.application).await;
            self.workload = workload.map_err(|error| error.to_string());
            self.listed = Some(Instant::now());
        }
        let Ok(workload) = &self.workload else { return };
        let Some(file) = workload.file_name(&release.configmap, &release.key) else {
            self.workload = Err(format!("no pod mounts {} of ConfigMap {}", release.key, release.configmap));
            return;
        };
        let pods: Vec<&PodView> = workload.current_pods().collect();
        self.verdicts.retain(|uid, _| pods.iter().any(|pod| pod.uid == *uid));
        let waiting = pods.into_iter().filter(|pod| {
            self.verdicts.get(&pod.uid).is_none_or(|verdict| verdict.state != FileState::Loaded)
        });
        let asked = waiting.map(async |pod: &PodView| {
            let verdict = match releases.governors.config(pod).await {
                Ok(report) => report.verdict(&file, &release.hash),
                Err(why) => Verdict::unknown(why),
            };
            (pod.uid.clone(), verdict)
        });
        let answers = all(asked.collect()).await;
        self.verdicts.extend(answers);
        let refused = self.verdicts.values().any(|verdict| verdict.state == FileState::Refused);
        self.first_refusal = if refused { self.first_refusal.or(Some(Instant::now())) } else { None };
    }

    fn proofs(&self) -> Vec<PodProof> {
        let Ok(workload) = &self.workload else { return Vec::new() };
        let seen = workload.current_pods().filter_map(|pod| {
            let verdict = self.verdicts.get(&pod.uid)?;
            let loaded = verdict.state == FileState::Loaded;
            Some(PodProof {
                name: pod.name.clone(),
                state: verdict.state,
                reason: verdict.reason.clone(),
                loaded_at: verdict.loaded_at.clone().filter(|_| loaded),
                problems: verdict.problems.clone(),
            })
        });
        seen.collect()
    }

    /// Whether there ought to be pods and none is there: not seen yet, or all of them just being replaced.
    fn is_between_pods(&self, pods: &[PodProof]) -> bool {
        match &self.workload {
            Ok(workload) => workload.replicas > 0 && pods.is_empty(),
            Err(_) => true,
        }
    }

    /// The final state, once there is one.
    fn end(&self, pods: &[PodProof]) -> Option<Progress> {
        let in_state = |state| pods.iter().filter(move |pod| pod.state == state).map(|pod| pod.name.as_str());
        let waiting = pods.iter().any(|pod| matches!(pod.state, FileState::Written | FileState::Unknown));
        let late = self.began.elapsed() >= self.pace.deadline;
        if let Some(since) = self.first_refusal
            && (!waiting || late || since.elapsed() >= self.pace.after_refusal)
        {
            let names: Vec<_> = in_state(FileState::Refused).collect();
            let why = format!("{} refused it and keeps its old values", names.join(", "));
            return Some(Progress::to(ReleaseState::Refused).because(why));
        }
        if !waiting && !self.is_between_pods(pods) {
            return Some(Progress::to(ReleaseState::Complete));
        }
        if !late {
            return None;
        }
        let seconds = self.pace.deadline.as_secs();
        let why = match &self.workload {
            Err(why) => why.clone(),
            Ok(_) if pods.is_empty() => "there is no pod that could have loaded it".to_owned(),
            Ok(_) => pods
                .iter()
                .filter(|pod| matches!(pod.state, FileState::Written | FileState::Unknown))
                .map(|pod| match &pod.reason {
                    Some(reason) => format!("pod {} has not loaded it: {reason}", pod.name),
                    None => format!("pod {} has not loaded it", pod.name),
                })
                .collect::<Vec<_>>()
                .join("; "),
        };
        Some(Progress::to(ReleaseState::Failed).because(format!("after {seconds} s: {why}")))
    }
}
