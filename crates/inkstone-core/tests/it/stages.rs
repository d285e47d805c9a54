//! Between the phases of a life: hooks, gates, signals.

use crate::process::{Ended, Life};

/// A service that serves, with these lines of `[stages]` and these of `[app]`.
fn config(stages: &str, app: &str) -> String {
    let drain = if app.contains("drain") { "" } else { "drain = \"10ms\"" };
    format!(
        "[app]\n{drain}\n{app}\n[server.greet]\nport = 0\n[server.second]\n[stages]\nserves = true\n{stages}\n"
    )
}

/// Serves until it has registered, then is told to stop.
fn stopped(stages: &str, app: &str, signal: &str) -> Ended {
    let mut life = Life::stages(&config(stages, app), &[]);
    life.wait_for("registered");
    life.signal(signal);
    life.end()
}

#[test]
fn registers_after_ready_and_deregisters_before_draining_while_it_still_serves() {
    let mut life = Life::stages(&config("registers = 2", ""), &[]);
    life.wait_for_log("\"message\":\"ready\"");
    for _failed in 0..2 {
        life.wait_for_log("the registry is away");
    }
    life.wait_for("registered");
    life.signal("TERM");
    let ended = life.end();
    let order = "deregistering while Draining; deregistered; second hook; server.greet ended; after stop";
    assert_eq!((ended.out.as_str(), ended.code), (order, 0), "{}", ended.err);
}

#[test]
fn a_registration_that_goes_on_is_cancelled_before_it_is_taken_back() {
    let mut life = Life::stages(&config("registers = 1000", ""), &[]);
    life.wait_for_log("the registry is away");
    life.signal("TERM");
    let ended = life.end();
    assert!(ended.out.starts_with("deregistering while Draining"), "{}", ended.out);
    assert!(!ended.out.contains("registered; deregistering") && ended.code == 0, "{}", ended.out);
}

#[test]
fn hooks_that_fail_panic_or_hang_are_reported_and_stop_nothing() {
    for (how, why) in
        [("fail", "no route"), ("panic", "the hook is broken"), ("hang", "did not end within 50ms")]
    {
        let ended = stopped(&format!("hooks = \"{how}\""), "hook_within = \"50ms\"", "TERM");
        assert_eq!(ended.out, "deregistering while Draining; second hook; server.greet ended", "{how}");
        for part in ["INK3009", why, "before_stop hook `deregister`", "after_stop hook `goodbye`"] {
            assert!(ended.err.contains(part), "{how}: no {part} in:\n{}", ended.err);
        }
        assert_eq!(ended.code, 70);
    }
}

#[test]
fn hooks_of_the_end_run_after_a_start_that_failed() {
    let ended = Life::stages("[stages]\nfar = true\n[far.away]\naddr = \"127.0.0.1:1\"\n", &[]).end();
    assert_eq!((ended.out.as_str(), ended.code), ("after stop", 69), "{}", ended.err);
    assert!(ended.err.contains("INK2004") && ended.err.contains("127.0.0.1:1"), "{}", ended.err);
}

#[test]
fn what_comes_after_a_gate_starts_once_the_gate_is_open() {
    let mut life = Life::stages(&config("gate = 3\nsecond = 600000", ""), &[]);
    // Who serves already says so at about the time of the first.
    for said in ["asked", "asked", "asked", "server.second serves", "registered"] {
        life.wait_for(said);
    }
    life.signal("QUIT");
    life.end();
}

#[test]
fn a_gate_that_stays_shut_ends_the_start_in_time_and_says_why() {
    let ended = Life::stages(&config("gate = 1000000", "ready_within = \"100ms\""), &[]).end();
    for part in ["INK2013", "`the cache is warm`", "100ms", "cold"] {
        assert!(ended.err.contains(part), "no {part} in:\n{}", ended.err);
    }
    assert!(ended.out.ends_with("server.greet ended; after stop"), "{}", ended.out);
    assert!(!ended.out.contains("registered"), "never ready, so never registered: {}", ended.out);
    assert_eq!(ended.code, 69);
}

#[test]
fn a_signal_during_the_start_stops_what_has_begun() {
    let mut life = Life::stages(&config("gate = 1000000", ""), &[]);
    life.wait_for("asked");
    life.signal("TERM");
    let ended = life.end();
    assert!(ended.out.ends_with("server.greet ended; after stop"), "{}", ended.out);
    assert_eq!(ended.code, 0, "{}", ended.err);
}

