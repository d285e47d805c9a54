//! Which routes a router has, for the governor to list.
//!
//! axum gives no access to the routes of a router, but its `Debug` shows them all: methods by the route's number, and
//! paths by the same number. Reading that runs no handler and cannot fail; should a later axum print something else, the
//! list is shorter or empty, and a test of this crate says so. Nothing but the list depends on it.

use std::collections::BTreeMap;

use axum::Router;
use inkstone_core::Interface;

const METHODS: [&str; 9] = ["GET", "HEAD", "DELETE", "OPTIONS", "PATCH", "POST", "PUT", "TRACE", "CONNECT"];

/// The routes of a router, as far as they can be seen.
pub(crate) fn of(router: &Router) -> Vec<Interface> {
    read(&format!("{router:?}"))
}

fn read(shown: &str) -> Vec<Interface> {
    // What follows answers requests that no route takes.
    let routes = shown.split("fallback_router:").next().unwrap_or_default();
    let (endpoints, paths) = routes.split_once("node: Node").unwrap_or((routes, ""));
    let methods: BTreeMap<u64, Vec<&str>> =
        entries(endpoints).map(|(number, endpoint)| (number, methods(endpoint))).collect();
    let mut found = Vec::new();
    for (number, path) in entries(paths) {
        let Some(path) = string(path) else { continue };
        // The rest of a nested service's paths; its root is listed.
        let path = path.replace("{*__private__axum_nest_tail_param}", "{*rest}");
        for method in methods.get(&number).into_iter().flatten() {
            found.push(Interface::Http { path: path.clone(), method: (*method).to_owned() });
        }
    }
    found
}

/// The text that follows each `RouteId(number): `, up to the next.
fn entries(text: &str) -> impl Iterator<Item = (u64, &str)> {
    text.split("RouteId(").skip(1).filter_map(|entry| {
        let (number, rest) = entry.split_once("): ")?;
        Some((number.parse().ok()?, rest))
    })
}

fn methods(endpoint: &str) -> Vec<&'static str> {
    let has = |method: &str| {
        let label = format!(" {}: ", method.to_ascii_lowercase());
        endpoint.split_once(&label).is_some_and(|(_, value)| !value.starts_with("None"))
    };
    let named: Vec<&str> = METHODS.into_iter().filter(|method| has(method)).collect();
    // A service of its own, or one that takes whatever method comes.
    let any = endpoint.starts_with("Route(") || endpoint.contains("allow_header: Skip");
    if any { vec!["*"] } else { named }
}

/// The string literal at the start of `text`, unquoted.
fn string(text: &str) -> Option<String> {
    let mut unquoted = String::new();
    let mut characters = text.strip_prefix('"')?.chars();
    loop {
        match characters.next()? {
            '"' => return Some(unquoted),
            '\\' => unquoted.push(characters.next()?),
            other => unquoted.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::middleware::from_fn;
    use axum::routing::{any, get, post};

    use super::*;

    fn listed(router: &Router) -> Vec<String> {
        let mut listed: Vec<String> = of(router)
            .into_iter()
            .map(|interface| match interface {
                Interface::Http { path, method } => format!("{method} {path}"),
                other => panic!("{other:?}"),
            })
            .collect();
        listed.sort();
        listed
    }

    #[test]
    fn every_route_of_a_router_is_seen_with_its_methods() {
        let orders = Router::new()
            .route("/{id}", get(async || "").post(async || ""))
            .route("/{id}", axum::routing::delete(async || ""))
            .fallback(async || "nothing here");
        let routes = Router::new()
            .route("/any", any(async || ""))
            .route("/state", post(async || ""))
            .with_state(7)
            .nest("/orders", orders)
            .nest_service("/files", get(async || ""))
            .route("/say \"hi\"", get(async || ""))
            .layer(from_fn(async |request: axum::extract::Request, next: axum::middleware::Next| {
                next.run(request).await
            }))
            .fallback(async || "none");
        assert_eq!(
            listed(&routes),
            [
                "* /any",
                "* /files",
                "* /files/",
                "* /files/{*rest}",
                "DELETE /orders/{id}",
                "GET /orders/{id}",
                "GET /say \"hi\"",
                "POST /orders/{id}",
                "POST /state",
            ]
        );
        assert!(listed(&Router::new()).is_empty());
    }

    #[test]
    fn another_way_of_printing_a_router_shortens_the_list_and_nothing_else() {
        for text in [
            "",
            "Router",
            "RouteId(",
            "node: Node RouteId(1): \"",
            "RouteId(1): x node: Node RouteId(1): \"/a",
        ] {
            assert!(read(text).is_empty(), "{text}");
        }
    }
}
