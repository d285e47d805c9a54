//! What an address of a remote source names.

use std::{fmt, time::Duration};

use crate::{Code, Dur, Fault, Secret, near::nearest};

/// The address of a remote source: `scheme://user:password@host,host/path?parameter=value`.
///
/// It prints without user, password and parameters, so that its text can be shown anywhere.
///
/// ```
/// use inkstone_config::RemoteAddress;
/// let address = RemoteAddress::parse("etcd://shop:p%40ss@10.0.0.1:2379,10.0.0.2:2379/config/a.toml?timeout=2s").unwrap();
/// assert_eq!(address.to_string(), "etcd://10.0.0.1:2379,10.0.0.2:2379/config/a.toml");
/// assert_eq!(address.hosts().collect::<Vec<_>>(), ["10.0.0.1:2379", "10.0.0.2:2379"]);
/// assert_eq!(address.password().unwrap().reveal(), "p@ss");
/// assert_eq!(address.path(), "/config/a.toml");
/// ```
#[derive(Clone, Debug)]
pub struct RemoteAddress {
    scheme: String,
    user: Option<String>,
    password: Option<Secret>,
    authority: String,
    path: String,
    parameters: Vec<(String, Secret)>,
}

/// How long the first reading may take, where the address does not say.
const FIRST: Duration = Duration::from_secs(5);

/// The parameters that every source has.
const COMMON: &[&str] = &["timeout", "format"];

impl RemoteAddress {
    /// The scheme, if the text is an address and not a file's path. A single letter is a drive of Windows.
    pub(crate) fn scheme_of(text: &str) -> Option<&str> {
        let (scheme, _) = text.split_once("://")?;
        let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
        (scheme.len() > 1
            && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(word))
        .then_some(scheme)
    }

    /// Whether the list of hosts may go on after a comma: the text ends before a path begins.
    pub(crate) fn is_unfinished(text: &str) -> bool {
        Self::scheme_of(text).is_some_and(|scheme| !text[scheme.len() + 3..].contains(['/', '?']))
    }

    /// Takes an address apart.
    ///
    /// # Errors
    /// When it is no address, has a `%` that does not stand for a character, or an `@` where none can be.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let Some(scheme) = Self::scheme_of(text) else {
            return Err(Fault::new(
                Code::BadSource,
                "it is not an address such as `etcd://host:2379/key.toml`",
            ));
        };
        let rest = &text[scheme.len() + 3..];
        let login_goes_on = rest.find(['/', '?', '#']).is_some_and(|at| rest[at..].contains('@'));
        if login_goes_on {
            // Nothing of it is repeated: what looks like a path may be half of a password.
            let message = format!("the `{scheme}://` address has an `@` behind its hosts");
            let hint = "write `/`, `?`, `#` and `@` in user, password, path and parameters as `%2F`, `%3F`, `%23`, `%40`";
            return Err(Fault::new(Code::BadSource, message).hint(hint));
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let at = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at(at);
        let (login, hosts) =
            authority.rsplit_once('@').map_or((None, authority), |(login, hosts)| (Some(login), hosts));
        let mut address = Self {
            scheme: scheme.to_owned(),
            user: None,
            password: None,
            authority: hosts.to_owned(),
            path: String::new(),
            parameters: Vec::new(),
        };
        let decode = |text: &str, what: &str| {
            decoded(text).ok_or_else(|| {
                address.malformed(format_args!("a `%` in its {what} does not stand for a character"))
            })
        };
        let path = decode(path, "path")?;
        let login = login.map(|login| {
            login.split_once(':').map_or((login, None), |(user, password)| (user, Some(password)))
        });
        let user = login.map(|(user, _)| decode(user, "user")).transpose()?;
        let password =
            login.and_then(|(_, password)| password).map(|text| decode(text, "password")).transpose()?;
        let mut parameters = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            parameters.push((decode(name, "parameters")?, Secret::from(decode(value, "parameters")?)));
        }
        (address.path, address.user, address.parameters) = (path, user, parameters);
        address.password = password.map(Secret::from);
        Ok(address)
    }

    /// What stands before `://`.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// What stands between `://` and the path, without user and password.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The hosts, which stand between commas.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        self.authority.split(',').filter(|host| !host.is_empty())
    }

    /// The path with its first slash.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The user before `@`.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The password before `@`.
    pub const fn password(&self) -> Option<&Secret> {
        self.password.as_ref()
    }

    /// The value of a parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.reveal())
    }

    /// How long the first reading may take: the parameter `timeout`, or 5 s.
    ///
    /// # Errors
    /// When the parameter is not a length of time.
    pub fn timeout(&self) -> Result<Duration, Fault> {
        let Some(text) = self.parameter("timeout") else { return Ok(FIRST) };
        let parsed = text.parse::<Dur>();
        parsed.map(|time| time.get()).map_err(|error| self.malformed(format_args!("its timeout: {error}")))
    }

    /// The parameter `format`, for a name without a telling ending.
    pub(crate) fn format(&self) -> Option<&str> {
        self.parameter("format")
    }

    /// That a parameter is unknown, or stands twice.
    pub(crate) fn check(&self, known: &[&str]) -> Result<(), Fault> {
        for (index, (name, _)) in self.parameters.iter().enumerate() {
            let known = || known.iter().chain(COMMON).copied();
            if !known().any(|known| known == name) {
                let near = nearest(name, known())
                    .map(|near| format!("; did you mean `{near}`?"))
                    .unwrap_or_default();
                let fault = self.malformed(format_args!("it has no parameter `{name}`{near}"));
                return Err(
                    fault.hint(format_args!("it may have {}", known().collect::<Vec<_>>().join(", ")))
                );
            }
            if self.parameters[..index].iter().any(|(before, _)| before == name) {
                return Err(self.malformed(format_args!("the parameter `{name}` stands twice")));
            }
        }
        Ok(())
    }

    /// A fault of this address.
    pub fn malformed(&self, message: impl fmt::Display) -> Fault {
        Fault::new(Code::BadSource, message).target(self)
    }
}