#[test]
fn a_signal_before_everything_is_built_ends_the_start_and_what_was_built() {
    let config = "[app]\nstart_wait = \"1h\"\n[stages]\nfar = true\n[far.away]\naddr = \"127.0.0.1:1\"\n";
    let mut life = Life::stages(config, &[]);
    life.wait_for_log("cannot start yet");
    life.signal("TERM");
    let ended = life.end();
    assert_eq!((ended.out.as_str(), ended.code), ("after stop", 0), "{}", ended.err);
}

#[test]
fn one_failing_server_stops_all_and_every_error_is_reported() {
    let mut life = Life::stages(&config("second = 50\nhooks = \"fail\"", ""), &[]);
    life.wait_for("registered");
    let ended = life.end();
    for part in ["server.second is out of luck", "deregister", "goodbye"] {
        assert!(ended.err.contains(part), "no {part} in:\n{}", ended.err);
    }
    assert!(ended.out.ends_with("server.greet ended"), "the other ends in its own way: {}", ended.out);
    assert_eq!(ended.code, 70);
}

#[test]
fn sigquit_does_not_wait_for_what_is_in_flight() {
    let ended = stopped("", "drain = \"15s\"", "QUIT");
    // A server that is quick may have said so all the same.
    let out = ended.out.replace("server.greet ended; ", "");
    assert_eq!(out, "deregistering while Draining; deregistered; second hook; after stop");
    assert!(ended.log.iter().any(|line| line.contains("told to stop at once")));
    assert_eq!(ended.code, 0, "{}", ended.err);
}

#[test]
fn further_signals_may_ask_for_a_stop() {
    for (name, signal) in [("HUP", "HUP"), ("USR1", "USR1"), ("USR2", "USR2")] {
        let ended = stopped("", &format!("stop_signals = [\"{name}\"]"), signal);
        assert!(ended.out.ends_with("server.greet ended; after stop"), "{signal}: {}", ended.out);
        assert_eq!(ended.code, 0, "{}", ended.err);
    }
    let ended = Life::stages(&config("", "stop_signals = [\"KILL\"]"), &[]).end();
    assert!(ended.err.contains("app.stop_signals") && ended.code == 78, "{}", ended.err);
}

#[test]
fn sigusr1_neither_ends_nor_forks_the_service() {
    let mut life = Life::stages(&config("", ""), &[]);
    life.wait_for("registered");
    life.signal("USR1");
    life.wait_for_log("SIGUSR1 has no meaning");
    let children = format!("/proc/{0}/task/{0}/children", life.pid());
    assert_eq!(std::fs::read_to_string(children).unwrap(), "", "it has a child");
    life.signal("TERM");
    let ended = life.end();
    assert_eq!(ended.code, 0, "{}", ended.err);
}

#[test]
fn the_order_of_the_start_is_in_the_log() {
    let config = config("far = true", "") + "[far.away]\n";
    let target = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let config =
        config.replace("[far.away]", &format!("[far.away]\naddr = \"{}\"", target.local_addr().unwrap()));
    let mut life = Life::stages(&config, &[]);
    for message in ["starting", "configuration read", "built", "listening", "ready", "ready hook done"] {
        life.wait_for_log(&format!("\"message\":\"{message}\""));
    }
    life.signal("TERM");
    for message in ["stopping", "hook done", "stopped"] {
        life.wait_for_log(&format!("\"message\":\"{message}\""));
    }
    assert_eq!(life.end().code, 0);
}

#[test]
fn work_without_a_server_keeps_a_service_running_until_it_is_done_or_told() {
    let ended = Life::stages("[stages]\nwork = \"short\"\n", &[]).end();
    assert!(ended.out.contains("worked") && ended.code == 0, "{} {}", ended.out, ended.err);
    let mut life = Life::stages("[app]\ndrain = \"10ms\"\n[stages]\nwork = \"long\"\n", &[]);
    life.wait_for("registered");
    life.signal("TERM");
    let ended = life.end();
    assert!(ended.out.contains("work stopped") && ended.code == 0, "{} {}", ended.out, ended.err);
}

#[test]
fn a_service_with_nothing_to_do_says_so_and_names_its_jobs() {
    let ended = Life::stages("[stages]\n", &[]).end();
    for part in ["INK2012", "no server", "--job=echo,wait"] {
        assert!(ended.err.contains(part), "no {part} in:\n{}", ended.err);
    }
    assert_eq!(ended.code, 64);
}
