//! The one configuration of wasmtime: the build script compiles the component with it, the program loads the result
//! with it. They must be the same, so both include this file. The target is named, so that the compiled code asks for
//! no more than the baseline of its architecture, whatever the machine it was built on can do.

use wasmtime::Config;

/// The configuration for machines of this target triple.
pub(crate) fn config(target: &str) -> wasmtime::Result<Config> {
    let mut config = Config::new();
    config.target(target)?;
    config.cranelift_nan_canonicalization(true);
    config.max_wasm_stack(MAX_WASM_STACK);
    // Where in the component it trapped is told by no message, and would be an eighth of the compiled code.
    config.generate_address_map(false);
    // On Linux the memory comes from `memory`, which takes no image to begin with; one configuration for all.
    config.memory_init_cow(false);
    config.wasm_memory64(false);
    config.wasm_multi_memory(false);
    // Vector instructions would ask for more than the baseline of x86-64.
    config.wasm_simd(false);
    config.wasm_relaxed_simd(false);
    Ok(config)
}

/// The stack a component may use, bytes: below the 2 MiB that wasmtime keeps for fibers. The thread has twice as much.
pub(crate) const MAX_WASM_STACK: usize = 1536 << 10;
