//! A JSON Schema as the reader needs it: which keys a table has, and which of several shapes a value takes.

use std::{cell::OnceCell, collections::BTreeSet, rc::Rc};

use serde_json::{Map, Value};

use crate::node::{Data, Node, Path, Table};

/// One place of a schema, with everything it refers to.
#[derive(Clone)]
pub(crate) struct View<'s> {
    root: &'s Value,
    /// The schema itself, what its `$ref` leads to, and what its `allOf` joins.
    parts: Rc<[&'s Map<String, Value>]>,
    live: bool,
    /// Whether one of several shapes fits here.
    varied: bool,
    /// What keys other than the named ones have: a large table asks for each of its keys.
    others: OnceCell<Option<Rc<Self>>>,
}

/// What keys other than the named ones a table may have.
pub(crate) enum Extra<'s> {
    None,
    Any,
    Like(View<'s>),
}

impl<'s> View<'s> {
    pub(crate) fn new(root: &'s Value) -> Self {
        Self::of(root, root, false)
    }

    /// The view of another place of the same schema, below this one.
    fn at(&self, schema: &'s Value) -> Self {
        Self::of(self.root, schema, self.live)
    }

    fn of(root: &'s Value, schema: &'s Value, live: bool) -> Self {
        let mut parts = Vec::new();
        collect(root, schema, &mut parts, 0);
        Self::joined(root, parts, live)
    }

    fn joined(root: &'s Value, parts: Vec<&'s Map<String, Value>>, live: bool) -> Self {
        let varied = parts.iter().any(|part| part.contains_key("oneOf") || part.contains_key("anyOf"));
        let live = live || parts.iter().any(|part| part.get("x-live") == Some(&Value::Bool(true)));
        Self { root, parts: parts.into(), live, varied, others: OnceCell::new() }
    }

    /// Whether one of several shapes fits here.
    pub(crate) const fn has_variants(&self) -> bool {
        self.varied
    }

