//! What can be asked, in one table: routes, the index and the OpenAPI description are made from it.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, delete, get, post, put};

use crate::governor::State;
use crate::problem::Problem;
use crate::{about, access, calls, inventory, jobs, levels, openapi, pages, profiles, tasks};

/// Largest body of a request. None needs more than a few lines.
const BODY: usize = 64 << 10;

/// One thing that can be asked.
pub(crate) struct Endpoint {
    pub(crate) method: Method,
    /// The path, in the form that axum and OpenAPI share.
    pub(crate) path: &'static str,
    /// Whether everybody may ask it.
    pub(crate) open: bool,
    /// What it is, in a sentence.
    pub(crate) about: &'static str,
    /// Parameters of the query: name, type, what they are.
    pub(crate) query: &'static [(&'static str, &'static str, &'static str)],
    /// What the body is, as an example in JSON.
    pub(crate) body: Option<&'static str>,
    /// The media types of a good answer.
    pub(crate) media: &'static [&'static str],
    /// What else may be answered.
    pub(crate) problems: &'static [(u16, &'static str)],
    handler: fn() -> MethodRouter<State>,
}

const JSON: &[&str] = &["application/json"];
const METRICS: &[&str] = &["application/openmetrics-text", "text/plain"];
const PROFILE: &[&str] = &["application/x-protobuf", "text/plain"];

impl Endpoint {
    fn get(path: &'static str, about: &'static str, handler: fn() -> MethodRouter<State>) -> Self {
        Self {
            method: Method::GET,
            path,
            open: false,
            about,
            query: &[],
            body: None,
            media: JSON,
            problems: &[],
            handler,
        }
    }

    fn open(self) -> Self {
        Self { open: true, ..self }
    }

    fn media(self, media: &'static [&'static str]) -> Self {
        Self { media, ..self }
    }

    fn query(self, query: &'static [(&'static str, &'static str, &'static str)]) -> Self {
        Self { query, ..self }
    }

    fn change(self, method: Method, body: Option<&'static str>) -> Self {
        Self { method, body, ..self }
    }

    fn problems(self, problems: &'static [(u16, &'static str)]) -> Self {
        Self { problems, ..self }
    }
}

/// Everything that can be asked, in the order in which it is listed.
pub(crate) fn all() -> Vec<Endpoint> {
    let mut all = vec![
        Endpoint::get("/", "What can be asked here; a page for browsers.", || get(about::index))
            .media(&["application/json", "text/html"]),
        Endpoint::get("/openapi.json", "This description, as OpenAPI 3.1.", || get(openapi::page)),
        Endpoint::get("/live", "Whether the process serves at all.", || get(pages::live))
            .open()
            .media(&["text/plain"]),
        Endpoint::get("/ready", "Whether the service is ready, and the health of each component.", || {
            get(pages::ready)
        })
        .open()
        .problems(&[(503, "The service is not ready; the body says why.")]),
        Endpoint::get("/metrics", "The metrics, for Prometheus.", || get(pages::metrics))
            .open()
            .media(METRICS),
        Endpoint::get("/build", "What was built, from what, by whom.", || get(pages::build)),
        Endpoint::get("/dependencies", "The crates in the program, with version and licence.", || {
            get(inventory::dependencies)
        }),
        Endpoint::get(
            "/components",
            "Each built component: its health, what it counts, whom it is connected to.",
            || get(inventory::components),
        ),
        Endpoint::get(
            "/config",
            "The configuration: sources with hashes, a refused change, each value in force with its origin.",
            || get(pages::config),
        ),
        Endpoint::get("/routes", "Each server with its routes or gRPC methods.", || get(inventory::routes)),
        Endpoint::get("/errors", "The error codes that the framework reports.", || get(inventory::errors)),
        Endpoint::get("/errors/{code}", "One error code, with its page in Markdown.", || {
            get(inventory::error)
        })
        .problems(&[(404, "There is no such code.")]),
        Endpoint::get("/environment", "The process: arguments and environment, masked.", || {
            get(inventory::environment)
        }),
    ];
    all.extend(controls());
    all.extend(inside());
    all
}

