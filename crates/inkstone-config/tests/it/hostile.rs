//! Input that is out to do harm is refused like any other mistake.

use inkstone_config::{Code, Kind, Problems, Settings, Sources, check_text};

use crate::types::{Redis, Server};

const KINDS: &[Kind] = &[Kind::of::<Redis>("redis"), Kind::table::<Server>("server.http")];

/// What is found by checking the text, and by a program that starts with it.
fn check(name: &str, text: &str) -> Problems {
    let checked = check_text(name, text, KINDS);
    let settings = Settings::open(Sources::new().text(name, text));
    let _ = settings.load_or_default::<Redis>("redis", "redis.a");
    let started = settings.problems();
    assert_eq!(checked.has_errors(), started.has_errors(), "{checked}\n{started}");
    started
}

fn refused(name: &str, text: &str, why: &str) {
    let problems = check(name, text);
    let first = problems.iter().next().expect("it is refused");
    assert_eq!(first.code, Code::Syntax, "{first:?}");
    assert!(first.message.contains(why), "{}", first.message);
}

#[test]
fn nesting_beyond_reason_is_refused_in_toml() {
    let dots = vec!["a"; 70].join(".");
    let tables = format!("x = {}1{}", format!("{{ {dots} = ").repeat(70), " }".repeat(70));
    refused("f.toml", &tables, "nested deeper than 32 levels");
    refused("f.toml", &format!("x = {}{}", "[".repeat(70), "]".repeat(70)), "nested deeper than 32 levels");
    refused("f.toml", &format!("x = {}{}", "[".repeat(9_000), "]".repeat(9_000)), "");
    refused("f.toml", &format!("{}\n", "[".repeat(100_000)), "");
    refused("f.toml", &format!("{}a = 1\n", "a.".repeat(100_000)), "");
}

#[test]
fn nesting_beyond_reason_is_refused_in_yaml() {
    for depth in [70, 1_900, 100_000] {
        let flow = format!("x: {}{}", "[".repeat(depth), "]".repeat(depth));
        refused("f.yaml", &flow, "nested deeper than 32 levels");
    }
    let block: String = (0..500).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    refused("f.yaml", &block, "nested deeper than 32 levels");
}

#[test]
fn nesting_beyond_reason_is_refused_in_json() {
    for depth in [70, 1_900, 100_000] {
        let object = format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
        let why = if depth > 127 { "recursion limit" } else { "nested deeper than 32 levels" };
        refused("f.json", &object, why);
    }
}

#[test]
fn keys_and_values_from_the_command_line_nest_no_deeper_than_files() {
    let path = vec!["a"; 20_000].join(".");
    let name = format!("INKSTONE__{}", vec!["A"; 20_000].join("__"));
    let value = format!("{}1{}", "{ a.a.a.a.a.a.a = ".repeat(70), " }".repeat(70));
    for (sources, code) in [
        (Sources::new().set(&format!("{path}=1")), Code::BadFlag),
        (Sources::new().env([(name.as_str(), "1")]), Code::Syntax),
        (Sources::new().set(&format!("redis.a.guard={value}")), Code::WrongType),
        (Sources::new().env([("INKSTONE__REDIS__A__GUARD", &*value)]), Code::WrongType),
    ] {
        let settings = Settings::open(sources);
        let _ = settings.load_or_default::<Redis>("redis", "redis.a");
        let problems = settings.problems();
        let codes: Vec<_> = problems.iter().map(|fault| fault.code).collect();
        assert_eq!(codes, [code], "{problems}");
    }
}

#[test]
fn aliases_that_multiply_are_refused() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for step in 1..10 {
        let last = format!("*a{}", step - 1);
        text += &format!("a{step}: &a{step} [{}]\n", vec![last; 10].join(", "));
    }
    refused("f.yaml", &text, "");
    // A chain of aliases, each one level deeper.
    let mut text = "a0: &a0 x\n".to_owned();
    for step in 1..500 {
        text += &format!("a{step}: &a{step} [*a{}]\n", step - 1);
    }
    refused("f.yaml", &text, "");
}

#[test]
fn a_text_larger_than_a_megabyte_is_refused() {
    let text = format!("# {}\n", "x".repeat(1 << 20));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("large.toml");
    std::fs::write(&path, &text).unwrap();
    let file = Settings::open(Sources::new().file(&path)).problems();
    for problems in [check_text("f.toml", &text, KINDS), file] {
        let codes: Vec<_> = problems.iter().map(|fault| fault.code).collect();
        assert_eq!(codes, [Code::UnreadableFile], "{problems}");
        assert!(
            problems.to_string().contains("larger than 1MiB, the most a configuration may be"),
            "{problems}"
        );
    }
    assert!(check_text("f.toml", &text[..1 << 20], KINDS).is_empty());
}

