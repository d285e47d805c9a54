//! Parts that the app needs, and parts that it can do without.

use std::net::TcpListener;

use crate::process::Life;

fn config(far: &str, app: &str, stages: &str) -> String {
    format!(
        "[app]\ndrain = \"0s\"\n{app}\n[server.greet]\n[far.away]\n{far}\n[stages]\nserves = true\nfar = true\n{stages}\n"
    )
}

/// An address on which nobody listens, and on which somebody may later.
fn free() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[test]
fn a_required_part_that_is_away_fails_the_start_at_once() {
    let addr = free();
    let ended = Life::stages(&config(&format!("addr = \"{addr}\""), "", "optional = true"), &[]).end();
    for part in ["INK2004", "far `far.away`", &addr] {
        assert!(ended.err.contains(part), "no {part} in:\n{}", ended.err);
    }
    assert_eq!(ended.code, 69);
}

#[test]
fn a_required_part_is_waited_for_as_long_as_start_wait_allows() {
    let addr = free();
    let far = format!("addr = \"{addr}\"");
    let ended = Life::stages(&config(&far, "start_wait = \"250ms\"", ""), &[]).end();
    assert!(
        ended.log.iter().any(|line| line.contains("cannot start yet")) && ended.code == 69,
        "{}",
        ended.err
    );

    let mut life = Life::stages(&config(&far, "start_wait = \"60s\"", ""), &[]);
    life.wait_for_log("cannot start yet");
    let _target = TcpListener::bind(&addr).unwrap();
    life.wait_for("built far");
    life.wait_for("registered");
    life.signal("TERM");
    assert_eq!(life.end().code, 0);
}

#[test]
fn an_optional_part_that_is_away_degrades_the_app_until_it_comes() {
    let addr = free();
    let far = format!("addr = \"{addr}\"\nrequired = false");
    let mut life = Life::stages(&config(&far, "", "optional = true"), &[]);
    life.wait_for_log("started without it");
    life.wait_for("without far");
    let degraded = life.wait_for_said("health: ");
    assert!(degraded.starts_with("health: Degraded") && degraded.contains("refused"), "{degraded}");
    life.wait_for("registered");
    let target = TcpListener::bind(&addr).unwrap();
    life.wait_for("built far");
    life.wait_for("far came: Up");
    drop(target);
    life.signal("TERM");
    let ended = life.end();
    assert!(ended.out.ends_with("closed far; after stop"), "{}", ended.out);
    assert_eq!(ended.code, 0, "{}", ended.err);
}

#[test]
fn an_optional_part_that_the_program_cannot_do_without_says_how_to_load_it() {
    let far = format!("addr = \"{}\"\nrequired = false", free());
    let ended = Life::stages(&config(&far, "", ""), &[]).end();
    assert!(ended.err.contains("optional()") && ended.code == 69, "{}", ended.err);
}

#[test]
fn the_keys_beside_required_are_checked_as_ever() {
    let ended = Life::stages(&config("adr = \"x\"\nrequired = \"perhaps\"", "", ""), &["--check"]).end();
    for part in ["did you mean `addr`", "INK1001", "perhaps", "INK1002", "\"line\":6", "\"line\":7"] {
        assert!(ended.err.contains(part), "no {part} in:\n{}", ended.err);
    }
    assert_eq!(ended.code, 78);
}

#[test]
fn check_dials_nothing_and_binds_nothing() {
    let target = TcpListener::bind("127.0.0.1:0").unwrap();
    target.set_nonblocking(true).unwrap();
    let addr = target.local_addr().unwrap();
    // The server's port is taken: binding it would fail.
    let config = config(&format!("addr = \"{addr}\""), "", "optional = true")
        .replace("[server.greet]", &format!("[server.greet]\nport = {}", addr.port()));
    let ended = Life::stages(&config, &["--check"]).end();
    assert_eq!((ended.out.as_str(), ended.code), ("", 0), "{}", ended.err);
    let nobody = target.accept().unwrap_err().kind();
    assert_eq!(nobody, std::io::ErrorKind::WouldBlock, "it was dialled");
}
