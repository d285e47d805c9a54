//! A file that is rotated by size and by time, and found again when somebody takes it away.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::config::LogFileConfig;

/// A file that is rotated by size and by time.
#[derive(Debug)]
pub(super) struct Rotating {
    path: PathBuf,
    max_size: Option<u64>,
    max_age: Option<Duration>,
    max_files: Option<usize>,
    rotate_every: Option<u64>,
    open: Option<Open>,
    /// Why a rotation failed, until one succeeds. Lines go on into the file as it is.
    pub(super) not_rotated: Option<io::Error>,
    /// When a rotation that failed is tried again.
    again: Option<SystemTime>,
}

#[derive(Debug)]
struct Open {
    file: File,
    device: u64,
    inode: u64,
    size: u64,
    /// In which turn of `rotate_every` it was last written.
    turn: u64,
    /// Whether it ends within a line, because neither the rest nor its removal succeeded.
    torn: bool,
}

/// How long after a rotation failed it is tried again.
const AGAIN: Duration = Duration::from_secs(60);

impl Rotating {
    pub(super) fn new(config: &LogFileConfig) -> Self {
        let some = |value: u64| (value > 0).then_some(value);
        Self {
            path: PathBuf::from(&config.path),
            max_size: some(config.max_size.bytes()),
            max_age: some(config.max_age.as_secs()).map(Duration::from_secs),
            max_files: some(config.max_files.into()).and_then(|most| usize::try_from(most).ok()),
            rotate_every: some(config.rotate_every.as_secs()),
            open: None,
            not_rotated: None,
            again: None,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes whole lines. Returns how many bytes were written, always a whole number of lines, and why the rest was not.
    pub(super) fn write(&mut self, lines: &[u8], now: SystemTime) -> (usize, io::Result<()>) {
        let mut done = 0;
        while done < lines.len() {
            match self.write_some(&lines[done..], now) {
                (written, Ok(())) => done += written,
                (written, Err(error)) => return (done + written, Err(error)),
            }
        }
        (done, Ok(()))
    }

    /// Writes as many lines as belong into one file.
    fn write_some(&mut self, lines: &[u8], now: SystemTime) -> (usize, io::Result<()>) {
        if let Err(error) = self.ready(now) {
            return (0, Err(error));
        }
        let Some(open) = &mut self.open else { return (0, Err(io::ErrorKind::NotFound.into())) };
        let room = self.max_size.map_or(u64::MAX, |most| most.saturating_sub(open.size));
        let fits = lines_within(lines, usize::try_from(room).unwrap_or(usize::MAX));
        let waits = self.again.is_some_and(|again| now < again);
        if fits == 0 && open.size > 0 && !waits {
            self.rotate(now);
            return (0, Ok(()));
        }
        let part = match fits {
            0 if waits => lines.len(),
            // A single line that is larger than a file may be.
            0 => lines.iter().position(|byte| *byte == b'\n').map_or(lines.len(), |end| end + 1),
            fits => fits,
        };
        open.turn = turn(self.rotate_every, now);
        let (written, result) = open.write(&lines[..part]);
        if result.is_err() {
            // Opened anew next time: the folder may be another one, and so may be who owns it.
            let torn = open.torn;
            if !torn {
                self.open = None;
            }
        }
        (written, result)
    }

    /// Opens the file if it is not open or no longer the one at its path, and rotates it if its time has come.
    fn ready(&mut self, now: SystemTime) -> io::Result<()> {
        let found = fs::metadata(&self.path);
        let same = |open: &Open| {
            found.as_ref().is_ok_and(|found| open.device == found.dev() && open.inode == found.ino())
        };
        if !self.open.as_ref().is_some_and(same) {
            self.open = None;
            self.open = Some(self.open_file(now)?);
            self.prune(now);
        }
        let waits = self.again.is_some_and(|again| now < again);
        let due = |open: &Open| open.size > 0 && open.turn != turn(self.rotate_every, now);
        if self.open.as_ref().is_some_and(due) && !waits {
            self.rotate(now);
            if self.open.is_none() {
                self.open = Some(self.open_file(now)?);
            }
        }
        Ok(())
    }

    fn open_file(&self, now: SystemTime) -> io::Result<Open> {
        if let Some(folder) = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder)?;
        }
        let file = OpenOptions::new().append(true).create(true).open(&self.path)?;
        let found = file.metadata()?;
        if !found.is_file() {
            let message = format!("{} is not a regular file", self.path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let turn = turn(self.rotate_every, found.modified().unwrap_or(now));
        Ok(Open { file, device: found.dev(), inode: found.ino(), size: found.len(), turn, torn: false })
    }

    /// Puts the file aside. If that fails it stays in use, and is tried again later.
    fn rotate(&mut self, now: SystemTime) {
        let renamed = self.backup(now).and_then(|backup| fs::rename(&self.path, backup));
        match renamed {
            Ok(()) => {
                self.open = None;
                (self.not_rotated, self.again) = (None, None);
                self.prune(now);
            }
            Err(error) => {
                self.again = Some(now + AGAIN);
                self.not_rotated = Some(error);
            }
        }
    }

    /// A name that nothing has yet.
    fn backup(&self, now: SystemTime) -> io::Result<PathBuf> {
        for later in 0..1000 {
            let mut name = self.path.clone().into_os_string();
            name.push(".");
            name.push(stamp(now + Duration::from_millis(later)));
            if !fs::exists(&name)? {
                return Ok(name.into());
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Removes rotated files that are too old or too many.
    pub(super) fn prune(&self, now: SystemTime) {
        let mut backups = self.backups();
        backups.sort();
        let too_many = self.max_files.map_or(0, |most| backups.len().saturating_sub(most));
        let oldest = self.max_age.and_then(|age| now.checked_sub(age)).map(stamp);
        for (index, (stamp, path)) in backups.iter().enumerate() {
            if index < too_many || oldest.as_ref().is_some_and(|oldest| stamp < oldest) {
                // Whoever has no right to remove it keeps it; what is written matters more.
                let _left = fs::remove_file(path);
            }
        }
    }

    /// The rotated files, with the time in their names.
    fn backups(&self) -> Vec<(String, PathBuf)> {
        let folder = match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut prefix = self.path.file_name().map(OsStr::to_os_string).unwrap_or_default();
        prefix.push(".");
        let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
        let names = entries.filter_map(|entry| entry.ok().map(|entry| (entry.file_name(), entry.path())));
        names
            .filter_map(|(name, path)| {
                let stamp = name.to_str()?.strip_prefix(prefix.to_str()?)?;
                is_stamp(stamp).then(|| (stamp.to_owned(), path))
            })
            .collect()
    }
}

impl Open {
    /// Writes these lines, or as many of them as go, whole.
    fn write(&mut self, lines: &[u8]) -> (usize, io::Result<()>) {
        if self.torn {
            if let Err(error) = self.file.write_all(b"\n") {
                return (0, Err(error));
            }
            (self.torn, self.size) = (false, self.size + 1);
        }
        let mut done = 0;
        let result = loop {
            match self.file.write(&lines[done..]) {
                Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => done += written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
            if done == lines.len() {
                break Ok(());
            }
        };
        let whole = lines_within(lines, done);
        // A part of a line is taken back, to be written whole later.
        if whole < done && self.file.set_len(self.size + whole as u64).is_err() {
            self.torn = true;
            self.size += (done - whole) as u64;
        }
        self.size += whole as u64;
        (whole, result)
    }
}

/// How many bytes the lines have that end within the first `most`.
fn lines_within(lines: &[u8], most: usize) -> usize {
    let most = most.min(lines.len());
    lines[..most].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1)
}

/// Which stretch of `every` seconds this is, counted from midnight UTC.
fn turn(every: Option<u64>, now: SystemTime) -> u64 {
    let second = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    every.map_or(0, |every| second / every)
}

/// `2026-11-22T18-03-15.123Z`: sorts by time, and every file system takes it.
fn stamp(now: SystemTime) -> String {
    let mut text = String::new();
    super::line::time(&mut text, now);
    let milliseconds = text.len() - "456Z".len();
    text.truncate(milliseconds);
    text.push('Z');
    text.replace(':', "-")
}

fn is_stamp(text: &str) -> bool {
    let form = "0000-00-00T00-00-00.000Z";
    text.len() == form.len()
        && text
            .chars()
            .zip(form.chars())
            .all(|(c, form)| if form == '0' { c.is_ascii_digit() } else { c == form })
}

#[cfg(test)]
mod tests {
    use super::*;

    use inkstone_config::{Dur, Size};

    fn at(second: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_795_370_400 + second)
    }

    fn rotating(dir: &Path, change: impl FnOnce(&mut LogFileConfig)) -> Rotating {
        let path = dir.join("logs/a.log").to_str().unwrap().to_owned();
        let mut config = LogFileConfig { path, max_age: Dur::from_secs(0), ..LogFileConfig::default() };
        change(&mut config);
        Rotating::new(&config)
    }

    fn files(dir: &Path) -> Vec<(String, String)> {
        let mut files: Vec<_> = fs::read_dir(dir.join("logs"))
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| {
                (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap())
            })
            .collect();
        files.sort();
        files
    }

    #[test]
    fn a_file_is_rotated_at_its_size_between_lines() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = rotating(dir.path(), |config| config.max_size = Size(10));
        let (written, result) = log.write(b"one\ntwo\nthree\na line that is longer\nx\n", at(0));
        assert_eq!((written, result.is_ok()), (38, true));
        let files = files(dir.path());
        let texts: Vec<_> = files.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts, ["x\n", "one\ntwo\n", "three\n", "a line that is longer\n"]);
        assert_eq!(files[1].0, "a.log.2026-11-22T18-00-00.000Z");
    }

    #[test]
    fn a_file_is_rotated_when_its_time_has_come_also_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let hourly = |config: &mut LogFileConfig| config.rotate_every = Dur::from_secs(3600);
        let mut log = rotating(dir.path(), hourly);
        log.write(b"first hour\n", at(0)).1.unwrap();
        log.write(b"still\n", at(1200)).1.unwrap();
        log.write(b"second hour\n", at(3600)).1.unwrap();
        assert_eq!(files(dir.path()).len(), 2);
        let modified = File::open(log.path()).unwrap();
        modified.set_modified(at(3600)).unwrap();
        let mut restarted = rotating(dir.path(), hourly);
        restarted.write(b"third hour\n", at(7200)).1.unwrap();
        let texts: Vec<_> = files(dir.path()).into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, ["third hour\n", "first hour\nstill\n", "second hour\n"]);
    }

    #[test]
    fn rotated_files_are_removed_by_number_and_by_age_and_nothing_else_is() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = rotating(dir.path(), |config| {
            (config.max_size, config.max_files) = (Size(4), 3);
            config.max_age = Dur::from_secs(100);
        });
        fs::create_dir_all(dir.path().join("logs")).unwrap();
        fs::write(dir.path().join("logs/a.log.old"), "somebody else's").unwrap();
        for second in 0..6 {
            log.write(b"line\n", at(second)).1.unwrap();
        }
        assert_eq!(files(dir.path()).len(), 1 + 3 + 1);
        log.prune(at(104));
        let names: Vec<_> = files(dir.path()).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), 1 + 2 + 1, "{names:?}");
        assert!(names.contains(&"a.log.old".to_owned()));
    }

    #[test]
    fn a_file_that_somebody_moved_or_whose_folder_is_gone_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = rotating(dir.path(), |_| {});
        log.write(b"one\n", at(0)).1.unwrap();
        fs::rename(log.path(), dir.path().join("logs/moved")).unwrap();
        log.write(b"two\n", at(0)).1.unwrap();
        let texts: Vec<_> = files(dir.path()).into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, ["two\n", "one\n"]);
        fs::remove_dir_all(dir.path().join("logs")).unwrap();
        log.write(b"three\n", at(0)).1.unwrap();
        assert_eq!(files(dir.path()), [("a.log".to_owned(), "three\n".to_owned())]);
    }

    #[test]
    fn a_disk_without_room_takes_whole_lines_only() {
        // The one file of Linux that has never any room.
        let mut full = Open {
            file: OpenOptions::new().write(true).open("/dev/full").unwrap(),
            device: 0,
            inode: 0,
            size: 0,
            turn: 0,
            torn: false,
        };
        let (written, result) = full.write(b"one\n");
        assert_eq!((written, result.unwrap_err().kind()), (0, io::ErrorKind::StorageFull));
    }

    #[test]
    fn a_file_that_cannot_be_put_aside_stays_in_use() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = rotating(dir.path(), |config| config.max_size = Size(4));
        log.write(b"one\n", at(0)).1.unwrap();
        // Every name that a rotated file could get is taken.
        log.again = Some(at(60));
        log.write(b"two\n", at(1)).1.unwrap();
        assert_eq!(files(dir.path()), [("a.log".to_owned(), "one\ntwo\n".to_owned())]);
        log.write(b"three\n", at(61)).1.unwrap();
        assert_eq!(files(dir.path()).len(), 2);
    }
}
