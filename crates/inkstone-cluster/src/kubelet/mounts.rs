//! Where a container's mount paths really are, and the rewriting of texts that name them.
//!
//! Without root nothing can be mounted at `/etc/catalog`; the volume stays in the state directory, and whatever
//! the container is told about `/etc/catalog` is changed to the real place. Only commands, arguments, environment
//! values and the working directory are rewritten, never the content of files.
use std::path::{Component, Path, PathBuf};

/// The mounts of one container, longest path first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mounts(Vec<(String, String)>);

impl Mounts {
    /// Takes pairs of mount path and real place.
    pub(crate) fn new(mounts: impl IntoIterator<Item = (String, PathBuf)>) -> Self {
        let mut mounts: Vec<_> = mounts
            .into_iter()
            .map(|(path, real)| (path.trim_end_matches('/').to_owned(), real.to_string_lossy().into_owned()))
            .filter(|(path, _)| !path.is_empty())
            .collect();
        mounts.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
        Self(mounts)
    }

    /// Replaces each mount path in `text`, where it stands as a whole path or as the beginning of one.
    pub(crate) fn rewrite(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        while let Some(rest) = text.get(at..) {
            let found = self.0.iter().find(|(path, _)| starts_path(&text[..at]) && is_prefix(path, rest));
            if let Some((path, real)) = found {
                out.push_str(real);
                at += path.len();
            } else if let Some(next) = rest.chars().next() {
                out.push(next);
                at += next.len_utf8();
            } else {
                break;
            }
        }
        out
    }
}

/// Whether a path can begin after `before`: `--config=/etc/x`, `a:/etc/x` and `sqlite:///etc/x`, not `/my/etc/x`.
fn starts_path(before: &str) -> bool {
    match before.chars().next_back() {
        None => true,
        Some('/') => before.ends_with("://"),
        Some(last) => !(last.is_alphanumeric() || matches!(last, '.' | '_' | '-' | '~')),
    }
}

fn is_prefix(path: &str, rest: &str) -> bool {
    rest.strip_prefix(path).is_some_and(|after| {
        after
            .chars()
            .next()
            .is_none_or(|next| !(next.is_alphanumeric() || matches!(next, '.' | '_' | '-' | '~')))
    })
}

/// `path` below `root`, however many `..` it has.
pub(crate) fn below(root: &Path, path: &str) -> PathBuf {
    let inside = Path::new(path).components().filter_map(|part| match part {
        Component::Normal(name) => Some(name),
        _ => None,
    });
    root.join(inside.collect::<PathBuf>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_paths_are_rewritten_wherever_a_path_begins() {
        let mounts = Mounts::new([
            ("/etc/catalog".to_owned(), "/real/config".into()),
            ("/etc/catalog/tls/".to_owned(), "/real/tls".into()),
            ("/data".to_owned(), "/real/data".into()),
        ]);
        let cases = [
            ("/etc/catalog", "/real/config"),
            ("/etc/catalog/a.toml", "/real/config/a.toml"),
            (
                "--config=/etc/catalog/a.toml,/etc/catalog/b.toml",
                "--config=/real/config/a.toml,/real/config/b.toml",
            ),
            ("/etc/catalog/tls/key.pem", "/real/tls/key.pem"),
            ("sqlite:///data/shop.db?mode=rwc", "sqlite:///real/data/shop.db?mode=rwc"),
            ("cat /data/x > '/data/y'", "cat /real/data/x > '/real/data/y'"),
            ("/etc/catalogue", "/etc/catalogue"),
            ("/my/etc/catalog", "/my/etc/catalog"),
            ("http://host/data", "http://host/data"),
            ("/data.bak", "/data.bak"),
            ("größe=/data", "größe=/real/data"),
        ];
        for (text, expected) in cases {
            assert_eq!(mounts.rewrite(text), expected, "{text}");
        }
    }

    #[test]
    fn a_path_cannot_leave_its_root() {
        assert_eq!(below(Path::new("/state/host"), "/var/../../lib/x"), Path::new("/state/host/var/lib/x"));
    }
}
