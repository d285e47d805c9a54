//! A crate depends only on crates of a lower layer.

use std::collections::BTreeMap;

use cargo_metadata::DependencyKind;

use crate::metadata;

/// The layers of DESIGN.md, written down here and nowhere else in code.
const LAYERS: &[(u8, &[&str])] = &[
    (0, &["inkstone-config", "inkstone-build", "inkstone-profile"]),
    (1, &["inkstone-observe"]),
    (2, &["inkstone-guard"]),
    (3, &["inkstone-core"]),
    (4, &["inkstone-discover"]),
    (
        5,
        &[
            "inkstone-http",
            "inkstone-grpc",
            "inkstone-governor",
            "inkstone-task",
            "inkstone-k8s",
            "inkstone-etcd",
            "inkstone-sql",
        ],
    ),
    (6, &["inkstone"]),
    (7, &["inkstone-cluster", "inkstone-console", "shop-api"]),
    (
        8,
        &[
            "inkstone-cli",
            "shop-catalog",
            "shop-orders",
            "shop-storefront",
            "shop-check",
            "bench-calls",
            "bench-framework",
            "xtask",
        ],
    ),
];

#[test]
fn a_crate_depends_only_on_lower_layers() {
    let layers: BTreeMap<&str, u8> =
        LAYERS.iter().flat_map(|(layer, names)| names.iter().map(|name| (*name, *layer))).collect();
    let mut wrong = Vec::new();
    for package in metadata().workspace_packages() {
        let Some(layer) = layers.get(package.name.as_str()) else {
            wrong.push(format!("{} has no layer: add it to LAYERS", package.name));
            continue;
        };
        for dependency in &package.dependencies {
            // A test may reach up: what it needs is not what the crate needs.
            let Some(below) = layers.get(dependency.name.as_str()) else {
                continue;
            };
            if dependency.kind != DependencyKind::Development && below >= layer {
                wrong.push(format!(
                    "{} (layer {layer}) depends on {} (layer {below})",
                    package.name, dependency.name
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_layer_names_crates_that_exist() {
    let packages = metadata().workspace_packages();
    let missing: Vec<_> = LAYERS
        .iter()
        .flat_map(|(_, names)| names.iter())
        .filter(|name| !packages.iter().any(|package| package.name.as_str() == **name))
        .collect();
    assert!(missing.is_empty(), "{missing:?} are in LAYERS and not in the workspace");
}
