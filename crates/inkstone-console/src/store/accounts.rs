//! Accounts, and the one-time token with which the first one is made.

use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use utoipa::ToSchema;

use super::{Change, Store, StoreError};
use crate::secret::hash;
use crate::time;

/// What an account may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything.
    Admin,
    /// Edit and publish configuration.
    Editor,
    /// Look.
    Viewer,
}

impl Role {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Editor => "editor",
            Self::Viewer => "viewer",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Admin, Self::Editor, Self::Viewer].into_iter().find(|role| role.as_str() == text)
    }
}

/// An account, without its password.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Account {
    /// Its name, in lower case.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// When it was made.
    pub created_at: String,
    /// When somebody last signed in with it.
    pub last_login_at: Option<String>,
}

#[derive(FromRow)]
struct Row {
    name: String,
    role: String,
    created_at: i64,
    last_login_at: Option<i64>,
}

impl Row {
    fn account(self) -> Result<Account, StoreError> {
        let role = Role::parse(&self.role)
            .ok_or_else(|| StoreError::damaged("read an account", format!("unknown role {:?}", self.role)))?;
        Ok(Account {
            name: self.name,
            role,
            created_at: time::text(self.created_at),
            last_login_at: self.last_login_at.map(time::text),
        })
    }
}

impl Store {
    /// Whether any account exists. Until one does, only the setup link works.
    pub(crate) async fn has_accounts(&self) -> Result<bool, StoreError> {
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM accounts)")
            .fetch_one(&self.pool)
            .await
            .map_err(|e| StoreError::new("look for accounts", &e))
    }

    pub(crate) async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        sqlx::query_as::<_, Row>("SELECT name, role, created_at, last_login_at FROM accounts ORDER BY name")
            .fetch_all(&self.pool)
            .await
            .map_err(|e| StoreError::new("list the accounts", &e))?
            .into_iter()
            .map(Row::account)
            .collect()
    }

    /// The password hash and the role of an account.
    pub(crate) async fn credentials(&self, name: &str) -> Result<Option<(String, Role)>, StoreError> {
        let row: Option<(String, String)> =
            sqlx::query_as("SELECT password_hash, role FROM accounts WHERE name = ?")
                .bind(name)
                .fetch_optional(&self.pool)
                .await
                .map_err(|e| StoreError::new("read an account", &e))?;
        Ok(row.and_then(|(hash, role)| Some((hash, Role::parse(&role)?))))
    }

    /// Replaces the setup token: only the newest link works.
    pub(crate) async fn put_setup_token(&self, token: &str, expires_at: i64) -> Result<(), StoreError> {
        let failed = |e| StoreError::new("keep the setup token", &e);
        let mut change = self.change().await?;
        sqlx::query("DELETE FROM setup_tokens").execute(&mut *change).await.map_err(failed)?;
        sqlx::query("INSERT INTO setup_tokens (hash, expires_at) VALUES (?, ?)")
            .bind(hash(token))
            .bind(expires_at)
            .execute(&mut *change)
            .await
            .map_err(failed)?;
        super::commit(change).await
    }
}

/// Uses up the setup token; false when it is not the newest one or has expired.
pub(crate) async fn take_setup_token(change: &mut Change, token: &str) -> Result<bool, StoreError> {
    let taken = sqlx::query("DELETE FROM setup_tokens WHERE hash = ? AND expires_at > ?")
        .bind(hash(token))
        .bind(time::now())
        .execute(&mut **change)
        .await
        .map_err(|e| StoreError::new("use the setup token", &e))?;
    Ok(taken.rows_affected() == 1)
}

pub(crate) async fn any_account(change: &mut Change) -> Result<bool, StoreError> {
    sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM accounts)")
        .fetch_one(&mut **change)
        .await
        .map_err(|e| StoreError::new("look for accounts", &e))
}

/// Adds an account; false when the name is taken.
pub(crate) async fn add_account(
    change: &mut Change,
    name: &str,
    role: Role,
    password_hash: &str,
) -> Result<bool, StoreError> {
    let added = sqlx::query(
        "INSERT INTO accounts (name, role, password_hash, created_at) VALUES (?, ?, ?, ?)
         ON CONFLICT (name) DO NOTHING",
    )
    .bind(name)
    .bind(role.as_str())
    .bind(password_hash)
    .bind(time::now())
    .execute(&mut **change)
    .await
    .map_err(|e| StoreError::new("add an account", &e))?;
    Ok(added.rows_affected() == 1)
}

pub(crate) async fn set_password(
    change: &mut Change,
    name: &str,
    password_hash: &str,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE accounts SET password_hash = ? WHERE name = ?")
        .bind(password_hash)
        .bind(name)
        .execute(&mut **change)
        .await
        .map_err(|e| StoreError::new("change a password", &e))?;
    Ok(())
}

pub(crate) async fn note_login(change: &mut Change, name: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE accounts SET last_login_at = ? WHERE name = ?")
        .bind(time::now())
        .bind(name)
        .execute(&mut **change)
        .await
        .map_err(|e| StoreError::new("note a login", &e))?;
    Ok(())
}
