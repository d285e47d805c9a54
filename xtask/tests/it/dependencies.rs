//! What the workspace is built from.

use std::collections::BTreeSet;

use crate::metadata;

/// Two of one of these would mean two incompatible worlds in one program.
const ONE_MAJOR: &[&str] = &[
    "hyper",
    "http",
    "http-body",
    "prost",
    "prost-types",
    "rustls",
    "axum",
    "tonic",
    "tower",
    "tokio",
];

#[test]
fn the_pillars_come_in_one_major_version() {
    for name in ONE_MAJOR {
        let majors: BTreeSet<String> = metadata()
            .packages
            .iter()
            .filter(|package| package.name.as_str() == *name)
            .map(|package| match package.version.major {
                0 => format!("0.{}", package.version.minor),
                major => major.to_string(),
            })
            .collect();
        assert_eq!(
            majors.len(),
            1,
            "{name} comes in {majors:?}: see `cargo tree -i {name}`"
        );
    }
}

#[test]
fn one_cryptography_library_is_linked() {
    let ring = metadata()
        .packages
        .iter()
        .any(|package| package.name.as_str() == "ring");
    assert!(
        !ring,
        "ring is in the tree beside aws-lc-rs: see `cargo tree -i ring -e features`"
    );
}

#[test]
fn members_take_versions_and_licence_from_the_workspace() {
    for package in metadata().workspace_packages() {
        assert_eq!(
            package.license.as_deref(),
            Some("MIT OR Apache-2.0"),
            "licence of {}",
            package.name
        );
        let manifest = std::fs::read_to_string(&package.manifest_path).unwrap();
        for line in manifest
            .lines()
            .filter(|line| line.starts_with(|c: char| c.is_ascii_alphabetic()))
        {
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
