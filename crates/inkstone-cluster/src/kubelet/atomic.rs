//! Writes the files of a volume all at once, in the layout of the real kubelet.
//!
//! ```text
//! volume/..2026_11_22_14_05_09.123456789/app.toml   the content
//! volume/..data -> ..2026_11_22_14_05_09.123456789  swapped by one rename
//! volume/app.toml -> ..data/app.toml                what programs open
//! ```
use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

const DATA: &str = "..data";
const NEXT: &str = "..data_tmp";

/// One file of a volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileContent {
    pub(crate) bytes: Vec<u8>,
    pub(crate) mode: u32,
}

/// Path inside the volume → content.
pub(crate) type Payload = BTreeMap<String, FileContent>;

/// Makes `volume` hold exactly `payload`. Readers see the old files or the new ones, never a mixture.
///
/// Returns whether anything had to be written. On an error the old files stay in force.
pub(crate) fn write(volume: &Path, payload: &Payload) -> io::Result<bool> {
    fs::create_dir_all(volume)?;
    let old = fs::read_link(volume.join(DATA)).ok();
    if let Some(old) = &old
        && read(&volume.join(old))? == *payload
    {
        // The cluster may have been killed, or the disk full, after the swap and before these were done.
        link_visible(volume, payload)?;
        sweep(volume, old)?;
        return Ok(false);
    }
    let fresh = format!("..{}", Timestamp::now().strftime("%Y_%m_%d_%H_%M_%S.%N"));
    let dir = volume.join(&fresh);
    let written = fill(&dir, payload).and_then(|()| swap(volume, &fresh));
    if let Err(error) = written {
        let _ = fs::remove_dir_all(&dir);
        return Err(error);
    }
    link_visible(volume, payload)?;
    sweep(volume, Path::new(&fresh))?;
    Ok(true)
}

