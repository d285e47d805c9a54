//! Files that are mounted one by one, which never see what replaces them.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

/// The mounts of this process; see proc_pid_mountinfo(5).
const MOUNTS: &str = "/proc/self/mountinfo";

/// Those of the paths on which a single file is mounted, as Kubernetes does for a `subPath`. Where the system does not
/// tell, there are none.
pub(crate) fn single_files(paths: &BTreeSet<PathBuf>) -> Vec<PathBuf> {
    fs::read(MOUNTS).map(|mounts| mounted(&mounts, paths)).unwrap_or_default()
}

fn mounted(mounts: &[u8], paths: &BTreeSet<PathBuf>) -> Vec<PathBuf> {
    let points: BTreeSet<PathBuf> = mounts.split(|byte| *byte == b'\n').filter_map(point).collect();
    paths.intersection(&points).filter(|path| !path.is_dir()).cloned().collect()
}

/// The mount point of one line: its fifth field, with blanks and the like written as `\040`.
fn point(line: &[u8]) -> Option<PathBuf> {
    let field = line.split(|byte| *byte == b' ').nth(4)?;
    let mut path = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((byte, tail)) = rest.split_first() {
        let octal = (*byte == b'\\').then(|| tail.get(..3)).flatten();
        let escaped = octal.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        path.push(escaped.unwrap_or(*byte));
        rest = if escaped.is_some() { &tail[3..] } else { tail };
    }
    Some(native(path))
}

#[cfg(unix)]
fn native(path: Vec<u8>) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    OsString::from_vec(path).into()
}

#[cfg(not(unix))]
fn native(path: Vec<u8>) -> PathBuf {
    OsString::from(String::from_utf8_lossy(&path).into_owned()).into()
}

/// What is said about such a file.
pub(crate) fn warning(file: &Path) -> String {
    format!(
        "{} is mounted as a single file (subPath): a change of its ConfigMap or Secret never arrives here; \
         mount the whole volume as a directory, without subPath",
        file.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_are_read_with_their_escapes() {
        let mounts = b"36 35 98:0 /mnt1 /etc/my\\040app.toml rw,noatime master:1 - ext3 /dev/root rw\n\
            37 35 98:0 / /none/such.toml rw - ext4 /dev/sda rw\nshort line\n";
        let paths = ["/etc/my app.toml", "/etc/other.toml"].map(PathBuf::from).into();
        assert_eq!(mounted(mounts, &paths), [PathBuf::from("/etc/my app.toml")]);
    }

    #[test]
    fn a_directory_that_is_mounted_is_no_single_file() {
        assert_eq!(
            mounted(b"1 0 0:1 / / rw - tmpfs tmpfs rw\n", &[PathBuf::from("/")].into()),
            [""; 0].map(PathBuf::from)
        );
    }
}
