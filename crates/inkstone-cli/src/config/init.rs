//! `inkstone config init KIND…`.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anstream::{eprintln, print};
use clap::Args;
use inkstone::config::{Code, Fault, Problems, Template, explain_key};

use super::files::Format;
use super::{kinds, tell};

/// Writes a file to begin with.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Kinds of tables: `server.http`; `grpc.stock` for one that has a name.
    #[arg(required = true, value_name = "KIND")]
    kinds: Vec<String>,
    /// How the file is written.
    #[arg(long, value_enum, default_value_t = Format::Toml, value_name = "FORMAT")]
    format: Format,
    /// The file to write, in place of standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Overwrite the file.
    #[arg(long, requires = "output")]
    force: bool,
}

impl Init {
    pub(crate) fn run(&self) -> ExitCode {
        if self.format == Format::Json {
            eprintln!("error: JSON has no comments; write TOML or YAML");
            return ExitCode::from(2);
        }
        match self.text().and_then(|text| self.write(&text)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(problems) => {
                tell(&problems, false);
                ExitCode::from(problems.exit_status())
            }
        }
    }

    fn text(&self) -> Result<String, Problems> {
        let all = kinds();
        let mut template = Template::new();
        let mut problems = Problems::new();
        for wanted in &self.kinds {
            match explain_key(&all, wanted) {
                Ok(found) if found.key.is_none() => {
                    template = template.table(&found.kind, found.name.as_deref().unwrap_or("main"));
                }
                Ok(_) => problems.push(
                    Fault::new(Code::UnknownKind, format!("`{wanted}` is a key, not a kind of table"))
                        .hint("name the table: `inkstone config explain` lists the kinds"),
                ),
                Err(why) => problems.push(
                    Fault::new(Code::UnknownKind, why).hint("`inkstone config explain` lists the kinds"),
                ),
            }
        }
        match self.format {
            _ if !problems.is_empty() => Err(problems),
            Format::Yaml => template.yaml(),
            _ => template.toml(),
        }
    }

    fn write(&self, text: &str) -> Result<(), Problems> {
        let Some(path) = &self.output else {
            print!("{text}");
            return Ok(());
        };
        let file = match self.force {
            true => fs::File::create(path),
            false => fs::File::create_new(path),
        };
        file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| {
            let hint = match error.kind() {
                ErrorKind::AlreadyExists => "`--force` overwrites it",
                _ => "name a file in a folder that exists and that you may write to",
            };
            Problems::from(Fault::new(Code::CannotCreate, error).target(path.display()).hint(hint))
        })?;
        eprintln!("wrote {}", path.display());
        Ok(())
    }
}
