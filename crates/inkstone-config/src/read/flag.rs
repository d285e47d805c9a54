//! `--set key=value`.

use std::sync::Arc;

use crate::{
    Code, Fault, Origin, Source,
    node::{MOST_DEPTH, Node, Table, split_key, too_deep},
};

/// Puts one `key=value` into the table.
pub(crate) fn assignment(table: &mut Table, text: &str) -> Result<(), Fault> {
    let parts = equals_sign(text).map(|at| (&text[..at], &text[at + 1..]));
    let Some((path, value)) = parts.and_then(|(key, value)| Some((split_key(key)?, value))) else {
        // Only the key is quoted: the value may be a secret.
        let key = text.split('=').next().unwrap_or_default();
        return Err(Fault::new(Code::BadFlag, "expected `--set key=value`")
            .target(format_args!("--set {key}"))
            .hint(
                "for example `--set redis.cart.pool_size=8`; put quotes around a part of a key with dots",
            ));
    };
    if path.len() > MOST_DEPTH {
        return Err(Fault::new(Code::BadFlag, too_deep()).target("--set"));
    }
    let origin = Origin::whole(Arc::new(Source::nameless("--set")));
    Node::insert(table, &path, Node { loose: true, ..Node::text(value, origin) });
    Ok(())
}

/// The first `=` outside quotes.
fn equals_sign(text: &str) -> Option<usize> {
    let mut quote = None;
    text.char_indices().find_map(|(at, char)| {
        match (quote, char) {
            (None, '=') => return Some(at),
            (None, '"' | '\'') => quote = Some(char),
            (Some(open), _) if open == char => quote = None,
            _ => {}
        }
        None
    })
}