    pub(crate) fn keyword(&self, name: &str) -> Option<&'s Value> {
        self.parts.iter().find_map(|part| part.get(name))
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.parts.iter().any(|part| part.get(name) == Some(&Value::Bool(true)))
    }

    /// Whether a change applies without a restart, here or anywhere above.
    pub(crate) const fn is_live(&self) -> bool {
        self.live
    }

    pub(crate) fn is_secret(&self) -> bool {
        self.flag("x-secret") || self.variants().iter().any(|variant| variant.flag("x-secret"))
    }

    /// Whether the value has a form of its own, such as a length of time, and so is no secret whatever its name.
    pub(crate) fn has_own_form(&self) -> bool {
        let own = |view: &Self| view.keyword("x-type").is_some() || view.keyword("enum").is_some();
        own(self) || self.variants().iter().any(own)
    }

    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        self.keyword(name)?.as_f64()
    }

    /// The keys that the table has by name.
    pub(crate) fn keys(&self) -> BTreeSet<&'s str> {
        let maps = self.parts.iter().filter_map(|part| part.get("properties")?.as_object());
        maps.flat_map(|map| map.keys().map(String::as_str)).collect()
    }

    /// The same, in the order in which the type declares them.
    pub(crate) fn keys_in_order(&self) -> Vec<&'s str> {
        let maps = self.parts.iter().filter_map(|part| part.get("properties")?.as_object());
        maps.flat_map(|map| map.keys().map(String::as_str)).collect()
    }

    pub(crate) fn property(&self, key: &str) -> Option<Self> {
        let find = |part: &&'s Map<String, Value>| part.get("properties")?.get(key);
        self.parts.iter().find_map(find).map(|schema| self.at(schema))
    }

    pub(crate) fn extra(&self) -> Extra<'s> {
        // A map whose keys are numbers has a pattern for them; reading a key says whether it is one.
        let patterns = self.keyword("patternProperties").and_then(Value::as_object);
        if let Some(schema) = patterns.and_then(|patterns| patterns.values().next()) {
            return Extra::Like(self.at(schema));
        }
        match self.keyword("additionalProperties") {
            Some(Value::Bool(true)) => Extra::Any,
            Some(schema @ Value::Object(_)) => Extra::Like(self.at(schema)),
            None if !self.is_table() => Extra::Any,
            _ => Extra::None,
        }
    }

    fn items(&self, index: usize) -> Option<Self> {
        let tuple = self.keyword("prefixItems").and_then(|items| items.get(index));
        tuple.or_else(|| self.keyword("items")).map(|schema| self.at(schema))
    }

    /// The view one step below, through a key or into an array.
    pub(crate) fn step(&self, step: &str) -> Option<Self> {
        let others = || match self.extra() {
            Extra::Like(view) => Some(Rc::new(view)),
            _ => None,
        };
        self.property(step)
            .or_else(|| self.others.get_or_init(others).as_deref().cloned())
            .or_else(|| step.parse().ok().and_then(|index| self.items(index)))
    }

    /// The view of a value, each step narrowed to the shape the value takes there.
    pub(crate) fn find(&self, node: &Node, path: &Path) -> Option<Self> {
        let mut view = self.narrow(node);
        let mut node = node;
        for step in path {
            view = view.step(step)?;
            if let Some(next) = node.step(step) {
                node = next;
                view = view.narrow(node);
            }
        }
        Some(view)
    }

    pub(crate) fn types(&self) -> Vec<&'s str> {
        match self.keyword("type") {
            Some(Value::String(name)) => vec![name],
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    pub(crate) fn is_table(&self) -> bool {
        self.types().contains(&"object") || self.keyword("properties").is_some()
    }

    /// Whether a text is among what fits here, also when nothing is known about the place.
    pub(crate) fn takes_text(&self) -> bool {
        let variants = self.variants();
        if !variants.is_empty() {
            return variants.iter().any(Self::takes_text);
        }
        let text = |value: &Value| value.is_string();
        match (self.keyword("const"), self.keyword("enum")) {
            (Some(value), _) => text(value),
            (_, Some(values)) => values.as_array().is_some_and(|values| values.iter().any(text)),
            _ => self.types().is_empty() && !self.is_table() || self.types().contains(&"string"),
        }
    }

    fn takes_null(&self) -> bool {
        self.types().contains(&"null") || self.variants().iter().any(Self::takes_null)
    }

    /// Whether a table without content may be written as nothing, as YAML does with `guard:`.
    pub(crate) fn is_empty_table(&self, node: &Node) -> bool {
        node.is_null() && self.is_table() && !self.takes_null()
    }

    /// The shapes that a value may take; an optional enum has those of the enum and nothing.
    pub(crate) fn variants(&self) -> Vec<Self> {
        self.variants_within(4)
    }

    /// A type that is made of itself ends at the depth given.
    fn variants_within(&self, depth: u8) -> Vec<Self> {
        if !self.varied {
            return Vec::new();
        }
        let lists = self.parts.iter().flat_map(|part| ["oneOf", "anyOf"].map(|name| part.get(name)));
        let variants = lists.flatten().filter_map(Value::as_array).flatten().map(|schema| self.at(schema));
        let flat = |variant: Self| {
            let inner = if depth == 0 || variant.is_table() {
                Vec::new()
            } else {
                variant.variants_within(depth - 1)
            };
            if inner.is_empty() { vec![variant] } else { inner }
        };
        variants.flat_map(flat).collect()
    }

    /// The one shape that a value takes where several are allowed; otherwise the view itself.
    pub(crate) fn narrow(&self, node: &Node) -> Self {
        if !self.varied || matches!(node.data, Data::Scalar(_) | Data::Unknown) {
            return self.clone();
        }
        let variants = self.variants();
        let chosen = match &node.data {
            Data::Table(table) => {
                let mut tables = variants.into_iter().filter(Self::is_table).collect::<Vec<_>>();
                let tagged = tables.iter().position(|variant| variant.tag(table).is_some());
                match (tagged, tables.len()) {
                    (Some(index), _) => Some(tables.swap_remove(index)),
                    (None, 1) => tables.pop(),
                    _ => None,
                }
            }
            Data::Array(_) => variants.into_iter().find(|variant| variant.types().contains(&"array")),
            Data::Scalar(_) | Data::Unknown => None,
        };
        match chosen {
            // A variant may choose again: an optional enum is two lists deep.
            Some(variant) => {
                let narrowed = variant.narrow(node);
                let named = self.parts.iter().filter(|part| part.contains_key("properties"));
                let parts = narrowed.parts.iter().chain(named).copied().collect();
                Self::joined(self.root, parts, narrowed.live)
            }
            None => self.clone(),
        }
    }

    /// What marks a table as this variant: the value of its tag, or its only key.
    fn tag(&self, table: &Table) -> Option<String> {
        let tagged = self.keys().into_iter().find_map(|key| {
            let expected = self.property(key)?.keyword("const")?.as_str()?;
            (table.get(key)?.value.as_str()? == expected).then(|| expected.to_owned())
        });
        tagged.or_else(|| {
            let keys = self.keys();
            let only = keys.first().filter(|_| keys.len() == 1)?;
            let untagged = self.property(only)?.keyword("const").is_none();
            (untagged && table.contains_key(*only)).then(|| (*only).to_owned())
        })
    }

    /// Which variant of an enum a table is, if the place is an enum and the table says so.
    pub(crate) fn variant_of(&self, table: &Table) -> Option<String> {
        let variants = self.variants();
        let tables = variants.iter().filter(|variant| variant.is_table());
        tables.clone().nth(1)?;
        // A tag that no variant has still says that the table is not the one below it.
        tables.clone().find_map(|variant| variant.tag(table)).or_else(|| {
            let tag = self.tag_key()?;
            table.get(tag)?.value.as_str().map(str::to_owned)
        })
    }

    /// The key whose value tells the variants of an enum apart.
    pub(crate) fn tag_key(&self) -> Option<&'s str> {
        let is_tag = |variant: &Self, key: &str| {
            variant.property(key).is_some_and(|view| view.keyword("const").is_some())
        };
        self.variants().iter().find_map(|variant| variant.keys().into_iter().find(|key| is_tag(variant, key)))
    }
}

fn collect<'s>(root: &'s Value, schema: &'s Value, parts: &mut Vec<&'s Map<String, Value>>, depth: u8) {
    // A schema that refers to itself ends here.
    let Some(map) = schema.as_object().filter(|_| depth < 16) else { return };
    parts.push(map);
    if let Some(target) =
        map.get("$ref").and_then(Value::as_str).and_then(|name| root.pointer(name.strip_prefix('#')?))
    {
        collect(root, target, parts, depth + 1);
    }
    for joined in map.get("allOf").and_then(Value::as_array).into_iter().flatten() {
        collect(root, joined, parts, depth + 1);
    }
}
