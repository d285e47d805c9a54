//! The one table of routes: method, path, permission, what goes in and what comes out. The router, the
//! enforcement of permissions and the OpenAPI description are all made from it.

use axum::Router;
use axum::handler::Handler;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, MethodRouter, on};
use http::Method;
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;

use crate::api::{applications, audit, files, meta, releases, session, users, versions};
use crate::console::Console;
use crate::permission::Permission;
use crate::{access, store};

/// A route of the API.
#[derive(Debug, Clone)]
pub struct Route {
    /// GET or POST.
    pub method: Method,
    /// Below `api/v1`, beginning with a slash, with `{placeholders}`.
    pub path: &'static str,
    /// What it needs.
    pub permission: Permission,
    /// What it does, in a sentence.
    pub summary: &'static str,
    pub(crate) takes: Option<Shape>,
    pub(crate) replies: Option<Shape>,
    pub(crate) reply_type: &'static str,
    pub(crate) query: &'static [&'static str],
    handler: MethodRouter<Console>,
}

/// The schema of a body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) name: fn() -> std::borrow::Cow<'static, str>,
    pub(crate) schema: fn() -> RefOr<Schema>,
    pub(crate) parts: fn(&mut Vec<(String, RefOr<Schema>)>),
}

impl Shape {
    fn of<T: ToSchema>() -> Self {
        Self { name: T::name, schema: T::schema, parts: T::schemas }
    }
}

impl Route {
    fn get<H, P>(path: &'static str, permission: Permission, summary: &'static str, handler: H) -> Self
    where
        H: Handler<P, Console>,
        P: 'static,
    {
        Self::new(Method::GET, path, permission, summary, on(MethodFilter::GET, handler))
    }

    fn post<H, P>(path: &'static str, permission: Permission, summary: &'static str, handler: H) -> Self
    where
        H: Handler<P, Console>,
        P: 'static,
    {
        Self::new(Method::POST, path, permission, summary, on(MethodFilter::POST, handler))
    }

    fn new(
        method: Method,
        path: &'static str,
        permission: Permission,
        summary: &'static str,
        handler: MethodRouter<Console>,
    ) -> Self {
        let reply_type = "application/json";
        Self {
            method,
            path,
            permission,
            summary,
            takes: None,
            replies: None,
            reply_type,
            query: &[],
            handler,
        }
    }

    fn takes<T: ToSchema>(self) -> Self {
        Self { takes: Some(Shape::of::<T>()), ..self }
    }

    fn replies<T: ToSchema>(self) -> Self {
        Self { replies: Some(Shape::of::<T>()), ..self }
    }

    fn streams<T: ToSchema>(self) -> Self {
        Self { replies: Some(Shape::of::<T>()), reply_type: "text/event-stream", ..self }
    }

    fn query(self, query: &'static [&'static str]) -> Self {
        Self { query, ..self }
    }
}

const FILE: &str = "/applications/{namespace}/{application}/files/{configmap}/{key}";
const FILE_CHECK: &str = "/applications/{namespace}/{application}/files/{configmap}/{key}/check";
const FILE_REVISIONS: &str = "/applications/{namespace}/{application}/files/{configmap}/{key}/revisions";
const FILE_RELEASES: &str = "/applications/{namespace}/{application}/files/{configmap}/{key}/releases";

/// Every route of the API.
#[must_use]
pub fn routes() -> Vec<Route> {
    use Permission::{Accounts, Audit, Edit, Public, Publish, SignedIn, View};
    vec![
        Route::get("/health", Public, "Whether the console works", meta::health).replies::<meta::Health>(),
        Route::get("/openapi.json", View, "This description", meta::openapi),
        Route::get("/session", Public, "Who is signed in", session::show).replies::<session::Session>(),
        Route::post("/setup", Public, "Make the first account, with the one-time token", session::setup)
            .takes::<session::Setup>()
            .replies::<session::Session>(),
        Route::post("/login", Public, "Sign in", session::login)
            .takes::<session::Login>()
            .replies::<session::Session>(),
        Route::post("/logout", SignedIn, "Sign out", session::logout),
        Route::post("/password", SignedIn, "Change one's own password", users::change_password)
            .takes::<users::ChangePassword>(),
        Route::get("/users", Accounts, "The accounts", users::list).replies::<users::Users>(),
        Route::post("/users", Accounts, "Make an account", users::add)
            .takes::<users::NewUser>()
            .replies::<store::Account>(),
        Route::get("/applications", View, "The applications", applications::list)
            .replies::<applications::Applications>(),
        Route::get("/applications/{namespace}/{application}", View, "An application", applications::show)
            .replies::<applications::ApplicationDetail>(),
        Route::get(FILE, View, "A configuration file, its revisions and releases", files::show)
            .replies::<files::FileDetail>(),
        Route::post(FILE_CHECK, Edit, "Check a content without saving it", files::check)
            .takes::<files::Content>()
            .replies::<files::Findings>(),
        Route::post(FILE_REVISIONS, Edit, "Save a revision", files::save)
            .takes::<files::SaveRevision>()
            .replies::<store::Revision>(),
        Route::get("/revisions/{id}", View, "A revision with its content", files::revision)
            .replies::<store::Revision>(),
        Route::post(FILE_RELEASES, Publish, "Publish a revision", releases::publish)
            .takes::<releases::PublishRevision>()
            .replies::<store::Release>(),
        Route::get("/releases/{id}", View, "A release", releases::show).replies::<store::Release>(),
        Route::get("/releases/{id}/events", View, "A release, each time it changes", releases::events)
            .streams::<store::Release>(),
        Route::post(
            "/releases/{id}/rollback",
            Publish,
            "Publish a release's content again",
            releases::rollback,
        )
        .takes::<releases::Rollback>()
        .replies::<store::Release>(),
        Route::get("/versions", View, "What every pod was built from", versions::list)
            .replies::<versions::Versions>(),
        Route::get("/audit", Audit, "Who did what, newest first", audit::list)
            .query(&["limit", "before"])
            .replies::<store::AuditPage>(),
    ]
}

/// The routes behind the enforcement of their permissions.
pub(crate) fn router(console: &Console) -> Router<Console> {
    let mut router = Router::new();
    for route in routes() {
        let access =
            access::Access { console: console.clone(), permission: route.permission, path: route.path };
        let guarded = route.handler.layer(from_fn_with_state(access, access::enforce));
        router = router.route(route.path, guarded);
    }
    router.fallback(meta::unknown).method_not_allowed_fallback(meta::wrong_method)
}
