//! What is written for protobuf files, and what is said about wrong ones.

use std::fs;
use std::path::Path;

use inkstone_build::Protos;
use prost::Message as _;
use prost_types::FileDescriptorSet;
use tempfile::TempDir;

const GREETER: &str = r#"
syntax = "proto3";
package shop.v1;
import "google/protobuf/timestamp.proto";
// Says hello.
service Greeter { rpc Greet(Name) returns (Name); }
message Name { string name = 1; google.protobuf.Timestamp at = 2; }
"#;

fn with(files: &[(&str, &str)]) -> TempDir {
    let dir = TempDir::new().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

fn refusal(dir: &Path, file: &str) -> String {
    Protos::compile(&[dir.join(file)], &[dir]).unwrap_err().to_string()
}

#[test]
fn code_and_descriptors_are_written_behind_one_include() {
    let dir = with(&[("shop/v1/greeter.proto", GREETER)]);
    let out = TempDir::new().unwrap();
    let protos = Protos::compile(&[dir.path().join("shop/v1/greeter.proto")], &[dir.path()]).unwrap();
    assert!(protos.directives().contains("shop/v1/greeter.proto"), "{}", protos.directives());
    protos.write(out.path()).unwrap();

    let code = fs::read_to_string(out.path().join("protos.rs")).unwrap();
    assert!(code.contains("pub mod shop {") && code.contains("pub const FILE_DESCRIPTOR_SET"), "{code}");
    assert!(!code.contains("google"), "the well-known types come from prost: {code}");
    assert!(fs::read_to_string(out.path().join("shop.v1.rs")).unwrap().contains("GreeterServer"));

    let set = FileDescriptorSet::decode(fs::read(out.path().join("protos.bin")).unwrap().as_slice()).unwrap();
    let names: Vec<_> = set.file.iter().map(|file| file.name()).collect();
    assert_eq!(names, ["google/protobuf/timestamp.proto", "shop/v1/greeter.proto"]);
    let comments = set.file[1].source_code_info.as_ref().unwrap();
    assert!(comments.location.iter().any(|place| place.leading_comments() == " Says hello.\n"));
}

#[test]
fn an_import_is_watched_too() {
    let dir = with(&[
        ("a.proto", "syntax = \"proto3\"; package a; import \"b.proto\"; message A { b.B b = 1; }"),
        ("b.proto", "syntax = \"proto3\"; package b; message B {}"),
    ]);
    let protos = Protos::compile(&[dir.path().join("a.proto")], &[dir.path()]).unwrap();
    assert!(protos.directives().contains("b.proto"), "{}", protos.directives());
}

#[test]
fn a_mistake_is_shown_with_file_line_and_column() {
    let dir = with(&[("bad.proto", "syntax = \"proto3\";\nmessage A {\n  strin name = 1;\n}")]);
    let error = refusal(dir.path(), "bad.proto");
    assert!(error.contains("bad.proto:3:3"), "{error}");
}

#[test]
fn a_missing_import_is_shown_where_it_is_asked_for() {
    let dir = with(&[("a.proto", "syntax = \"proto3\";\nimport \"nowhere.proto\";\n")]);
    let error = refusal(dir.path(), "a.proto");
    assert!(error.contains("a.proto:2:") && error.contains("nowhere.proto"), "{error}");
}

#[test]
fn a_missing_file_is_named_with_the_include_paths() {
    let dir = with(&[]);
    let error = refusal(dir.path(), "absent.proto");
    assert!(error.contains("absent.proto") && error.contains(dir.path().to_str().unwrap()), "{error}");
}
