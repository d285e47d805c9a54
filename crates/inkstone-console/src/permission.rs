//! What a route needs, and which role has it.

use crate::store::Role;

/// What a route needs. Every route names one; there is no default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Permission {
    /// Nothing: strangers may.
    Public,
    /// Any account: it concerns only that account itself.
    SignedIn,
    /// See applications, configuration, releases and versions.
    View,
    /// Save configuration.
    Edit,
    /// Put configuration into force.
    Publish,
    /// See who did what.
    Audit,
    /// See and make accounts.
    Accounts,
}

impl Permission {
    /// Whether a visitor may; None is somebody who is not signed in.
    #[must_use]
    pub fn allows(self, role: Option<Role>) -> bool {
        let Some(role) = role else { return self == Self::Public };
        match self {
            Self::Public | Self::SignedIn | Self::View => true,
            Self::Edit | Self::Publish => matches!(role, Role::Editor | Role::Admin),
            Self::Audit | Self::Accounts => role == Role::Admin,
        }
    }

    /// Its name in the API's description.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::SignedIn => "signed-in",
            Self::View => "view",
            Self::Edit => "edit",
            Self::Publish => "publish",
            Self::Audit => "audit",
            Self::Accounts => "accounts",
        }
    }
}
