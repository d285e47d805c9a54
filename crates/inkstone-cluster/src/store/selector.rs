//! Label and field selectors, as the API's query parameters write them.

use super::{ApiError, Resource, object::Object};

/// The longest selector that is read, in bytes.
const LONGEST: usize = 16 << 10;

/// Which objects a list or a watch is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<FieldRequirement>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    Absent,
    More(i64),
    Less(i64),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct FieldRequirement {
    path: String,
    value: String,
    equal: bool,
}

impl Selector {
    /// Every object.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// The objects that carry all these labels with these values.
    pub fn labels<K: Into<String>, V: Into<String>>(labels: impl IntoIterator<Item = (K, V)>) -> Self {
        let one = |(key, value): (K, V)| Requirement { key: key.into(), test: Test::In(vec![value.into()]) };
        Self { labels: labels.into_iter().map(one).collect(), fields: Vec::new() }
    }

    /// The one object of this name (in each namespace looked at).
    #[must_use]
    pub fn name(name: &str) -> Self {
        let field = FieldRequirement { path: "metadata.name".into(), value: name.into(), equal: true };
        Self { labels: Vec::new(), fields: vec![field] }
    }

    /// What a `metav1.LabelSelector` (`matchLabels`, `matchExpressions`) selects. An empty one selects everything.
    ///
    /// # Errors
    /// 400 when an expression has an unknown operator.
    pub fn of_label_selector(selector: &Object) -> Result<Self, ApiError> {
        let pairs = selector["matchLabels"].as_object().into_iter().flatten();
        let mut all = Self::labels(pairs.map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default())));
        for expression in selector["matchExpressions"].as_array().into_iter().flatten() {
            let values = || {
                let values = expression["values"].as_array().into_iter().flatten();
                values.filter_map(|v| v.as_str().map(str::to_owned)).collect()
            };
            let test = match expression["operator"].as_str().unwrap_or_default() {
                "In" => Test::In(values()),
                "NotIn" => Test::NotIn(values()),
                "Exists" => Test::Exists,
                "DoesNotExist" => Test::Absent,
                other => {
                    return Err(ApiError::bad_request(format!(
                        "{other:?} is not a valid label selector operator"
                    )));
                }
            };
            all.labels
                .push(Requirement { key: expression["key"].as_str().unwrap_or_default().to_owned(), test });
        }
        Ok(all)
    }

    /// Reads the query parameters `labelSelector` and `fieldSelector`.
    ///
    /// # Errors
    /// 400 for wrong syntax, more than 16 KiB, or a field that this resource cannot be selected by.
    pub fn parse(resource: &Resource, labels: &str, fields: &str) -> Result<Self, ApiError> {
        for (name, text) in [("labelSelector", labels), ("fieldSelector", fields)] {
            if text.len() > LONGEST {
                let message = format!("the {name} is longer than {LONGEST} bytes: select by fewer values");
                return Err(ApiError::bad_request(message));
            }
        }
        Ok(Self { labels: parse_labels(labels)?, fields: parse_fields(resource, fields)? })
    }

    /// Whether every object is selected.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// Whether the object is selected.
    #[must_use]
    pub fn matches(&self, object: &Object) -> bool {
        self.labels.iter().all(|r| r.matches(&object["metadata"]["labels"]))
            && self.fields.iter().all(|r| r.matches(object))
    }
}

impl Requirement {
    fn matches(&self, labels: &Object) -> bool {
        let value = labels.get(&self.key).and_then(Object::as_str);
        let number = || value.and_then(|v| v.parse::<i64>().ok());
        match &self.test {
            Test::In(values) => value.is_some_and(|v| values.iter().any(|w| w == v)),
            Test::NotIn(values) => value.is_none_or(|v| values.iter().all(|w| w != v)),
            Test::Exists => value.is_some(),
            Test::Absent => value.is_none(),
            Test::More(than) => number().is_some_and(|n| n > *than),
            Test::Less(than) => number().is_some_and(|n| n < *than),
        }
    }
}

impl FieldRequirement {
    fn matches(&self, object: &Object) -> bool {
        let path = if self.path == "name" { "metadata.name" } else { &self.path };
        let mut at = object;
        for segment in path.split('.') {
            at = &at[segment];
        }
        let holds = match at {
            Object::Null => match path {
                "spec.unschedulable" | "spec.hostNetwork" => self.value == "false",
                _ => self.value.is_empty(),
            },
            Object::String(text) => *text == self.value,
            Object::Array(list) => list.iter().any(|ip| ip["ip"].as_str() == Some(&self.value)),
            Object::Object(table) => table.get("component").and_then(Object::as_str) == Some(&self.value),
            Object::Bool(flag) => self.value == if *flag { "true" } else { "false" },
            Object::Number(number) => self.value.parse::<serde_json::Number>().is_ok_and(|n| n == *number),
        };
        holds == self.equal
    }
}

fn parse_labels(text: &str) -> Result<Vec<Requirement>, ApiError> {
    let wrong = |why: &str| ApiError::bad_request(format!("unable to parse requirement: {why} in {text:?}"));
    split(text).into_iter().map(|part| parse_label(part).map_err(|why| wrong(&why))).collect()
}

/// Splits at commas that are not within parentheses.
fn split(text: &str) -> Vec<&str> {
    let mut depth = 0_i32;
    text.split(|c| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    })
    .map(str::trim)
    .filter(|part| !part.is_empty())
    .collect()
}

