//! `inkstone config schema [KIND]`.

use std::process::ExitCode;

use anstream::{eprintln, println};
use clap::Args;
use inkstone::config::{editor_schema, explain_key};

use super::kinds;

/// Prints the JSON Schema of a configuration file.
#[derive(Debug, Args)]
pub(crate) struct SchemaCommand {
    /// Only this kind's table: `server.http`.
    kind: Option<String>,
}

impl SchemaCommand {
    pub(crate) fn run(&self) -> ExitCode {
        let kinds = kinds();
        let schema = match &self.kind {
            None => editor_schema(&kinds),
            Some(name) => match explain_key(&kinds, name) {
                Ok(found) => found.kind.table_schema(),
                Err(why) => {
                    eprintln!("error: {why}");
                    return ExitCode::from(2);
                }
            },
        };
        println!("{schema:#}");
        ExitCode::SUCCESS
    }
}
