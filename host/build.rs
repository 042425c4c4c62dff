//! Compiles the component ahead of time, so that the program starts it without a compiler's delay. Takes, in this
//! order: `WASI_PM_COMPONENT=<path>`, a build from source where the compiler has the wasm target, and the component
//! that the repository carries (`.ci/build-component` renews it).

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

#[path = "src/engine/config.rs"]
mod config;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed=WASI_PM_COMPONENT");
    println!("cargo::rerun-if-changed=src/engine/config.rs");
    println!("cargo::rerun-if-changed=build.rs");
    let target = env::var("TARGET")?;
    println!("cargo::rustc-env=WASI_PM_TARGET={target}");

    let path = component()?;
    println!("cargo::rerun-if-changed={}", path.display());
    let wasm = fs::read(&path)
        .map_err(|error| format!("{}: {error}; `.ci/build-component` builds the component", path.display()))?;
    let engine = wasmtime::Engine::new(&config::config(&target)?)?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("guest_resolver.digest"), blake3::hash(&wasm).as_bytes())?;
    fs::write(out.join("guest_resolver.cwasm"), engine.precompile_component(&wasm)?)?;
    Ok(())
}

fn component() -> Result<PathBuf, Box<dyn Error>> {
    if let Some(path) = env::var_os("WASI_PM_COMPONENT") {
        return Ok(path.into());
    }
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("..");
    if has_wasm_target() {
        return build(&root);
    }
    Ok(root.join("host/component/guest_resolver.wasm"))
}

/// Whether the compiler of this build has std for `wasm32-wasip2`.
fn has_wasm_target() -> bool {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let Ok(output) = Command::new(rustc).args(["--print", "target-libdir", "--target", "wasm32-wasip2"]).output()
    else {
        return false;
    };
    Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir()
}

fn build(root: &Path) -> Result<PathBuf, Box<dyn Error>> {
    for input in ["guest-resolver/src", "guest-resolver/Cargo.toml", "wit", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", root.join(input).display());
    }
    // A folder of its own: the outer cargo holds the lock of the one it builds in.
    let folder = PathBuf::from(env::var("OUT_DIR")?).join("component");
    let status = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--locked", "--profile", "component", "--target", "wasm32-wasip2", "--lib"])
        .args(["-p", "guest-resolver"])
        .current_dir(root)
        .env("CARGO_TARGET_DIR", &folder)
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .status()?;
    if !status.success() {
        return Err("the component could not be built from source".into());
    }
    Ok(folder.join("wasm32-wasip2/component/guest_resolver.wasm"))
}
