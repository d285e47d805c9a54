//! The directories in which a change can change what a path leads to.

use std::{
    collections::{BTreeSet, VecDeque},
    ffi::OsString,
    fs, io,
    path::{Component, Path, PathBuf},
};

/// As many links as Linux follows.
const MOST_LINKS: u32 = 40;

/// What has to be watched for some files.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Chain {
    /// The directories of the files and of every link on the way to them.
    pub(crate) dirs: BTreeSet<PathBuf>,
    /// The files and links in them; other entries do not matter.
    pub(crate) names: BTreeSet<PathBuf>,
}

impl Chain {
    /// The chains of several files together.
    pub(crate) fn of(files: &[PathBuf]) -> Self {
        let mut chain = Self::default();
        for file in files {
            // A working directory that is gone leaves the path as it is.
            chain.add(&std::path::absolute(file).unwrap_or_else(|_| file.clone()));
        }
        chain
    }

    /// Walks the path as the kernel does, noting each link on the way.
    fn add(&mut self, path: &Path) {
        let mut current = PathBuf::new();
        let mut steps = steps(path);
        let mut links = 0;
        while let Some(step) = steps.pop_front() {
            if step == ".." {
                current.pop();
                continue;
            }
            let next = current.join(&step);
            match link(&next) {
                Ok(Some(target)) if links < MOST_LINKS => {
                    links += 1;
                    self.note(&current, &next);
                    let mut followed = self::steps(&target);
                    followed.append(&mut steps);
                    steps = followed;
                }
                Ok(_) if !steps.is_empty() => current = next,
                // The file itself, or the first thing on the way that is not there yet.
                _ => return self.note(&current, &next),
            }
        }
    }

    fn note(&mut self, dir: &Path, name: &Path) {
        self.dirs.insert(dir.to_path_buf());
        self.names.insert(name.to_path_buf());
    }
}

/// Where a link leads; `None` for what is no link.
fn link(path: &Path) -> io::Result<Option<PathBuf>> {
    if fs::symlink_metadata(path)?.is_symlink() { fs::read_link(path).map(Some) } else { Ok(None) }
}

/// The parts of a path; one that begins at the root leaves whatever stands before it.
fn steps(path: &Path) -> VecDeque<OsString> {
    let parts = path.components().filter(|part| !matches!(part, Component::CurDir));
    parts.map(|part| part.as_os_str().to_owned()).collect()
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn chain(root: &Path, file: &str) -> (Vec<String>, Vec<String>) {
        let chain = Chain::of(&[root.join(file)]);
        let inside = |paths: BTreeSet<PathBuf>| {
            let inside = paths.iter().filter_map(|path| path.strip_prefix(root).ok());
            inside.map(|path| path.display().to_string()).collect()
        };
        (inside(chain.dirs), inside(chain.names))
    }

    #[test]
    fn every_link_on_the_way_is_noted() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("config/..v1")).unwrap();
        fs::write(root.join("config/..v1/app.toml"), "").unwrap();
        symlink("..v1", root.join("config/..data")).unwrap();
        symlink("..data/app.toml", root.join("config/app.toml")).unwrap();
        symlink(root.join("config"), root.join("etc")).unwrap();

        let (dirs, names) = chain(&root, "etc/app.toml");
        assert_eq!(dirs, ["", "config", "config/..v1"]);
        assert_eq!(names, ["config/..data", "config/..v1/app.toml", "config/app.toml", "etc"]);
    }

    #[test]
    fn what_is_missing_is_awaited_where_it_would_appear() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let expect = |dirs: &[&str], names: &[&str]| {
            let found = chain(&root, "a/b/c.toml");
            assert_eq!(
                (found.0.iter().map(String::as_str).collect(), found.1.iter().map(String::as_str).collect()),
                (dirs.to_vec(), names.to_vec())
            );
        };
        expect(&[""], &["a"]);
        fs::create_dir_all(root.join("a/b")).unwrap();
        expect(&["a/b"], &["a/b/c.toml"]);
    }

    #[test]
    fn links_in_a_circle_come_to_an_end() {
        let dir = tempfile::tempdir().unwrap();
        symlink("b", dir.path().join("a")).unwrap();
        symlink("a", dir.path().join("b")).unwrap();
        assert!(!Chain::of(&[dir.path().join("a")]).dirs.is_empty());
    }
}
