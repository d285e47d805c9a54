//! What a lock file says about the crates below a package, for when cargo cannot be asked.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::dependencies::{CRATES_IO, Crate, without_user};

/// Every package that `package` needs in any way, for any target and with any feature; `None` without a file.
pub(crate) fn below(file: &Path, package: &str) -> Option<BTreeSet<Crate>> {
    let packages = parse(&fs::read_to_string(file).ok()?);
    let mut found = BTreeSet::new();
    let mut open: Vec<&Package> = packages.iter().filter(|one| one.name == package).collect();
    let mut seen: BTreeSet<*const Package> = open.iter().map(|one| std::ptr::from_ref(*one)).collect();
    let mut by_name: BTreeMap<&str, Vec<&Package>> = BTreeMap::new();
    for one in &packages {
        by_name.entry(&one.name).or_default().push(one);
    }
    while let Some(package) = open.pop() {
        for wanted in &package.dependencies {
            // `name`, and `name version` where there are several.
            let mut words = wanted.split(' ');
            let (name, version) = (words.next().unwrap_or_default(), words.next());
            for one in by_name.get(name).into_iter().flatten() {
                if version.is_none_or(|version| version == one.version)
                    && seen.insert(std::ptr::from_ref(*one))
                {
                    open.push(one);
                    found.insert(one.as_crate());
                }
            }
        }
    }
    Some(found)
}

#[derive(Default)]
struct Package {
    name: String,
    version: String,
    source: Option<String>,
    dependencies: Vec<String>,
}

impl Package {
    fn as_crate(&self) -> Crate {
        let source = match self.source.as_deref() {
            None => "path".to_owned(),
            Some("registry+https://github.com/rust-lang/crates.io-index") => CRATES_IO.to_owned(),
            Some(other) => without_user(other.split_once('+').map_or(other, |(_, address)| address)),
        };
        Crate { license: String::new(), source, name: self.name.clone(), version: self.version.clone() }
    }
}

/// Cargo writes the file itself, one entry a line, so that its lines can be read one by one.
fn parse(text: &str) -> Vec<Package> {
    let blocks = text.split("[[package]]").skip(1);
    blocks
        .map(|block| {
            let mut package = Package::default();
            for line in block.lines() {
                let quoted = || line.split('"').nth(1).unwrap_or_default().to_owned();
                match line.split(' ').next() {
                    Some("name") => package.name = quoted(),
                    Some("version") => package.version = quoted(),
                    Some("source") => package.source = Some(quoted()),
                    Some("") => package.dependencies.extend(Some(quoted()).filter(|name| !name.is_empty())),
                    _ => {}
                }
            }
            package
        })
        .collect()
}
