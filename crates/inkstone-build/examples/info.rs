//! A build script's work as a program: what `inkstone_build::info()` hands to cargo.

fn main() -> Result<(), inkstone_build::Error> {
    inkstone_build::info()
}
