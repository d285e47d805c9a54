//! The command line of every service, and the environment variables beside it.

use std::path::{Path, PathBuf};

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{ArgAction, Parser};
use inkstone_config::Sources;

use crate::identity::Downward;

/// The command line of every service. A flag wins over the environment, the environment over files, files over defaults.
#[derive(Debug, Clone, Parser)]
#[command(disable_version_flag = true, after_help = "`inkstone explain CODE` says more about an error.")]
pub(crate) struct Flags {
    /// Configuration files, or addresses such as `k8s://shop/catalog/config.toml`, later over earlier:
    /// `a.toml,b.yaml`. Without it, `config/local.toml` if it is there.
    #[arg(long, env = "INKSTONE_CONFIG", value_delimiter = ',', value_name = "FILE", value_parser = file())]
    pub(crate) config: Vec<PathBuf>,

    /// One key in place of what files and environment say: `server.http.port=8080`. May be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,

    /// Apply changes of the configuration while the service runs. `--watch=false` reads it once.
    #[arg(long, env = "INKSTONE_WATCH", value_parser = switch, num_args = 0..=1, action = ArgAction::Set,
          default_value = "true", default_missing_value = "true", value_name = "BOOL", require_equals = true)]
    pub(crate) watch: bool,

    /// Where servers listen whose table names no `host`. `0.0.0.0` is every IPv4 address of the machine.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) host: Option<String>,

    /// Least important level that is logged, for each target: `info,shop=debug`.
    #[arg(long, value_name = "LEVELS")]
    pub(crate) log: Option<String>,

    /// Run these jobs instead of serving, one after the other, then exit with their status.
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    pub(crate) job: Vec<String>,

    /// Run the jobs all at once. Each runs to its end, whatever becomes of the others.
    #[arg(long, requires = "job")]
    pub(crate) job_parallel: bool,

    /// What the jobs are given to work on.
    #[arg(long, requires = "job", value_name = "TEXT")]
    pub(crate) job_data: Option<String>,

    /// A header that the jobs are given: `tenant=acme`. May be repeated; the value may contain `=`.
    #[arg(long, requires = "job", value_name = "NAME=VALUE", value_parser = header)]
    pub(crate) job_header: Vec<(String, String)>,

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
    #[arg(long, env = "INKSTONE_DEBUG", value_parser = switch, num_args = 0..=1, action = ArgAction::Set,
          default_value = "false", default_missing_value = "true", value_name = "BOOL", require_equals = true)]
    pub(crate) debug: bool,

    /// Whether this is the process's own command line, and its environment counts.
    #[arg(skip = true)]
    pub(crate) of_process: bool,
}

/// None of them, and not those of a process.
impl Default for Flags {
    fn default() -> Self {
        Self {
            config: Vec::new(),
            set: Vec::new(),
            watch: true,
            host: None,
            log: None,
            job: Vec::new(),
            job_parallel: false,
            job_data: None,
            job_header: Vec::new(),
            check: false,
            version: false,
            json: false,
            debug: false,
            of_process: false,
        }
    }
}

/// Read when no file is named, so that `cargo run` is enough while developing.
const LOCAL: &str = "config/local.toml";

/// Variables that set one key each, and the flag that wins over them, if there is one.
const SHORT: &[(&str, Option<&str>, &str)] = &[
    ("INKSTONE_NAME", None, "app.name"),
    ("INKSTONE_MODE", None, "app.mode"),
    ("INKSTONE_REGION", None, "app.region"),
    ("INKSTONE_ZONE", None, "app.zone"),
    ("INKSTONE_INSTANCE", None, "app.instance"),
    ("INKSTONE_HOST", Some("--host"), "app.host"),
    ("INKSTONE_WORKERS", None, "app.workers"),
    ("INKSTONE_LOG", Some("--log"), "log.level"),
];

