//! What is written by hand is held to what the code does.

use std::fs;
use std::path::{Path, PathBuf};

use inkstone::KINDS;
use inkstone::config::{Code, Severity, check_text};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every page that people read: guides, READMEs, the pages of the codes.
fn pages() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    let mut folders = vec![root().join("docs"), root().join("crates"), root().join("examples")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_dir()
                && !matches!(name.as_str(), "target" | "node_modules" | "src" | "tests")
                && !name.starts_with('.')
            {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                files.push(path);
            }
        }
    }
    files.extend(["README.md", "README.zh-CN.md", "ARCHITECTURE.md"].map(|name| root().join(name)));
    files.into_iter().filter_map(|file| Some((file.clone(), fs::read_to_string(file).ok()?))).collect()
}

/// The blocks of one language, with their lines' number.
fn blocks(text: &str, language: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut open: Option<(usize, Option<String>)> = None;
    for (number, line) in text.lines().enumerate() {
        match (&mut open, line.trim_start().strip_prefix("```")) {
            (None, Some(tag)) => open = Some((number + 2, (tag.trim() == language).then(String::new))),
            (Some((at, block)), Some(_)) => {
                found.extend(block.take().map(|block| (*at, block)));
                open = None;
            }
            (Some((_, Some(block))), None) => *block += &format!("{line}\n"),
            _ => {}
        }
    }
    found
}

#[test]
fn every_example_of_configuration_passes_the_check() {
    let mut checked = 0;
    for (file, text) in pages() {
        // The page of an error may show just that error; the list of all pages repeats them.
        let page = Code::parse(file.file_stem().unwrap().to_str().unwrap());
        if file.ends_with("reference/codes.md") {
            continue;
        }
        for (line, block) in blocks(&text, "toml") {
            if block.contains("[dependencies]") || block.contains("[package]") {
                continue;
            }
            let problems = check_text("example.toml", &block, KINDS);
            // An example of one key need not have all the others.
            let expected = |code: Code| code == Code::MissingKey || Some(code) == page;
            let counts = |code: Code, severity| severity == Severity::Error && !expected(code);
            let wrong = problems.iter().any(|fault| counts(fault.code, fault.severity));
            assert!(!wrong, "{}:{line}:\n{problems}", file.display());
            checked += 1;
        }
    }
    assert!(checked > 3, "no examples are found any more");
}

#[test]
fn every_code_that_is_named_exists() {
    for (file, text) in pages() {
        for (at, _) in text.match_indices("INK") {
            let digits: String = text[at + 3..].chars().take_while(char::is_ascii_digit).collect();
            if digits.len() == 4 {
                assert!(Code::parse(&digits).is_some(), "{}: there is no INK{digits}", file.display());
            }
        }
    }
}

#[test]
fn every_variable_that_is_named_exists() {
    let known: Vec<String> = inkstone::switches().into_iter().filter_map(|switch| switch.env).collect();
    for (file, text) in pages() {
        for (at, _) in text.match_indices("INKSTONE_") {
            let name: String =
                text[at..].chars().take_while(|c| c.is_ascii_uppercase() || *c == '_').collect();
            // Those of a build are told by the README of `inkstone-build`; any key has one with two underscores.
            let other = ["INKSTONE_BUILD_", "INKSTONE__"].iter().any(|start| name.starts_with(start));
            assert!(other || known.contains(&name), "{}: nothing reads {name}", file.display());
        }
    }
}
