//! What was seen.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::time::{Duration, SystemTime};

/// Where a program has spent its CPU time.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Profile {
    /// Every stack that was seen.
    pub stacks: Vec<Stack>,
    /// How many samples found no room.
    pub lost: usize,
    /// Samples for each second of CPU time.
    pub hz: u32,
    /// When it began.
    pub began: SystemTime,
    /// How long it took.
    pub took: Duration,
}

/// One stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    /// Functions, innermost first.
    pub frames: Vec<Frame>,
    /// How often it was seen.
    pub count: u64,
}

/// A function on a stack, with those that were inlined into it as frames of their own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Frame {
    /// The address in the program.
    pub address: usize,
    /// The function's name, or its address.
    pub function: String,
    /// Its source file, if the program has debug information.
    pub file: Option<String>,
    /// The line in that file.
    pub line: Option<u32>,
}

impl Profile {
    pub(crate) fn of(
        stacks: impl Iterator<Item = Vec<usize>>,
        lost: usize,
        hz: u32,
        began: SystemTime,
        took: Duration,
    ) -> Self {
        let mut counts = BTreeMap::<Vec<usize>, u64>::new();
        for stack in stacks.filter(|stack| !stack.is_empty()) {
            *counts.entry(stack).or_default() += 1;
        }
        let mut names = HashMap::new();
        let mut stacks = Vec::with_capacity(counts.len());
        for (addresses, count) in counts {
            let mut frames = Vec::new();
            for address in addresses {
                let named: &Vec<Frame> = names.entry(address).or_insert_with(|| named(address));
                frames.extend_from_slice(named);
            }
            stacks.push(Stack { frames, count });
        }
        Self { stacks, lost, hz, began, took }
    }

    /// One line for each stack, outermost function first, and how often it was seen: what flame graph programs read.
    #[must_use]
    pub fn collapsed(&self) -> String {
        let mut lines = BTreeMap::<String, u64>::new();
        for stack in &self.stacks {
            let functions = stack.frames.iter().rev().map(|frame| frame.function.replace([';', '\n'], ":"));
            *lines.entry(functions.collect::<Vec<_>>().join(";")).or_default() += stack.count;
        }
        let mut text = String::new();
        for (stack, count) in lines {
            let _infallible = writeln!(text, "{stack} {count}");
        }
        text
    }

    /// The profile as a message of pprof's `profile.proto`, uncompressed.
    #[must_use]
    pub fn pprof(&self) -> Vec<u8> {
        crate::pprof::encode(self)
    }
}

/// The function at an address, and before it those inlined there.
fn named(address: usize) -> Vec<Frame> {
    let mut frames = Vec::new();
    backtrace::resolve(std::ptr::without_provenance_mut(address), |symbol| {
        // Without the hash at its end, which tells nobody anything.
        let function = symbol.name().map_or_else(|| format!("{address:#x}"), |name| format!("{name:#}"));
        let file = symbol.filename().map(|file| file.display().to_string());
        frames.push(Frame { address, function, file, line: symbol.lineno() });
    });
    if frames.is_empty() {
        frames.push(Frame { address, function: format!("{address:#x}"), file: None, line: None });
    }
    frames
}
