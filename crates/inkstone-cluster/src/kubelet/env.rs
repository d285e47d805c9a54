//! The environment of a container.
use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, EnvFromSource, EnvVarSource, Pod};

use super::expand::expand;
use super::fields::{Identity, field};
use super::sources::{Kind, Sources};

/// Names and values, in the order in which they were given.
#[derive(Debug, Clone, Default)]
pub(crate) struct Env(Vec<Variable>);

#[derive(Debug, Clone)]
struct Variable {
    name: String,
    value: String,
    /// Written by the manifest's author, who speaks of mount paths.
    declared: bool,
}

impl Env {
    /// Sets a variable that the cluster gives, over an earlier value of that name.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.put(name, value.into(), false);
    }

    fn put(&mut self, name: &str, value: String, declared: bool) {
        match self.0.iter_mut().find(|known| known.name == name) {
            Some(known) => (known.value, known.declared) = (value, declared),
            None => self.0.push(Variable { name: name.to_owned(), value, declared }),
        }
    }

    /// The value of a variable.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|known| known.name == name).map(|known| known.value.as_str())
    }

    /// Every variable; the values that the manifest declares are passed through `rewrite`.
    pub(crate) fn rewritten(&self, rewrite: impl Fn(&str) -> String) -> Vec<(String, String)> {
        let value = |one: &Variable| if one.declared { rewrite(&one.value) } else { one.value.clone() };
        self.0.iter().map(|one| (one.name.clone(), value(one))).collect()
    }

    /// Replaces `$(NAME)` in `text` by the variables.
    pub(crate) fn expand(&self, text: &str) -> String {
        expand(text, |name| self.get(name).map(str::to_owned))
    }
}

/// Adds what the container's manifest declares to `env`. The error says which object or key is missing.
pub(crate) fn declare(
    env: &mut Env,
    pod: &Pod,
    container: &Container,
    identity: &Identity,
    sources: &dyn Sources,
) -> Result<(), String> {
    for from in container.env_from.iter().flatten() {
        import(env, from, sources)?;
    }
    for variable in container.env.iter().flatten() {
        let value = match (&variable.value, &variable.value_from) {
            (Some(value), _) => Some(env.expand(value)),
            (None, Some(from)) => resolve(from, pod, identity, sources)
                .map_err(|error| format!("environment variable {}: {error}", variable.name))?,
            (None, None) => Some(String::new()),
        };
        if let Some(value) = value {
            env.put(&variable.name, value, true);
        }
    }
    Ok(())
}

fn import(env: &mut Env, from: &EnvFromSource, sources: &dyn Sources) -> Result<(), String> {
    let prefix = from.prefix.as_deref().unwrap_or_default();
    let reference = match (&from.config_map_ref, &from.secret_ref) {
        (Some(map), _) => (Kind::ConfigMap, &map.name, map.optional),
        (None, Some(secret)) => (Kind::Secret, &secret.name, secret.optional),
        (None, None) => return Ok(()),
    };
    let (kind, name, optional) = reference;
    match sources.entries(kind, name) {
        Some(entries) => {
            for (key, bytes) in entries {
                env.put(&format!("{prefix}{key}"), text(kind, name, &key, bytes)?, true);
            }
            Ok(())
        }
        None if optional == Some(true) => Ok(()),
        None => Err(format!("{} \"{name}\" not found", kind.name())),
    }
}

fn resolve(
    from: &EnvVarSource,
    pod: &Pod,
    identity: &Identity,
    sources: &dyn Sources,
) -> Result<Option<String>, String> {
    if let Some(reference) = &from.field_ref {
        return field(pod, identity, &reference.field_path).map(Some);
    }
    if let Some(reference) = &from.config_map_key_ref {
        return entry(sources, Kind::ConfigMap, &reference.name, &reference.key, reference.optional);
    }
    if let Some(reference) = &from.secret_key_ref {
        return entry(sources, Kind::Secret, &reference.name, &reference.key, reference.optional);
    }
    Err("the local cluster has fieldRef, configMapKeyRef and secretKeyRef; it limits no resources".to_owned())
}

fn entry(
    sources: &dyn Sources,
    kind: Kind,
    name: &str,
    key: &str,
    optional: Option<bool>,
) -> Result<Option<String>, String> {
    let optional = optional == Some(true);
    let found: Option<BTreeMap<_, _>> = sources.entries(kind, name);
    match found {
        None if optional => Ok(None),
        None => Err(format!("{} \"{name}\" not found", kind.name())),
        Some(mut entries) => match entries.remove(key) {
            Some(bytes) => text(kind, name, key, bytes).map(Some),
            None if optional => Ok(None),
            None => Err(format!("{} \"{name}\" has no key \"{key}\"", kind.name())),
        },
    }
}

fn text(kind: Kind, name: &str, key: &str, bytes: Vec<u8>) -> Result<String, String> {
    match String::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => Ok(text),
        _ => Err(format!(
            "{} \"{name}\" key \"{key}\" is binary, and the environment takes text only",
            kind.name()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    struct Fixed;

    impl Sources for Fixed {
        fn entries(&self, kind: Kind, name: &str) -> Option<BTreeMap<String, Vec<u8>>> {
            match (kind, name) {
                (Kind::ConfigMap, "app") => Some([("MODE".to_owned(), b"dev".to_vec())].into()),
                (Kind::Secret, "keys") => Some([("token".to_owned(), b"T".to_vec())].into()),
                _ => None,
            }
        }
    }

    fn check(container: serde_json::Value) -> Result<Env, String> {
        let mut container = container;
        container["name"] = json!("main");
        let container: Container = serde_json::from_value(container).unwrap();
        let pod: Pod = serde_json::from_value(json!({"metadata": {"name": "p"}})).unwrap();
        let identity = Identity { node: "n".into(), node_ip: "127.0.0.1".into(), ip: "127.70.0.1".into() };
        let mut env = Env::default();
        env.set("BASE", "b");
        declare(&mut env, &pod, &container, &identity, &Fixed).map(|()| env)
    }

    #[test]
    fn variables_come_from_values_fields_and_objects() {
        let env = check(json!({
            "envFrom": [{"prefix": "APP_", "configMapRef": {"name": "app"}}, {"secretRef": {"name": "no", "optional": true}}],
            "env": [
                {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
                {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "token"}}},
                {"name": "URL", "value": "http://$(IP)/$(BASE)?$(LATER)&m=$(APP_MODE)"},
                {"name": "LATER", "value": "x"},
                {"name": "NONE", "valueFrom": {"configMapKeyRef": {"name": "app", "key": "no", "optional": true}}},
            ],
        }))
        .unwrap();
        let cases = [
            ("APP_MODE", Some("dev")),
            ("IP", Some("127.70.0.1")),
            ("TOKEN", Some("T")),
            ("URL", Some("http://127.70.0.1/b?$(LATER)&m=dev")),
            ("LATER", Some("x")),
            ("NONE", None),
        ];
        for (name, expected) in cases {
            assert_eq!(env.get(name), expected, "{name}");
        }
    }

    #[test]
    fn a_missing_source_names_variable_object_and_key() {
        let reference = json!({"name": "T", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "nope"}}});
        let error = check(json!({ "env": [reference] })).unwrap_err();
        assert_eq!(error, "environment variable T: secret \"keys\" has no key \"nope\"");
        let error = check(json!({"envFrom": [{"configMapRef": {"name": "none"}}]})).unwrap_err();
        assert_eq!(error, "configmap \"none\" not found");
    }
}
