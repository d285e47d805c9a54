//! What the routes do.

pub(crate) mod applications;
pub(crate) mod audit;
pub(crate) mod files;
pub(crate) mod meta;
pub(crate) mod releases;
pub(crate) mod session;
pub(crate) mod users;
pub(crate) mod versions;
