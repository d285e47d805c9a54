//! The console itself: what its routes share, and what it is set up with.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use sqlx::SqlitePool;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use utoipa::ToSchema;

use crate::accounts::{Guard, Limits, Passwords};
use crate::cluster::Cluster;
use crate::governor::{BuildInfo, Governors};
use crate::releases::{Pace, Releases};
use crate::secret::random_token;
use crate::store::{Expiry, Store, StoreError};
use crate::time;

/// Something that is wrong with the text of a configuration file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Finding {
    /// `error`, or `warning` for what only the service itself can judge.
    pub severity: Severity,
    /// The stable code, such as `INK1002`.
    pub code: String,
    /// The key.
    pub key: Option<String>,
    /// What is wrong with it.
    pub message: String,
    /// The line, from 1; None when there is no one place.
    pub line: Option<u32>,
    /// The column, from 1.
    pub column: Option<u32>,
    /// How many characters the place covers.
    pub length: Option<u32>,
    /// What to do.
    pub hint: Option<String>,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// A service would refuse it.
    Error,
    /// A service may refuse it.
    Warning,
}

/// Checks the text of a configuration file, given its name.
pub type Check = fn(name: &str, text: &str) -> Vec<Finding>;

/// How the console is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// The path under which it is served: `/`, or such as `/inkstone`.
    pub base_path: String,
    /// Its address as browsers see it, such as `https://console.example`; empty to take each request's own.
    pub public_url: String,
    /// Whether `X-Forwarded-For` and `X-Forwarded-Proto` are believed: only behind a proxy that sets them.
    pub trust_forwarded: bool,
    /// A session ends after so long without a request.
    pub session_idle: Duration,
    /// A session ends after so long, however busy.
    pub session_lifetime: Duration,
    /// The setup link works so long.
    pub setup_lifetime: Duration,
    /// So long the pods have to load a release.
    pub proof_deadline: Duration,
    /// What the console itself was built from.
    pub build: BuildInfo,
    /// How configuration is checked.
    pub check: Check,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            base_path: "/".to_owned(),
            public_url: String::new(),
            trust_forwarded: false,
            session_idle: Duration::from_secs(12 * 3600),
            session_lifetime: Duration::from_secs(7 * 24 * 3600),
            setup_lifetime: Duration::from_secs(3600),
            // A kubelet looks at its ConfigMaps about once a minute.
            proof_deadline: Duration::from_secs(180),
            build: BuildInfo { name: "inkstone-console".to_owned(), ..BuildInfo::default() },
            check: |_, _| Vec::new(),
        }
    }
}

/// The console. Cloning it shares everything.
#[derive(Debug, Clone)]
pub struct Console {
    pub(crate) store: Store,
    pub(crate) cluster: Cluster,
    pub(crate) governors: Governors,
    pub(crate) releases: Releases,
    pub(crate) passwords: Passwords,
    pub(crate) options: Arc<Options>,
    /// Failed logins by account and address: what keeps one guesser from one account.
    pub(crate) account_guard: Arc<Guard>,
    /// Failed logins by address: what keeps one guesser from all accounts.
    pub(crate) address_guard: Arc<Guard>,
    /// Denied attempts of strangers that are noted, by address: the audit log must not be theirs to fill.
    pub(crate) denial_guard: Arc<Guard>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Console {
    /// Brings the database up to date and looks after releases that an earlier run left open.
    ///
    /// # Errors
    /// When the database cannot be brought up to date or read.
    pub async fn open(pool: SqlitePool, cluster: Cluster, options: Options) -> Result<Self, OpenError> {
        let store = Store::open(pool).await?;
        let governors = Governors::new(cluster.clone()).map_err(OpenError::Http)?;
        let at_once = std::thread::available_parallelism().map_or(2, |cores| cores.get().div_ceil(2));
        let passwords =
            Passwords::new(at_once).await.map_err(|problem| OpenError::Hash(problem.detail().to_owned()))?;
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let pace = Pace { deadline: options.proof_deadline, ..Pace::default() };
        let releases = Releases::new(
            store.clone(),
            cluster.clone(),
            governors.clone(),
            pace,
            tasks.clone(),
            stop.clone(),
        );
        let limit = |failures, minutes: u64| {
            Arc::new(Guard::new(Limits { failures, within: Duration::from_secs(60 * minutes) }))
        };
        let console = Self {
            store,
            cluster,
            governors,
            releases,
            passwords,
            options: Arc::new(Options { base_path: base_of(&options.base_path), ..options }),
            account_guard: limit(5, 5),
            address_guard: limit(30, 5),
            denial_guard: limit(30, 5),
            tasks,
            stop,
        };
        console.releases.resume().await?;
        Ok(console)
    }

    /// The token of a new setup link, `<base>/setup#token=…`; None once an account exists. An earlier link stops
    /// working.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn setup_token(&self) -> Result<Option<String>, StoreError> {
        if self.store.has_accounts().await? {
            return Ok(None);
        }
        let token = random_token();
        let expires_at = time::now() + time::millis(self.options.setup_lifetime);
        self.store.put_setup_token(&token, expires_at).await?;
        Ok(Some(token))
    }

    /// Ends event streams and waits for what is in flight: a publish is brought to its end, the watching of pods
    /// goes on at the next start.
    pub async fn close(&self) {
        self.end_streams();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Ends the event streams, so that a server that waits for its connections can stop.
    pub fn end_streams(&self) {
        self.stop.cancel();
    }

    pub(crate) fn expiry(&self) -> Expiry {
        Expiry {
            idle: time::millis(self.options.session_idle),
            absolute: time::millis(self.options.session_lifetime),
        }
    }
}

/// `/` or `/inkstone`: a leading slash and none behind.
pub(crate) fn base_of(path: &str) -> String {
    let path = path.trim().trim_matches('/');
    if path.is_empty() { "/".to_owned() } else { format!("/{path}") }
}

/// Why the console could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The database.
    #[error("the console's database: {0}")]
    Store(#[from] StoreError),
    /// The client that asks the pods.
    #[error("prepare to ask the pods: {0}")]
    Http(#[source] reqwest::Error),
    /// The password hash.
    #[error("prepare the password hash: {0}")]
    Hash(String),
}
