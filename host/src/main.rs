//! The `wasi-pm` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    host::main()
}
