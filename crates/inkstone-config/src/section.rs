//! One table of the configuration as its type reads it.

use std::{cell::RefCell, panic::Location};

use schemars::generate::SchemaSettings;
use serde_json::Value;

use crate::{
    Code, Config, Fault, Problems,
    de::Reader,
    fit::{Fit, fit},
    layers::Layers,
    merge::{over, settle},
    node::{Data, Node, join_key, split_key},
    schema::View,
    strict::{hide_secrets, limits, strict},
};

/// Who asks for which table.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) kind: String,
    pub(crate) path: Vec<String>,
    pub(crate) required: bool,
    pub(crate) at: Option<&'static Location<'static>>,
}

impl Asked {
    pub(crate) fn key(&self) -> String {
        join_key(self.path.iter().map(String::as_str))
    }

    fn component(&self) -> String {
        let key = self.key();
        if self.kind == key { format!("`{key}`") } else { format!("{} `{key}`", self.kind) }
    }

    /// Says whom the faults concern: their keys are relative to the table until here.
    fn sign(&self, faults: Vec<Fault>) -> Problems {
        let table = self.key();
        let mut faults: Vec<_> = faults
            .into_iter()
            .map(|mut fault| {
                fault.key = Some(match fault.key.filter(|key| !key.is_empty()) {
                    Some(key) => format!("{table}.{key}"),
                    None => table.clone(),
                });
                fault.component = Some(self.component());
                fault.asked_at = self.at;
                fault
            })
            .collect();
        let place =
            |fault: &Fault| fault.origin.as_ref().map(|at| (at.source.name.clone(), at.line, at.column));
        faults.sort_by_key(|fault| (fault.origin.is_none(), place(fault)));
        faults.into_iter().collect()
    }
}

/// What is known about a type: its schema and its default.
pub(crate) struct Shape {
    pub(crate) schema: Value,
    default: Result<Node, String>,
}

impl Shape {
    pub(crate) fn of<C: Config>() -> Self {
        let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<C>().to_value();
        let default =
            serde_json::to_value(C::default()).map(Node::defaults).map_err(|error| error.to_string());
        Self { schema, default }
    }
}

/// A table as it was read: the value if everything in it fits, and where its parts come from.
pub(crate) struct Reading<C> {
    pub(crate) value: Option<C>,
    pub(crate) node: Node,
    pub(crate) problems: Problems,
}

/// Reads a table over the defaults of its type. Everything wrong with it is reported at once.
pub(crate) fn read<C: Config>(shape: &Shape, layers: &Layers, asked: &Asked) -> Reading<C> {
    let mut faults = Vec::new();
    let view = View::new(&shape.schema);
    let (mut node, default) = match &shape.default {
        Ok(default) => (merged(&view, default.clone(), layers, asked, &mut faults), default.clone()),
        Err(error) => {
            faults.push(Fault::new(
                Code::Internal,
                format_args!("the default cannot be written as a table: {error}"),
            ));
            (Node::defaults(Value::Null), Node::defaults(Value::Null))
        }
    };
    strict(&view, &mut node, &mut Vec::new(), &mut faults);
    let mut value = None;
    if faults.iter().all(|fault| fault.code != Code::Internal && fault.code != Code::MissingTable) {
        // The last attempt that succeeds is that of the whole tree.
        let last = RefCell::new(None);
        let attempt = |node: &Node| {
            last.replace(Some(C::deserialize(Reader::new(node))?));
            Ok(())
        };
        let fit = fit(&view, &mut node, &default, &attempt, &mut faults);
        if fit != Fit::No {
            limits(&view, &node, &mut Vec::new(), &mut faults);
            value = last.take();
        }
        // Rules across keys say nothing about values that stand in for unknown ones, and a key that is wrong
        // already is not judged again.
        if let (Fit::Yes, Some(value)) = (fit, &value)
            && !(layers.elsewhere && holds_reference(&node))
        {
            let wrong: Vec<_> = faults.iter().filter_map(|fault| fault.key.clone()).collect();
            let found = check(value, &node).into_iter();
            faults.extend(found.filter(|fault| fault.key.as_ref().is_none_or(|key| !wrong.contains(key))));
        }
    }
    let value = value.filter(|_| faults.is_empty());
    // What is missing may stand in the source that could not be read.
    faults.retain(|fault| fault.code != Code::MissingKey || !layers.incomplete);
    Reading { value, node, problems: asked.sign(faults) }
}

/// All layers of the table over the default.
fn merged(view: &View<'_>, default: Node, layers: &Layers, asked: &Asked, faults: &mut Vec<Fault>) -> Node {
    let entries = layers.entries(&asked.path);
    if entries.is_empty() && asked.required && !layers.incomplete {
        // The whole key is in the fault already.
        faults.push(Fault { key: None, ..layers.missing(&asked.path) });
    }
    let mut node = default;
    for entry in entries {
        hide_secrets(view, &entry.value);
        match &entry.value.data {
            Data::Table(_) => {
                node = over(view, node, entry.value.clone());
                // Whatever concerns the table as a whole points at its name.
                node.origin = entry.key.clone();
            }
            // `cart:` without anything below it.
            Data::Scalar(Value::Null) | Data::Unknown => {}
            Data::Scalar(_) | Data::Array(_) => {
                let message =
                    format_args!("expected a table `[{}]`, found a single value or a list", asked.key());
                faults.push(Fault::new(Code::WrongType, message).at(entry.value.origin.clone()));
            }
        }
    }
    settle(view, &mut node);
    node
}

/// Whether anything here was given by a reference, which may say something else on its own machine.
fn holds_reference(node: &Node) -> bool {
    node.loose
        || match &node.data {
            Data::Table(table) => table.values().any(|entry| holds_reference(&entry.value)),
            Data::Array(items) => items.iter().any(holds_reference),
            Data::Scalar(_) | Data::Unknown => false,
        }
}

/// The rules across keys, with the places of the keys they name.
fn check(value: &impl Config, node: &Node) -> Vec<Fault> {
    let mut problems = Problems::new();
    value.check(&mut problems);
    let place = |fault: &Fault| {
        let path = split_key(fault.key.as_deref()?)?;
        node.find(&path).map(|value| value.origin.clone()).filter(|origin| !origin.is_default())
    };
    let table = || Some(node.origin.clone()).filter(|origin| !origin.is_default());
    let placed = |mut fault: Fault| {
        fault.origin = fault.origin.take().or_else(|| place(&fault));
        // What is missing has no place of its own.
        if fault.code == Code::MissingKey {
            fault.origin = fault.origin.take().or_else(table);
        }
        fault
    };
    problems.into_iter().map(placed).collect()
}