/// Without user, password and parameters.
impl fmt::Display for RemoteAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.path)
    }
}

/// Percent-encoding undone.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        let (high, low) = (digit()?, digit()?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_a_file_is_no_address() {
        for text in ["a.toml", "/etc/a.toml", r"C:\a.toml", "c://a.toml", "a b://c", "://x"] {
            assert!(RemoteAddress::scheme_of(text).is_none(), "{text}");
        }
        assert_eq!(RemoteAddress::scheme_of("k8s://shop/catalog/a.toml"), Some("k8s"));
    }

    #[test]
    fn hosts_go_on_after_a_comma_until_a_path_begins() {
        assert!(RemoteAddress::is_unfinished("etcd://a:1"));
        assert!(!RemoteAddress::is_unfinished("etcd://a:1/key"));
        assert!(!RemoteAddress::is_unfinished("a.toml"));
    }

    #[test]
    fn no_part_that_may_be_secret_is_printed() {
        let address =
            RemoteAddress::parse("etcd://user:hunter2@h:1/k.toml?password=hunter3&timeout=1s").unwrap();
        let shown = format!("{address} {address:?} {}", address.malformed("x"));
        assert!(!shown.contains("hunter"), "{shown}");
        for unencoded in ["etcd://u:hunter/2@h/k", "etcd://u:hunter?2@h/k", "etcd://u:hunter#2@h"] {
            let refused = RemoteAddress::parse(unencoded).unwrap_err().to_string();
            assert!(refused.contains("`@` behind its hosts") && !refused.contains("hunter"), "{refused}");
        }
        assert_eq!(address.parameter("password"), Some("hunter3"));
        assert_eq!(address.timeout().unwrap(), Duration::from_secs(1));
    }

    #[test]
    fn a_misspelt_parameter_names_the_nearest() {
        let address = RemoteAddress::parse("etcd://h:1/k.toml?timout=1s").unwrap();
        let fault = address.check(&["ca"]).unwrap_err();
        assert!(fault.message.contains("did you mean `timeout`?"), "{fault}");
        let twice = RemoteAddress::parse("etcd://h:1/k.toml?ca=a&ca=b").unwrap();
        assert!(twice.check(&["ca"]).unwrap_err().message.contains("stands twice"));
        assert!(RemoteAddress::parse("etcd://h:1/%zz").is_err());
        assert!(RemoteAddress::parse("etcd://h:1/k?timeout=soon").unwrap().timeout().is_err());
    }
}
