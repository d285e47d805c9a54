//! The inkstone command.
fn main() {}
