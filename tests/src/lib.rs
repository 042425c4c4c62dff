//! wasi-pm's tests from the outside.
