//! The console as a service of its own framework: a database, the console, an HTTP server.

use std::path::{Path, PathBuf};

use inkstone::config::{Code, Live, Severity as Weight, check_text};
use inkstone::governor::Governor;
use inkstone::http::HttpServer;
use inkstone::sql::Sqlite;
use inkstone::{App, Bound, Component, Cx, Error, Health, Server};

use crate::cluster::Cluster;
use crate::config::ConsoleConfig;
use crate::console::{Console, Finding, Options, Severity};
use crate::governor::BuildInfo;

/// Where the console is, once it listens.
#[derive(Debug, Clone)]
pub struct Started {
    /// Its address, with the base path and a slash behind.
    pub url: String,
    /// The one-time link for the first account; None once there is one.
    pub setup: Option<String>,
}

/// Runs the console until the app is told to stop. It reads the tables `server.http`, `server.governor`,
/// `sqlite.console` and `console`. `announce` is called once, when the console listens.
///
/// # Errors
/// What is wrong with the configuration, what kept it from starting, and what kept it from stopping.
pub async fn serve(app: App, announce: impl FnOnce(Started) + Send + 'static) -> inkstone::Result {
    let http = app.load::<HttpServer>("server.http");
    let database = app.load::<Sqlite>("sqlite.console");
    let console = app.load::<Console>("console");
    let governor = app.load::<Governor>("server.governor");
    let database = database.build().await?;
    let app = app.provide(database);
    let console = console.build().await?;
    let http = http.routes(console.router());
    app.serve(governor).serve(Announced { http, console, announce }).run().await
}

impl Component for Console {
    const KIND: &'static str = "console";
    type Config = ConsoleConfig;

    async fn build(config: Live<ConsoleConfig>, cx: Cx) -> Result<Self, Error> {
        let config = config.get();
        let database = cx.app().provided::<Sqlite>();
        let database = database.ok_or_else(|| {
            cx.fault(Code::BuildFailed, "there is no database")
                .hint("give the app a Sqlite with `provide` first")
        })?;
        let kubeconfig = (!config.kubeconfig.is_empty()).then(|| PathBuf::from(&config.kubeconfig));
        let cluster = Cluster::connect(&config.cluster, kubeconfig.as_deref()).await;
        let cluster = cluster.map_err(|error| {
            let hint = "set console.kubeconfig to the kubeconfig of the cluster, such as the one that `inkstone dev` names";
            let fault = cx.fault(Code::ConnectFailed, error.to_string()).key("console.kubeconfig").hint(hint);
            fault.target(kubeconfig.as_deref().unwrap_or(Path::new("the usual places")).display())
        })?;
        let options = Options { build: own_build(&cx), check, ..config.options() };
        let console = Self::open(database.pool().clone(), cluster, options).await?;
        let (ending, stopping) = (console.clone(), cx.stopping());
        cx.app().spawn(async move {
            // A stream of events would otherwise keep its connection, and the server, for ever.
            stopping.cancelled().await;
            ending.end_streams();
        });
        Ok(console)
    }

    async fn health(&self) -> Health {
        match self.store.ping().await {
            Ok(()) => Health::Up,
            Err(error) => Health::Down(error.to_string()),
        }
    }

    async fn close(&self) {
        Self::close(self).await;
    }
}

fn own_build(cx: &Cx) -> BuildInfo {
    let build = cx.app().build_info();
    BuildInfo {
        name: build.name.clone(),
        version: build.version.clone(),
        commit: build.commit.clone(),
        dirty: build.dirty,
        host: build.host.clone(),
        user: build.user.clone(),
        time: build.time.clone(),
        rustc: build.rustc.clone(),
        inkstone: build.inkstone.clone(),
        target: build.target.clone(),
        profile: build.profile.clone(),
    }
}

/// Checks a configuration file of a service as `inkstone config check` does.
#[must_use]
pub fn check(name: &str, text: &str) -> Vec<Finding> {
    let known = [".toml", ".yaml", ".yml", ".json"];
    if !known.iter().any(|ending| name.ends_with(ending)) {
        return Vec::new();
    }
    let problems = check_text(name, text, inkstone::KINDS);
    problems
        .iter()
        .map(|fault| {
            let place = fault.origin.as_ref().filter(|origin| origin.line > 0);
            Finding {
                severity: match fault.severity {
                    Weight::Error => Severity::Error,
                    Weight::Warning => Severity::Warning,
                },
                code: fault.code.as_str().to_owned(),
                key: fault.key.clone(),
                message: fault.message.clone(),
                line: place.map(|origin| origin.line),
                column: place.map(|origin| origin.column),
                length: place.map(|origin| origin.len),
                hint: fault.hint.clone(),
            }
        })
        .collect()
}

/// An HTTP server that says where it is as soon as it listens.
struct Announced<F> {
    http: HttpServer,
    console: Console,
    announce: F,
}

impl<F: FnOnce(Started) + Send + 'static> Server for Announced<F> {
    async fn bind(self) -> Result<Bound, Error> {
        let Self { http, console, announce } = self;
        let bound = http.bind().await?;
        let base = console.options.base_path.trim_end_matches('/');
        let public = console.options.public_url.trim_end_matches('/');
        let url = match bound.endpoint {
            Some(_) if !public.is_empty() => format!("{}{base}/", crate::access::origin_of(public)),
            Some(address) => format!("http://{address}{base}/"),
            None => format!("{base}/"),
        };
        let token = console.setup_token().await?;
        let setup = token.map(|token| format!("{url}setup#token={token}"));
        announce(Started { url, setup });
        Ok(bound)
    }

    fn cx(&self) -> &Cx {
        self.http.cx()
    }
}
