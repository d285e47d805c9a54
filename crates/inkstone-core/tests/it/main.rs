//! The life of a service, as a process sees it.

mod life;
mod process;
