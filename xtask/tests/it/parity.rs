//! `docs/parity.md` says of every feature and defect of the Go peer which test shows ours, or why we differ.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::root;

/// The defects that must not be ours.
fn defects() -> impl Iterator<Item = String> {
    (1..=15).chain(33..=39).map(|number| format!("W{number}"))
}

#[test]
fn every_row_names_tests_that_exist_or_says_why_we_differ() {
    let page = fs::read_to_string(root().join("docs/parity.md")).unwrap();
    let mut crates = BTreeMap::new();
    let mut wrong = Vec::new();
    let rows: Vec<&str> = page.lines().filter(|line| is_row(line)).collect();
    for row in &rows {
        let tests: Vec<_> = row.split('`').skip(1).step_by(2).filter_map(test_name).collect();
        if tests.is_empty() && !row.contains("Differs:") {
            wrong.push(format!("neither a test nor a reason: {row}"));
        }
        for (package, name) in tests {
            let code = crates.entry(package).or_insert_with(|| sources(&package_root(package)));
            if !code.contains(&format!("fn {name}(")) {
                wrong.push(format!("no test `{package}::{name}`: {row}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for defect in defects() {
        let named = rows.iter().filter(|row| row.starts_with(&format!("| {defect} |"))).count();
        assert_eq!(named, 1, "{defect} has one row");
    }
}

/// A line of a table's body.
fn is_row(line: &str) -> bool {
    line.starts_with("| ") && !line.starts_with("| Ego |") && !line.starts_with("| |")
}

/// `core::an_unknown_job_lists_the_known_ones`: the crate's name without `inkstone-`, and the test's.
fn test_name(code: &str) -> Option<(&str, &str)> {
    let (package, name) = code.split_once("::")?;
    let word = |text: &str, more: char| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == more)
    };
    (word(package, '-') && word(name, '_') && name.contains('_')).then_some((package, name))
}

fn package_root(package: &str) -> PathBuf {
    match package {
        "xtask" => root().join("xtask"),
        "shop-check" => root().join("examples/shop/check"),
        "inkstone" => root().join("crates/inkstone"),
        _ => root().join(format!("crates/inkstone-{package}")),
    }
}

/// All Rust code below `folder`, in one text.
fn sources(folder: &Path) -> String {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut code = String::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            code.push_str(&sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            code.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
    code
}
