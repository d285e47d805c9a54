//! Starts programs so that none outlives the cluster, and ends them with their descendants.
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::exec::{GUARD, RUN};

/// A program about to be started.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<String>,
    /// The whole environment; nothing is inherited.
    pub(crate) env: Vec<(String, String)>,
    pub(crate) dir: PathBuf,
    /// Where standard output and standard error go; nowhere when `None`.
    pub(crate) log: Option<PathBuf>,
}

enum Request {
    Start(Box<Launch>, oneshot::Sender<io::Result<Child>>),
    Ended(i32),
}

/// The one thread that forks.
///
/// The kernel's parent death signal follows the *thread* that forked, not its process: a worker of the runtime
/// may end at any time and would take its children along. This thread lives exactly as long as the kubelet.
#[derive(Debug)]
pub(crate) struct Spawner {
    requests: mpsc::Sender<Request>,
    thread: JoinHandle<()>,
}

impl Spawner {
    /// Starts the thread and the guard process. `shim` is the program (and its first arguments) that calls
    /// [`exec_pod`](super::exec_pod).
    pub(crate) fn start(shim: Vec<OsString>) -> io::Result<Self> {
        let guard = Guard::start(&shim)?;
        let (requests, inbox) = mpsc::channel();
        let runtime = Handle::current();
        let thread = std::thread::Builder::new().name("inkstone-spawn".into()).stack_size(256 * 1024).spawn(
            move || {
                // Children report their end to the runtime that is entered here.
                let _entered = runtime.enter();
                serve(&inbox, &shim, guard);
            },
        )?;
        Ok(Self { requests, thread })
    }

    /// Starts a program in a session of its own.
    pub(crate) async fn spawn(&self, launch: Launch) -> io::Result<Process> {
        let gone = || io::Error::other("the kubelet is stopping");
        let (reply, answer) = oneshot::channel();
        self.requests.send(Request::Start(Box::new(launch), reply)).map_err(|_| gone())?;
        let child = answer.await.map_err(|_| gone())??;
        let pid = child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        let pid = pid.ok_or_else(|| io::Error::other("the program has no process id"))?;
        Ok(Process { child, pid, requests: self.requests.clone() })
    }

    /// Waits until the thread and the guard have ended. Every process must have been dropped before.
    pub(crate) async fn close(self) {
        let Self { requests, thread } = self;
        drop(requests);
        let _ = tokio::task::spawn_blocking(move || thread.join()).await;
    }
}

fn serve(inbox: &mpsc::Receiver<Request>, shim: &[OsString], mut guard: Guard) {
    for request in inbox {
        match request {
            Request::Start(launch, reply) => {
                let child = start(shim, &launch);
                if let Some(pid) = child.as_ref().ok().and_then(Child::id) {
                    guard.tell(format_args!("+{pid}"));
                }
                // Nobody waits for it any more: dropping the child ends it.
                let _ = reply.send(child);
            }
            Request::Ended(pid) => guard.tell(format_args!("-{pid}")),
        }
    }
}

fn start(shim: &[OsString], launch: &Launch) -> io::Result<Child> {
    fs::create_dir_all(&launch.dir)?;
    let output = || -> io::Result<Stdio> {
        let Some(log) = &launch.log else { return Ok(Stdio::null()) };
        OpenOptions::new().create(true).append(true).open(log).map(Stdio::from)
    };
    let (first, rest) =
        shim.split_first().ok_or_else(|| io::Error::other("no program to start containers with"))?;
    Command::new(first)
        .args(rest)
        .arg(RUN)
        .arg(std::process::id().to_string())
        .arg(&launch.program)
        .args(&launch.args)
        .env_clear()
        .envs(launch.env.iter().map(|(name, value)| (name, value)))
        .current_dir(&launch.dir)
        .stdin(Stdio::null())
        .stdout(output()?)
        .stderr(output()?)
        .kill_on_drop(true)
        .spawn()
}

/// The process that ends what is left when this one was killed; see [`super::exec`].
struct Guard {
    process: std::process::Child,
    lost: bool,
}

impl Guard {
    fn start(shim: &[OsString]) -> io::Result<Self> {
        let (first, rest) =
            shim.split_first().ok_or_else(|| io::Error::other("no program to start containers with"))?;
        let process = std::process::Command::new(first)
            .args(rest)
            .arg(GUARD)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| {
                let shim = first.display();
                io::Error::new(
                    error.kind(),
                    format!("cannot start {shim}, the program that runs containers: {error}"),
                )
            })?;
        Ok(Self { process, lost: false })
    }

    fn tell(&mut self, line: std::fmt::Arguments<'_>) {
        let input = self.process.stdin.as_mut().expect("piped at start, taken only on drop");
        if !self.lost && writeln!(input, "{line}").is_err() {
            self.lost = true;
            tracing::warn!(
                "the process that guards the containers has ended; if this cluster is killed now, children of \
                 its containers may go on until the next start"
            );
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// A running program and everything it has started. Dropping it ends them all.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    pid: Pid,
    requests: mpsc::Sender<Request>,
}

impl Process {
    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// Sends a signal to the program itself, as a container runtime does to its first process.
    pub(crate) fn signal(&self, signal: Signal) {
        if self.child.id().is_some() {
            // Gone already is what the sender wants too.
            let _ = kill_process(self.pid, signal);
        }
    }

    /// Waits for the program to end. Cancel safe.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // As in a container, nothing outlives the first process.
        let _ = kill_process_group(self.pid, Signal::KILL);
        let _ = self.requests.send(Request::Ended(self.pid.as_raw_nonzero().get()));
    }
}
