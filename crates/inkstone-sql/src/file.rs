//! The database's file, looked at before SQLite does: its own errors do not say what to do.

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use inkstone_config::{Addr, Code, Fault};
use inkstone_core::Cx;

/// Where a database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    File(PathBuf),
    Memory,
}

impl Place {
    pub(crate) fn of(addr: &Addr) -> Self {
        let path = addr.strip_prefix("sqlite:").unwrap_or(addr);
        let path = path.strip_prefix("//").unwrap_or(path);
        if path == ":memory:" { Self::Memory } else { Self::File(path.into()) }
    }

    /// Whether the file can be opened, or created where that is asked for.
    pub(crate) async fn check(&self, create: bool, cx: &Cx) -> Result<(), Fault> {
        let Self::File(path) = self else { return Ok(()) };
        let opened = tokio::fs::OpenOptions::new().read(true).write(true).open(path).await;
        let Err(error) = opened else { return Ok(()) };
        let fault = |code, message: String| cx.fault(code, message).target(self);
        Err(match error.kind() {
            ErrorKind::NotFound => match missing_directory(path).await {
                None if create => return Ok(()),
                None => fault(Code::ConnectFailed, "the file does not exist".to_owned())
                    .hint("run the job that creates it, or set create_if_missing = true"),
                Some(directory) => {
                    fault(Code::CannotCreate, format!("the directory {} does not exist", directory.display()))
                        .hint(format!("create it, or change {}.addr{}", cx.name, relative(path)))
                }
            },
            ErrorKind::PermissionDenied => {
                fault(Code::PermissionDenied, "this process may not read and write the file".to_owned())
                    .hint("give the service's user both permissions on the file, and on its directory")
            }
            ErrorKind::IsADirectory => {
                fault(Code::ConnectFailed, "this is a directory, and a file is needed".to_owned())
                    .hint(format!("name a file in it: addr = \"sqlite:{}/data.db\"", path.display()))
            }
            _ => fault(Code::ConnectFailed, format!("the file cannot be opened: {error}")),
        })
    }
}

/// The file's directory, if that is what is missing.
async fn missing_directory(path: &Path) -> Option<&Path> {
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty())?;
    let there = tokio::fs::metadata(directory).await.is_ok_and(|found| found.is_dir());
    (!there).then_some(directory)
}

/// Says what a relative path starts from, which is what is wrong with it as a rule.
fn relative(path: &Path) -> String {
    match std::env::current_dir() {
        Ok(here) if path.is_relative() => format!("; a relative path starts at {}", here.display()),
        _ => String::new(),
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Memory => f.write_str(":memory:"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_with_and_without_scheme_name_the_same_file() {
        let check = |addr: &str, place: Place| {
            assert_eq!(Place::of(&addr.parse().unwrap()), place, "{addr}");
        };
        for addr in ["sqlite:data/a.db", "sqlite://data/a.db", "data/a.db"] {
            check(addr, Place::File("data/a.db".into()));
        }
        check("sqlite:///var/a.db", Place::File("/var/a.db".into()));
        check("sqlite:/var/a.db", Place::File("/var/a.db".into()));
        for addr in ["sqlite::memory:", ":memory:"] {
            check(addr, Place::Memory);
        }
    }
}
