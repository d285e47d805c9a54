//! No report quotes a secret, whatever else is wrong on its line.

use inkstone_config::{Config, Dur, Kind, Secret, Settings, Sources, check_text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
struct Client {
    size: u32,
    key: Secret,
    login: Option<Login>,
}

impl Config for Client {}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Login {
    Bearer(Secret),
    User { name: String, word: Secret },
    Nobody,
}

const KINDS: &[Kind] = &[Kind::of::<Client>("client")];

/// Everything printed about texts laid over each other, and about each alone.
fn printed(texts: &[&str]) -> String {
    let mut all = String::new();
    let mut sources = Sources::new();
    for (index, text) in texts.iter().enumerate() {
        let name = format!("{index}.json");
        let problems = check_text(&name, text, KINDS);
        assert!(problems.has_errors(), "{text} is wrong");
        all += &format!("{problems}{}", problems.to_json_lines());
        sources = sources.text(&name, text);
    }
    let settings = Settings::open(sources);
    let _ = settings.load::<Client>("client", "client.a");
    let problems = settings.problems();
    all + &format!("{problems}{}{:?}", problems.to_json_lines(), settings.effective())
}

#[test]
fn a_secret_of_an_optional_enum_is_not_quoted() {
    for login in [
        r#"{"bearer": "hunter2"}"#,
        r#"{"user": {"name": 1, "word": "hunter2"}}"#,
        r#"{"bearer": ["hunter2"]}"#,
    ] {
        let text = format!(r#"{{"client": {{"a": {{"login": {login}, "siz": 3}}}}}}"#);
        let printed = printed(&[&text]);
        assert!(printed.contains("***") && !printed.contains("hunter2"), "{printed}");
    }
}

#[test]
fn a_secret_of_the_variant_that_is_not_meant_is_not_quoted() {
    let printed = printed(&[
        r#"{"client": {"a": {"login": {"user": {"name": "n", "word": ""}, "bearer": "hunter2"}, "siz": 3}}}"#,
    ]);
    assert!(!printed.contains("hunter2"), "{printed}");
}

#[test]
fn a_secret_that_another_layer_replaces_is_not_quoted() {
    let printed = printed(&[
        r#"{"client": {"a": {"key": "hunter2", "login": {"bearer": "hunter2"}, "siz": 3}}}"#,
        r#"{"client": {"a": {"key": "x", "login": {"user": {"name": "n", "word": "w"}}, "siz": 3}}}"#,
    ]);
    assert!(!printed.contains("hunter2"), "{printed}");
}

#[test]
fn a_layer_replaces_another_variant_of_an_optional_enum() {
    let sources = Sources::new()
        .text("a.toml", "[client.a.login]\nbearer = \"x\"")
        .text("b.toml", "[client.a.login.user]\nname = \"n\"\nword = \"w\"");
    let settings = Settings::open(sources);
    let client = settings.load::<Client>("client", "client.a");
    assert!(settings.problems().is_empty(), "{}", settings.problems());
    assert!(matches!(&client.get().login, Some(Login::User { name, .. }) if name == "n"));
}

/// A table of an application that takes no care of its secrets.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
struct Careless {
    password: String,
    api_key: Option<String>,
    tokens: Vec<String>,
    credentials: std::collections::BTreeMap<String, String>,
    partners: Vec<std::collections::BTreeMap<String, String>>,
    token_ttl: Option<Dur>,
    max_tokens: u32,
    user: String,
    old_password: String,
}

impl Config for Careless {}

#[test]
fn plain_text_under_a_telltale_key_is_masked_where_settings_are_shown() {
    let text = r#"
        [mail]
        password = "hunter2"
        api_key = "hunter2"
        tokens = ["hunter2"]
        credentials = { main = "hunter2" }
        partners = [{ name = "p", secret = "hunter2" }]
        token_ttl = "5m"
        max_tokens = 7
        user = "u"
    "#;
    let settings = Settings::open(Sources::new().text("app.toml", text));
    let mail = settings.load::<Careless>("application", "mail");
    assert!(settings.problems().is_empty(), "{}", settings.problems());
    assert_eq!(mail.get().password, "hunter2");
    let effective = settings.effective();
    let value =
        |key: &str| effective.iter().find(|value| value.key == key).map(|value| value.value.to_string());
    let shown = |key: &str, expected: &str| assert_eq!(value(key).as_deref(), Some(expected), "{key}");
    shown("mail.password", r#""***""#);
    shown("mail.api_key", r#""***""#);
    shown("mail.tokens", r#"["***"]"#);
    shown("mail.credentials.main", r#""***""#);
    shown("mail.partners", r#"[{"name":"p","secret":"***"}]"#);
    shown("mail.token_ttl", r#""5m""#);
    shown("mail.max_tokens", "7");
    shown("mail.user", r#""u""#);
    shown("mail.old_password", r#""""#);
}

/// What is printed about a text that is wrong somewhere.
fn shown(name: &str, text: &str) -> String {
    let checked = check_text(name, text, KINDS);
    let settings = Settings::open(Sources::new().text(name, text));
    let _ = settings.load::<Client>("client", "client.a");
    let problems = settings.problems();
    assert!(problems.has_errors(), "{text}");
    format!(
        "{checked}{}{problems}{}{:?}",
        checked.to_json_lines(),
        settings.unread_tables(),
        settings.effective()
    )
}

#[test]
fn a_secret_over_several_lines_is_masked_on_each_of_them() {
    // The caret is on the line with the secret or within it, whatever is wrong.
    for (name, text) in [
        ("a.toml", "[client.a]\nkey = \"\"\"\none hunter2\ntwo hunter2\"\"\"\nsiz = 3\n"),
        ("a.toml", "[client.a]\nkey = [\n\"hunter2\",\n\"hunter2\",\n]\n"),
        ("a.toml", "[client.a]\npassword = '''\none hunter2\ntwo hunter2'''\n"),
        ("a.toml", "[client.a]\nkey = '''\none hunter2\ntwo hunter2''' siz\n"),
        ("a.toml", "[client.a]\ntokens = [\n  \"hunter2\",\n  hunter2,\n]\n"),
        ("a.yaml", "client:\n  a:\n    key: |\n      one hunter2\n      two hunter2\n    siz: 3\n"),
        ("a.yaml", "client:\n  a:\n    key: \"one hunter2\n      two hunter2\"\n    siz: 3\n"),
        ("a.yaml", "client:\n  a:\n    key:\n      - hunter2\n      - hunter2\n"),
        ("a.yaml", "client:\n  a:\n    password: |\n      one hunter2\n     two hunter2\n    siz: 3\n"),
        ("a.yaml", "client:\n  a:\n    password:\n      main: hunter2\n      other: \"hunter2\n"),
        ("a.json", "{\"client\": {\"a\": {\"tokens\": [\n\"hunter2\",\n\"hunter2\" \"hunter2\"\n]}}}"),
    ] {
        let shown = shown(name, text);
        assert!(!shown.contains("hunter2"), "{text}\n{shown}");
    }
}

#[test]
fn a_secret_that_stands_under_an_anchor_is_masked_there_too() {
    let shown = shown("a.yaml", "anchors: &word hunter2\nclient:\n  a:\n    key: *word\n    siz: 3\n");
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("anchors: ***") || shown.contains("anchors: &word ***"), "{shown}");
}

#[test]
fn what_is_no_secret_is_still_quoted() {
    let shown = shown("a.yaml", "client:\n  a:\n    key: |\n      one\n    size: many\n    login: nobody\n");
    assert!(shown.contains("size: many"), "{shown}");
}
