//! The small program between the cluster and a container's program; see [`inkstone_cluster::exec_pod`].
use std::process::ExitCode;

fn main() -> ExitCode {
    inkstone_cluster::exec_pod(std::env::args_os().skip(1))
}
