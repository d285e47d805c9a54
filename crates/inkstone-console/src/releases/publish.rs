//! Publishing: note the release, write the ConfigMap, note that it is written.

use http::StatusCode;

use super::Releases;
use crate::access::Visitor;
use crate::cluster::{ClusterError, Write};
use crate::problem::Problem;
use crate::store::{FileId, NewRelease, Progress, Release, ReleaseState};

/// A wish to publish.
#[derive(Debug, Clone)]
pub(crate) struct Publish {
    pub(crate) visitor: Visitor,
    pub(crate) file: FileId,
    pub(crate) application: String,
    pub(crate) revision: String,
    pub(crate) message: String,
    pub(crate) expected: Expected,
    pub(crate) rollback_of: Option<String>,
}

/// What the ConfigMap must hold for the publish to go ahead.
#[derive(Debug, Clone)]
pub(crate) enum Expected {
    /// What the author compared with; None when there was nothing.
    Hash(Option<String>),
    /// Whatever it is: a rollback by whoever did not compare.
    Whatever,
}

impl Releases {
    /// Publishes a revision; done when the ConfigMap has it. It runs to its end even when nobody waits for the
    /// answer any more.
    pub(crate) async fn publish(&self, publish: Publish) -> Result<Release, Problem> {
        let releases = self.clone();
        let entry = publish.visitor.entry(publish.action(), publish.file.to_string());
        let done = self.tasks.spawn(async move { releases.publish_now(publish).await }).await;
        let done = done.unwrap_or_else(|error| {
            tracing::error!(%error, "a publish broke off");
            let detail = "The publish broke off. Look at the file's releases to see how far it came.";
            Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something broke", detail))
        });
        if let Err(problem) = &done
            && let Err(error) = self.store.record(entry.failed(problem.detail())).await
        {
            tracing::error!(%error, "a failed publish could not be noted");
        }
        done
    }

    async fn publish_now(&self, publish: Publish) -> Result<Release, Problem> {
        let file = &publish.file;
        self.of_this_cluster(file)?;
        let turn = self.turn(file);
        let _turn = turn.lock().await;
        self.settle_earlier(file).await?;
        let revision = self.store.revision(&publish.revision).await?;
        let revision =
            revision.ok_or_else(|| Problem::not_found(format!("revision {}", publish.revision)))?;
        if revision.file() != *file {
            return Err(Problem::not_found(format!("revision {} of {file}", revision.id)));
        }
        let live = self.cluster.live(file).await?;
        if let Expected::Hash(expected) = &publish.expected
            && expected.as_deref() != live.hash.as_deref()
        {
            return Err(live_changed(file, live.hash));
        }
        let entry = publish.visitor.entry(publish.action(), file.to_string());
        let entry = entry.before(live.hash.as_ref().map(|hash| format!("sha256:{hash}")));
        let entry = entry.after(format!("sha256:{}", revision.hash));
        let new = NewRelease {
            file,
            application: &publish.application,
            revision: &revision.id,
            rollback_of: publish.rollback_of.as_deref(),
            author: publish.visitor.name(),
            message: &publish.message,
        };
        let release = self.store.begin_release(new, entry).await?;
        self.announce(&release);
        let content = revision.content.unwrap_or_default();
        let write = Write { content: &content, release: &release.id, expected: live.hash.as_deref() };
        match self.cluster.write(file, write).await {
            Ok(()) => self.note_written(release).await,
            Err(error) => Err(self.note_failure(release, error).await),
        }
    }

    /// Refuses a file of another cluster: its namesake here is a different file.
    pub(crate) fn of_this_cluster(&self, file: &FileId) -> Result<(), Problem> {
        let here = self.cluster.name();
        if file.cluster == here {
            return Ok(());
        }
        let detail = format!(
            "Publish {file}: it belongs to the cluster \"{}\", and this console serves \"{here}\". Publish it with the \
             console of that cluster.",
            file.cluster
        );
        Err(Problem::conflict("other_cluster", "It belongs to another cluster", detail))
    }

    async fn note_written(&self, release: Release) -> Result<Release, Problem> {
        match self.written(&release.id).await {
            Ok(release) => Ok(release),
            Err(error) => {
                // The ConfigMap has it; only our note of that is missing, and is made as soon as it can be.
                let detail = format!(
                    "The ConfigMap has release {} of {}, and the console could not note that: could not {error}. It \
                     tries again until it can; see the release, and make sure that the database can be written.",
                    release.number,
                    release.file()
                );
                self.settle_later(release);
                Err(Problem::from(error).because(detail))
            }
        }
    }

    /// The cluster said no, or nothing. If nothing, the write may still have happened.
    async fn note_failure(&self, release: Release, error: ClusterError) -> Problem {
        if error.is_undecided() {
            self.settle_later(release);
            return error.into();
        }
        let step = Progress::to(ReleaseState::Interrupted).because(error.to_string());
        match self.store.advance(&release.id, step, None).await {
            Ok(release) => self.announce(&release),
            Err(store) => {
                tracing::error!(error = %store, release = release.id, "a failed release could not be noted");
                self.settle_later(release);
            }
        }
        error.into()
    }
}

impl Publish {
    fn action(&self) -> &'static str {
        if self.rollback_of.is_some() { "release.rollback" } else { "release.publish" }
    }
}

fn live_changed(file: &FileId, live_hash: Option<String>) -> Problem {
    let detail = format!(
        "Publish {file}: the ConfigMap no longer holds what you compared with. Somebody changed it meanwhile. \
         Compare again, then publish."
    );
    Problem::conflict("live_changed", "The live content changed meanwhile", detail)
        .with("live_hash", live_hash)
}
