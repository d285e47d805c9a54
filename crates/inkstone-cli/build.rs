//! Puts the build information into the program.

fn main() -> Result<(), inkstone_build::Error> {
    inkstone_build::info()
}
