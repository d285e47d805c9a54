//! Environment variables that set keys.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    Code, Fault, Origin, Problems, Source,
    node::{MOST_DEPTH, Node, Table, split_key, too_deep},
};

const PREFIX: &str = "INKSTONE__";

/// `INKSTONE__REDIS__CART__ADDR=…` sets `redis.cart.addr`, and those with a short name what that stands for.
pub(crate) fn environment(
    vars: &BTreeMap<String, String>,
    short: &[(&str, &str)],
    problems: &mut Problems,
) -> Table {
    let mut table = Table::new();
    for (name, key) in short {
        // A manifest that sets a variable to nothing means the default.
        if let Some(value) = vars.get(*name).filter(|value| !value.is_empty()) {
            named(&mut table, &format!("environment {name}"), key, value);
        }
    }
    for (name, value) in vars {
        let Some(key) = name.strip_prefix(PREFIX) else { continue };
        let origin = Origin::whole(Arc::new(Source::nameless(&format!("environment {name}"))));
        let path: Vec<String> = key.split("__").map(str::to_lowercase).collect();
        if path.iter().any(String::is_empty) {
            problems.push(
                Fault::new(Code::Syntax, "the name has an empty part between its `__`")
                    .at(origin)
                    .hint("write it as `INKSTONE__REDIS__CART__ADDR` for `redis.cart.addr`"),
            );
            continue;
        }
        if path.len() > MOST_DEPTH {
            problems.push(Fault::new(Code::Syntax, too_deep()).target("the environment"));
            continue;
        }
        Node::insert(&mut table, &path, Node { loose: true, ..Node::text(value, origin) });
    }
    table
}

/// `--host=…` sets `app.host`: flags with a name of their own.
pub(crate) fn flags(flags: &[(&str, &str, String)]) -> Table {
    let mut table = Table::new();
    for (name, key, value) in flags {
        named(&mut table, name, key, value);
    }
    table
}

fn named(table: &mut Table, from: &str, key: &str, value: &str) {
    let origin = Origin::whole(Arc::new(Source::nameless(from)));
    let path = split_key(key).unwrap_or_else(|| vec![key.to_owned()]);
    Node::insert(table, &path, Node { loose: true, ..Node::text(value, origin) });
}
