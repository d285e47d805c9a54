//! Which names have values that are not to be seen.

use std::collections::HashSet;

use inkstone_config::telltale;

use crate::redact::{MASK, redact_by};

/// The names whose values are masked: those that give themselves away, and those that the configuration adds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Redaction {
    more: HashSet<String>,
}

impl Redaction {
    pub(crate) fn new(more: &[String]) -> Self {
        Self { more: more.iter().map(|name| plain(name)).collect() }
    }

    /// Whether values of this name are masked.
    pub(crate) fn hides(&self, name: &str) -> bool {
        telltale(name) || self.lists(name)
    }

    /// Whether the configuration names it.
    pub(crate) fn lists(&self, name: &str) -> bool {
        !self.more.is_empty() && self.more.contains(&plain(name))
    }

    /// What `Debug` printed of a value, with those of such names masked that are inside it.
    pub(crate) fn inside(&self, text: String) -> String {
        if text.contains(['=', ':', '(']) { self.text(&text) } else { text }
    }

    /// A text, such as a request's, with the values of such names masked.
    pub(crate) fn text(&self, text: &str) -> String {
        redact_by(text, |name| self.hides(name))
    }

    /// A value, by its name.
    pub(crate) fn value<'a>(&self, name: &str, value: &'a str) -> &'a str {
        if self.hides(name) && !value.is_empty() { MASK } else { value }
    }
}

/// Without what names differ in: `X-Api-Key`, `x_api_key`.
fn plain(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '-' | '_')).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configured_names_are_hidden_like_telltale_ones() {
        let redaction = Redaction::new(&["X-Internal".to_owned()]);
        assert!(
            redaction.hides("x_internal") && redaction.hides("Authorization") && !redaction.hides("host")
        );
        assert_eq!(redaction.text("/a?xinternal=7&b=1&token=x"), "/a?xinternal=***&b=1&token=***");
        assert_eq!(redaction.value("x-internal", "7"), "***");
        assert_eq!(redaction.value("x-internal", ""), "");
    }
}
