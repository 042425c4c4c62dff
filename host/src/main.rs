//! The `wasi-pm` binary.

fn main() {}
