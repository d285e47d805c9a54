//! TCP sockets by state, of both families, read when somebody asks.
//!
//! Format: <https://www.kernel.org/doc/html/latest/networking/proc_net_tcp.html>

use std::collections::HashSet;
use std::fmt;
use std::fs;

use crate::metrics::text::{describe, sample};
use crate::names;

/// The states by their number in the kernel, `include/net/tcp_states.h`, which begins with 1.
const STATES: [&str; 12] = [
    "established",
    "syn_sent",
    "syn_recv",
    "fin_wait1",
    "fin_wait2",
    "time_wait",
    "close",
    "close_wait",
    "last_ack",
    "listen",
    "closing",
    "new_syn_recv",
];

/// Every state is shown, those without a socket as 0: a state that has vanished must not keep its last value.
pub(crate) fn write(text: &mut String) -> fmt::Result {
    let own = own_sockets();
    let mut head = true;
    for (family, path) in [("ipv4", "/proc/self/net/tcp"), ("ipv6", "/proc/self/net/tcp6")] {
        let Ok(table) = fs::read_to_string(path) else { continue };
        if std::mem::take(&mut head) {
            describe(text, &names::TCP_CONNECTIONS)?;
        }
        for (state, sockets) in std::iter::zip(STATES, count(&table, &own)) {
            sample(text, &names::TCP_CONNECTIONS, &[family, state], sockets)?;
        }
    }
    Ok(())
}

/// The inodes of this process's sockets. Its open files are links to `socket:[INODE]` and the like.
fn own_sockets() -> HashSet<u64> {
    let files = fs::read_dir("/proc/self/fd").into_iter().flatten().filter_map(Result::ok);
    let inode = |file: fs::DirEntry| {
        let link = fs::read_link(file.path()).ok()?;
        link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
    };
    files.filter_map(inode).collect()
}

/// How many sockets of the table are in each state: ours, and those that belong to no process any more.
fn count(table: &str, own: &HashSet<u64>) -> [u64; STATES.len()] {
    let mut counts = [0; STATES.len()];
    for line in table.lines().skip(1) {
        let mut fields = line.split_whitespace();
        let state = fields.nth(3).and_then(|state| usize::from_str_radix(state, 16).ok());
        let inode: Option<u64> = fields.nth(5).and_then(|inode| inode.parse().ok());
        if let (Some(state), Some(inode)) = (state, inode)
            && (inode == 0 || own.contains(&inode))
            && let Some(count) = state.checked_sub(1).and_then(|state| counts.get_mut(state))
        {
            *count += 1;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    fn value(family: &str, state: &str) -> u64 {
        let mut text = String::new();
        write(&mut text).unwrap();
        let series = format!("inkstone_tcp_connections{{family=\"{family}\",state=\"{state}\"}} ");
        text.lines()
            .find_map(|line| line.strip_prefix(&series))
            .expect("every state is there")
            .parse()
            .unwrap()
    }

    #[test]
    fn sockets_of_other_processes_are_not_counted() {
        let table = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1
   1: 0100007F:1F90 0100007F:D000 01 00000000:00000000 00:00000000 00000000     0        0 12 1
   2: 0100007F:1F90 0100007F:D001 01 00000000:00000000 00:00000000 00000000     0        0 99 1
   3: 0100007F:1F90 0100007F:D002 06 00000000:00000000 03:00000000 00000000     0        0 0 3
   4: broken
";
        let counts = count(table, &HashSet::from([11, 12]));
        let shown: Vec<_> = std::iter::zip(STATES, counts).filter(|(_, count)| *count > 0).collect();
        assert_eq!(shown, [("established", 1), ("time_wait", 1), ("listen", 1)]);
    }

    #[test]
    fn connections_of_both_families_are_counted_and_a_state_that_vanished_goes_back() {
        for (family, address) in [("ipv4", "127.0.0.1:0"), ("ipv6", "[::1]:0")] {
            let Ok(listener) = TcpListener::bind(address) else { continue };
            let before = value(family, "close_wait");
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (served, _) = listener.accept().unwrap();
            assert!(value(family, "listen") >= 1 && value(family, "established") >= 2);
            drop(served);
            // The other side closed, and we have not: it stays so until we do.
            let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
            while value(family, "close_wait") <= before {
                assert!(std::time::Instant::now() < deadline, "{family}: the close does not arrive");
                std::thread::yield_now();
            }
            drop(client);
            assert_eq!(value(family, "close_wait"), before, "{family}");
        }
    }
}
