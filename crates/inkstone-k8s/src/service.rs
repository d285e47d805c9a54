//! What a target names.

use std::fmt;

use inkstone_discover::Target;
use k8s_openapi::api::discovery::v1::EndpointPort;

/// A port of a service in a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) namespace: Option<String>,
    pub(crate) port: Port,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Port {
    Name(String),
    Number(u16),
}

const EXPECTED: &str = "expected `k8s:///service.namespace:port`, with the port's name or number";

impl Service {
    pub(crate) fn of(target: &Target) -> Result<Self, String> {
        if !target.authority().is_empty() {
            return Err(format!("`{}` has no place between the slashes; {EXPECTED}", target.authority()));
        }
        let Some((host, port)) = target.endpoint().rsplit_once(':') else {
            return Err(format!("it names no port; {EXPECTED}"));
        };
        let (name, namespace) = match host.split_once('.') {
            Some((name, namespace)) => (name, Some(namespace)),
            None => (host, None),
        };
        // `catalog.shop.svc.cluster.local` is what DNS would call it
        let namespace = namespace.map(|rest| match rest.split_once('.') {
            Some((namespace, "svc" | "svc.cluster.local")) => namespace,
            _ => rest,
        });
        for (what, label) in [("service", Some(name)), ("namespace", namespace)] {
            if let Some(label) = label.filter(|label| !is_label(label)) {
                return Err(format!("`{label}` is not the name of a {what}; {EXPECTED}"));
            }
        }
        Ok(Self { name: name.to_owned(), namespace: namespace.map(str::to_owned), port: Port::of(port)? })
    }
}

impl Port {
    fn of(text: &str) -> Result<Self, String> {
        match text.parse::<u16>() {
            Ok(number) if number > 0 => Ok(Self::Number(number)),
            Err(_) if is_label(text) && text.contains(|c: char| c.is_ascii_lowercase()) => {
                Ok(Self::Name(text.to_owned()))
            }
            _ => Err(format!("`{text}` is not a port; {EXPECTED}")),
        }
    }

    /// The number, if this is the port that a slice lists.
    pub(crate) fn matches(&self, listed: &EndpointPort) -> Option<u16> {
        let number = listed.port.and_then(|port| u16::try_from(port).ok())?;
        match self {
            Self::Name(name) => listed.name.as_deref() == Some(name.as_str()),
            Self::Number(wanted) => *wanted == number,
        }
        .then_some(number)
    }
}

/// What Kubernetes allows as the name of a service, a namespace or a port.
fn is_label(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty()
        && text.len() <= 63
        && text.chars().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Number(number) => write!(f, "{number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Service, String> {
        Service::of(&text.parse().unwrap())
    }

    #[test]
    fn service_namespace_and_port_are_read() {
        let check = |text, name: &str, namespace: Option<&str>, port| {
            let expected = Service { name: name.to_owned(), namespace: namespace.map(str::to_owned), port };
            assert_eq!(parse(text), Ok(expected), "{text}");
        };
        let grpc = || Port::Name("grpc".to_owned());
        check("k8s:///catalog.shop:grpc", "catalog", Some("shop"), grpc());
        check("k8s:///catalog:grpc", "catalog", None, grpc());
        check("k8s:///catalog.shop:9002", "catalog", Some("shop"), Port::Number(9002));
        check("k8s:///catalog.shop.svc:grpc", "catalog", Some("shop"), grpc());
        check("k8s:///catalog.shop.svc.cluster.local:grpc", "catalog", Some("shop"), grpc());
    }

    #[test]
    fn what_is_wrong_with_a_target_is_said() {
        let check = |text, part: &str| {
            let why = parse(text).unwrap_err();
            assert!(why.contains(part) && why.contains(EXPECTED), "{text}: {why}");
        };
        check("k8s:///catalog.shop", "no port");
        check("k8s:///catalog.shop:", "`` is not a port");
        check("k8s:///catalog.shop:0", "`0` is not a port");
        check("k8s:///catalog.shop:99999", "`99999` is not a port");
        check("k8s:///Catalog.shop:grpc", "`Catalog` is not the name of a service");
        check("k8s:///catalog.shop.example.com:grpc", "`shop.example.com` is not the name of a namespace");
        check("k8s://api/catalog.shop:grpc", "`api` has no place");
    }
}
