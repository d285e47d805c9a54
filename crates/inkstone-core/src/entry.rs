//! `main` of a service.

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;

use crate::app::App;
use crate::build_info::BuildInfo;
use crate::error::{Error, Result};
use crate::flags::Flags;
use crate::lifecycle;

/// `main` of a service: reads the command line, runs the service on a multi-threaded runtime, reports what went wrong
/// — highlighted on a terminal, one JSON line a problem elsewhere — and gives the shell the documented exit status.
///
/// ```no_run
/// use std::process::ExitCode;
/// use inkstone_core::{App, Result, build_info};
///
/// fn main() -> ExitCode {
///     inkstone_core::main(build_info!(), service)
/// }
///
/// async fn service(app: App) -> Result {
///     app.run().await
/// }
/// ```
pub fn main<F, Fut>(build: BuildInfo, service: F) -> ExitCode
where
    F: FnOnce(App) -> Fut,
    Fut: Future<Output = Result>,
{
    main_with(std::env::args_os(), build, service)
}

/// [`main`](main()) with a command line other than the process's own, for a program in which running a service is one of
/// several commands. The first argument is the name shown in the usage.
pub fn main_with<F, Fut>(args: impl IntoIterator<Item = OsString>, build: BuildInfo, service: F) -> ExitCode
where
    F: FnOnce(App) -> Fut,
    Fut: Future<Output = Result>,
{
    let flags = match Flags::try_parse_from(args) {
        Ok(flags) => flags,
        Err(usage) => {
            let _closed = usage.print();
            return ExitCode::from(u8::try_from(usage.exit_code()).unwrap_or(2));
        }
    };
    if flags.version {
        return print_version(&build, flags.json);
    }
    // Two TLS providers in one program would make the first handshake panic; the first installed stays.
    let _already = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return report(&error.into()),
    };
    let result = runtime.block_on(async {
        let app = App::from_flags(build, flags);
        let handle = app.handle().clone();
        let result = service(app).await;
        // A service that fails before it runs has built something all the same.
        lifecycle::end(&handle, result, None).await
    });
    // A blocking call that nobody can cancel must not keep the process.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report(&error),
    }
}

fn print_version(build: &BuildInfo, json: bool) -> ExitCode {
    let text = if json { serde_json::to_string(build).unwrap_or_default() } else { build.text(true) };
    let _closed = writeln!(anstream::stdout(), "{text}"); // plain unless a terminal wants colours
    ExitCode::SUCCESS
}

fn report(error: &Error) -> ExitCode {
    let problems = error.problems();
    let terminal = std::io::stderr().is_terminal();
    let text = if terminal { problems.render(true) } else { problems.to_json_lines() };
    if !problems.is_empty() {
        let _closed = writeln!(std::io::stderr(), "{}", text.trim_end());
    }
    if error.is_checked() {
        let _closed = writeln!(std::io::stdout(), "{error}");
    }
    ExitCode::from(error.exit_status())
}
