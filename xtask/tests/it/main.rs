//! Rules over the whole workspace: layers, dependencies, and the shape of crates and documentation.

#![allow(clippy::unwrap_used)]

mod dependencies;
mod files;
mod layers;
mod parity;

use std::path::Path;
use std::sync::LazyLock;

use cargo_metadata::{Metadata, MetadataCommand};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn metadata() -> &'static Metadata {
    static METADATA: LazyLock<Metadata> =
        LazyLock::new(|| MetadataCommand::new().current_dir(root()).exec().unwrap());
    &METADATA
}
