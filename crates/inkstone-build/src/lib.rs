//! For build.rs: build information and protobuf code generation.
