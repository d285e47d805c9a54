//! The API's description, made from the table of routes.

use serde_json::{Map, Value, json};
use utoipa::PartialSchema as _;

use crate::permission::Permission;
use crate::problem::Problem;
use crate::routes::{Route, Shape, routes};

/// The OpenAPI 3.1 description of every route.
#[must_use]
pub fn openapi() -> Value {
    let mut paths = Map::new();
    let mut schemas = Map::new();
    put(&mut schemas, "Problem", json!(Problem::schema()));
    for route in routes() {
        for shape in route.takes.iter().chain(&route.replies) {
            gather(&mut schemas, shape);
        }
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.as_str().to_lowercase()] = operation(&route);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Inkstone console",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Configuration, releases and versions of services. Writes need the header X-CSRF-Token \
                            with the csrf of GET session. Errors are application/problem+json.",
        },
        "servers": [{ "url": "." }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": { "session": { "type": "apiKey", "in": "cookie", "name": "inkstone_session" } },
        },
    })
}

fn gather(schemas: &mut Map<String, Value>, shape: &Shape) {
    let mut parts = Vec::new();
    (shape.parts)(&mut parts);
    for (name, schema) in parts {
        put(schemas, &name, json!(schema));
    }
    put(schemas, &(shape.name)(), json!((shape.schema)()));
}

fn put(schemas: &mut Map<String, Value>, name: &str, schema: Value) {
    schemas.entry(name).or_insert(schema);
}

fn operation(route: &Route) -> Value {
    let mut parameters: Vec<Value> = placeholders(route.path)
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    parameters.extend(
        route
            .query
            .iter()
            .map(|name| json!({ "name": name, "in": "query", "schema": { "type": "integer" } })),
    );
    let mut done = json!({ "description": "Done" });
    if let Some(shape) = &route.replies {
        done["content"] = json!({ (route.reply_type): { "schema": reference(shape) } });
    }
    let problem = json!({
        "description": "It could not be done",
        "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
    });
    let mut operation = json!({
        "summary": route.summary,
        "operationId": operation_id(route),
        "x-permission": route.permission.as_str(),
        "security": if route.permission == Permission::Public { json!([]) } else { json!([{ "session": [] }]) },
        "parameters": parameters,
        "responses": { "2XX": done, "default": problem },
    });
    if let Some(shape) = &route.takes {
        operation["requestBody"] =
            json!({ "required": true, "content": { "application/json": { "schema": reference(shape) } } });
    }
    operation
}

fn reference(shape: &Shape) -> Value {
    json!({ "$ref": format!("#/components/schemas/{}", (shape.name)()) })
}

fn placeholders(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn operation_id(route: &Route) -> String {
    let words = route
        .path
        .split('/')
        .filter(|part| !part.is_empty())
        .map(|part| part.trim_matches(['{', '}']).replace('.', "_"));
    let words: Vec<_> = words.collect();
    format!("{}_{}", route.method.as_str().to_lowercase(), words.join("_"))
}
