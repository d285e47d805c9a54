//! Point 4 once more, by hand: a real browser on the console's pages.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tokio::process::Command;

use crate::console::{NAME, PASSWORD};
use crate::report::Report;
use crate::world::World;

const LIMIT: Duration = Duration::from_secs(300);

/// Runs the front end's browser test against this console.
pub(crate) async fn run(world: &World, web: &Path, report: &mut Report) {
    report
        .see("in a browser, a person edits, publishes, proves, rolls back", LIMIT, async {
            let output = Command::new("npm")
                .args(["run", "--silent", "e2e"])
                .current_dir(web)
                .env("INKSTONE_URL", world.dev.console())
                .env("INKSTONE_USER", NAME)
                .env("INKSTONE_PASSWORD", PASSWORD)
                .stdin(Stdio::null())
                .kill_on_drop(true)
                .output()
                .await
                .with_context(|| format!("run npm in {}", web.display()))?;
            let said = String::from_utf8_lossy(&output.stdout).into_owned()
                + &String::from_utf8_lossy(&output.stderr);
            let wrong: Vec<_> = said.lines().filter(|line| !line.trim_start().starts_with("ok ")).collect();
            ensure!(output.status.success(), "{}", wrong.join("\n"));
            let steps = said.lines().filter(|line| line.trim_start().starts_with("ok ")).count();
            ensure!(steps > 5, "the browser test did nothing: {said}");
            Ok(format!("{steps} steps in Chromium"))
        })
        .await;
}
