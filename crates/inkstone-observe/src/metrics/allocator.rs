//! What the program's allocator says of itself.

use std::fmt;

use crate::metrics::text::{describe, sample};
use crate::names;

/// Memory as an allocator counts it, in bytes. What it does not know is left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AllocatorStats {
    /// Asked for by the program and not given back.
    pub allocated: Option<u64>,
    /// In pages that have something in them.
    pub active: Option<u64>,
    /// In RAM.
    pub resident: Option<u64>,
    /// Address space in use.
    pub mapped: Option<u64>,
}

pub(crate) fn write(text: &mut String, stats: AllocatorStats) -> fmt::Result {
    let AllocatorStats { allocated, active, resident, mapped } = stats;
    describe(text, &names::ALLOCATOR)?;
    for (state, bytes) in
        [("allocated", allocated), ("active", active), ("resident", resident), ("mapped", mapped)]
    {
        if let Some(bytes) = bytes {
            sample(text, &names::ALLOCATOR, &[state], bytes)?;
        }
    }
    Ok(())
}
