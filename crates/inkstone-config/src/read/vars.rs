//! Environment variables that set keys.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    Code, Fault, Origin, Problems, Source,
    node::{MOST_DEPTH, Node, Table, too_deep},
};

const PREFIX: &str = "INKSTONE__";

/// `INKSTONE__REDIS__CART__ADDR=…` sets `redis.cart.addr`.
pub(crate) fn environment(vars: &BTreeMap<String, String>, problems: &mut Problems) -> Table {
    let mut table = Table::new();
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
