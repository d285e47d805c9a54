//! What a configuration type is.

use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

use crate::Problems;

/// Settings of one kind of component, or of one table of an application.
///
/// `Default` is the only place where a default is written; doc comments of the fields become the
/// reference. Rules of one key belong to the type of its value, rules across keys to `check`. A key that
/// may change while the program runs is marked `#[schemars(extend("x-live" = true))]`, which also holds
/// for everything below it.
///
/// ```
/// use inkstone_config::{Config, Dur, Problems};
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
///
/// /// A pool of connections.
/// #[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
/// #[serde(default)]
/// struct Pool {
///     /// Most connections kept open at once.
///     size: u32,
///     /// Fewest connections kept open when idle.
///     min_idle: u32,
///     /// How long to wait for a connection.
///     #[schemars(extend("x-live" = true))]
///     wait: Dur,
/// }
///
/// impl Default for Pool {
///     fn default() -> Self {
///         Self { size: 20, min_idle: 4, wait: Dur::from_secs(1) }
///     }
/// }
///
/// impl Config for Pool {
///     fn check(&self, problems: &mut Problems) {
///         if self.size < self.min_idle {
///             problems.reject("min_idle", format_args!("{} is more than size ({})", self.min_idle, self.size));
///         }
///     }
/// }
/// ```
pub trait Config:
    Default + Clone + Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static
{
    /// Reports every rule across keys that this value breaks.
    fn check(&self, _problems: &mut Problems) {}
}
