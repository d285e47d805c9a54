//! Why the cluster did not do what was asked.

use std::error::Error;

/// A failure of the cluster: what was tried, on what, why it failed, what to do.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ClusterError {
    /// The object does not exist.
    #[error("Could not {action}: {reason}.")]
    Missing {
        /// What was tried.
        action: String,
        /// What the API said.
        reason: String,
    },
    /// The object was changed by somebody else meanwhile.
    #[error("Could not {action}: {reason}. Read it again, compare, and publish once more.")]
    Conflict {
        /// What was tried.
        action: String,
        /// What was found.
        reason: String,
    },
    /// The API answered, and said no.
    #[error("Could not {action}: {place} refused: {reason}.{hint}")]
    Refused {
        /// What was tried.
        action: String,
        /// Which API.
        place: String,
        /// What it said.
        reason: String,
        /// What to do.
        hint: &'static str,
        /// Whether it failed rather than refused: a write may have been done all the same.
        undecided: bool,
    },
    /// The API did not answer, or there is none.
    #[error(
        "Could not {action}: {place} does not answer: {reason}. Services keep running without it. Start the \
             cluster or correct the kubeconfig, then try again."
    )]
    Unreachable {
        /// What was tried.
        action: String,
        /// Which API.
        place: String,
        /// Why.
        reason: String,
    },
}

impl ClusterError {
    pub(super) fn unusable(source: &str, error: &dyn std::fmt::Display) -> Self {
        Self::Unreachable {
            action: "connect to the cluster".to_owned(),
            place: format!("the cluster of {source}"),
            reason: error.to_string(),
        }
    }

    pub(super) fn of(action: &str, place: &str, error: kube::Error) -> Self {
        let action = action.to_owned();
        match error {
            kube::Error::Api(status) if status.code == 404 => {
                Self::Missing { action, reason: trimmed(&status.message) }
            }
            kube::Error::Api(status) if status.code == 409 => {
                Self::Conflict { action, reason: trimmed(&status.message) }
            }
            kube::Error::Api(status) => Self::Refused {
                action,
                place: place.to_owned(),
                reason: format!("{} {}", status.code, trimmed(&status.message)),
                hint: match status.code {
                    401 => " The kubeconfig's credentials are not accepted; get new ones.",
                    403 => " Give the console's account this permission.",
                    _ => "",
                },
                undecided: status.code >= 500,
            },
            error => Self::Unreachable { action, place: place.to_owned(), reason: chain(&error) },
        }
    }

    /// Whether nobody knows if the request took effect.
    #[must_use]
    pub fn is_undecided(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Refused { undecided: true, .. })
    }
}

fn trimmed(message: &str) -> String {
    message.trim().trim_end_matches('.').to_owned()
}

/// An error with its causes: the outermost of hyper's says only "client error (Connect)".
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    trimmed(&text)
}
