//! What was built, from what, by whom.

use std::fmt;

use anstyle::{AnsiColor, Style};
use serde::{Deserialize, Serialize};

use crate::dependencies::Dependencies;

/// What was built, from what, by whom. Made by [`build_info!`](crate::build_info) in the service's own crate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildInfo {
    /// The service's name: the name of its crate unless the configuration says otherwise.
    pub name: String,
    /// The version of its crate.
    pub version: String,
    /// The commit it was built from, or `unknown` outside a repository.
    pub commit: String,
    /// The branch, or `unknown`.
    #[serde(default)]
    pub branch: String,
    /// What `git describe --tags` says: the newest tag, and how far above it the commit is; or `unknown`.
    #[serde(default)]
    pub tag: String,
    /// Whether the work tree had changes that are in no commit.
    pub dirty: bool,
    /// The host it was built on.
    pub host: String,
    /// Who built it.
    pub user: String,
    /// When it was built, RFC 3339.
    pub time: String,
    /// The compiler.
    pub rustc: String,
    /// The version of Inkstone in it.
    pub inkstone: String,
    /// The target triple.
    pub target: String,
    /// `debug` or `release`.
    pub profile: String,
    /// The crates in it. Not part of the JSON form: ask for them by themselves.
    #[serde(skip)]
    pub dependencies: Dependencies,
}

impl BuildInfo {
    /// What `build_info!` found in the environment of the compiler. Not meant to be called by hand.
    #[doc(hidden)]
    #[must_use]
    pub fn from_compiler(name: &str, version: &str, found: [Option<&'static str>; 11]) -> Self {
        let [commit, branch, tag, dirty, host, user, time, rustc, target, profile, dependencies] = found;
        let known = |value: Option<&str>| value.unwrap_or("unknown").to_owned();
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            commit: known(commit),
            branch: known(branch),
            tag: known(tag),
            dirty: dirty == Some("true"),
            host: known(host),
            user: known(user),
            time: known(time),
            rustc: known(rustc),
            inkstone: env!("CARGO_PKG_VERSION").to_owned(),
            target: known(target),
            profile: known(profile),
            dependencies: Dependencies::from_text(dependencies.unwrap_or_default()),
        }
    }

    /// The labels of `inkstone_build_info`: what tells builds apart, and nothing that is unique to a machine.
    #[must_use]
    pub fn labels(&self) -> Vec<(String, String)> {
        let labels = [
            ("name", &self.name),
            ("version", &self.version),
            ("commit", &self.commit),
            ("dirty", &self.dirty.to_string()),
            ("host", &self.host),
            ("user", &self.user),
            ("time", &self.time),
            ("rustc", &self.rustc),
            ("inkstone", &self.inkstone),
        ];
        labels.into_iter().map(|(key, value)| (key.to_owned(), value.clone())).collect()
    }
}

/// What `--version` prints.
impl fmt::Display for BuildInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(false))
    }
}

/// The colour of what a value is called.
const LABEL: Style = AnsiColor::Green.on_default();

impl BuildInfo {
    /// The text of `--version`, in colours for a terminal if wanted.
    #[must_use]
    pub fn text(&self, color: bool) -> String {
        let changes = if self.dirty { ", with uncommitted changes" } else { "" };
        let rows = [
            ("commit", format!("{}{changes}", self.commit)),
            ("branch", self.branch.clone()),
            ("tag", self.tag.clone()),
            ("built", format!("{} by {} on {}", self.time, self.user, self.host)),
            ("rustc", format!("{} ({}, {})", self.rustc, self.target, self.profile)),
            ("inkstone", self.inkstone.clone()),
        ];
        let label = if color { LABEL } else { Style::new() };
        let rows = rows.map(|(name, value)| format!("{label}{name:<10}{label:#}{value}"));
        format!("{} {}\n{}", self.name, self.version, rows.join("\n"))
    }
}

/// What the crate that calls this was built from.
///
/// Name and version are the crate's; the rest is there when its `build.rs` calls `inkstone_build::info()`, and
/// `unknown` otherwise. It is a macro because only code compiled in that crate can see them.
///
/// ```
/// let build = inkstone_core::build_info!();
/// assert_eq!(build.name, "inkstone-core");
/// ```
#[macro_export]
macro_rules! build_info {
    () => {
        $crate::BuildInfo::from_compiler(
            ::core::env!("CARGO_PKG_NAME"),
            ::core::env!("CARGO_PKG_VERSION"),
            [
                ::core::option_env!("INKSTONE_BUILD_COMMIT"),
                ::core::option_env!("INKSTONE_BUILD_BRANCH"),
                ::core::option_env!("INKSTONE_BUILD_TAG"),
                ::core::option_env!("INKSTONE_BUILD_DIRTY"),
                ::core::option_env!("INKSTONE_BUILD_HOST"),
                ::core::option_env!("INKSTONE_BUILD_USER"),
                ::core::option_env!("INKSTONE_BUILD_TIME"),
                ::core::option_env!("INKSTONE_BUILD_RUSTC"),
                ::core::option_env!("INKSTONE_BUILD_TARGET"),
                ::core::option_env!("INKSTONE_BUILD_PROFILE"),
                ::core::option_env!("INKSTONE_BUILD_DEPENDENCIES"),
            ],
        )
    };
}
