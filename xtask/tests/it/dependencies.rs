//! What the workspace is built from.

use std::collections::BTreeSet;
use std::process::Command;

use crate::{metadata, root};

/// Two of one of these would mean two incompatible worlds in one program.
const ONE_MAJOR: &[&str] =
    &["hyper", "http", "http-body", "prost", "prost-types", "rustls", "axum", "tonic", "tower", "tokio"];

/// Name and version of every package that is really compiled: the lock file also has what no feature turns on.
fn compiled() -> BTreeSet<(String, String)> {
    let output = Command::new(env!("CARGO"))
        .current_dir(root())
        .args(["tree", "--workspace", "--target=all", "--prefix=none", "--format={p}"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut packages = BTreeSet::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        if let [name, version, ..] = line.split(' ').collect::<Vec<_>>()[..] {
            packages.insert((name.to_owned(), version.trim_start_matches('v').to_owned()));
        }
    }
    assert!(packages.len() > 100, "`cargo tree` no longer prints what this test reads: {packages:?}");
    packages
}

#[test]
fn the_pillars_come_in_one_major_version() {
    let compiled = compiled();
    for pillar in ONE_MAJOR {
        let majors: BTreeSet<String> = compiled
            .iter()
            .filter(|(name, _)| name == pillar)
            .map(|(_, version)| {
                let mut parts = version.split('.');
                let significant = if version.starts_with("0.") { 2 } else { 1 };
                parts.by_ref().take(significant).collect::<Vec<_>>().join(".")
            })
            .collect();
        assert_eq!(majors.len(), 1, "{pillar} comes in {majors:?}: see `cargo tree -i {pillar}`");
    }
}

#[test]
fn one_cryptography_library_is_linked() {
    let ring = compiled().iter().any(|(name, _)| name == "ring");
    assert!(!ring, "ring is compiled beside aws-lc-rs: see `cargo tree --target all -i ring -e features`");
}

#[test]
fn members_take_versions_and_licence_from_the_workspace() {
    for package in metadata().workspace_packages() {
        assert_eq!(package.license.as_deref(), Some("MIT OR Apache-2.0"), "licence of {}", package.name);
        let manifest = std::fs::read_to_string(&package.manifest_path).unwrap();
        for line in manifest.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_alphabetic())) {
            let versioned = line.contains("version = \"")
                || line.split_once(" = ").is_some_and(|(name, value)| {
                    value.starts_with('"')
                        && value[1..].starts_with(|c: char| c.is_ascii_digit())
                        && name != "version"
                });
            assert!(
                !versioned,
                "{}: `{line}`: versions stand in the workspace's Cargo.toml",
                package.manifest_path
            );
        }
    }
}
