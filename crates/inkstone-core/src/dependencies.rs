//! The crates that are linked into a program.

use serde::{Serialize, Serializer};

/// The crates that are linked into a program, with version, licence and source, as `inkstone_build::info()` found
/// them when it was built. Empty without a `build.rs` that calls it.
///
/// The text is kept as it was compiled in and is taken apart only when somebody looks.
///
/// ```
/// use inkstone_core::Dependencies;
///
/// let linked = Dependencies::from_text("MIT|crates.io|bytes 1.12.0,tokio 1.54.1");
/// assert!(linked.iter().any(|one| one.name == "tokio" && one.version == "1.54.1" && one.license == "MIT"));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dependencies(&'static str);

/// One crate that is linked into a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct Dependency {
    /// The name of the crate.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// Its licence as an SPDX expression; empty if its manifest names none.
    pub license: &'static str,
    /// `crates.io`, the address of another registry or of a repository, or `path` for a folder of the build.
    pub source: &'static str,
}

impl Dependencies {
    /// A list in the form in which `inkstone_build` leaves it.
    #[must_use]
    pub const fn from_text(text: &'static str) -> Self {
        Self(text)
    }

    /// Each crate; those of one licence stand together, each group in the order of names.
    pub fn iter(self) -> impl Iterator<Item = Dependency> {
        self.0.split(';').filter(|group| !group.starts_with('!')).flat_map(|group| {
            let mut parts = group.splitn(3, '|');
            let (license, source) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            parts.next().unwrap_or_default().split(',').filter_map(move |one| {
                let (name, version) = one.split_once(' ')?;
                Some(Dependency { name, version, license, source })
            })
        })
    }

    /// Each crate, by name and version.
    #[must_use]
    pub fn sorted(self) -> Vec<Dependency> {
        let mut all: Vec<Dependency> = self.iter().collect();
        all.sort();
        all
    }

    /// What the list lacks, if it could not be made as it should be.
    #[must_use]
    pub fn note(self) -> Option<&'static str> {
        if self.0.is_empty() {
            return Some("not known, because no `build.rs` calls `inkstone_build::info()`");
        }
        self.0.split(';').find_map(|group| group.strip_prefix('!'))
    }
}

/// A list of crates, by name.
impl Serialize for Dependencies {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.sorted())
    }
}

#[cfg(test)]
mod tests {
    use super::Dependencies;

    #[test]
    fn crates_are_read_by_group_and_shown_by_name() {
        let list = Dependencies::from_text(
            "!half of it;|path|api 0.1.0;MIT OR Apache-2.0|crates.io|serde 1.0.229,anyhow 1.0.0",
        );
        let names: Vec<_> = list.sorted().into_iter().map(|one| (one.name, one.license)).collect();
        assert_eq!(names, [("anyhow", "MIT OR Apache-2.0"), ("api", ""), ("serde", "MIT OR Apache-2.0")]);
        assert_eq!(list.note(), Some("half of it"));
    }

    #[test]
    fn without_build_rs_the_list_is_empty_and_says_why() {
        assert_eq!(Dependencies::default().iter().count(), 0);
        assert!(Dependencies::default().note().unwrap_or_default().contains("build.rs"));
    }
}
