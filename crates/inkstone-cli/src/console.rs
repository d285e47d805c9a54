//! `inkstone console`: the console as an Inkstone service.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use inkstone::config::{Code, Fault, Severity, check_text};
use inkstone::governor::Governor;
use inkstone::http::HttpServerConfig;
use inkstone::prelude::*;
use inkstone::sql::Sqlite;
use inkstone::{Phase, Result, build_info};
use inkstone_console::{Cluster, Console, Finding, Options};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::kinds;

/// Runs the console for the cluster of KUBECONFIG.
#[derive(Debug, Args)]
pub(crate) struct ConsoleCommand {
    /// Where the console keeps its database and, unless `--config` names another, its configuration.
    #[arg(long, default_value = ".inkstone/console")]
    state_dir: PathBuf,
    /// The flags that every Inkstone service has, after `--`: `-- --set server.http.port=8000`.
    #[arg(last = true)]
    flags: Vec<OsString>,
}

impl ConsoleCommand {
    pub(crate) fn run(self) -> ExitCode {
        let config = match prepare(&self.state_dir, "info") {
            Ok(config) => config,
            Err(error) => {
                anstream::eprintln!("{error}");
                return ExitCode::from(error.code.exit_status());
            }
        };
        let mut flags: Vec<OsString> =
            vec!["inkstone console --".into(), format!("--config={}", config.display()).into()];
        flags.extend(self.flags);
        inkstone::main_with(flags, build_info!(), async |app| {
            let opened = open(&app, None).await?;
            if let Some(link) = &opened.setup {
                anstream::eprintln!("make the first account: {link}   (works once, for an hour)");
            }
            opened.run(app).await
        })
    }
}

/// The `[console]` table.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ConsoleConfig {
    /// The path it is served under.
    pub base_path: String,
    /// Its address as browsers see it, such as `https://console.example`. Empty takes each request's own.
    pub public_url: String,
    /// Whether `X-Forwarded-For` and `X-Forwarded-Proto` are believed: only behind a proxy that sets them.
    pub trust_forwarded: bool,
    /// What people call the cluster.
    pub cluster: String,
    /// The kubeconfig of the cluster. Empty looks where kubectl looks.
    pub kubeconfig: String,
    /// How long the pods have to load a release.
    pub proof_deadline: Dur,
}

impl Default for ConsoleConfig {
    fn default() -> Self {
        let options = Options::default();
        Self {
            base_path: options.base_path,
            public_url: options.public_url,
            trust_forwarded: options.trust_forwarded,
            cluster: "local".to_owned(),
            kubeconfig: String::new(),
            proof_deadline: options.proof_deadline.into(),
        }
    }
}

impl Config for ConsoleConfig {}

/// Makes the folder and, if there is none yet, a configuration to begin with; where that is.
pub(crate) fn prepare(state_dir: &Path, level: &str) -> Result<PathBuf, Fault> {
    let cannot = |path: &Path, error: &std::io::Error| {
        Fault::new(Code::CannotCreate, format!("the console's folder cannot be prepared: {error}"))
            .target(path.display())
            .hint("make it writable, or name another with --state-dir")
    };
    fs::create_dir_all(state_dir).map_err(|error| cannot(state_dir, &error))?;
    let file = state_dir.join("console.toml");
    if !file.exists() {
        let database = state_dir.join("console.db");
        let text = format!(
            "# The console's configuration; change what you like.\n\
             [app]\nname = \"inkstone-console\"\ndrain = \"0s\"\n\n\
             [log]\nlevel = \"{level}\"\n\n\
             [server.http]\nhost = \"127.0.0.1\"\nport = 7070\n\n\
             [server.governor]\nport = 0\n\n\
             [sqlite.console]\naddr = {:?}\n\n\
             [console]\nbase_path = \"/\"\n",
            database.display().to_string(),
        );
        fs::write(&file, text).map_err(|error| cannot(&file, &error))?;
    }
    Ok(file)
}

/// A console that is ready to serve.
pub(crate) struct Opened {
    /// Where browsers find it.
    pub(crate) url: String,
    /// The one-time link for the first account, while there is none.
    pub(crate) setup: Option<String>,
    console: Console,
    http: HttpServer,
    governor: inkstone::governor::Governor,
}

/// Opens the database and brings it up to date. `kubeconfig` wins over the one in the configuration.
pub(crate) async fn open(app: &App, kubeconfig: Option<&Path>) -> Result<Opened> {
    let governor = app.load::<Governor>("server.governor");
    let http = app.load::<HttpServer>("server.http");
    let database = app.load::<Sqlite>("sqlite.console");
    let config = app.live::<ConsoleConfig>("console").get();
    let address = app.live::<HttpServerConfig>("server.http").get();

    let database = database.build().await?;
    let configured = Some(Path::new(&config.kubeconfig)).filter(|path| !path.as_os_str().is_empty());
    let cluster = Cluster::connect(&config.cluster, kubeconfig.or(configured)).await?;
    let options = Options {
        base_path: config.base_path.clone(),
        public_url: config.public_url.clone(),
        trust_forwarded: config.trust_forwarded,
        proof_deadline: config.proof_deadline.get(),
        build: serde_json::from_value(serde_json::to_value(app.handle().build_info())?)?,
        check: findings,
        ..Options::default()
    };
    let console = Console::open(database.pool().clone(), cluster, options).await?;

    let url = if config.public_url.is_empty() {
        format!("http://{}:{}", address.host, address.port)
    } else {
        config.public_url.clone()
    };
    let url = format!("{}/{}", url.trim_end_matches('/'), config.base_path.trim_matches('/'));
    let url = url.trim_end_matches('/').to_owned();
    let setup = console.setup_token().await?.map(|token| format!("{url}/setup#token={token}"));
    Ok(Opened { url, setup, http: http.routes(console.router()), console, governor })
}

impl Opened {
    /// Serves until the app is told to stop.
    pub(crate) async fn run(self, app: App) -> Result {
        let Self { console, http, governor, .. } = self;
        let streams = console.clone();
        let mut phase = app.handle().phase();
        app.handle().spawn(async move {
            // An event stream never ends on its own, and a stopping server waits for its connections.
            let _gone = phase.wait_for(|phase| matches!(phase, Phase::Draining | Phase::Stopped)).await;
            streams.end_streams();
        });
        let result = app.serve(governor).serve(http).run().await;
        console.close().await;
        result
    }
}

/// What the editor shows about a configuration file.
fn findings(name: &str, text: &str) -> Vec<Finding> {
    let problems = check_text(name, text, &kinds());
    problems.iter().map(finding).collect()
}

fn finding(fault: &Fault) -> Finding {
    let place = fault.origin.as_ref().filter(|origin| origin.line > 0);
    Finding {
        severity: match fault.severity {
            Severity::Warning => inkstone_console::Severity::Warning,
            _ => inkstone_console::Severity::Error,
        },
        code: fault.code.as_str().to_owned(),
        key: fault.key.clone(),
        message: fault.message.clone(),
        line: place.map(|place| place.line),
        column: place.map(|place| place.column),
        length: place.map(|place| place.len),
        hint: fault.hint.clone(),
    }
}
