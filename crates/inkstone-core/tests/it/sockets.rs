//! Listening sockets that a service is started with, and what it tells whoever started it.

use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::process::{Life, example};

const SERVES: &str = "[app]\ndrain = \"0s\"\n[stages]\nserves = true\n";

/// A service that is started with this socket as descriptor 3, as systemd does it: the shell becomes the service, so that
/// the number it writes into `LISTEN_PID` is the service's.
fn passed(socket: &TcpListener, config: &str, pid: &str, names: &str) -> Life {
    let mut command = Command::new("sh");
    let script = format!(
        "exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID={pid} LISTEN_FDNAMES={names} exec {} \"$@\"",
        example("stages").display()
    );
    command.args(["-c", &script, "sh"]).stdin(Stdio::from(OwnedFd::from(socket.try_clone().unwrap())));
    Life::command(command, config, &[], &[])
}

/// Who answers there.
fn answered(addr: SocketAddr) -> Result<u32, std::io::Error> {
    let mut stream = TcpStream::connect(addr)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    text.trim().parse().map_err(|_| std::io::Error::other(format!("the answer was {text:?}")))
}

#[test]
fn a_passed_socket_is_used_by_the_server_of_its_name_or_port() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = socket.local_addr().unwrap();
    for (port, names) in [(1, "server.greet"), (addr.port(), "shop.socket"), (addr.port(), "")] {
        let config = format!("{SERVES}[server.greet]\nport = {port}\n");
        let mut life = passed(&socket, &config, "$$", names);
        life.wait_for("registered");
        assert_eq!(answered(addr).unwrap(), life.pid());
        life.signal("TERM");
        assert_eq!(life.end().code, 0);
    }
}

#[test]
fn a_socket_that_is_passed_to_another_process_is_left_alone() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let config = format!("{SERVES}[server.greet]\nport = {port}\n");
    for pid in ["1", "''"] {
        let ended = passed(&socket, &config, pid, "server.greet").end();
        assert!(ended.err.contains("INK2002"), "it is bound anew, which cannot work:\n{}", ended.err);
    }
}

#[test]
fn a_passed_socket_that_nobody_takes_is_warned_of() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut life = passed(&socket, &format!("{SERVES}[server.greet]\nport = 0\n"), "$$", "server.other");
    let line = life.wait_for_log("was passed at the start");
    assert!(line.contains("server.other"), "{line}");
    life.signal("TERM");
    assert_eq!(life.end().code, 0);
}

#[test]
fn no_connection_is_refused_or_lost_across_restarts_with_a_passed_socket() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = socket.local_addr().unwrap();
    let config = format!("{SERVES}[server.greet]\nport = 0\n");
    let start = || {
        let mut life = passed(&socket, &config, "$$", "server.greet");
        life.wait_for("registered");
        life
    };
    let over = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let over = over.clone();
            std::thread::spawn(move || {
                let mut answers = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    answers.push(answered(addr).map_err(|error| error.to_string()));
                }
                answers
            })
        })
        .collect();
    let mut pids = Vec::new();
    for _restart in 0..5 {
        let life = start();
        pids.push(life.pid());
        let deadline = std::time::Instant::now() + Duration::from_secs(20);
        while answered(addr).unwrap() != life.pid() {
            assert!(std::time::Instant::now() < deadline, "it does not answer");
        }
        life.signal("TERM");
        assert_eq!(life.end().code, 0);
    }
    // The callers that wait in the socket's queue are answered by the last.
    let last = start();
    over.store(true, Ordering::Relaxed);
    let answers: Vec<_> = callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect();
    last.signal("TERM");
    last.end();
    let lost: Vec<_> = answers.iter().filter(|answer| answer.is_err()).collect();
    assert!(lost.is_empty(), "{} of {} were lost: {lost:?}", lost.len(), answers.len());
    for pid in pids {
        assert!(answers.contains(&Ok(pid)), "{pid} has answered none of {}", answers.len());
    }
}

#[test]
fn whoever_started_it_is_told_when_it_is_ready_alive_and_stopping() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify");
    let told = UnixDatagram::bind(&path).unwrap();
    told.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let next = || {
        let mut text = [0; 64];
        let len = told.recv(&mut text).expect("it is told");
        String::from_utf8(text[..len].to_vec()).unwrap()
    };
    let mut command = Command::new(example("stages"));
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "20000");
    let mut life = Life::command(command, &format!("{SERVES}[server.greet]\nport = 0\n"), &[], &[]);
    life.wait_for("registered");
    let mut words = vec![next()];
    while words.last().is_some_and(|word| word != "READY=1") {
        words.push(next());
    }
    while next() != "WATCHDOG=1" {}
    life.signal("TERM");
    while next() != "STOPPING=1" {}
    assert_eq!(life.end().code, 0);
}
