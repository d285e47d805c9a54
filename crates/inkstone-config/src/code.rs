//! The one list of error codes, with their pages and exit statuses.

use std::fmt;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $number:literal, $title:literal, $exit:expr;)+) => {
        /// What went wrong, as a stable code: `INK1001`.
        ///
        /// `INK1xxx` is configuration, `INK2xxx` start, `INK3xxx` what happens while running.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Code { $($(#[doc = $doc])+ $name = $number,)+ }

        /// Every code, in the order of its number.
        pub const CODES: &[Code] = &[$(Code::$name,)+];

        impl Code {
            /// The code as users see it: `"INK1001"`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => concat!("INK", stringify!($number)),)+ }
            }

            /// What the code means, in a few words.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)+ }
            }

            /// The page that `inkstone explain` prints, in Markdown.
            pub const fn page(self) -> &'static str {
                match self {
                    $(Self::$name => include_str!(concat!("../pages/INK", stringify!($number), ".md")),)+
                }
            }

            /// The status a program exits with when this is the first error it reports.
            pub const fn exit_status(self) -> u8 {
                match self { $(Self::$name => $exit,)+ }
            }
        }
    };
}

// Exit statuses are those of sysexits.h, which supervisors and shells already know.
const USAGE: u8 = 64;
const NO_INPUT: u8 = 66;
const UNAVAILABLE: u8 = 69;
const SOFTWARE: u8 = 70;
const CANNOT_CREATE: u8 = 73;
const NO_PERMISSION: u8 = 77;
const CONFIG: u8 = 78;

codes! {
    /// A key that the table does not have.
    UnknownKey = 1001, "unknown key", CONFIG;
    /// A value of another type than the key expects.
    WrongType = 1002, "wrong type", CONFIG;
    /// A table that the program asks for and no source has.
    MissingTable = 1003, "missing table", CONFIG;
    /// A number or length outside the allowed range.
    OutOfRange = 1004, "value out of range", CONFIG;
    /// Values that are fine alone and wrong together.
    CrossKey = 1005, "keys contradict each other", CONFIG;
    /// A configuration file that cannot be read.
    UnreadableFile = 1006, "file cannot be read", NO_INPUT;
    /// A source that is not valid TOML, YAML or JSON.
    Syntax = 1007, "syntax error", CONFIG;
    /// A `${env:…}` or `${file:…}` that leads nowhere.
    UnresolvedReference = 1008, "reference cannot be resolved", CONFIG;
    /// A table that nothing reads.
    UnknownTable = 1009, "table that nothing reads", CONFIG;
    /// A table of a kind that does not exist.
    UnknownKind = 1010, "unknown kind of component", CONFIG;
    /// A key without a default that no source sets.
    MissingKey = 1011, "missing key", CONFIG;
    /// A value of the right type that the key does not allow.
    InvalidValue = 1012, "invalid value", CONFIG;
    /// A configuration source whose address or scheme the program cannot use.
    BadSource = 1013, "configuration source cannot be used", CONFIG;
    /// A remote configuration source that cannot be read.
    UnreadableSource = 1014, "configuration source cannot be read", UNAVAILABLE;

    /// A command-line flag that is unknown or malformed.
    BadFlag = 2001, "bad command-line flag", USAGE;
    /// A port that another process listens on.
    PortTaken = 2002, "port already in use", UNAVAILABLE;
    /// An address that this machine cannot bind.
    AddressUnavailable = 2003, "address cannot be bound", UNAVAILABLE;
    /// A target that cannot be reached.
    ConnectFailed = 2004, "cannot connect", UNAVAILABLE;
    /// A component that did not start, for a reason of its own.
    BuildFailed = 2005, "component did not start", UNAVAILABLE;
    /// A listener that would be open to everyone.
    InsecureListener = 2006, "listener without protection", CONFIG;
    /// A target whose scheme nobody resolves.
    UnknownScheme = 2007, "unknown address scheme", CONFIG;
    /// A job that the program does not have.
    UnknownJob = 2008, "unknown job", USAGE;
    /// Something the process may not do.
    PermissionDenied = 2009, "permission denied", NO_PERMISSION;
    /// A file or directory that cannot be created.
    CannotCreate = 2010, "cannot create a file or directory", CANNOT_CREATE;
    /// Two parts of a program with the same name.
    DuplicateName = 2011, "name used twice", CONFIG;
    /// A service without a server, a job that was asked for, or work of its own.
    NothingToRun = 2012, "nothing to run", USAGE;
    /// Something that a start waits for and that did not come.
    NotReadyInTime = 2013, "not ready in time", UNAVAILABLE;

    /// A job that ended with an error.
    JobFailed = 3001, "job failed", 1;
    /// A server that stopped on its own.
    ServeFailed = 3002, "server failed", SOFTWARE;
    /// A part of the program that panicked.
    Panic = 3003, "panic", SOFTWARE;
    /// A changed configuration that was refused while running.
    ReloadRefused = 3004, "changed configuration refused", CONFIG;
    /// Work that was still going on at the end of the drain time.
    DrainTimeout = 3005, "drain time exceeded", SOFTWARE;
    /// A component that failed while it was closed.
    CloseFailed = 3006, "component did not close cleanly", SOFTWARE;
    /// An error of the service's own code, which its `main` returned.
    ServiceFailed = 3007, "service failed", 1;
    /// A remote configuration source that cannot be followed while running.
    SourceLost = 3008, "configuration source lost", UNAVAILABLE;
    /// A hook of the stop that ended with an error, or not in time.
    HookFailed = 3009, "stop hook failed", SOFTWARE;
    /// A mistake in Inkstone itself.
    Internal = 3999, "internal error", SOFTWARE;
}

impl Code {
    /// The number within the code: `1001`.
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// Finds a code as users type it: `INK1003`, `ink1003` or `1003`.
    ///
    /// ```
    /// use inkstone_config::Code;
    /// assert_eq!(Code::parse("ink1003"), Some(Code::MissingTable));
    /// assert_eq!(Code::parse("INK9"), None);
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_uppercase();
        let number: u16 = text.strip_prefix("INK").unwrap_or(&text).parse().ok()?;
        CODES.iter().copied().find(|code| code.number() == number)
    }

    /// What happened to the component, for the heading of a report.
    pub(crate) const fn outcome(self) -> &'static str {
        match self.number() / 1000 {
            1 => "cannot be used",
            2 => "did not start",
            _ => "failed",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn codes_are_unique_and_in_order() {
        let numbers: Vec<_> = CODES.iter().map(|code| code.number()).collect();
        let sorted: BTreeSet<_> = numbers.iter().copied().collect();
        assert_eq!(numbers, sorted.into_iter().collect::<Vec<_>>());
        for code in CODES {
            assert_eq!(Code::parse(code.as_str()), Some(*code));
        }
    }

    #[test]
    fn every_code_has_a_whole_page() {
        for code in CODES {
            let page = code.page();
            assert!(page.starts_with(&format!("# {code}: {}\n", code.title())), "{code}: heading");
            for part in ["## Why it happens", "## What to do", "## Example"] {
                assert!(page.contains(part), "{code} has no {part:?}");
            }
            let exit = format!("Exit status: {}.", code.exit_status());
            assert!(page.contains(&exit), "{code} does not say {exit:?}");
        }
    }
}