/// Removes every data directory but the one in force.
fn sweep(volume: &Path, current: &Path) -> io::Result<()> {
    for entry in fs::read_dir(volume)? {
        let entry = entry?;
        let is_data = entry.file_name().to_string_lossy().starts_with("..") && entry.file_type()?.is_dir();
        if is_data && entry.file_name() != current.as_os_str() {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

fn fill(dir: &Path, payload: &Payload) -> io::Result<()> {
    fs::create_dir(dir)?;
    fs::set_permissions(dir, Permissions::from_mode(0o755))?;
    for (name, file) in payload {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().expect("joined to a directory"))?;
        fs::write(&path, &file.bytes)?;
        fs::set_permissions(&path, Permissions::from_mode(file.mode))?;
    }
    Ok(())
}

fn swap(volume: &Path, fresh: &str) -> io::Result<()> {
    let next = volume.join(NEXT);
    // Left behind when the cluster was killed between the two steps.
    let _ = fs::remove_file(&next);
    symlink(fresh, &next)?;
    fs::rename(&next, volume.join(DATA))
}

/// Links the first segment of each path, and removes the links of files that are gone.
fn link_visible(volume: &Path, payload: &Payload) -> io::Result<()> {
    let wanted: Vec<&str> = payload.keys().map(|name| name.split('/').next().unwrap_or(name)).collect();
    for entry in fs::read_dir(volume)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !name.starts_with("..") && entry.file_type()?.is_symlink() && !wanted.contains(&name.as_ref()) {
            fs::remove_file(entry.path())?;
        }
    }
    for name in wanted {
        match symlink(Path::new(DATA).join(name), volume.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// What a data directory holds now.
fn read(dir: &Path) -> io::Result<Payload> {
    let mut payload = Payload::new();
    let mut open: Vec<PathBuf> = vec![dir.to_owned()];
    while let Some(at) = open.pop() {
        let entries = match fs::read_dir(&at) {
            // The link is there but not its target: write everything anew.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                open.push(entry.path());
                continue;
            }
            let name = entry.path().strip_prefix(dir).expect("found below it").to_string_lossy().into_owned();
            let mode = entry.metadata()?.permissions().mode() & 0o777;
            payload.insert(name, FileContent { bytes: fs::read(entry.path())?, mode });
        }
    }
    Ok(payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(files: &[(&str, &str)]) -> Payload {
        let file = |text: &str| FileContent { bytes: text.as_bytes().to_vec(), mode: 0o644 };
        files.iter().map(|(name, text)| ((*name).to_owned(), file(text))).collect()
    }

    fn entries(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn the_layout_is_that_of_the_kubelet() {
        let dir = tempfile::tempdir().unwrap();
        assert!(write(dir.path(), &payload(&[("app.toml", "a"), ("tls/key.pem", "k")])).unwrap());
        let data = fs::read_link(dir.path().join("..data")).unwrap().into_os_string().into_string().unwrap();
        assert!(data.starts_with("..20") && data.contains('.'), "{data}");
        assert_eq!(entries(dir.path()), [data.as_str(), "..data", "app.toml", "tls"].map(str::to_owned));
        assert_eq!(fs::read_link(dir.path().join("app.toml")).unwrap(), Path::new("..data/app.toml"));
        assert_eq!(fs::read_to_string(dir.path().join("tls/key.pem")).unwrap(), "k");
    }

    #[test]
    fn each_update_swaps_and_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        for round in 0..20 {
            let text = round.to_string();
            assert!(write(dir.path(), &payload(&[("a", text.as_str())])).unwrap());
            assert_eq!(fs::read_to_string(dir.path().join("a")).unwrap(), text);
            assert_eq!(entries(dir.path()).len(), 3, "data directory, its link, one file");
        }
    }

    #[test]
    fn the_same_content_is_not_written_again() {
        let dir = tempfile::tempdir().unwrap();
        assert!(write(dir.path(), &payload(&[("a", "1")])).unwrap());
        let before = fs::read_link(dir.path().join(DATA)).unwrap();
        assert!(!write(dir.path(), &payload(&[("a", "1")])).unwrap());
        assert_eq!(fs::read_link(dir.path().join(DATA)).unwrap(), before);
    }

    #[test]
    fn a_removed_key_loses_its_file() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &payload(&[("a", "1"), ("b", "2")])).unwrap();
        write(dir.path(), &payload(&[("b", "2")])).unwrap();
        assert!(fs::symlink_metadata(dir.path().join("a")).is_err());
        assert_eq!(fs::read_to_string(dir.path().join("b")).unwrap(), "2");
    }

    #[test]
    fn a_failed_write_keeps_the_old_files() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &payload(&[("a", "1")])).unwrap();
        // A file cannot also be a directory, whoever runs the test.
        assert!(write(dir.path(), &payload(&[("a", "2"), ("a/b", "3")])).is_err());
        assert_eq!(fs::read_to_string(dir.path().join("a")).unwrap(), "1");
        assert_eq!(entries(dir.path()).len(), 3);
    }

    #[test]
    fn a_half_done_swap_of_a_killed_cluster_is_no_obstacle() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &payload(&[("a", "1")])).unwrap();
        symlink("..gone", dir.path().join(NEXT)).unwrap();
        write(dir.path(), &payload(&[("a", "2")])).unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("a")).unwrap(), "2");
    }

    #[test]
    fn what_a_kill_after_the_swap_left_undone_is_done_by_the_next_write_of_the_same_content() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &payload(&[("a", "1")])).unwrap();
        fs::remove_file(dir.path().join("a")).unwrap();
        fs::create_dir(dir.path().join("..2026_01_01_00_00_00.000000000")).unwrap();
        assert!(!write(dir.path(), &payload(&[("a", "1")])).unwrap());
        assert_eq!(fs::read_to_string(dir.path().join("a")).unwrap(), "1");
        assert_eq!(entries(dir.path()).len(), 3, "data directory, its link, one file");
    }
}
