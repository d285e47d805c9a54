//! Questions about the caller: whoever has the token may do everything.

use http::StatusCode;
use serde_json::{Value, json};

use super::answer::{Answer, Form};

/// The one user of a local cluster.
const USER: &str = "inkstone-dev";

/// Answers a review; None if no such review is served.
pub(super) fn answer(
    review: &str,
    mut body: Value,
    is_ours: impl Fn(&str) -> bool,
    form: Form,
) -> Option<Answer> {
    if !body.is_object() {
        body = json!({});
    }
    let user = json!({ "username": USER, "groups": ["system:masters", "system:authenticated"] });
    let (kind, group, status) = match review {
        "selfsubjectaccessreviews" => {
            ("SelfSubjectAccessReview", "authorization.k8s.io/v1", json!({ "allowed": true }))
        }
        "selfsubjectrulesreviews" => {
            let all = json!([{ "verbs": ["*"], "apiGroups": ["*"], "resources": ["*"] }]);
            let paths = json!([{ "verbs": ["*"], "nonResourceURLs": ["*"] }]);
            let rules = json!({ "resourceRules": all, "nonResourceRules": paths, "incomplete": false });
            ("SelfSubjectRulesReview", "authorization.k8s.io/v1", rules)
        }
        "selfsubjectreviews" => {
            ("SelfSubjectReview", "authentication.k8s.io/v1", json!({ "userInfo": user }))
        }
        "tokenreviews" => {
            let known = body["spec"]["token"].as_str().is_some_and(is_ours);
            let status = if known {
                json!({ "authenticated": true, "user": user })
            } else {
                json!({ "error": "invalid bearer token" })
            };
            ("TokenReview", "authentication.k8s.io/v1", status)
        }
        _ => return None,
    };
    body["kind"] = kind.into();
    body["apiVersion"] = group.into();
    body["status"] = status;
    Some(form.json(StatusCode::CREATED, &body))
}
