//! Accounts.

use axum::Extension;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::access::Visitor;
use crate::accounts::{check_name, check_password};
use crate::body::Json;
use crate::console::Console;
use crate::problem::Problem;
use crate::store::{self, Account, Role};

/// The accounts, by name.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Users {
    items: Vec<Account>,
}

/// An account to be made.
#[derive(Deserialize, ToSchema)]
pub(crate) struct NewUser {
    name: String,
    password: String,
    role: Role,
}

/// The old password and the new one.
#[derive(Deserialize, ToSchema)]
pub(crate) struct ChangePassword {
    old: String,
    new: String,
}

pub(crate) async fn list(State(console): State<Console>) -> Result<Json<Users>, Problem> {
    Ok(Json(Users { items: console.store.accounts().await? }))
}

pub(crate) async fn add(
    State(console): State<Console>,
    Extension(visitor): Extension<Visitor>,
    Json(body): Json<NewUser>,
) -> Result<(StatusCode, Json<Account>), Problem> {
    let name = check_name(&body.name)?;
    check_password(&name, &body.password)?;
    let hash = console.passwords.hash(body.password).await?;
    let mut change = console.store.change().await?;
    if !store::add_account(&mut change, &name, body.role, &hash).await? {
        let detail = format!("An account named {name} exists already. Choose another name.");
        return Err(Problem::conflict("name_taken", "The name is taken", detail));
    }
    let entry = visitor.entry("account.create", &name).after(body.role.as_str().to_owned());
    entry.write(&mut change).await?;
    store::commit(change).await?;
    let accounts = console.store.accounts().await?;
    let account = accounts.into_iter().find(|account| account.name == name);
    let account = account.ok_or_else(|| Problem::not_found(format!("account {name}")))?;
    Ok((StatusCode::CREATED, Json(account)))
}

pub(crate) async fn change_password(
    State(console): State<Console>,
    Extension(visitor): Extension<Visitor>,
    Json(body): Json<ChangePassword>,
) -> Result<StatusCode, Problem> {
    let account = visitor.account.as_ref().ok_or_else(|| Problem::not_found("session"))?;
    let pair = format!("{} {}", visitor.address, account.name);
    console.account_guard.check(&pair)?;
    check_password(&account.name, &body.new)?;
    console.account_guard.failed(&pair);
    let known = console.store.credentials(&account.name).await?.map(|(hash, _)| hash);
    if !console.passwords.verify(body.old, known).await? {
        console.store.record(visitor.entry("account.password", &account.name).denied()).await?;
        let detail = "The old password is wrong.";
        return Err(Problem::new(StatusCode::FORBIDDEN, "bad_credentials", "Not changed", detail));
    }
    console.account_guard.succeeded(&pair);
    let hash = console.passwords.hash(body.new).await?;
    let mut change = console.store.change().await?;
    store::set_password(&mut change, &account.name, &hash).await?;
    store::end_other_sessions(&mut change, &account.name, &account.session).await?;
    visitor.entry("account.password", &account.name).write(&mut change).await?;
    store::commit(change).await?;
    Ok(StatusCode::NO_CONTENT)
}
