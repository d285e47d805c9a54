//! What a program that cargo has built says about itself.
//!
//! Its build script calls the example `info`, which is what a `build.rs` with `inkstone_build::info()` compiles to, so
//! that cargo has nothing to compile here but a few lines.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use tempfile::TempDir;

use crate::info::{git, later};

const BUILD_RS: &str = r#"fn main() {
    let status = std::process::Command::new(env!("INFO")).status().expect("the example is built");
    std::process::exit(status.code().unwrap_or(1));
}"#;

const MAIN_RS: &str = r#"fn main() {
    println!("commit={}", option_env!("INKSTONE_BUILD_COMMIT").unwrap_or("unknown"));
    println!("dirty={}", option_env!("INKSTONE_BUILD_DIRTY").unwrap_or("unknown"));
    println!("time={}", option_env!("INKSTONE_BUILD_TIME").unwrap_or("unknown"));
    println!("user={}", option_env!("INKSTONE_BUILD_USER").unwrap_or("unknown"));
    println!("dependencies={}", option_env!("INKSTONE_BUILD_DEPENDENCIES").unwrap_or("unknown"));
    inside::hello();
}"#;

/// A workspace of a program and a library in it, at one commit.
struct Program(TempDir);

impl Program {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let write = |file: &str, text: &str| {
            let file = dir.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        };
        write(".gitignore", "target*\n");
        write("Cargo.toml", "[workspace]\nmembers = [\"shop\", \"inside\"]\nresolver = \"3\"\n");
        write(
            "shop/Cargo.toml",
            "[package]\nname = \"shop\"\nversion = \"1.2.3\"\nedition = \"2024\"\n\
             [dependencies]\ninside = { path = \"../inside\" }\n",
        );
        write("shop/build.rs", BUILD_RS);
        write("shop/src/main.rs", MAIN_RS);
        write(
            "inside/Cargo.toml",
            "[package]\nname = \"inside\"\nversion = \"0.4.0\"\nedition = \"2024\"\nlicense = \"MIT\"\n",
        );
        write("inside/src/lib.rs", "pub fn hello() {}\n");
        let program = Self(dir);
        assert!(program.cargo(&["generate-lockfile", "--offline"], &[]).status.success());
        git(program.dir(), &["init", "--quiet"]);
        program.commit("first");
        program
    }

    fn dir(&self) -> &Path {
        self.0.path()
    }

    fn commit(&self, message: &str) -> String {
        git(self.dir(), &["add", "."]);
        git(self.dir(), &["commit", "--quiet", "--allow-empty", "-m", message]);
        git(self.dir(), &["rev-parse", "HEAD"])
    }

    fn cargo(&self, args: &[&str], env: &[(&str, &str)]) -> Output {
        let example = std::env::current_exe().unwrap().parent().unwrap().join("../examples/info");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(self.dir()).args(args).env("INFO", example.canonicalize().unwrap());
        // What the build of this very test has set.
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("INKSTONE_BUILD_")) {
            cargo.env_remove(name);
        }
        for name in ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR", "SOURCE_DATE_EPOCH", "RUSTFLAGS"] {
            cargo.env_remove(name);
        }
        cargo.envs(env.iter().copied()).output().unwrap()
    }

    /// Builds; what cargo said about it.
    fn build(&self, env: &[(&str, &str)]) -> String {
        let output = self.cargo(&["build", "--offline"], env);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        said
    }

    fn binary(&self, target: &str) -> PathBuf {
        self.dir().join(target).join("debug/shop")
    }

    fn says(&self, name: &str) -> String {
        let output = Command::new(self.binary("target")).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        value.unwrap_or_else(|| panic!("no {name} in {text}")).to_owned()
    }
}

#[test]
fn the_binary_follows_commits_and_changes_and_is_not_built_anew_for_less() {
    let program = Program::new();
    program.build(&[]);
    assert_eq!(program.says("commit"), git(program.dir(), &["rev-parse", "HEAD"]));
    assert_eq!(program.says("dirty"), "false");
    assert_eq!(program.says("dependencies"), "MIT|path|inside 0.4.0");

    // Git touches its index when somebody looks at the state of a file that was written anew.
    later(&program.dir().join(".git/index"), Duration::from_secs(5));
    let said = program.build(&[]);
    assert!(!said.contains("Compiling"), "{said}");

    let second = program.commit("second");
    program.build(&[]);
    assert_eq!(program.says("commit"), second);

    // The program is made of its library too.
    fs::write(program.dir().join("inside/src/lib.rs"), "pub fn hello() { println!(\"hello\") }\n").unwrap();
    later(&program.dir().join("inside/src/lib.rs"), Duration::from_secs(5));
    program.build(&[]);
    assert_eq!((program.says("commit"), program.says("dirty").as_str()), (second, "true"));
}

#[test]
fn a_build_that_is_to_be_reproducible_is_the_same_byte_for_byte() {
    let program = Program::new();
    let built = |target: &str, user: &str| {
        let env = [("SOURCE_DATE_EPOCH", "1700000000"), ("USER", user), ("CARGO_TARGET_DIR", target)];
        program.build(&env);
        fs::read(program.binary(target)).unwrap()
    };
    let (one, other) = (built("target", "ann"), built("target2", "bob"));
    assert!(one == other, "two builds of one commit differ");
    assert_eq!(program.says("time"), "2023-11-14T22:13:20Z");
    assert_eq!(program.says("user"), "unknown");
}
