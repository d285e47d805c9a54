//! Who listens on a port. Best effort, and only ever asked on the way to an error.

use std::fs;
use std::path::Path;

/// ``process `catalog` (pid 4711)``, if `/proc` shows us the one that listens on `port`: it does for our own user's.
pub(crate) fn of_port(port: u16) -> Option<String> {
    let sockets: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| listening(&table, port))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    if sockets.is_empty() {
        return None;
    }
    let entries = fs::read_dir("/proc").ok()?.filter_map(Result::ok);
    // Beside processes there are `self` and `thread-self`, which would name no pid.
    let processes =
        entries.filter(|entry| entry.file_name().to_str().is_some_and(|name| name.parse::<u32>().is_ok()));
    let holder = processes.map(|process| process.path()).find(|process| holds(process, &sockets))?;
    let pid = holder.file_name()?.to_str()?;
    let name = fs::read_to_string(holder.join("comm")).ok()?;
    let own = if pid == std::process::id().to_string() { "this very process, " } else { "" };
    Some(format!("{own}process `{}` (pid {pid})", name.trim()))
}

/// The inodes of sockets in state LISTEN on `port`, in the format of `/proc/net/tcp`.
fn listening(table: &str, port: u16) -> Vec<String> {
    const LISTEN: &str = "0A";
    let wanted = format!(":{port:04X}");
    let rows = table.lines().skip(1).map(|row| row.split_whitespace().collect::<Vec<_>>());
    rows.filter(|row| row.len() > 9 && row[1].ends_with(&wanted) && row[3] == LISTEN)
        .map(|row| row[9].to_owned())
        .collect()
}

fn holds(process: &Path, sockets: &[String]) -> bool {
    let Ok(open) = fs::read_dir(process.join("fd")) else { return false };
    open.filter_map(Result::ok)
        .filter_map(|file| fs::read_link(file.path()).ok())
        .any(|target| sockets.iter().any(|socket| target.as_os_str() == socket.as_str()))
}

#[cfg(test)]
mod tests {
    use super::of_port;

    #[test]
    fn the_process_that_listens_is_named() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let holder = of_port(port).unwrap();
        assert!(holder.contains(&format!("pid {}", std::process::id())), "{holder}");
    }
}
