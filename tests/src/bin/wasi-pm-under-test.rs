//! `wasi-pm` itself, built beside the tests so that they find it: the same `main`.

fn main() -> std::process::ExitCode {
    host::main()
}
