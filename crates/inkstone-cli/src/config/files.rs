//! The files of a configuration, as the command line names them.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Read as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use inkstone::config::{Code, Fault, MOST_TEXT, Problems, Sources};

/// How a configuration is read.
#[derive(Debug, Args)]
pub(crate) struct Reading {
    /// Read the environment of this shell too: variables such as `INKSTONE__SERVER__HTTP__PORT` count, and `${env:…}`
    /// and `${file:…}` must lead somewhere. Without it they are those of another machine, and taken for good.
    #[arg(long)]
    env: bool,
    /// The format of `-`, the standard input.
    #[arg(long, value_enum, default_value_t = Format::Toml, value_name = "FORMAT")]
    stdin: Format,
}

/// How a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// TOML.
    Toml,
    /// YAML.
    Yaml,
    /// JSON.
    Json,
}

impl Reading {
    /// The sources of one configuration: `a.toml,b.yaml` lays the second over the first, as `--config` does.
    pub(crate) fn sources<'f>(
        &self,
        files: impl IntoIterator<Item = &'f OsString>,
        set: &[String],
    ) -> Result<Sources, Problems> {
        let mut problems = Problems::new();
        let mut sources = Sources::new();
        for file in files.into_iter().flat_map(|argument| split(argument)) {
            match self.source(sources.clone(), &file) {
                Ok(more) => sources = more,
                Err(fault) => problems.push(fault),
            }
        }
        sources = set.iter().fold(sources, |sources, set| sources.set(set));
        let sources = if self.env { sources.process_env() } else { sources.elsewhere() };
        if problems.is_empty() { Ok(sources) } else { Err(problems) }
    }

    fn source(&self, sources: Sources, file: &OsStr) -> Result<Sources, Fault> {
        if file == "-" {
            let name = format!("stdin.{}", format!("{:?}", self.stdin).to_lowercase());
            let mut text = String::new();
            // A byte more than is allowed is enough for it to be refused by its size.
            let read = std::io::stdin().take(MOST_TEXT.bytes() + 1).read_to_string(&mut text);
            read.map_err(|error| {
                Fault::new(Code::UnreadableFile, format!("cannot be read: {error}")).target(&name)
            })?;
            return Ok(sources.text(&name, &text));
        }
        let path = PathBuf::from(file);
        // A pipe that nobody writes to, or a device without an end, would never come back.
        if fs::metadata(&path).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
            return Err(Fault::new(Code::UnreadableFile, "cannot be read: it is not a regular file")
                .target(path.display())
                .hint("name a TOML, YAML or JSON file, or `-` for standard input"));
        }
        Ok(sources.file(path))
    }
}

/// The files of one argument. An empty one is none, as with `--config`.
fn split(argument: &OsStr) -> Vec<OsString> {
    match argument.to_str() {
        Some(text) => text.split(',').filter(|file| !file.is_empty()).map(OsString::from).collect(),
        None => vec![argument.to_owned()],
    }
}
