//! Signing in and out, and making the first account.

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::SET_COOKIE;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::access::{SignedIn, Visitor, set_cookie};
use crate::accounts::{check_name, check_password};
use crate::body::Json;
use crate::console::Console;
use crate::governor::BuildInfo;
use crate::problem::Problem;
use crate::secret::{csrf_of, random_token};
use crate::store::{self, Change, Role};

/// Who is signed in, and what the pages need to know.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Session {
    /// The account; null when nobody is signed in.
    user: Option<User>,
    /// Goes into the header `X-CSRF-Token` of writes.
    csrf: String,
    /// Whether the first account still has to be made.
    setup: bool,
    /// What the console was built from.
    version: BuildInfo,
    /// The name of the cluster.
    cluster: String,
}

/// An account that is signed in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct User {
    name: String,
    role: Role,
}

/// The first account.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Setup {
    /// Of the one-time link.
    token: String,
    name: String,
    password: String,
}

/// A name and its password.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Login {
    name: String,
    password: String,
}

pub(crate) async fn show(
    State(console): State<Console>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Json<Session>, Problem> {
    let setup = visitor.account.is_none() && !console.store.has_accounts().await?;
    Ok(Json(session(&console, visitor.account.as_ref(), setup)))
}

pub(crate) async fn setup(
    State(console): State<Console>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
    Json(body): Json<Setup>,
) -> Result<Response, Problem> {
    console.address_guard.check(&visitor.address)?;
    if console.store.has_accounts().await? {
        return Err(already_set_up());
    }
    let name = check_name(&body.name)?;
    check_password(&name, &body.password)?;
    let hash = console.passwords.hash(body.password).await?;
    let mut change = console.store.change().await?;
    if store::any_account(&mut change).await? {
        return Err(already_set_up());
    }
    if !store::take_setup_token(&mut change, &body.token).await? {
        drop(change);
        console.address_guard.failed(&visitor.address);
        let problem = bad_setup_token();
        if console.denial_guard.admits(&visitor.address) {
            console.store.record(visitor.entry("setup", &name).denied()).await?;
        }
        return Err(problem);
    }
    store::add_account(&mut change, &name, Role::Admin, &hash).await?;
    let mut entry = visitor.entry("setup", &name).after("admin".to_owned());
    entry.actor.clone_from(&name);
    entry.write(&mut change).await?;
    let signed_in = begin(&mut change, &visitor, name, Role::Admin).await?;
    store::commit(change).await?;
    Ok(welcome(&console, &headers, &signed_in))
}

fn already_set_up() -> Problem {
    let detail = "An account exists already. Sign in; an administrator can make more accounts.";
    Problem::conflict("already_set_up", "The console is set up", detail)
}

fn bad_setup_token() -> Problem {
    let detail = "The link is wrong, too old, or was used. Restart the console to get a new one.";
    Problem::new(StatusCode::FORBIDDEN, "bad_setup_token", "The link does not work", detail)
}

pub(crate) async fn login(
    State(console): State<Console>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
    Json(body): Json<Login>,
) -> Result<Response, Problem> {
    let name = body.name.trim().to_lowercase();
    let pair = format!("{} {}", visitor.address, name.chars().take(64).collect::<String>());
    console.address_guard.check(&visitor.address)?;
    console.account_guard.check(&pair)?;
    console.address_guard.failed(&visitor.address);
    console.account_guard.failed(&pair);
    let known = console.store.credentials(&name).await?;
    let (hash, role) = known.map_or((None, None), |(hash, role)| (Some(hash), Some(role)));
    let good = console.passwords.verify(body.password, hash).await?;
    let (true, Some(role)) = (good, role) else {
        let mut entry = visitor.entry("login", name.chars().take(64).collect::<String>()).denied();
        entry.actor.clone_from(&entry.object);
        console.store.record(entry).await?;
        let detail = "The name or the password is wrong.";
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "bad_credentials", "Not signed in", detail));
    };
    console.address_guard.succeeded(&visitor.address);
    console.account_guard.succeeded(&pair);
    let mut change = console.store.change().await?;
    if let Some(earlier) = &visitor.account {
        store::end_session(&mut change, &earlier.session).await?;
    }
    store::note_login(&mut change, &name).await?;
    store::sweep_sessions(&mut change, console.expiry()).await?;
    let mut entry = visitor.entry("login", &name);
    entry.actor.clone_from(&name);
    entry.write(&mut change).await?;
    let signed_in = begin(&mut change, &visitor, name, role).await?;
    store::commit(change).await?;
    Ok(welcome(&console, &headers, &signed_in))
}

pub(crate) async fn logout(
    State(console): State<Console>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut change = console.store.change().await?;
    if let Some(account) = &visitor.account {
        store::end_session(&mut change, &account.session).await?;
        visitor.entry("logout", &account.name).write(&mut change).await?;
    }
    store::commit(change).await?;
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, set_cookie(&console, &headers, None))]).into_response())
}

/// A new session with a new id: one that was known before the login is worth nothing after it.
async fn begin(
    change: &mut Change,
    visitor: &Visitor,
    name: String,
    role: Role,
) -> Result<SignedIn, Problem> {
    let session = random_token();
    store::add_session(change, &session, &name, &visitor.address).await?;
    Ok(SignedIn { name, role, session })
}

fn welcome(console: &Console, headers: &HeaderMap, account: &SignedIn) -> Response {
    let cookie = set_cookie(console, headers, Some(&account.session));
    ([(SET_COOKIE, cookie)], Json(session(console, Some(account), false))).into_response()
}

fn session(console: &Console, account: Option<&SignedIn>, setup: bool) -> Session {
    Session {
        user: account.map(|account| User { name: account.name.clone(), role: account.role }),
        csrf: account.map(|account| csrf_of(&account.session)).unwrap_or_default(),
        setup,
        version: console.options.build.clone(),
        cluster: console.cluster.name().to_owned(),
    }
}
