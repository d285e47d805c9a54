//! Who changed what.

use std::fmt::Display;

use crate::access::Caller;

/// The target of the events, for those who gather them. They are warnings, because a change through the governor is
/// rare, and whoever shows fewer lines than that has asked for errors only.
pub(crate) const TARGET: &str = "inkstone_governor::audit";

/// Writes down one change: who made it, from where, what was changed, and from what to what.
pub(crate) fn changed(caller: &Caller, what: &str, before: impl Display, after: impl Display) {
    let Caller { who, peer } = caller;
    tracing::warn!(target: TARGET, %who, %peer, what, %before, %after, "changed through the governor");
}
