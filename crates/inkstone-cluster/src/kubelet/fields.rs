//! The downward API: what a pod may ask about itself.
use k8s_openapi::api::core::v1::Pod;

/// What is known about a pod besides its manifest.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) node: String,
    pub(crate) node_ip: String,
    pub(crate) ip: String,
}

/// The value at `path` of the pod: `metadata.name`, `metadata.labels['app']`, `status.podIP`.
pub(crate) fn field(pod: &Pod, identity: &Identity, path: &str) -> Result<String, String> {
    let meta = &pod.metadata;
    let spec = pod.spec.as_ref();
    let keyed = |prefix: &str| {
        path.strip_prefix(prefix)?
            .strip_prefix('[')?
            .strip_suffix(']')
            .map(|key| key.trim_matches(['\'', '"']))
    };
    if let Some(key) = keyed("metadata.labels") {
        return Ok(meta.labels.as_ref().and_then(|all| all.get(key)).cloned().unwrap_or_default());
    }
    if let Some(key) = keyed("metadata.annotations") {
        return Ok(meta.annotations.as_ref().and_then(|all| all.get(key)).cloned().unwrap_or_default());
    }
    let value = match path {
        "metadata.name" => meta.name.clone().unwrap_or_default(),
        "metadata.namespace" => meta.namespace.clone().unwrap_or_default(),
        "metadata.uid" => meta.uid.clone().unwrap_or_default(),
        "metadata.labels" => pairs(meta.labels.iter().flatten()),
        "metadata.annotations" => pairs(meta.annotations.iter().flatten()),
        "spec.nodeName" => identity.node.clone(),
        "spec.serviceAccountName" => {
            spec.and_then(|spec| spec.service_account_name.clone()).unwrap_or_else(|| "default".to_owned())
        }
        "status.hostIP" | "status.hostIPs" => identity.node_ip.clone(),
        "status.podIP" | "status.podIPs" => identity.ip.clone(),
        _ => return Err(format!("fieldRef \"{path}\" is not a field that the downward API offers")),
    };
    Ok(value)
}

fn pairs<'a>(all: impl Iterator<Item = (&'a String, &'a String)>) -> String {
    all.map(|(key, value)| format!("{key}={value:?}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pod_can_ask_about_itself() {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "a", "namespace": "shop", "labels": {"app.kubernetes.io/name": "catalog"}},
            "spec": {"containers": []},
        }))
        .unwrap();
        let identity = Identity { node: "n".into(), node_ip: "127.0.0.1".into(), ip: "127.70.0.1".into() };
        let cases = [
            ("metadata.name", "a"),
            ("metadata.namespace", "shop"),
            ("metadata.labels['app.kubernetes.io/name']", "catalog"),
            ("metadata.annotations['none']", ""),
            ("spec.nodeName", "n"),
            ("spec.serviceAccountName", "default"),
            ("status.podIP", "127.70.0.1"),
        ];
        for (path, expected) in cases {
            assert_eq!(field(&pod, &identity, path).unwrap(), expected, "{path}");
        }
        assert!(field(&pod, &identity, "spec.containers").is_err());
    }
}