/// Variables that other programs set, and what they are read for.
const FOREIGN: &[(&str, &str)] = &[
    ("POD_NAME", "The pod's name, from the downward API: the instance, unless one is set."),
    ("POD_NAMESPACE", "The pod's namespace, from the downward API."),
    ("POD_IP", "The pod's address, from the downward API."),
    ("NODE_NAME", "The node that the pod runs on, from the downward API."),
    (
        "LISTEN_FDS",
        "How many listening sockets the process was started with, from 3 on, as systemd passes them.",
    ),
    ("LISTEN_PID", "The process that those sockets are for; others leave them alone."),
    (
        "LISTEN_FDNAMES",
        "Their names, separated by `:`: the keys of the servers they are for, such as `server.http`.",
    ),
    ("KUBECONFIG", "The way to the Kubernetes API; in a pod its service account is."),
    (
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "Where spans go when `trace.endpoint` is empty; `…_TRACES_ENDPOINT` wins.",
    ),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "`grpc` or `http/protobuf`, when `trace.protocol` says `auto`."),
    ("OTEL_EXPORTER_OTLP_HEADERS", "Headers sent with the spans, when `trace.headers` is empty."),
    ("OTEL_SERVICE_NAME", "The service's name in spans, when `trace.service_name` is empty."),
    ("OTEL_RESOURCE_ATTRIBUTES", "Attributes of the service in spans, beside those of `trace.resource`."),
    ("NOTIFY_SOCKET", "Where to report being ready, stopping and alive, as systemd asks for it."),
    ("WATCHDOG_USEC", "How often, in microseconds, systemd wants to hear that the process is alive."),
];

/// A path, which may be empty; clap's own reader of paths refuses that.
fn file() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// Yes or no. Nothing is no, since manifests set variables to nothing; anything else is a mistake, not a no.
fn switch(text: &str) -> Result<bool, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" | "y" | "t" => Ok(true),
        "false" | "no" | "off" | "0" | "n" | "f" | "" => Ok(false),
        _ => Err("expected true or false".to_owned()),
    }
}

fn header(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE, such as tenant=acme".to_owned()),
    }
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
        for (name, flag, key) in SHORT {
            sources = sources.short_env(name, key);
            let value = match *flag {
                Some("--host") => self.host.as_deref(),
                Some("--log") => self.log.as_deref(),
                _ => None,
            };
            if let (Some(flag), Some(value)) = (*flag, value) {
                sources = sources.flag(flag, key, value);
            }
        }
        self.set.iter().fold(sources, |sources, set| sources.set(set))
    }

    /// What the process was told of its place.
    pub(crate) fn downward(&self) -> Downward {
        if self.of_process { Downward::of_process() } else { Downward::default() }
    }
}

/// One flag or environment variable of every service, for reference pages. Made by [`switches`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switch {
    /// The flag with its value: `--config <FILE>`.
    pub flag: Option<String>,
    /// The environment variable, which the flag wins over.
    pub env: Option<String>,
    /// The key of the configuration that both set.
    pub key: Option<&'static str>,
    /// What holds without either; empty where the key has a default of its own, or there is none.
    pub default: String,
    /// What it is for.
    pub doc: String,
}

/// Every flag and environment variable that every service understands, beside `INKSTONE__TABLE__KEY`, which sets any key.
///
/// ```
/// let switches = inkstone_core::switches();
/// let host = switches.iter().find(|switch| switch.key == Some("app.host")).unwrap();
/// assert_eq!(host.env.as_deref(), Some("INKSTONE_HOST"));
/// ```
#[must_use]
pub fn switches() -> Vec<Switch> {
    let mut command = <Flags as clap::CommandFactory>::command();
    command.build();
    let flags = command.get_arguments().filter(|arg| arg.get_long().is_some()).map(of_flag);
    let variables = SHORT.iter().filter(|(_, flag, _)| flag.is_none()).map(|(name, _, key)| Switch {
        flag: None,
        env: Some((*name).to_owned()),
        key: Some(key),
        default: String::new(),
        doc: format!("Sets `{key}`."),
    });
    let foreign = FOREIGN.iter().map(|(name, doc)| Switch {
        flag: None,
        env: Some((*name).to_owned()),
        key: None,
        default: String::new(),
        doc: (*doc).to_owned(),
    });
    flags.chain(variables).chain(foreign).collect()
}

fn of_flag(arg: &clap::Arg) -> Switch {
    let long = format!("--{}", arg.get_long().unwrap_or_default());
    let short = SHORT.iter().find(|(_, flag, _)| *flag == Some(long.as_str()));
    let value = match arg.get_value_names() {
        Some([name]) if arg.is_require_equals_set() => format!("[=<{name}>]"),
        Some([name]) if arg.get_action().takes_values() => format!(" <{name}>"),
        _ => String::new(),
    };
    let default = arg.get_default_values().iter().map(|value| value.to_string_lossy().into_owned());
    let env = arg.get_env().map(|name| name.to_string_lossy().into_owned());
    let takes_value = arg.get_action().takes_values();
    Switch {
        flag: Some(format!("{long}{value}")),
        env: env.or_else(|| short.map(|(name, ..)| (*name).to_owned())),
        key: short.map(|(.., key)| *key),
        default: if takes_value { default.collect() } else { String::new() },
        doc: arg.get_help().map(ToString::to_string).unwrap_or_default(),
    }
}
