//! The ids of a span, and where new ones come from.

use std::cell::RefCell;
use std::fmt;
use std::ops::Deref;

use rand::rngs::SmallRng;
use rand::{RngCore, SeedableRng};

/// Which span of which trace, and whether the trace is recorded.
///
/// ```
/// use inkstone_observe::trace::TraceIds;
///
/// let ids = TraceIds::root(true);
/// assert_eq!(ids.trace_id().len(), 32);
/// assert_eq!(ids.child().trace_id(), ids.trace_id());
/// assert_ne!(ids.child().span_id(), ids.span_id());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceIds {
    /// The trace: the same for everything that one request sets off.
    pub trace: [u8; 16],
    /// The span: one call, one piece of work.
    pub span: [u8; 8],
    /// Whether the spans of this trace are recorded and exported.
    pub sampled: bool,
}

/// An id as people write it: lowercase hexadecimal digits, `N` of them. Dereferences to `str`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct HexId<const N: usize>([u8; N]);

impl TraceIds {
    /// The ids of a span without a parent, in a trace of its own.
    #[must_use]
    pub fn root(sampled: bool) -> Self {
        GENERATOR.with_borrow_mut(|random| Self { trace: trace(random), span: span(random), sampled })
    }

    /// The ids of a span under this one.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { span: GENERATOR.with_borrow_mut(span), ..*self }
    }

    /// The trace's id: 32 digits.
    #[must_use]
    pub fn trace_id(&self) -> HexId<32> {
        HexId::of(&self.trace)
    }

    /// The span's id: 16 digits.
    #[must_use]
    pub fn span_id(&self) -> HexId<16> {
        HexId::of(&self.span)
    }

    /// Whether neither id is all zeros, which the recommendation calls invalid.
    pub(crate) fn is_valid(&self) -> bool {
        self.trace != [0; 16] && self.span != [0; 8]
    }
}

thread_local! {
    /// One for each thread, seeded by the operating system: no lock, and no two processes alike. Ids need to be unlike
    /// each other; nothing is protected by their being hard to guess.
    static GENERATOR: RefCell<SmallRng> = RefCell::new(SmallRng::from_os_rng());
}

fn trace(random: &mut SmallRng) -> [u8; 16] {
    let mut id = [0; 16];
    while id == [0; 16] {
        random.fill_bytes(&mut id);
    }
    id
}

fn span(random: &mut SmallRng) -> [u8; 8] {
    let mut id = [0; 8];
    while id == [0; 8] {
        id = random.next_u64().to_ne_bytes();
    }
    id
}

impl<const N: usize> HexId<N> {
    fn of(bytes: &[u8]) -> Self {
        let mut digits = [b'0'; N];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        Self(digits)
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("hexadecimal digits are ASCII")
    }
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

impl<const N: usize> Deref for HexId<N> {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl<const N: usize> fmt::Display for HexId<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

impl<const N: usize> fmt::Debug for HexId<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}
