//! Types that carry the rule of one value.

mod addr;
mod dur;
mod secret;
mod size;

pub use addr::Addr;
pub use dur::Dur;
pub(crate) use secret::MASK;
pub use secret::Secret;
pub use size::Size;
