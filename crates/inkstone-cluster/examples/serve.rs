//! Runs a cluster until Ctrl-C: `cargo run -p inkstone-cluster --example serve -- STATE_DIR [BIN_DIR…]`.

use std::io::{self, Write};

use inkstone_cluster::{Cluster, ClusterOptions};

#[tokio::main]
async fn main() -> io::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let state = arguments.next().ok_or_else(|| io::Error::other("usage: serve STATE_DIR [BIN_DIR…]"))?;
    let built = std::env::current_exe()?; // target/debug/examples/serve
    let shim = built.ancestors().nth(2).expect("examples are two levels deep").join("inkstone-pod");
    let mut options = ClusterOptions::new(state, [shim]);
    options.bin_dirs = arguments.map(Into::into).collect();
    let mut cluster = Cluster::start(options).await?;
    writeln!(io::stdout(), "{}\nexport KUBECONFIG={}", cluster.url(), cluster.kubeconfig().display())?;
    tokio::select! {
        ended = cluster.wait() => ended?,
        signal = tokio::signal::ctrl_c() => signal?,
    }
    cluster.stop().await
}
