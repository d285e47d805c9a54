//! Who may sign in, and how: passwords, their rules, and the limits on guessing them.

mod limits;
mod password;

pub(crate) use limits::{Guard, Limits};
pub(crate) use password::{Passwords, check_name, check_password};