/// What may be changed.
fn controls() -> Vec<Endpoint> {
    let path = "/log/levels";
    let not_ours: &[_] = &[(501, "The process's logs are not Inkstone's.")];
    vec![
        Endpoint::get(path, "The log levels in force.", || get(levels::show)).problems(not_ours),
        Endpoint::get(path, "Puts log levels in force, for a time or until they are reset.", || {
            put(levels::set)
        })
        .change(Method::PUT, Some("{\"levels\": \"info,shop=debug\", \"for\": \"10m\"}"))
        .problems(&[(400, "The levels cannot be read."), (501, "The process's logs are not Inkstone's.")]),
        Endpoint::get(path, "Puts the configured log levels back in force.", || delete(levels::reset))
            .change(Method::DELETE, None)
            .problems(not_ours),
        Endpoint::get("/jobs", "The jobs of the service, and whether they run.", || get(jobs::list)),
        Endpoint::get("/jobs/{name}", "Runs a job and answers when it has ended.", || post(jobs::run))
            .change(Method::POST, Some("{\"data\": \"\", \"headers\": {}}"))
            .problems(&[
                (404, "There is no such job; the known ones are named."),
                (409, "A job runs already."),
                (500, "The job failed; the body says why."),
            ]),
    ]
}

/// Looks inside.
fn inside() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/calls", "Calls as they end, as server-sent events.", || get(calls::stream))
            .media(&["text/event-stream"])
            .query(&[
                ("component", "string", "Only calls of this component, by its key or its kind."),
                ("method", "string", "Only calls of methods that begin so."),
                ("code", "string", "Only calls that ended with this code."),
                ("failed", "boolean", "Only calls that failed."),
                ("slower", "string", "Only calls that took longer, such as 100ms."),
                ("sample", "number", "The share of the calls that is shown, up to 1."),
                ("rate", "integer", "Most calls a second, up to 1000."),
                ("seconds", "integer", "When the stream ends, up to 3600."),
            ])
            .problems(&[(400, "A parameter is wrong."), (409, "There are as many readers as may be.")]),
        Endpoint::get("/profile/cpu", "Where the process spends its CPU time.", || get(profiles::cpu))
            .media(PROFILE)
            .query(&[
                ("seconds", "integer", "How long to look."),
                ("hz", "integer", "Samples for each second of CPU time, up to 999."),
                ("format", "string", "`pprof`, or `collapsed` for a flame graph."),
            ])
            .problems(&[
                (400, "A parameter is wrong."),
                (409, "A profile is being taken."),
                (501, "There is no profiler for this platform."),
            ]),
        Endpoint::get("/profile/heap", "Where the memory in use was allocated.", || get(profiles::heap))
            .media(&["application/x-protobuf"])
            .problems(&[(501, "The program has no heap profiler; the body says how to give it one.")]),
        Endpoint::get("/tasks", "What every task waits for, as collapsed stacks.", || get(tasks::dump))
            .media(&["text/plain"])
            .problems(&[(
                501,
                "The program was built without task dumps; the body says how to build it with them.",
            )]),
    ]
}

/// The routes, guarded.
pub(crate) fn router(state: State) -> Router {
    let (mut open, mut protected) = (Router::new(), Router::new());
    for endpoint in all() {
        let group = if endpoint.open { &mut open } else { &mut protected };
        *group = std::mem::take(group).route(endpoint.path, (endpoint.handler)());
    }
    let protected = protected.route_layer(from_fn_with_state(state.clone(), access::require));
    open.merge(protected)
        .fallback(unknown)
        .method_not_allowed_fallback(other_method)
        .layer(DefaultBodyLimit::max(BODY))
        .with_state(state)
}

async fn unknown(uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(100).collect();
    Problem::not_found(format!("there is no {path} here; GET / lists what there is"))
}

async fn other_method(method: Method, uri: Uri) -> Problem {
    let detail = format!("{} does not take {method}; GET / lists what there is", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
}
