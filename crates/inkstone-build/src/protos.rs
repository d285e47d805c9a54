//! Rust code from protobuf files.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use protox::Compiler;

use crate::Error;

/// Generates messages, clients and servers of `files`, which lie under one of `includes`. Call it from
/// `build.rs`, then put this into the crate:
///
/// ```text
/// include!(concat!(env!("OUT_DIR"), "/protos.rs"));
/// ```
///
/// It holds one module per protobuf package (`shop.v1` is `shop::v1`) and `FILE_DESCRIPTOR_SET`, the encoded
/// descriptors of the files and all they import, comments included, for gRPC reflection. The crate needs `inkstone`
/// (feature `grpc`), `prost` and `tonic` as dependencies.
///
/// # Errors
///
/// When a file is missing, is under none of `includes`, or is not valid protobuf: the message has file, line and
/// column.
pub fn protos(files: &[impl AsRef<Path>], includes: &[impl AsRef<Path>]) -> Result<(), Error> {
    let out = env::var_os("OUT_DIR").ok_or_else(|| Error::new("find OUT_DIR", "call this from build.rs"))?;
    let protos = Protos::compile(files, includes)?;
    io::stdout()
        .write_all(protos.directives().as_bytes())
        .map_err(|error| Error::new("hand the list of protobuf files to cargo", error))?;
    protos.write(Path::new(&out))
}

/// Protobuf files, read and checked, before code is written from them.
#[derive(Debug)]
pub struct Protos {
    descriptors: tonic_prost_build::FileDescriptorSet,
    encoded: Vec<u8>,
    read: Vec<PathBuf>,
}

impl Protos {
    /// Reads `files` and what they import.
    ///
    /// # Errors
    ///
    /// As [`protos`].
    pub fn compile(files: &[impl AsRef<Path>], includes: &[impl AsRef<Path>]) -> Result<Self, Error> {
        // protox says where in a file it failed only in its `Debug` form.
        let failed = |error: protox::Error| Error::new("compile protobuf files", format_args!("{error:?}"));
        let mut compiler = Compiler::new(includes.iter().map(AsRef::as_ref)).map_err(failed)?;
        compiler.include_source_info(true).include_imports(true);
        for file in files {
            let file = file.as_ref();
            compiler.open_file(file).map_err(|error| {
                if error.is_file_not_found() && error.file().is_none() {
                    let includes: Vec<_> =
                        includes.iter().map(|path| path.as_ref().display().to_string()).collect();
                    let why = format!("not found under the include paths {}", includes.join(", "));
                    return Error::new(format_args!("compile {}", file.display()), why);
                }
                failed(error)
            })?;
        }
        let read = compiler.files().filter_map(|file| file.path().map(Path::to_owned)).collect();
        Ok(Self {
            descriptors: compiler.file_descriptor_set(),
            encoded: compiler.encode_file_descriptor_set(),
            read,
        })
    }

    /// The lines a build script prints for cargo: each file read, imports included.
    pub fn directives(&self) -> String {
        self.read.iter().map(|path| format!("cargo::rerun-if-changed={}\n", path.display())).collect()
    }

    /// Writes `protos.rs` and the files it includes into `dir`.
    ///
    /// # Errors
    ///
    /// When code cannot be generated for a descriptor, or a file cannot be written.
    pub fn write(self, dir: &Path) -> Result<(), Error> {
        let failed =
            |error: io::Error| Error::new(format_args!("write generated code to {}", dir.display()), error);
        tonic_prost_build::configure()
            .out_dir(dir)
            .include_file("modules.rs")
            .emit_rerun_if_changed(false)
            .codec_path(CODEC)
            .compile_fds(self.descriptors)
            .map_err(failed)?;
        fs::write(dir.join("protos.bin"), self.encoded).map_err(failed)?;
        let modules = fs::read_to_string(dir.join("modules.rs")).map_err(failed)?;
        fs::write(dir.join("protos.rs"), with_lints_off(&modules) + DESCRIPTORS).map_err(failed)
    }
}

/// Protobuf as ever, and messages shown in debug mode.
const CODEC: &str = "::inkstone::grpc::Codec";

const DESCRIPTORS: &str = r#"
/// The encoded `FileDescriptorSet` of these files and their imports, for gRPC reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/protos.bin"));
"#;

/// A message without a comment is the protobuf linter's business, not rustc's.
fn with_lints_off(modules: &str) -> String {
    let mut code = String::new();
    for line in modules.lines() {
        if line.starts_with("pub mod ") {
            code += "#[allow(missing_docs, missing_debug_implementations, unreachable_pub, clippy::all, clippy::pedantic)]\n";
        }
        code += line;
        code.push('\n');
    }
    code
}