fn parse_label(part: &str) -> Result<Requirement, String> {
    let checked = |key: &str, test: Test| {
        let key = key.trim();
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        if key.is_empty() || !key.chars().all(fits) {
            return Err(format!("invalid label key {key:?}"));
        }
        Ok(Requirement { key: key.to_owned(), test })
    };
    let one = |value: &str| -> Result<Vec<String>, String> {
        let value = value.trim();
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if value.chars().all(fits) {
            Ok(vec![value.to_owned()])
        } else {
            Err(format!("invalid label value {value:?}"))
        }
    };
    let bound = |value: &str| {
        value.trim().parse::<i64>().map_err(|_| format!("{:?} is not a whole number", value.trim()))
    };
    if let Some((head, values)) = part.split_once('(') {
        let values = values.strip_suffix(')').ok_or("a missing ')'")?;
        let values = values.split(',').map(|v| v.trim().to_owned()).collect();
        let (key, operator) = head
            .trim()
            .rsplit_once(char::is_whitespace)
            .ok_or_else(|| format!("no operator before '(' in {part:?}"))?;
        return match operator {
            "in" => checked(key, Test::In(values)),
            "notin" => checked(key, Test::NotIn(values)),
            other => Err(format!("unknown operator {other:?}")),
        };
    }
    if let Some((key, value)) = part.split_once("!=") {
        return checked(key, Test::NotIn(one(value)?));
    }
    if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        return checked(key, Test::In(one(value)?));
    }
    if let Some((key, value)) = part.split_once('>') {
        return checked(key, Test::More(bound(value)?));
    }
    if let Some((key, value)) = part.split_once('<') {
        return checked(key, Test::Less(bound(value)?));
    }
    match part.strip_prefix('!') {
        Some(key) => checked(key, Test::Absent),
        None => checked(part, Test::Exists),
    }
}

fn parse_fields(resource: &Resource, text: &str) -> Result<Vec<FieldRequirement>, ApiError> {
    split(text).into_iter().map(|part| parse_field(resource, part)).collect()
}

fn parse_field(resource: &Resource, part: &str) -> Result<FieldRequirement, ApiError> {
    let (path, value, equal) = if let Some((path, value)) = part.split_once("!=") {
        (path, value, false)
    } else if let Some((path, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        (path, value, true)
    } else {
        return Err(ApiError::bad_request(format!("invalid field selector: {part:?} has no '='")));
    };
    let path = path.trim();
    if !["metadata.name", "metadata.namespace"].contains(&path) && !selectable(resource).contains(&path) {
        return Err(ApiError::bad_request(format!(
            "field label not supported: {path:?} is not a known field selector: only \"metadata.name\", \"metadata.namespace\"{}",
            also(resource)
        )));
    }
    Ok(FieldRequirement { path: path.to_owned(), value: value.trim().to_owned(), equal })
}

fn also(resource: &Resource) -> String {
    selectable(resource).iter().map(|f| format!(", {f:?}")).collect()
}

/// The fields, besides name and namespace, that objects of this resource can be selected by.
fn selectable(resource: &Resource) -> &'static [&'static str] {
    match resource.plural {
        "pods" => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.podIPs",
            "status.nominatedNodeName",
        ],
        "events" => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        "secrets" => &["type"],
        "services" => &["spec.clusterIP", "spec.type"],
        "replicasets" => &["status.replicas"],
        "namespaces" => &["status.phase", "name"],
        "nodes" => &["spec.unschedulable"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::PODS, *};

    fn check(labels: &str, object: &Object, expected: bool) {
        let selector = Selector::parse(PODS, labels, "").unwrap();
        assert_eq!(selector.matches(object), expected, "{labels:?} on {object}");
    }

    #[test]
    fn label_operators_select_as_in_kubernetes() {
        let pod = json!({ "metadata": { "labels": { "app": "shop", "tier": "2" } } });
        for (labels, expected) in [
            ("app=shop", true),
            ("app==shop,tier=2", true),
            ("app!=shop", false),
            ("zone!=a", true),
            ("app in (shop, cart)", true),
            ("app notin (shop,cart),tier", false),
            ("zone notin (a)", true),
            ("tier", true),
            ("!tier", false),
            ("!zone", true),
            ("tier>1", true),
            ("tier<2", false),
            ("", true),
        ] {
            check(labels, &pod, expected);
        }
    }

    #[test]
    fn wrong_label_syntax_is_a_bad_request() {
        for labels in ["app in (a", "=x", "a b", "app like (a)", "app=a b", "tier>many"] {
            let error = Selector::parse(PODS, labels, "").unwrap_err();
            assert_eq!(error.code(), 400, "{labels:?}");
        }
    }

    #[test]
    fn fields_select_by_path_and_unknown_ones_are_refused() {
        let pod = json!({ "metadata": { "name": "a" }, "spec": { "nodeName": "n" }, "status": {} });
        for (fields, expected) in [
            ("metadata.name=a", true),
            ("metadata.name!=a", false),
            ("spec.nodeName=n,metadata.name=a", true),
            ("status.podIP=", true),
            ("status.podIP!=", false),
        ] {
            let selector = Selector::parse(PODS, "", fields).unwrap();
            assert_eq!(selector.matches(&pod), expected, "{fields}");
        }
        let error = Selector::parse(PODS, "", "data.a=b").unwrap_err();
        assert!(error.message().contains("\"data.a\" is not a known field selector"), "{error}");
    }
}
