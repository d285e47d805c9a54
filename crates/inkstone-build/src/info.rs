//! Build information: who built what from which commit.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

use jiff::Timestamp;

use crate::Error;
use crate::dependencies::Dependencies;
use crate::git::State;

/// What a program says about how it was built, as `INKSTONE_BUILD_*` variables of the crate being compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    values: Vec<(&'static str, String)>,
    watched: Vec<PathBuf>,
    note: Option<String>,
}

/// The part of each variable's name after `INKSTONE_BUILD_`.
const NAMES: [&str; 10] =
    ["COMMIT", "BRANCH", "TAG", "DIRTY", "HOST", "USER", "RUSTC", "TARGET", "PROFILE", "TIME"];

/// Set for the program only. What another build has found must not pass for what this one is made of.
const DEPENDENCIES: &str = "DEPENDENCIES";

/// Hands the build information of the package to the compiler. Call it from `build.rs`.
///
/// # Errors
///
/// When `SOURCE_DATE_EPOCH` or `INKSTONE_BUILD_TIME` is not a time, or `INKSTONE_BUILD_DIRTY` not `true` or
/// `false`. A missing git, repository, host or user name is no error: that value is left unset.
pub fn info() -> Result<(), Error> {
    let dir = env::current_dir().map_err(|error| Error::new("find the package's directory", error))?;
    let info = Info::of(&dir, |name| env::var(name).ok())?;
    io::stdout()
        .write_all(info.directives().as_bytes())
        .map_err(|error| Error::new("hand the build information to cargo", error))
}

impl Info {
    /// The build information of the package in `dir`, with `env` to read the environment.
    ///
    /// # Errors
    ///
    /// As [`info`].
    pub fn of(dir: &Path, env: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let env = |name: &str| env(name).filter(|value| !value.is_empty());
        let State { commit, branch, tag, dirty, mut watched } = State::of(dir);
        // A build that is to be repeated elsewhere says nothing of where it was made.
        let epoch = env("SOURCE_DATE_EPOCH");
        let here = epoch.is_none();

        let mut values = Vec::new();
        for name in NAMES {
            let value = match env(&format!("INKSTONE_BUILD_{name}")) {
                Some(given) => Some(checked(name, given)?),
                None => match name {
                    "COMMIT" => commit.clone(),
                    "BRANCH" => branch.clone(),
                    "TAG" => tag.clone(),
                    "DIRTY" => dirty.map(|dirty| dirty.to_string()),
                    "HOST" => here.then(host).flatten(),
                    "USER" => here.then(|| user(&env)).flatten(),
                    "RUSTC" => printed(env("RUSTC").as_deref().unwrap_or("rustc"), &["--version"]),
                    "TIME" => Some(time(epoch.clone())?),
                    _ => env(name), // TARGET and PROFILE are cargo's own
                },
            };
            values.extend(value.map(|value| (name, one_line(&value))));
        }
        let dependencies = Dependencies::of(dir, &env);
        values.push((DEPENDENCIES, dependencies.text));

        // Once one file is named, cargo forgets that it would have watched the package.
        let own = ["src", "migrations", "build.rs", "Cargo.toml"].map(|name| dir.join(name));
        watched.extend(own.into_iter().filter(|path| path.exists()));
        watched.extend(dependencies.watched);
        Ok(Self { values, watched, note: dependencies.note })
    }

    /// The value of one variable, by the part of its name after `INKSTONE_BUILD_`: `"COMMIT"`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// The lines a build script prints for cargo.
    pub fn directives(&self) -> String {
        let mut lines = String::new();
        for path in &self.watched {
            lines += &format!("cargo::rerun-if-changed={}\n", path.display());
        }
        for name in NAMES {
            lines += &format!("cargo::rerun-if-env-changed=INKSTONE_BUILD_{name}\n");
        }
        lines += "cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH\n";
        for (name, value) in &self.values {
            lines += &format!("cargo::rustc-env=INKSTONE_BUILD_{name}={value}\n");
        }
        if let Some(note) = &self.note {
            lines += &format!("cargo::warning=the list of dependencies is {}\n", one_line(note));
        }
        lines
    }
}

/// A value given in the environment must be of the form that readers of the variable rely on.
fn checked(name: &str, value: String) -> Result<String, Error> {
    let wanted = match name {
        "DIRTY" if !matches!(value.as_str(), "true" | "false") => "`true` or `false`",
        "TIME" if value.parse::<Timestamp>().is_err() => "a time such as 2026-01-31T12:00:00Z",
        _ => return Ok(value),
    };
    Err(Error::new(
        format_args!("read INKSTONE_BUILD_{name}"),
        format_args!("expected {wanted}, found {value:?}"),
    ))
}

fn time(epoch: Option<String>) -> Result<String, Error> {
    let time = match epoch {
        None => Timestamp::now(),
        Some(epoch) => {
            epoch.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok()).ok_or_else(|| {
                Error::new(
                    "read SOURCE_DATE_EPOCH",
                    format_args!("expected seconds since 1970, found {epoch:?}"),
                )
            })?
        }
    };
    Ok(time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

fn host() -> Option<String> {
    let kernel = fs::read_to_string("/proc/sys/kernel/hostname").ok();
    kernel
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .or_else(|| printed("hostname", &[]))
}

fn user(env: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    env("USER").or_else(|| env("USERNAME")).or_else(|| printed("id", &["-un"]))
}

fn printed(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned()).filter(|text| !text.is_empty())
}

/// A line break would end the directive and start another.
fn one_line(value: &str) -> String {
    value.lines().collect::<Vec<_>>().join(" ")
}
