//! Lets a schema take what the reader takes besides a value itself: a text with a reference, which is replaced before
//! the value is looked at.

use serde_json::{Map, Value, json};

/// What a text with a reference looks like.
const REFERENCE: &str = r"\$\{(env|file):";

/// Allows a text with a reference wherever a single value or a list may stand: `port = "${env:PORT}"`.
///
/// What else fits there stays as it is, so that editors go on completing and explaining it.
pub(crate) fn allow_references(schema: &mut Value) {
    let Value::Object(map) = schema else { return };
    below(map);
    if let Some(list) = ["oneOf", "anyOf"].into_iter().find(|list| map.contains_key(*list)) {
        if let Some(Value::Array(shapes)) = map.get_mut(list)
            && shapes.iter().any(is_value)
            && !shapes.iter().any(takes_any_text)
            // What is said elsewhere allows it there, and exactly one of several may fit.
            && !(list == "oneOf" && shapes.iter().any(|shape| shape.get("$ref").is_some()))
        {
            shapes.push(json!({ "type": "string", "pattern": REFERENCE, "description": "A reference." }));
        }
        return;
    }
    if let Some(values) = map.get("enum").filter(|_| !map.contains_key("pattern")).cloned() {
        map.remove("enum");
        map.remove("type");
        map.insert(
            "anyOf".to_owned(),
            json!([{ "enum": values }, { "type": "string", "pattern": REFERENCE }]),
        );
        return;
    }
    let types = types(map);
    let text = types.iter().any(|name| name == "string");
    if text && let Some(pattern) = map.get("pattern").and_then(Value::as_str) {
        let pattern = format!("(?:{pattern})|{REFERENCE}");
        map.insert("pattern".to_owned(), pattern.into());
    } else if !text && types.iter().any(|name| is_value_type(name)) {
        // A pattern concerns texts only, as limits concern numbers only.
        map.insert("type".to_owned(), types.into_iter().chain(["string".to_owned()]).collect());
        map.insert("pattern".to_owned(), REFERENCE.into());
    }
}

/// Goes through everything that stands below a place, without allowing anything at the place itself.
fn below(map: &mut Map<String, Value>) {
    for (keyword, value) in map {
        match (keyword.as_str(), value) {
            ("properties" | "patternProperties" | "$defs", Value::Object(map)) => {
                map.values_mut().for_each(allow_references);
            }
            ("prefixItems", Value::Array(list)) => list.iter_mut().for_each(allow_references),
            // One of these fits or all do; whether a reference may stand there is said once, next to them.
            ("oneOf" | "anyOf" | "allOf", Value::Array(list)) => {
                list.iter_mut().filter_map(Value::as_object_mut).for_each(below);
            }
            ("items" | "additionalProperties", schema) => allow_references(schema),
            _ => {}
        }
    }
}

fn types(map: &Map<String, Value>) -> Vec<String> {
    match map.get("type") {
        Some(Value::String(name)) => vec![name.clone()],
        Some(Value::Array(names)) => {
            names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect()
        }
        _ => Vec::new(),
    }
}

fn is_value_type(name: &str) -> bool {
    matches!(name, "integer" | "number" | "boolean" | "array")
}

/// Whether a single value or a list may be here.
fn is_value(shape: &Value) -> bool {
    let Value::Object(map) = shape else { return false };
    map.contains_key("const")
        || map.contains_key("enum")
        || types(map).iter().any(|name| name == "string" || is_value_type(name))
}

/// Whether any text may be here.
fn takes_any_text(shape: &Value) -> bool {
    let Value::Object(map) = shape else { return true };
    let narrow = ["const", "enum", "pattern"].iter().any(|keyword| map.contains_key(*keyword));
    !narrow && types(map).iter().any(|name| name == "string")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(mut schema: Value, expected: &Value) {
        allow_references(&mut schema);
        assert_eq!(&schema, expected);
    }

    #[test]
    fn a_reference_may_stand_for_a_number_and_the_limits_stay() {
        check(
            json!({ "type": "integer", "minimum": 1, "default": 5, "description": "How many." }),
            &json!({ "type": ["integer", "string"], "pattern": REFERENCE, "minimum": 1, "default": 5, "description": "How many." }),
        );
        check(
            json!({ "type": ["boolean", "null"] }),
            &json!({ "type": ["boolean", "null", "string"], "pattern": REFERENCE }),
        );
    }

    #[test]
    fn a_text_that_may_be_anything_stays_as_it_is() {
        check(json!({ "type": "string" }), &json!({ "type": "string" }));
        let addr =
            json!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] });
        check(addr.clone(), &addr);
    }

    #[test]
    fn a_reference_may_stand_for_one_of_several_words() {
        let reference = json!({ "type": "string", "pattern": REFERENCE });
        check(
            json!({ "type": "string", "enum": ["a", "b"], "default": "a" }),
            &json!({ "anyOf": [{ "enum": ["a", "b"] }, reference], "default": "a" }),
        );
        let mut words = json!({ "oneOf": [{ "const": "a" }, { "const": "b" }] });
        allow_references(&mut words);
        assert_eq!(words["oneOf"].as_array().unwrap().len(), 3);
    }

    #[test]
    fn tables_are_left_alone_and_what_is_in_them_is_not() {
        let mut schema =
            json!({ "oneOf": [{ "type": "object", "properties": { "n": { "type": "number" } } }] });
        allow_references(&mut schema);
        assert_eq!(schema["oneOf"].as_array().unwrap().len(), 1);
        assert_eq!(schema["oneOf"][0]["properties"]["n"]["pattern"], REFERENCE);
    }
}
