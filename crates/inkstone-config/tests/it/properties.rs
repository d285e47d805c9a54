//! What holds for every configuration.

use inkstone_config::{Code, Settings, Sources};
use proptest::prelude::*;

use crate::types::{Redis, Server};

fn format(index: usize, port: u16) -> (String, String) {
    match index % 3 {
        0 => ("f.toml".to_owned(), format!("[server.http]\nport = {port}\n")),
        1 => ("f.yaml".to_owned(), format!("server:\n  http:\n    port: {port}\n")),
        _ => ("f.json".to_owned(), format!("{{\"server\": {{\"http\": {{\"port\": {port}}}}}}}")),
    }
}

proptest! {
    #[test]
    fn the_later_source_wins(ports in prop::collection::vec(any::<u16>(), 1..6), env: Option<u16>, set: Option<u16>) {
        let mut sources = Sources::new();
        for (index, port) in ports.iter().enumerate() {
            let (name, text) = format(index, *port);
            sources = sources.text(&name, &text);
        }
        if let Some(port) = env {
            sources = sources.env([("INKSTONE__SERVER__HTTP__PORT", port.to_string())]);
        }
        if let Some(port) = set {
            sources = sources.set(&format!("server.http.port={port}"));
        }
        let settings = Settings::open(sources);
        let server = settings.load::<Server>("server.http", "server.http");
        prop_assert!(settings.problems().is_empty(), "{}", settings.problems());
        prop_assert_eq!(Some(server.get().port), set.or(env).or(ports.last().copied()));
    }

    #[test]
    fn an_unknown_key_is_always_reported(key in "[a-z][a-z_]{0,12}", depth in 0..2usize, index in 0..3usize) {
        let known = ["pool_size", "min_idle", "password", "most_reply", "topology", "guard", "client_name", "timeout", "retries", "methods"];
        prop_assume!(!known.contains(&key.as_str()));
        let (toml, yaml, json) = if depth == 0 {
            (format!("[redis.a]\n{key} = 1"), format!("redis:\n  a:\n    \"{key}\": 1\n"), format!("{{\"redis\":{{\"a\":{{\"{key}\":1}}}}}}"))
        } else {
            (format!("[redis.a.guard]\n{key} = 1"), format!("redis:\n  a:\n    guard:\n      \"{key}\": 1\n"), format!("{{\"redis\":{{\"a\":{{\"guard\":{{\"{key}\":1}}}}}}}}"))
        };
        let (name, text) = [("f.toml", toml), ("f.yaml", yaml), ("f.json", json)][index].clone();
        let settings = Settings::open(Sources::new().text(name, &text));
        let _ = settings.load::<Redis>("redis", "redis.a");
        let problems = settings.problems();
        let found: Vec<_> = problems.iter().map(|fault| (fault.code, fault.origin.as_ref().map_or(0, |at| at.line))).collect();
        prop_assert_eq!(found.len(), 1, "{}", problems);
        prop_assert_eq!(found[0].0, Code::UnknownKey);
        prop_assert!(found[0].1 > 0);
    }

    #[test]
    fn no_text_makes_reading_panic(text in "[\\[\\]{}=:\"'\\$a-c.\n 0-9,#-]{0,60}", index in 0..3usize) {
        let settings = Settings::open(Sources::new().text(["f.toml", "f.yaml", "f.json"][index], &text));
        let _ = settings.load_or_default::<Redis>("redis", "a.b");
        let _ = settings.problems().render(true);
        let _ = settings.unread_tables().to_string();
    }
}
