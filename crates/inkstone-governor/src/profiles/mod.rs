//! Profiles: where CPU time goes, and where memory came from.

mod cpu;
mod heap;

pub(crate) use cpu::cpu;
pub use heap::HeapProfiler;
pub(crate) use heap::heap;
