//! Finds the line of the user's code that is awaiting a call.
//!
//! `#[track_caller]` does nothing on an `async fn` (rust-lang/rust#110011), and would name generated code for a gRPC
//! client. Polling nests, so the first foreign frame of a backtrace is the user's own `.await`.

use std::backtrace::Backtrace;
use std::path::{Component, Path};

/// `src/main.rs:12:34` of the first frame that is neither std's, a dependency's, Inkstone's nor generated.
pub(crate) fn caller() -> Option<String> {
    let here = std::env::current_dir().unwrap_or_default();
    first_user_frame(&Backtrace::force_capture().to_string(), &here)
}

/// Reads std's rendering of a backtrace: a line `N: symbol`, then a line `at file:line:column`, where files below `here`
/// begin with `./`.
fn first_user_frame(trace: &str, here: &Path) -> Option<String> {
    let mut symbol = "";
    for line in trace.lines().map(str::trim) {
        if let Some(at) = line.strip_prefix("at ") {
            if is_user_code(symbol, at, here) {
                return Some(at.strip_prefix("./").unwrap_or(at).to_owned());
            }
        } else if let Some((_, name)) = line.split_once(": ") {
            symbol = name;
        }
    }
    None
}

fn is_user_code(symbol: &str, at: &str, here: &Path) -> bool {
    let symbol = symbol.trim_start_matches(['<', '&', '(']);
    // Without full debug information an inlined frame has the symbol of the function it was inlined into, or none:
    // then only the folder of its crate tells.
    let ours = symbol.split("::").next().is_some_and(is_inkstone) || is_our_file(&here.join(at));
    let foreign = ["/rustc/", "/registry/src/", "/git/checkouts/", "/rustlib/src/"]
        .iter()
        .any(|part| at.contains(part));
    // build scripts write generated code below target/…/build/NAME-HASH/out
    let generated = at.contains("/build/") && at.contains("/out/");
    // below a thread's first Rust frame comes the C library's
    let rust = at.contains(".rs:");
    rust && !ours && !foreign && !generated
}

/// Whether the file lies in the `src` of one of our crates. Their tests and examples are users of theirs.
fn is_our_file(file: &Path) -> bool {
    let names: Vec<&str> = file
        .components()
        .filter_map(|part| if let Component::Normal(name) = part { name.to_str() } else { None })
        .collect();
    names.windows(2).any(|pair| is_inkstone(pair[0]) && pair[1] == "src")
}

/// Whether this is the name of one of our crates, as a module or as a folder: `inkstone-guard`, `inkstone-guard-0.1.0`.
fn is_inkstone(name: &str) -> bool {
    let (name, version) = name.split_once("-0.").unwrap_or((name, ""));
    let version = version.chars().all(|c| c.is_ascii_digit() || c == '.');
    version && INKSTONE.contains(&name.replace('-', "_").as_str())
}

const INKSTONE: &[&str] = &[
    "inkstone",
    "inkstone_config",
    "inkstone_observe",
    "inkstone_guard",
    "inkstone_core",
    "inkstone_discover",
    "inkstone_http",
    "inkstone_grpc",
    "inkstone_governor",
    "inkstone_k8s",
    "inkstone_sql",
    "inkstone_task",
];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::first_user_frame;

    #[test]
    fn first_frame_of_the_user_is_found_behind_std_dependencies_inkstone_and_generated_code() {
        let here = Path::new("/work");
        let trace = "
   0: std::backtrace::Backtrace::force_capture
             at /rustc/abc/library/std/src/backtrace.rs:300:13
   1: inkstone_guard::guard::Guard::call::{{closure}}
             at ./crates/inkstone-guard/src/guard.rs:44:9
   2: <inkstone_grpc::client::GrpcClient as tower::Service>::call
             at ./crates/inkstone-grpc/src/client.rs:9:9
   3: tonic::client::grpc::Grpc<T>::unary::{{closure}}
             at /home/u/.cargo/registry/src/index-1/tonic-0.14.9/src/client/grpc.rs:2:3
   4: shop_api::shop::v1::catalog_client::CatalogClient<T>::get::{{closure}}
             at ./target/debug/build/shop-api-1f/out/shop.v1.rs:120:3
   5: storefront::page::{{closure}}
             at ./examples/shop/storefront/src/main.rs:31:44
   6: storefront::main
             at ./examples/shop/storefront/src/main.rs:9:1";
        assert_eq!(
            first_user_frame(trace, here).as_deref(),
            Some("examples/shop/storefront/src/main.rs:31:44")
        );
        let inlined = "   0: tokio::runtime::park
             at ./crates/inkstone-guard/src/http.rs:107:31
             at ./src/main.rs:3:4";
        assert_eq!(first_user_frame(inlined, here).as_deref(), Some("src/main.rs:3:4"));
        let own_tests = "   0: call<T>
             at ./src/client/call.rs:9:9
   1: say
             at ./tests/it/echo.rs:3:4";
        let here = Path::new("/work/crates/inkstone-grpc");
        assert_eq!(first_user_frame(own_tests, here).as_deref(), Some("tests/it/echo.rs:3:4"));
        assert_eq!(
            first_user_frame(
                "   0: a\n      at /rustc/x/y.rs:1:1\n   1: start\n at nptl/pthread_create.c:442:8",
                here
            ),
            None
        );
    }
}
