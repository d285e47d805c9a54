//! Finding out whether a write took effect: after a crash, after a lost answer, after a full disk.

use std::time::Duration;

use super::Releases;
use crate::cluster::{ClusterError, took_effect};
use crate::problem::Problem;
use crate::store::{Entry, FileId, Outcome, Progress, Release, ReleaseState, StoreError};

const AGAIN: Duration = Duration::from_millis(500);

impl Releases {
    /// Notes that the ConfigMap has a release, that the ones before it are past, and watches the pods.
    pub(super) async fn written(&self, id: &str) -> Result<Release, StoreError> {
        let (release, past) = self.store.written(id).await?;
        self.announce(&release);
        for earlier in &past {
            self.announce(earlier);
        }
        self.prove_later(release.clone());
        Ok(release)
    }

    /// Settles a release as soon as cluster and database answer.
    pub(super) fn settle_later(&self, release: Release) {
        let releases = self.clone();
        self.tasks.spawn(async move {
            let work = async {
                loop {
                    let turn = releases.turn(&release.file());
                    {
                        let _turn = turn.lock().await;
                        match releases.settle(&release).await {
                            Ok(()) => return,
                            Err(problem) => tracing::warn!(
                                release = release.id,
                                why = problem.detail(),
                                "cannot tell yet whether the release was written; trying again"
                            ),
                        }
                    }
                    drop(turn);
                    tokio::time::sleep(AGAIN).await;
                }
            };
            tokio::select! {
                () = releases.stop.cancelled() => {}
                () = work => {}
            }
        });
    }

    /// Settles what is open of a file, before something new is written to it.
    pub(super) async fn settle_earlier(&self, file: &FileId) -> Result<(), Problem> {
        for release in self.store.open_releases().await? {
            if release.state == ReleaseState::Publishing && release.file() == *file {
                self.settle(&release).await?;
            }
        }
        Ok(())
    }

    /// Compares a release in state `publishing` with its ConfigMap. Needs the file's turn.
    async fn settle(&self, release: &Release) -> Result<(), Problem> {
        let current = self.store.release(&release.id).await?;
        if current.is_none_or(|current| current.state != ReleaseState::Publishing) {
            return Ok(());
        }
        let file = release.file();
        let why = match self.cluster.live(&file).await {
            Ok(live) if took_effect(&live, &file.key, &release.id) => {
                self.written(&release.id).await?;
                tracing::info!(release = release.id, "an interrupted release had reached its ConfigMap");
                return Ok(());
            }
            Ok(live) => {
                self.cluster.fence(&file, &live, &release.id).await?;
                "the console was interrupted before the ConfigMap was changed; nothing was published. Publish again."
            }
            Err(ClusterError::Missing { .. }) => {
                "the console was interrupted, and the ConfigMap does not exist; nothing was published."
            }
            Err(error) => return Err(error.into()),
        };
        let step = Progress::to(ReleaseState::Interrupted).because(why);
        let release =
            self.store.advance(&release.id, step, Some(own_entry("release.interrupted", release))).await?;
        self.announce(&release);
        Ok(())
    }
}

/// A row of the audit log for what the console found out by itself.
pub(super) fn own_entry(action: &'static str, release: &Release) -> Entry {
    Entry {
        actor: "console".to_owned(),
        address: "-".to_owned(),
        action,
        object: release.file().to_string(),
        result: if action == "release.complete" { Outcome::Ok } else { Outcome::Failed },
        before: None,
        after: Some(format!("release {}, sha256:{}", release.number, release.hash)),
    }
}
