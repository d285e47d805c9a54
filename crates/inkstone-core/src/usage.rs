//! A command line that is refused, as any other start error.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use inkstone_config::{Code, Fault};

use crate::entry;
use crate::flags::Flags;

/// The end of a program whose command line asks for the usage, or is wrong.
pub(crate) fn end(refused: &clap::Error) -> ExitCode {
    if matches!(refused.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let _closed = refused.print();
        return ExitCode::SUCCESS;
    }
    let variable = variable(refused);
    if std::io::stderr().is_terminal() && variable.is_none() {
        // People get clap's own page: colours, and the usage.
        let _closed = refused.print();
        return ExitCode::from(Code::BadFlag.exit_status());
    }
    let text = refused.to_string();
    let message = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
    let mut fault = Fault::new(Code::BadFlag, message).hint("--help lists the flags");
    if let Some(name) = variable {
        fault = fault
            .target(format!("environment {name}"))
            .hint("set the variable to a value it may have, or to none");
    }
    entry::report(&fault.into())
}

/// The environment variable that the refused value comes from, if it comes from one.
fn variable(refused: &clap::Error) -> Option<String> {
    let text = |kind| match refused.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let (flag, value) = (text(ContextKind::InvalidArg)?, text(ContextKind::InvalidValue)?);
    let command = Flags::command();
    let is_it = |arg: &&clap::Arg| {
        let long = format!("--{}", arg.get_long().unwrap_or_default());
        flag == long || flag.strip_prefix(&long).is_some_and(|rest| rest.starts_with([' ', '[', '=']))
    };
    let name = command.get_arguments().find(is_it)?.get_env()?.to_str()?.to_owned();
    (std::env::var(&name).ok()? == value).then_some(name)
}
