//! What a request is about: its path and query, taken apart.

use axum::extract::Query as Pairs;
use http::Uri;

use crate::store::{ApiError, NAMESPACES, Resource};

/// What a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    Health,
    Version,
    /// `/api`
    CoreVersions,
    /// `/apis`
    Groups,
    /// `/apis/GROUP`
    Group(String),
    /// `/api/v1`, `/apis/GROUP/VERSION`
    Resources(String, String),
    /// `/openapi/v3`
    OpenApi,
    /// `/openapi/v3/apis/GROUP/VERSION`
    OpenApiOf(String, String),
    /// `/apis/authorization.k8s.io/v1/selfsubjectaccessreviews` and its like.
    Review(String),
    Object(Target),
    Unknown,
}

/// A collection or an object of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) resource: &'static Resource,
    /// None: all namespaces, or a cluster-wide resource.
    pub(super) namespace: Option<String>,
    pub(super) name: Option<String>,
    pub(super) subresource: Option<String>,
}

impl Target {
    /// The namespace, empty for a cluster-wide resource.
    pub(super) fn home(&self) -> &str {
        self.namespace.as_deref().unwrap_or_default()
    }
}

impl Route {
    pub(super) fn parse(path: &str) -> Self {
        let segments: Vec<_> = path.split('/').filter(|s| !s.is_empty()).collect();
        match segments.as_slice() {
            ["healthz" | "livez" | "readyz", ..] => Self::Health,
            ["version"] => Self::Version,
            ["api"] => Self::CoreVersions,
            ["apis"] => Self::Groups,
            ["apis", group] => Self::Group((*group).to_owned()),
            ["openapi", "v3"] => Self::OpenApi,
            ["openapi", "v3", "api", version] => Self::OpenApiOf(String::new(), (*version).to_owned()),
            ["openapi", "v3", "apis", group, version] => {
                Self::OpenApiOf((*group).to_owned(), (*version).to_owned())
            }
            ["apis", "authorization.k8s.io" | "authentication.k8s.io", "v1", review] => {
                Self::Review((*review).to_owned())
            }
            ["api", version] => Self::Resources(String::new(), (*version).to_owned()),
            ["apis", group, version] => Self::Resources((*group).to_owned(), (*version).to_owned()),
            ["api", version, rest @ ..] => target("", version, rest),
            ["apis", group, version, rest @ ..] => target(group, version, rest),
            _ => Self::Unknown,
        }
    }
}

fn target(group: &str, version: &str, rest: &[&str]) -> Route {
    let (namespace, rest) = match rest {
        // A namespace's own subresources look like a collection in it.
        ["namespaces", _] | ["namespaces", _, "status" | "finalize"] => (None, rest),
        ["namespaces", namespace, rest @ ..] => (Some((*namespace).to_owned()), rest),
        rest => (None, rest),
    };
    let (plural, name, subresource) = match rest {
        [plural] => (plural, None, None),
        [plural, name] => (plural, Some(name), None),
        [plural, name, subresource] => (plural, Some(name), Some(subresource)),
        _ => return Route::Unknown,
    };
    let Some(resource) = Resource::find(group, version, plural) else { return Route::Unknown };
    let fits = match (resource.namespaced, namespace.is_some()) {
        (true, false) => name.is_none(), // an object needs its namespace; a list may span all
        (false, true) => false,
        _ => true,
    };
    if !fits || (group.is_empty() && resource == NAMESPACES && namespace.is_some()) {
        return Route::Unknown;
    }
    let owned = |s: &&str| (*s).to_owned();
    Route::Object(Target { resource, namespace, name: name.map(owned), subresource: subresource.map(owned) })
}

/// The query parameters of a request.
#[derive(Debug, Clone, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn of(uri: &Uri) -> Result<Self, ApiError> {
        let pairs = Pairs::<Vec<(String, String)>>::try_from_uri(uri);
        pairs.map(|Pairs(pairs)| Self(pairs)).map_err(|e| ApiError::bad_request(e.to_string()))
    }

    /// The value, unless it is missing or empty.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(k, v)| k == key && !v.is_empty()).map(|(_, v)| v.as_str())
    }

    pub(super) fn text(&self, key: &str) -> &str {
        self.get(key).unwrap_or_default()
    }

    /// `?follow`, `follow=true`, `follow=1`.
    pub(super) fn flag(&self, key: &str) -> bool {
        self.0.iter().any(|(k, v)| k == key && !matches!(v.as_str(), "false" | "0" | "f" | "False" | "F"))
    }

    pub(super) fn number(&self, key: &str) -> Result<Option<i64>, ApiError> {
        let Some(text) = self.get(key) else { return Ok(None) };
        let number = text.parse().map_err(|_| {
            ApiError::bad_request(format!("the query parameter {key} must be a whole number, not {text:?}"))
        })?;
        Ok(Some(number))
    }

    /// A resource version: nothing, `0` for any, or a number.
    pub(super) fn version(&self, key: &str) -> Result<Option<u64>, ApiError> {
        let Some(text) = self.get(key) else { return Ok(None) };
        let wrong =
            || ApiError::bad_request(format!("invalid {key} {text:?}: it is not one that this server gave"));
        text.parse().map(Some).map_err(|_| wrong())
    }

    /// Whether writes are only tried.
    pub(super) fn dry_run(&self) -> Result<bool, ApiError> {
        match self.get("dryRun") {
            None => Ok(false),
            Some("All") => Ok(true),
            Some(other) => {
                Err(ApiError::bad_request(format!("invalid dryRun {other:?}: it must be \"All\"")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{DEPLOYMENTS, PODS};

    /// Resource, namespace, name and subresource.
    type Parts<'a> = (&'static Resource, Option<&'a str>, Option<&'a str>, Option<&'a str>);

    fn check(path: &str, expected: Option<Parts<'_>>) {
        let expected = expected.map_or(Route::Unknown, |(resource, namespace, name, subresource)| {
            let owned = |s: Option<&str>| s.map(str::to_owned);
            let (namespace, name, subresource) = (owned(namespace), owned(name), owned(subresource));
            Route::Object(Target { resource, namespace, name, subresource })
        });
        assert_eq!(Route::parse(path), expected, "{path}");
    }

    #[test]
    fn paths_lead_to_collections_objects_and_subresources() {
        check("/api/v1/pods", Some((PODS, None, None, None)));
        check("/api/v1/namespaces/shop/pods", Some((PODS, Some("shop"), None, None)));
        check("/api/v1/namespaces/shop/pods/a/log", Some((PODS, Some("shop"), Some("a"), Some("log"))));
        check("/api/v1/namespaces", Some((NAMESPACES, None, None, None)));
        check("/api/v1/namespaces/shop", Some((NAMESPACES, None, Some("shop"), None)));
        check("/api/v1/namespaces/shop/finalize", Some((NAMESPACES, None, Some("shop"), Some("finalize"))));
        check(
            "/apis/apps/v1/namespaces/shop/deployments/a/scale",
            Some((DEPLOYMENTS, Some("shop"), Some("a"), Some("scale"))),
        );
    }

    #[test]
    fn paths_of_nothing_served_are_unknown() {
        for path in [
            "/",
            "/api/v1/pods/a",
            "/api/v1/deployments",
            "/apis/apps/v1/namespaces/shop/pods",
            "/api/v1/namespaces/shop/nodes",
            "/api/v1/namespaces/shop/namespaces/x",
            "/api/v1/namespaces/shop/pods/a/log/x",
        ] {
            check(path, None);
        }
    }
}
