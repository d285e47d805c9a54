//! From an image name to a program on this machine.
use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The registry name of images that are programs on this machine.
const REGISTRY: &str = "inkstone.local/";

/// Where programs are looked up, in order.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    pub(crate) dirs: Vec<PathBuf>,
}

impl Programs {
    /// The program of `image`: `inkstone.local/shop/catalog:v2` is `catalog` in the first directory that has it.
    pub(crate) fn of_image(&self, image: &str) -> Result<PathBuf, String> {
        let Some(path) = image.strip_prefix(REGISTRY) else {
            return Err(format!(
                "image \"{image}\" is not a local program: the local cluster pulls no images, it runs {REGISTRY}NAME \
                 as the program NAME found in {}",
                self.places()
            ));
        };
        let name = name_of(path);
        self.find(name).ok_or_else(|| {
            format!(
                "image \"{image}\" is the program \"{name}\", and no executable of that name is in {}; build it or \
                 add its directory",
                self.places()
            )
        })
    }

    /// What runs for a container: the program of the image, or the first word of `command`.
    ///
    /// A command may give a path that exists only inside the real image (`/usr/local/bin/catalog`): when there is
    /// no such file here and its last segment is a program in our directories, that program runs.
    pub(crate) fn of_command(&self, word: &str) -> Result<PathBuf, String> {
        let path = Path::new(word);
        if word.contains('/') && is_executable(path) {
            return Ok(path.to_owned());
        }
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or(word);
        self.find(name).or_else(|| (!word.contains('/')).then(|| on_path(name)).flatten()).ok_or_else(|| {
            format!("command \"{word}\" is no executable here, and \"{name}\" is not in {}", self.places())
        })
    }

    fn find(&self, name: &str) -> Option<PathBuf> {
        self.dirs.iter().map(|dir| dir.join(name)).find(|path| is_executable(path))
    }

    fn places(&self) -> String {
        match self.dirs.as_slice() {
            [] => "any program directory (none is configured)".to_owned(),
            dirs => dirs.iter().map(|dir| dir.display().to_string()).collect::<Vec<_>>().join(", "),
        }
    }
}

/// Last segment of an image path without tag and digest.
fn name_of(path: &str) -> &str {
    let path = path.split('@').next().unwrap_or(path);
    let last = path.rsplit('/').next().unwrap_or(path);
    last.split(':').next().unwrap_or(last)
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| is_executable(file))
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn programs() -> Programs {
        Programs { dirs: vec!["/nowhere".into(), "/bin".into()] }
    }

    #[test]
    fn the_last_segment_of_a_local_image_is_the_program() {
        for image in ["inkstone.local/sh", "inkstone.local/shop/sh:v1", "inkstone.local/sh@sha256:00"] {
            assert_eq!(programs().of_image(image).unwrap(), Path::new("/bin/sh"), "{image}");
        }
    }

    #[test]
    fn a_missing_program_names_the_directories() {
        let error = programs().of_image("inkstone.local/catalog:1").unwrap_err();
        assert!(error.contains("\"catalog\"") && error.contains("/nowhere, /bin"), "{error}");
        let error = programs().of_image("nginx:1").unwrap_err();
        assert!(error.contains("inkstone.local/NAME"), "{error}");
    }

    #[test]
    fn a_path_of_the_real_image_falls_back_to_the_program_of_that_name() {
        assert_eq!(programs().of_command("/opt/none/sh").unwrap(), Path::new("/bin/sh"));
        assert_eq!(programs().of_command("/bin/sh").unwrap(), Path::new("/bin/sh"));
        assert!(programs().of_command("/opt/none/missing").is_err());
    }
}
