//! The shape of crates and of their documentation.

use std::fs;
use std::path::{Path, PathBuf};

use crate::root;

const COMPONENTS: &[&str] = &[
    "inkstone-http",
    "inkstone-grpc",
    "inkstone-governor",
    "inkstone-k8s",
    "inkstone-etcd",
    "inkstone-sql",
    "inkstone-task",
];

fn files(dir: &Path, wanted: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && !matches!(name, "target" | "node_modules" | "dist") && !name.starts_with('.') {
            found.extend(files(&path, wanted));
        } else if wanted(&path) {
            found.push(path);
        }
    }
    found
}

fn is(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found == extension)
}

#[test]
fn every_component_crate_has_the_same_five_files() {
    for name in COMPONENTS {
        let dir = root().join("crates").join(name);
        for file in ["README.md", "src/lib.rs", "tests/it/main.rs"] {
            assert!(dir.join(file).is_file(), "{name} has no {file}");
        }
        let sources = files(&dir.join("src"), &|path| is(path, "rs"));
        // A crate with a server and a client has each in a folder with its own configuration.
        let config = sources.iter().filter(|path| path.ends_with("config.rs")).count();
        assert!(config > 0 || name == &"inkstone-k8s", "{name} has no config.rs");
        assert!(sources.len() > config + 1, "{name} has no file named after its type");
    }
}

#[test]
fn every_crate_is_documented_by_its_readme() {
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        let dir = entry.unwrap().path();
        assert!(dir.join("README.md").is_file(), "{} has no README.md", dir.display());
        let Ok(lib) = fs::read_to_string(dir.join("src/lib.rs")) else {
            continue;
        };
        assert!(
            lib.contains(r#"#![doc = include_str!("../README.md")]"#),
            "{}/src/lib.rs is not documented by its README",
            dir.display()
        );
    }
}

#[test]
fn every_example_in_the_documentation_is_compiled() {
    let fence = "`".repeat(3);
    for path in files(root(), &|path| is(path, "rs") || is(path, "md")) {
        let text = fs::read_to_string(&path).unwrap();
        for (number, line) in text.lines().enumerate() {
            let after = line.trim_start().trim_start_matches(['/', '!']).trim_start();
            if let Some(language) = after.strip_prefix(&fence) {
                let ignored = language.split([',', ' ']).any(|word| word == "ignore");
                assert!(
                    !ignored,
                    "{}:{}: an ignored example rots; make it `no_run` or `text`",
                    path.display(),
                    number + 1
                );
            }
        }
    }
}

#[test]
fn no_test_is_ignored() {
    let attribute = format!("#[{}", "ignore");
    for path in files(root(), &|path| is(path, "rs")) {
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains(&attribute), "{} ignores a test", path.display());
    }
}

#[test]
fn every_fuzz_target_has_its_file_seeds_and_line_in_the_manifest() {
    let dir = root().join("fuzz");
    let manifest = fs::read_to_string(dir.join("Cargo.toml")).unwrap();
    let value = |line: &str, key: &str| Some(line.strip_prefix(key)?.trim_matches('"').to_owned());
    let bins = manifest.split("[[bin]]").skip(1);
    let mut declared: Vec<_> = bins
        .map(|bin| {
            let name = bin.lines().find_map(|line| value(line, "name = ")).unwrap();
            let path = bin.lines().find_map(|line| value(line, "path = ")).unwrap();
            assert_eq!(path, format!("fuzz_targets/{name}.rs"));
            assert!(
                fs::read_dir(dir.join("seeds").join(&name)).unwrap().next().is_some(),
                "{name} has no seed"
            );
            name
        })
        .collect();
    let sources = files(&dir.join("fuzz_targets"), &|path| is(path, "rs"));
    let mut found: Vec<_> =
        sources.iter().map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    declared.sort();
    found.sort();
    assert_eq!(declared, found);
}
