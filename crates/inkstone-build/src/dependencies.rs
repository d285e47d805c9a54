//! The crates that are linked into a package's program, with their licences.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::lockfile;

/// What is linked into a program, as text of one line that `inkstone_core::Dependencies` reads.
///
/// Crates are grouped by licence and source: `MIT|crates.io|bytes 1.12.0,tokio 1.54.1;…`. A group that begins with
/// `!` is a note on how far the list can be trusted.
#[derive(Debug, Default)]
pub(crate) struct Dependencies {
    pub(crate) text: String,
    /// Why the list is less than it should be.
    pub(crate) note: Option<String>,
    /// What to watch besides the package: the lock file, and the sources of crates that are no download.
    pub(crate) watched: Vec<PathBuf>,
}

/// One crate: its name and version are a single word each.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Crate {
    pub(crate) license: String,
    pub(crate) source: String,
    pub(crate) name: String,
    pub(crate) version: String,
}

pub(crate) const CRATES_IO: &str = "crates.io";

impl Dependencies {
    /// Asks cargo, without the network and without a change to the lock file; failing that, reads the lock file.
    pub(crate) fn of(dir: &Path, env: &dyn Fn(&str) -> Option<String>) -> Self {
        let locks = dir.ancestors().map(|dir| dir.join("Cargo.lock")).filter(|file| file.is_file());
        let locks: Vec<PathBuf> = locks.collect();
        let (crates, note, mut watched) = match tree(dir, env) {
            Ok(printed) => {
                let (crates, paths) = parse(&printed);
                (crates, None, paths)
            }
            Err(why) => {
                let package = env("CARGO_PKG_NAME").unwrap_or_default();
                let crates = locks.first().and_then(|lock| lockfile::below(lock, &package));
                let note = match crates {
                    Some(_) => format!(
                        "taken from Cargo.lock: without licences, and with crates that are not linked, because {why}"
                    ),
                    None => format!("not known, because {why} and there is no Cargo.lock"),
                };
                (crates.unwrap_or_default(), Some(note), Vec::new())
            }
        };
        watched.extend(locks);
        Self { text: text(&crates, note.as_deref()), note, watched }
    }
}

/// What `cargo tree` prints about the package with the features it is compiled with.
fn tree(dir: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let cargo = env("CARGO").ok_or("cargo has not said where it is")?;
    let mut tree = Command::new(cargo);
    tree.args(["tree", "--offline", "--locked", "--quiet", "--color=never", "--prefix=none"]);
    tree.args(["--edges=normal,no-proc-macro", "--format={p}|{l}", "--no-default-features"]);
    tree.arg("--manifest-path").arg(dir.join("Cargo.toml"));
    if let (Some(name), Some(version)) = (env("CARGO_PKG_NAME"), env("CARGO_PKG_VERSION")) {
        tree.arg(format!("--package={name}@{version}"));
    }
    tree.arg(format!("--features={}", env("CARGO_CFG_FEATURE").unwrap_or_default()));
    tree.args(env("TARGET").map(|target| format!("--target={target}")));
    // The cargo that runs this build keeps what it knows of rustc in a file that a call from here would replace.
    tree.env("CARGO_CACHE_RUSTC_INFO", "0");
    tree.env_remove("RUSTC_WRAPPER").env_remove("RUSTC_WORKSPACE_WRAPPER");
    let output = tree.output().map_err(|error| format!("`cargo tree` did not start: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let error = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
    Err(format!("`cargo tree` failed: {}", error.trim_start_matches("error: ")))
}

/// Lines such as `serde v1.0.229|MIT OR Apache-2.0` and `shop-api v0.1.0 (/src/api)|MIT (*)`; the first is the
/// package itself.
fn parse(printed: &str) -> (BTreeSet<Crate>, Vec<PathBuf>) {
    let (mut crates, mut folders) = (BTreeSet::new(), BTreeSet::new());
    for line in printed.lines().skip(1) {
        let line = line.trim_end().trim_end_matches(" (*)");
        let Some((package, license)) = line.rsplit_once('|') else { continue };
        let mut words = package.splitn(3, ' ');
        let (Some(name), Some(version)) = (words.next(), words.next()) else { continue };
        let place = words.next().and_then(|place| place.strip_prefix('(')?.split(')').next());
        let source = match place {
            None => CRATES_IO.to_owned(),
            Some(path) if Path::new(path).is_absolute() => {
                folders.insert(PathBuf::from(path));
                "path".to_owned() // where on the machine that built it is nobody's business
            }
            Some(address) => without_user(address),
        };
        crates.insert(Crate {
            license: license.trim().to_owned(),
            source,
            name: name.to_owned(),
            version: version.trim_start_matches('v').to_owned(),
        });
    }
    let sources = folders.iter().flat_map(|dir| ["src", "build.rs", "Cargo.toml"].map(|name| dir.join(name)));
    (crates, sources.filter(|path| path.exists()).collect())
}

/// `https://user:token@host/…` without who fetched it.
pub(crate) fn without_user(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else { return address.to_owned() };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    format!("{scheme}://{}{path}", host.rsplit_once('@').map_or(host, |(_, host)| host))
}

fn text(crates: &BTreeSet<Crate>, note: Option<&str>) -> String {
    let mut groups: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    for one in crates {
        let group = groups.entry((&one.license, &one.source)).or_default();
        group.push(format!("{} {}", one.name, one.version));
    }
    let note = note.map(|note| format!("!{}", plain(note)));
    let groups = groups.into_iter().map(|((license, source), crates)| {
        format!("{}|{}|{}", plain(license), plain(source), crates.join(","))
    });
    note.into_iter().chain(groups).collect::<Vec<_>>().join(";")
}

/// Without the signs that the format is made of.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || matches!(c, ';' | '|') { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "shop v0.1.0 (/src/shop)|MIT\n\
        serde v1.0.229|MIT OR Apache-2.0\n\
        bytes v1.12.0|MIT\n\
        serde v1.0.229|MIT OR Apache-2.0 (*)\n\
        forked v0.2.0 (https://me:pw@git.example.com/forked?branch=main#8c3f8a2b)|\n\
        inside v0.3.0 (registry `house`)|MIT\n\
        api v0.1.0 (/src/api)|MIT (*)\n";

    #[test]
    fn crates_are_grouped_by_licence_and_source_without_paths_and_passwords() {
        let (crates, _) = parse(PRINTED);
        assert_eq!(
            text(&crates, None),
            "|https://git.example.com/forked?branch=main#8c3f8a2b|forked 0.2.0;MIT|crates.io|bytes 1.12.0;\
             MIT|path|api 0.1.0;MIT|registry `house`|inside 0.3.0;MIT OR Apache-2.0|crates.io|serde 1.0.229"
        );
    }

    #[test]
    fn a_note_comes_first_and_cannot_break_the_format() {
        assert_eq!(text(&BTreeSet::new(), Some("why; \n| not")), "!why     not");
    }
}
