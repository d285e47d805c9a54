//! Fits a tree to its type, reporting every value that does not fit instead of the first.

use crate::{
    Code, Fault,
    de::Failure,
    node::{Data, Node, join_key},
    schema::View,
};

/// How many values are looked at one by one, and how many of them are reported: each takes a try with the whole tree.
const MOST_TRIES: usize = 200;

/// Tries to deserialize the tree.
pub(crate) type Attempt<'a> = &'a dyn Fn(&Node) -> Result<(), Failure>;

/// How a tree fits in the end.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Fit {
    /// As it is, or with defaults in place of what does not fit.
    Yes,
    /// With defaults in place of values that cannot be known here.
    Guessed,
    /// Not even with defaults.
    No,
}

/// Replaces one value after the other that does not fit by its default until the tree fits.
pub(crate) fn fit(
    view: &View<'_>,
    node: &mut Node,
    default: &Node,
    attempt: Attempt<'_>,
    faults: &mut Vec<Fault>,
) -> Fit {
    let mut blamed: Vec<Vec<String>> = Vec::new();
    let mut outcome = Fit::Yes;
    // Each round takes at least one value out, so this ends.
    for _ in 0..MOST_TRIES {
        let Err(failure) = attempt(node) else { return outcome };
        let path = blame(view, node, default, &failure, failure.path.clone().unwrap_or_default(), attempt);
        if failure.unknown || matches!(node.find(&path), Some(Node { data: Data::Unknown, .. })) {
            outcome = Fit::Guessed;
        } else if !follows(view, node, &failure, &path, &blamed) {
            faults.push(fault(view, node, &failure, &path));
        }
        blamed.push(path.clone());
        if !repair(node, default, &path) {
            return Fit::No;
        }
    }
    Fit::No
}

/// Whether a failure only follows from one that is known: the default put in place of a wrong value does
/// not fit either, or a key is missing in a variant that a wrong tag has led to.
fn follows(view: &View<'_>, node: &Node, failure: &Failure, path: &[String], blamed: &[Vec<String>]) -> bool {
    let below = |step: String| -> Vec<String> { path.iter().cloned().chain([step]).collect() };
    match failure.missing {
        None => blamed.iter().any(|known| known == path),
        Some(key) => {
            let tag = parent_tag(view, node, path).map(below);
            blamed.contains(&below(key.to_owned())) || tag.is_some_and(|tag| blamed.contains(&tag))
        }
    }
}

/// The value that causes a failure.
///
/// serde reads some enums into a buffer first, and what fails then is known only as a part of the enum.
/// The culprit is the part without which the failure goes away or changes.
fn blame(
    view: &View<'_>,
    node: &Node,
    default: &Node,
    failure: &Failure,
    path: Vec<String>,
    attempt: Attempt<'_>,
) -> Vec<String> {
    if failure.missing.is_some() || failure.unknown {
        return path;
    }
    let Some(place) = node.find(&path) else { return path };
    let tag = view.find(node, &path).and_then(|_| parent_tag(view, node, &path));
    let mut steps: Vec<String> = match &place.data {
        Data::Table(table) => table.keys().cloned().collect(),
        Data::Array(items) => (0..items.len()).map(|index| index.to_string()).collect(),
        _ => return path,
    };
    if steps.len() > MOST_TRIES {
        return path;
    }
    // Without its tag every enum fails in another way, so the tag is asked last.
    steps.sort_by_key(|step| tag.as_ref() == Some(step));
    for step in steps {
        let below: Vec<String> = path.iter().cloned().chain([step]).collect();
        let mut without = node.clone();
        if take_back(&mut without, default, &below) && attempt(&without).err().as_ref() != Some(failure) {
            return blame(view, node, default, failure, below, attempt);
        }
    }
    path
}

fn parent_tag(view: &View<'_>, node: &Node, path: &[String]) -> Option<String> {
    let Some((last, parents)) = path.split_last() else { return view.tag_key().map(str::to_owned) };
    view.find(node, parents)?.step(last)?.tag_key().map(str::to_owned)
}

/// Takes the value at `path`, or the nearest above it that can be, out of the way.
fn repair(node: &mut Node, default: &Node, path: &[String]) -> bool {
    // A default that does not fit is left to serde, which does not check its own.
    take_back(node, default, path)
        || remove(node, path)
        || (1..path.len()).rev().any(|len| take_back(node, default, &path[..len]))
}

/// Puts the default in place of a value from a source, or removes the value if there is none.
fn take_back(node: &mut Node, default: &Node, path: &[String]) -> bool {
    match (node.find_mut(path), default.find(path)) {
        (Some(value), Some(default)) if !path.is_empty() && value.has_source() => {
            *value = default.clone();
            true
        }
        (Some(value), None) if value.has_source() => remove(node, path),
        _ => false,
    }
}

fn remove(node: &mut Node, path: &[String]) -> bool {
    let Some((last, parents)) = path.split_last() else { return false };
    match node.find_mut(parents).map(|parent| &mut parent.data) {
        Some(Data::Table(table)) => table.remove(last).is_some(),
        Some(Data::Array(items)) => {
            let index = last.parse().ok().filter(|index| *index < items.len());
            index.map(|index: usize| items.remove(index)).is_some()
        }
        _ => false,
    }
}

fn fault(view: &View<'_>, node: &Node, failure: &Failure, path: &[String]) -> Fault {
    let key = |more: Option<&'static str>| join_key(path.iter().map(String::as_str).chain(more));
    let value = node.find(path);
    if let Some(missing) = failure.missing {
        return unset(&key(Some(missing)), missing, node.place(path).filter(|origin| !origin.is_default()));
    }
    let place = value.filter(|value| value.has_source());
    let Some(value) = place else {
        // The default itself does not fit: an address or a secret that every program sets for itself.
        let parent = &path[..path.len().saturating_sub(1)];
        let origin = Some(node.nearest_origin(parent)).filter(|origin| !origin.is_default());
        let fault = unset(&key(None), path.last().map_or("", String::as_str), origin);
        let expected = failure.message.split(", found").next().unwrap_or(&failure.message);
        return fault.hint(format_args!("{expected}"));
    };
    let mut origin = value.origin.clone();
    let message = match view.find(node, path) {
        Some(view) if view.is_secret() => {
            // Its length is nobody's business either.
            origin.len = 3;
            "expected a string; what is there is not shown, because it is a secret".to_owned()
        }
        Some(view) if holds_secret(&view, value) => "something in here does not fit".to_owned(),
        _ if origin.source.sealed => {
            let expected =
                failure.message.rsplit_once("expected ").map_or("something else", |(_, what)| what);
            format!("expected {expected}; what is there is not shown, because all of this source is secret")
        }
        _ => failure.message.clone(),
    };
    Fault::new(failure.code, message).key(key(None)).at(origin)
}

fn unset(key: &str, name: &str, origin: Option<&crate::Origin>) -> Fault {
    let fault = Fault::new(Code::MissingKey, format_args!("`{name}` is not set and has no default")).key(key);
    match origin {
        Some(origin) => fault.at(origin.clone()),
        None => fault,
    }
}

fn holds_secret(view: &View<'_>, node: &Node) -> bool {
    let view = view.narrow(node);
    let secret = |step: &str, node: &Node| {
        view.step(step).is_some_and(|view| view.is_secret() || holds_secret(&view, node))
    };
    match &node.data {
        Data::Table(table) => table.iter().any(|(key, entry)| secret(key, &entry.value)),
        Data::Array(items) => items.iter().enumerate().any(|(index, item)| secret(&index.to_string(), item)),
        _ => false,
    }
}
