//! `${env:NAME:-default}` and `${file:/path}` inside strings.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    Code, Fault, Problems,
    node::{Data, Node, Table, join_key},
    sources::{plain, read_bytes},
};

/// Where references are looked up.
pub(crate) struct Lookup<'a> {
    /// `None` where the environment is another machine's: what is not given a default is then unknown.
    pub(crate) env: Option<&'a BTreeMap<String, String>>,
    /// What relative paths are relative to.
    pub(crate) dir: &'a Path,
    /// The files that were read, to be watched like the configuration itself.
    pub(crate) files: &'a mut Vec<PathBuf>,
}

/// Resolves every reference in a table.
pub(crate) fn resolve(table: &mut Table, lookup: &mut Lookup<'_>, problems: &mut Problems) {
    resolve_table(table, &mut Vec::new(), lookup, problems);
}

fn resolve_table(
    table: &mut Table,
    path: &mut Vec<String>,
    lookup: &mut Lookup<'_>,
    problems: &mut Problems,
) {
    for (key, entry) in table {
        path.push(key.clone());
        resolve_node(&mut entry.value, path, lookup, problems);
        path.pop();
    }
}

fn resolve_node(node: &mut Node, path: &mut Vec<String>, lookup: &mut Lookup<'_>, problems: &mut Problems) {
    match &mut node.data {
        Data::Table(table) => resolve_table(table, path, lookup, problems),
        Data::Array(items) => items.iter_mut().for_each(|item| resolve_node(item, path, lookup, problems)),
        Data::Scalar(Value::String(text)) if text.contains("${") => match expand(text, lookup) {
            Ok(Some(text)) => {
                node.data = Data::Scalar(text.into());
                node.loose = true;
            }
            Ok(None) => node.data = Data::Unknown,
            Err(fault) => {
                let key = join_key(path.iter().map(String::as_str));
                problems.push(fault.key(key).at(node.origin.clone()));
                node.data = Data::Unknown;
            }
        },
        _ => {}
    }
}

/// The text with its references replaced; `None` if one of them cannot be known here.
fn expand(text: &str, lookup: &mut Lookup<'_>) -> Result<Option<String>, Fault> {
    let mut expanded = Some(String::new());
    let mut push = |part: Option<&str>| match (&mut expanded, part) {
        (Some(text), Some(part)) => text.push_str(part),
        (text, _) => *text = None,
    };
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            push(Some(&rest[..at - 1]));
            push(Some("${"));
            rest = &rest[at + 2..];
            continue;
        }
        push(Some(&rest[..at]));
        let Some((reference, tail)) = rest[at + 2..].split_once('}') else {
            return Err(unresolved("`${` is never closed").hint("write `$${` for a literal `${`"));
        };
        push(look_up(reference, lookup)?.as_deref());
        rest = tail;
    }
    push(Some(rest));
    Ok(expanded)
}

fn unresolved(message: impl std::fmt::Display) -> Fault {
    Fault::new(Code::UnresolvedReference, message)
}

fn look_up(reference: &str, lookup: &mut Lookup<'_>) -> Result<Option<String>, Fault> {
    let (target, default) = match reference.split_once(":-") {
        Some((target, default)) => (target, Some(default.to_owned())),
        None => (reference, None),
    };
    match target.split_once(':') {
        Some(("env", name)) => match lookup.env {
            None => Ok(default),
            // As in a shell, `:-` also stands in for an empty value.
            Some(vars) => match vars.get(name).filter(|value| default.is_none() || !value.is_empty()) {
                Some(value) => Ok(Some(value.clone())),
                None => default.map(Some).ok_or_else(|| {
                    unresolved(format_args!("the environment has no {name}"))
                        .target(format_args!("${{env:{name}}}"))
                        .hint(format_args!("set {name}, or give a default: `${{env:{name}:-…}}`"))
                }),
            },
        },
        Some(("file", path)) => file(path, default, lookup),
        _ => Err(unresolved(format_args!("`${{{target}}}` is not a reference")).hint(
            "write `${env:NAME}`, `${env:NAME:-default}` or `${file:/path}`; `$${` stands for a literal `${`",
        )),
    }
}

fn file(path: &str, default: Option<String>, lookup: &mut Lookup<'_>) -> Result<Option<String>, Fault> {
    if lookup.env.is_none() {
        return Ok(default);
    }
    let path = lookup.dir.join(path);
    let not_text = |_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text");
    let content = read_bytes(&path).and_then(|bytes| String::from_utf8(bytes).map_err(not_text));
    lookup.files.push(path.clone());
    match (content, default) {
        (Ok(text), _) => {
            Ok(Some(text.strip_suffix('\n').map_or(&*text, |line| line.trim_end_matches('\r')).to_owned()))
        }
        (Err(_), Some(default)) => Ok(Some(default)),
        (Err(error), None) => {
            Err(unresolved(format_args!("cannot read {}: {}", path.display(), plain(&error)))
                .target(format_args!("${{file:{}}}", path.display()))
                .hint("create the file, or let this process read it"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Result<Option<&str>, &str>) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("token"), "geheim\n").unwrap();
        let env = [("A", "1"), ("EMPTY", "")].map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let mut lookup = Lookup { env: Some(&env), dir: dir.path(), files: &mut Vec::new() };
        let found = expand(text, &mut lookup);
        match expect {
            Ok(text) => assert_eq!(found.unwrap().as_deref(), text),
            Err(message) => assert!(found.unwrap_err().message.contains(message), "{text}"),
        }
    }

    #[test]
    fn references_are_replaced() {
        check("a${env:A}b${env:A}", Ok(Some("a1b1")));
        check("${env:NONE:-x:-y}", Ok(Some("x:-y")));
        check("${env:EMPTY:-x}|${env:EMPTY}|", Ok(Some("x||")));
        check("${file:token}", Ok(Some("geheim")));
        check("${file:none:-}", Ok(Some("")));
        check("$${env:A} $5 $", Ok(Some("${env:A} $5 $")));
    }

    #[test]
    fn a_reference_that_leads_nowhere_says_so() {
        check("${env:NONE}", Err("the environment has no NONE"));
        check("${file:none}", Err("cannot read"));
        check("${env:A", Err("never closed"));
        check("${A}", Err("is not a reference"));
    }

    #[test]
    fn elsewhere_only_defaults_are_known() {
        let mut files = Vec::new();
        let mut lookup = Lookup { env: None, dir: Path::new(""), files: &mut files };
        assert_eq!(expand("x${env:A}", &mut lookup).unwrap(), None);
        assert_eq!(expand("x${env:A:-1}", &mut lookup).unwrap().unwrap(), "x1");
        assert_eq!(expand("${file:/etc/hosts}", &mut lookup).unwrap(), None);
        assert!(expand("${A}", &mut lookup).is_err());
    }
}
