//! A real process of `examples/life.rs`.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Lines, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use tempfile::TempDir;

/// A configuration with which everything starts.
pub(crate) const GOOD: &str = "[app]\ndrain = \"50ms\"\n[pool.main]\n[pool.spare]\n[server.tick]\n";

pub(crate) struct Life {
    child: Child,
    out: Lines<BufReader<ChildStdout>>,
    dir: TempDir,
}

pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
    /// What it logged meanwhile.
    pub(crate) log: Vec<String>,
}

impl Life {
    pub(crate) fn start(config: &str, flags: &[&str]) -> Self {
        Self::start_in(config, flags, &[])
    }

    /// With these variables in its environment.
    pub(crate) fn start_in(config: &str, flags: &[&str], env: &[(&str, &OsStr)]) -> Self {
        Self::command(Command::new(program()), config, flags, env)
    }

    /// `examples/stages.rs`.
    pub(crate) fn stages(config: &str, flags: &[&str]) -> Self {
        Self::command(Command::new(example("stages")), config, flags, &[])
    }

    /// What this command runs.
    pub(crate) fn command(
        mut command: Command,
        config: &str,
        flags: &[&str],
        env: &[(&str, &OsStr)],
    ) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let file = dir.path().join("life.toml");
        std::fs::write(&file, config).unwrap();
        let mut child = command
            .arg("--config")
            .arg("life.toml")
            .args(flags)
            .current_dir(dir.path())
            .env_remove("INKSTONE_CONFIG")
            .envs(env.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the example runs");
        let out = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, out, dir }
    }

    /// Reads on until the service says this.
    pub(crate) fn wait_for(&mut self, what: &str) {
        self.read_until(what, |line| line.strip_prefix("said: ") == Some(what));
    }

    /// Reads on until the service says something that begins like this, and returns it.
    pub(crate) fn wait_for_said(&mut self, begin: &str) -> String {
        let prefix = format!("said: {begin}");
        let line = self.read_until(begin, |line| line.starts_with(&prefix));
        line.trim_start_matches("said: ").to_owned()
    }

    /// Reads on until the service logs a line with this in it, and returns the line.
    pub(crate) fn wait_for_log(&mut self, part: &str) -> String {
        self.read_until(part, |line| line.starts_with('{') && line.contains(part))
    }

    fn read_until(&mut self, what: &str, is_it: impl Fn(&str) -> bool) -> String {
        let mut lines = self.out.by_ref().map(|line| line.expect("text"));
        lines.find(|line| is_it(line)).unwrap_or_else(|| panic!("the service ended without {what}"))
    }

    /// Changes the configuration.
    pub(crate) fn configure(&self, config: &str) {
        std::fs::write(self.dir.path().join("life.toml"), config).unwrap();
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn end(mut self) -> Ended {
        let (mut said, mut log) = (Vec::new(), Vec::new());
        for line in self.out.map(|line| line.expect("text")) {
            match line.strip_prefix("said: ") {
                // A server begins at the same time as it is registered: either may be said first.
                Some(line) if line.ends_with(" serves") => {}
                Some(line) => said.push(line.to_owned()),
                None => log.push(line),
            }
        }
        let mut err = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        Ended { code: self.child.wait().unwrap().code().unwrap_or(-1), out: said.join("; "), err, log }
    }
}

pub(crate) fn program() -> PathBuf {
    example("life")
}

pub(crate) fn example(name: &str) -> PathBuf {
    // target/debug/deps/it-HASH → target/debug/examples/life
    let test = std::env::current_exe().unwrap();
    test.parent().and_then(Path::parent).unwrap().join("examples").join(name)
}
