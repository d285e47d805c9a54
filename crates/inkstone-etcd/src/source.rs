//! Configuration from keys of etcd.

use std::collections::BTreeMap;
use std::path::PathBuf;

use inkstone_config::{Fault, Feed, Remote, RemoteAddress, RemoteDocument, RemoteSource, Secret, Trouble};

use crate::config::{ConnectConfig, TlsConfig};
use crate::link::{Link, Options};
use crate::watch::{Change, Range, Seen, Watch};

/// What an address may have after `?`.
const PARAMETERS: &[&str] = &["tls", "ca", "cert", "key", "server_name", "password_file"];
const EXPECTED: &str =
    "write `etcd://host:2379/path/of/the/key.toml`; a slash at the end means every key that begins so";

/// The source of `etcd://…`.
#[must_use]
pub const fn config_source() -> EtcdSource {
    EtcdSource(())
}

/// Reads `etcd://user:password@host:2379,host:2379/key.toml` and follows it. Made by [`config_source`].
#[derive(Debug, Clone)]
pub struct EtcdSource(());

impl RemoteSource for EtcdSource {
    fn scheme(&self) -> &'static str {
        "etcd"
    }

    fn parameters(&self) -> &'static [&'static str] {
        PARAMETERS
    }

    fn open(&self, address: &RemoteAddress) -> Result<Remote, Fault> {
        let options = options(address)?;
        let key = address.path();
        if options.members.is_empty() || key.len() < 2 {
            return Err(address.malformed("it does not name a host and a key").hint(EXPECTED));
        }
        let place = Place { shown: address.to_string(), key: key.to_owned() };
        Ok(Remote::new(move |feed| follow(options, place, feed)))
    }
}

fn options(address: &RemoteAddress) -> Result<Options, Fault> {
    let path = |name: &str| PathBuf::from(address.parameter(name).unwrap_or_default());
    let given = |name: &str| address.parameter(name).is_some();
    let enabled = match address.parameter("tls") {
        None => given("ca") || given("cert") || given("server_name"),
        Some("true") => true,
        Some("false") => false,
        Some(_) => return Err(address.malformed("`tls` is `true` or `false`")),
    };
    if given("cert") != given("key") {
        return Err(address.malformed("`cert` and `key` are given together or not at all"));
    }
    let user = address.user().unwrap_or_default().to_owned();
    let password = match (address.password(), address.parameter("password_file")) {
        (Some(_), Some(_)) => return Err(address.malformed("it has a password and a `password_file`")),
        (password, None) => password.cloned().unwrap_or_default(),
        (None, Some(file)) => std::fs::read_to_string(file)
            .map(|text| Secret::from(text.trim_end_matches(['\r', '\n'])))
            .map_err(|error| {
                address.malformed(format_args!("its password_file {file} cannot be read: {error}"))
            })?,
    };
    if user.is_empty() != password.is_empty() {
        return Err(address.malformed("user and password are given together or not at all"));
    }
    let tls = TlsConfig {
        enabled,
        ca: path("ca"),
        cert: path("cert"),
        key: path("key"),
        server_name: address.parameter("server_name").unwrap_or_default().to_owned(),
    };
    let members = address.hosts().map(str::to_owned).collect();
    Ok(Options { members, user, password, tls, connect: ConnectConfig::default() })
}

/// The key, or the prefix, and the address that documents are named after.
struct Place {
    shown: String,
    key: String,
}

impl Place {
    fn is_prefix(&self) -> bool {
        self.key.ends_with('/')
    }

    fn range(&self) -> Range {
        if self.is_prefix() { Range::prefix(self.key.as_bytes()) } else { Range::key(self.key.as_bytes()) }
    }

    /// What is there, in the order of the keys, which is that of precedence.
    fn feed(&self, keys: &BTreeMap<Vec<u8>, Vec<u8>>, feed: &Feed) {
        if keys.is_empty() {
            let what = if self.is_prefix() { "no key begins with" } else { "there is no key" };
            let trouble = Trouble::new(format_args!("{what} `{}`", self.key));
            return feed.gone(
                trouble.hint("write it, or correct the address; keys of the address begin with a slash"),
            );
        }
        feed.put(keys.iter().map(|(key, value)| {
            let rest = key.get(self.key.len()..).map(String::from_utf8_lossy).unwrap_or_default();
            RemoteDocument::new(format!("{}{rest}", self.shown), value.clone())
        }));
    }
}

/// Feeds the documents until nobody wants them any more.
async fn follow(options: Options, place: Place, feed: Feed) {
    let link = match Link::new(&options) {
        Ok(link) => link,
        // Files and names: they stay as they are until the next start.
        Err(why) => {
            return feed.failed(Trouble::new(why).hint("see the parameters of the address").lasting());
        }
    };
    let mut watch = Watch::new(link, place.range());
    let mut keys = BTreeMap::new();
    loop {
        match watch.next().await {
            Ok(Seen::All(all)) => keys = all.into_iter().map(|kv| (kv.key, kv.value)).collect(),
            Ok(Seen::Changes(changes)) => {
                for change in changes {
                    match change {
                        Change::Put(kv) => drop(keys.insert(kv.key, kv.value)),
                        Change::Deleted(key) => drop(keys.remove(&key)),
                    }
                }
            }
            Err(error) => {
                let trouble = Trouble::new(&error).hint(error.hint());
                feed.failed(if error.is_lasting() { trouble.lasting() } else { trouble });
                continue;
            }
        }
        place.feed(&keys, &feed);
    }
}
