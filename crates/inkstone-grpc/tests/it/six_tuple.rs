use std::path::Path;
use std::process::Command;

/// The lines that `examples/six_tuple.rs` prints to standard error.
fn lines(debug: &str) -> Vec<String> {
    // target/debug/deps/it-HASH → target/debug/examples/six_tuple
    let test = std::env::current_exe().unwrap();
    let program = test.parent().and_then(Path::parent).unwrap().join("examples/six_tuple");
    // An address of its own, so that its port is free whatever else runs.
    let pid = std::process::id();
    let host =
        format!("127.{}.{}.{}", pid >> 16 & 127, pid >> 8 & 255, 2 * (pid & 127) + u32::from(debug == "1"));
    let output = Command::new(program)
        .env("INKSTONE_DEBUG", debug)
        .env("RUST_LIB_BACKTRACE", "0")
        .env_remove("INKSTONE_CONFIG")
        .args(["--set", "app.drain=0s", "--set"])
        .arg(format!("server.grpc.host={host}"))
        .arg("--set")
        .arg(format!("grpc.echo.addr={host}:9090"))
        .output()
        .expect("the example runs");
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{err}\n{}", String::from_utf8_lossy(&output.stdout));
    err.lines().map(str::to_owned).collect()
}

#[test]
fn in_debug_mode_each_call_is_one_line_with_the_callers_own_line() {
    let source = include_str!("../../examples/six_tuple.rs");
    let at = source.lines().position(|line| line.contains("// the call")).unwrap() + 1;
    let lines = lines("1");
    let line =
        lines.iter().find(|line| line.contains(" grpc grpc.echo ")).unwrap_or_else(|| panic!("{lines:#?}"));
    assert!(line.contains(&format!("examples/six_tuple.rs:{at}:")), "caller's line {at}: {line}");
    assert!(line.contains(" grpc grpc.echo 127."), "target: {line}");
    for side in [" grpc grpc.echo ", " server.grpc server.grpc "] {
        for call in [
            "test.v1.Echo/Say Text { text: \"who\" } => OK Text { text: \"a\" }",
            "test.v1.Echo/Say Text { text: \"missing\" } => NOT_FOUND there is no such text",
        ] {
            let shown = lines.iter().any(|line| line.contains(side) && line.contains(call));
            assert!(shown, "{side}{call} in {lines:#?}");
        }
    }
}

#[test]
fn without_debug_mode_nothing_is_printed() {
    assert_eq!(lines("0"), Vec::<String>::new());
}
