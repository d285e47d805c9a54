//! What every task waits for, in a form that flame graph programs read: one line for each stack, outermost frame first,
//! and how many tasks have it.

#[cfg(tokio_unstable)]
pub(crate) use dump::dump;
#[cfg(not(tokio_unstable))]
pub(crate) use instead::dump;

/// `--cfg tokio_unstable` is the program's to give: tokio's task dumps are not part of its stable interface.
#[cfg(not(tokio_unstable))]
mod instead {
    use crate::problem::Problem;

    pub(crate) async fn dump() -> Problem {
        let runtime = tokio::runtime::Handle::current().metrics();
        Problem::not_built_in(format!(
            "{} tasks on {} workers. To see what they wait for, build the program on Linux with \
             RUSTFLAGS=\"--cfg tokio_unstable\"; nothing else needs to change",
            runtime.num_alive_tasks(),
            runtime.num_workers(),
        ))
    }
}

#[cfg(tokio_unstable)]
mod dump {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use axum::http::StatusCode;

    use crate::problem::{Answer, Problem};

    /// tokio stops each worker for it, and waits for one that is busy.
    const PATIENCE: Duration = Duration::from_secs(5);

    pub(crate) async fn dump() -> Answer<String> {
        let dump = tokio::time::timeout(PATIENCE, tokio::runtime::Handle::current().dump()).await;
        let dump = dump.map_err(|_elapsed| {
            let detail =
                format!("a worker was busy for {PATIENCE:?}: something blocks it; take a CPU profile");
            Problem::new(StatusCode::GATEWAY_TIMEOUT, "timeout", detail)
        })?;
        let mut stacks = BTreeMap::<String, usize>::new();
        for task in dump.tasks().iter() {
            for stack in task.trace().resolve_backtraces() {
                let mut frames: Vec<String> = Vec::new();
                for symbol in stack.frames().flat_map(|frame| frame.symbols()) {
                    if let Some(name) = symbol.name_demangled() {
                        frames.push(name.replace([';', '\n'], ":"));
                    }
                }
                frames.reverse();
                *stacks.entry(frames.join(";")).or_default() += 1;
            }
        }
        Ok(stacks.iter().map(|(stack, count)| format!("{stack} {count}\n")).collect())
    }
}
