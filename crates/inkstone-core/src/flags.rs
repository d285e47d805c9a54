//! The command line of every service.

use std::path::{Path, PathBuf};

use clap::Parser;
use clap::builder::{OsStringValueParser, TypedValueParser};
use inkstone_config::Sources;

/// The command line of every service. A flag wins over the environment, the environment over files.
#[derive(Debug, Clone, Default, Parser)]
#[command(disable_version_flag = true)]
pub(crate) struct Flags {
    /// Configuration files, or addresses such as `k8s://shop/catalog/config.toml`, later over earlier:
    /// `a.toml,b.yaml`. Without it, `config/local.toml` if it is there.
    #[arg(long, env = "INKSTONE_CONFIG", value_delimiter = ',', value_name = "FILE", value_parser = file())]
    pub(crate) config: Vec<PathBuf>,

    /// One key in place of what files and environment say: `server.http.port=8080`.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,

    /// Run these jobs instead of serving, then exit with their status.
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    pub(crate) job: Vec<String>,

    /// Check the configuration of everything that is loaded, touch nothing, and exit.
    #[arg(long)]
    pub(crate) check: bool,

    /// Print what was built, from what, and exit.
    #[arg(long, short = 'V')]
    pub(crate) version: bool,

    /// With `--version`: as JSON.
    #[arg(long, requires = "version")]
    pub(crate) json: bool,

    /// Print the six-tuple of every call to standard error.
    #[arg(long, env = "INKSTONE_DEBUG", value_parser = clap::builder::FalseyValueParser::new(), num_args = 0..=1,
          default_value = "false", default_missing_value = "true")]
    pub(crate) debug: bool,
}

/// Read when no file is named, so that `cargo run` is enough while developing.
const LOCAL: &str = "config/local.toml";

/// A path, which may be empty; clap's own reader of paths refuses that.
fn file() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

impl Flags {
    /// The configuration's sources, lowest first, added to what `sources` knows of remote ones.
    pub(crate) fn sources(&self, sources: Sources) -> Sources {
        // An empty name is none: a manifest that sets `INKSTONE_CONFIG` to nothing, a comma at the end.
        let named = self.config.iter().any(|file| !file.as_os_str().is_empty());
        let mut sources = sources.locations(&self.config);
        if !named && Path::new(LOCAL).exists() {
            sources = sources.file(LOCAL);
        }
        sources = sources.process_env();
        self.set.iter().fold(sources, |sources, set| sources.set(set))
    }
}
