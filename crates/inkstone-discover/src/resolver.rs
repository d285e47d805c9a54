//! Who looks up which targets.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::endpoints::Resolution;
use crate::hosts::{Dns, Static};
use crate::target::Target;

/// Looks up the targets of one scheme, and keeps following them.
pub trait Resolver: Send + Sync + 'static {
    /// The scheme: `k8s`.
    fn scheme(&self) -> &str;

    /// Begins to follow `target`. Returns at once: a source that does not answer shows in the resolution, and is asked
    /// again until it does.
    ///
    /// # Errors
    /// When the target can never be resolved, because what it names is malformed.
    fn resolve(&self, target: &Target) -> Result<Resolution, ResolveError>;
}

/// Why a target can never be resolved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// Nobody here looks up this scheme.
    #[error("nobody here resolves `{scheme}` (of `{target}`); the schemes known here are {}", .known.join(", "))]
    UnknownScheme {
        /// The scheme.
        scheme: String,
        /// The target.
        target: String,
        /// The schemes that are known.
        known: Vec<String>,
    },
    /// The scheme is known, and cannot read the rest.
    #[error("`{target}` cannot be resolved: {why}")]
    Malformed {
        /// The target.
        target: String,
        /// What is wrong, and what would be right.
        why: String,
    },
}

/// The resolvers that components of an app may use: `static` and `dns`, and those added.
///
/// ```
/// # use inkstone_discover::Resolvers;
/// // let app = app.provide(Resolvers::new().with(KubernetesResolver::new(…)));
/// assert_eq!(Resolvers::new().schemes(), ["dns", "static"]);
/// ```
#[derive(Clone)]
pub struct Resolvers(BTreeMap<String, Arc<dyn Resolver>>);

impl Resolvers {
    /// The resolvers that need nothing: `static` and `dns`.
    #[must_use]
    pub fn new() -> Self {
        Self(BTreeMap::new()).with(Static).with(Dns)
    }

    /// With one more, in place of the one that had its scheme.
    #[must_use]
    pub fn with(mut self, resolver: impl Resolver) -> Self {
        self.0.insert(resolver.scheme().to_owned(), Arc::new(resolver));
        self
    }

    /// The schemes that can be resolved.
    #[must_use]
    pub fn schemes(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    /// Begins to follow `target`. Call it on the runtime: resolvers spawn.
    ///
    /// # Errors
    /// When nobody knows the scheme, or the resolver cannot read the rest.
    pub fn resolve(&self, target: &Target) -> Result<Resolution, ResolveError> {
        let resolver = self.0.get(target.scheme()).ok_or_else(|| ResolveError::UnknownScheme {
            scheme: target.scheme().to_owned(),
            target: target.to_string(),
            known: self.schemes(),
        })?;
        resolver.resolve(target)
    }
}

impl ResolveError {
    /// A target that the scheme's resolver cannot read.
    #[must_use]
    pub fn malformed(target: &Target, why: impl fmt::Display) -> Self {
        Self::Malformed { target: target.to_string(), why: why.to_string() }
    }
}

impl Default for Resolvers {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Resolvers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Resolvers").field(&self.schemes()).finish()
    }
}