#[test]
fn a_file_without_an_end_is_refused() {
    let zero = std::path::Path::new("/dev/zero");
    if zero.exists() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("zero.toml");
        std::os::unix::fs::symlink(zero, &path).unwrap();
        let problems = Settings::open(Sources::new().file(&path)).problems();
        assert!(problems.to_string().contains("larger than 1MiB"), "{problems}");
    }
}

#[test]
fn of_a_long_line_only_the_place_is_quoted() {
    let keys: Vec<_> = (0..90).map(|key| format!("\"nothing_{key}\": \"名\"")).collect();
    let text = format!("{{\"server\": {{\"http\": {{{}}}}}}}", keys.join(", "));
    let problems = check_text("f.json", &text, KINDS);
    assert_eq!(problems.len(), 90);
    let report = problems.render(false);
    let lines: Vec<_> = report.split("-->").nth(51).unwrap().lines().collect();
    let (quoted, marks) = (lines[2], lines[3]);
    assert!(quoted.starts_with(" 1 | …") && quoted.ends_with('…'), "{quoted}");
    let width = |text: &str| text.chars().map(|c| if c == '名' { 2 } else { 1 }).sum::<usize>();
    let at = width(&quoted[..quoted.find("\"nothing_50\"").unwrap()]);
    assert_eq!(at, marks.find('^').unwrap(), "{quoted}\n{marks}");
    assert!(report.lines().all(|line| line.chars().count() < 400), "{report}");
}

#[test]
fn of_very_many_faults_the_first_are_shown_and_the_rest_is_counted() {
    let keys: String = (0..5_000).map(|key| format!("nothing_{key} = 1\n")).collect();
    let problems = check_text("f.toml", &format!("[server.http]\n{keys}"), KINDS);
    assert_eq!(problems.len(), 5_000);
    assert_eq!(problems.to_json_lines().lines().count(), 5_000);
    let report = problems.render(false);
    assert_eq!(report.matches("[INK1001]").count(), 100);
    assert!(report.contains("\nand 4900 more\n"), "{report}");
}

#[test]
fn a_list_of_very_many_wrong_values_is_refused_once() {
    // serde buffers such an enum, so each value would have to be tried on its own.
    let wrong = vec!["1"; 5_000].join(", ");
    let text = format!("[redis.a.topology]\nmode = \"cluster\"\naddrs = [{wrong}]\n");
    let problems = check_text("f.toml", &text, KINDS);
    let found: Vec<_> = problems.iter().map(|fault| (fault.code, fault.key.as_deref())).collect();
    assert_eq!(found, [(Code::WrongType, Some("redis.a.topology.addrs"))], "{problems}");
}

#[test]
fn a_number_from_outside_that_no_type_holds_is_reported() {
    for value in ["99999999999999999999", "nan", "[1, 99999999999999999999]"] {
        for sources in [
            Sources::new().set(&format!("redis.a.pool_size={value}")),
            Sources::new().env([("INKSTONE__REDIS__A__POOL_SIZE", value)]),
        ] {
            let settings = Settings::open(sources);
            let _ = settings.load_or_default::<Redis>("redis", "redis.a");
            assert!(settings.problems().has_errors(), "{value}");
        }
    }
}

#[test]
fn a_lone_carriage_return_does_not_move_the_place_of_what_follows() {
    let text = "# one\r# two\rredis:\n  a:\n    password: hunter2\n    nothing: 1\n";
    let problems = check("f.yaml", text);
    let fault = problems.iter().next().unwrap();
    assert_eq!(fault.origin.as_ref().map(|at| (at.line, at.column)), Some((4, 5)), "{problems}");
    let broken = check("f.yaml", "a: \"\r\r\r\nb");
    let line = broken.iter().next().unwrap().origin.as_ref().unwrap().line;
    assert!((1..=2).contains(&line), "{broken}");
}

#[test]
fn a_fault_at_the_end_of_a_text_points_into_it() {
    let text = "wor\":e\r ${nv:P:-x}ze = 8\nratio = 0.er2\"\nmost_replyretries = \"1MiB\"\ntags = ދ}\n    topologyle\ng:\n";
    let problems = check_text("f.yaml", text, KINDS);
    let fault = problems.iter().next().unwrap();
    let at = fault.origin.as_ref().unwrap();
    let line = text.split('\n').nth(at.line as usize - 1).unwrap();
    assert!((1..=line.chars().count() + 1).contains(&(at.column as usize)), "{at} {problems}");
}
