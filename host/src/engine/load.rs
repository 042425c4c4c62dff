//! Loads the component that is part of this program. One of the two files of `host` with `unsafe`, because compiled
//! code is native code: whoever loads it must know where it comes from.
//!
//! On Linux it runs where it lies, in the pages of the program: a copy of eight megabytes would take longer than most
//! of what the component is asked for. Elsewhere wasmtime copies it, as it knows what its caches need.

use std::sync::OnceLock;

use wasmtime::{Config, Engine, component::Component};

/// Bytes that begin with a page and share none with anything else, so that their protection is theirs alone.
#[repr(C, align(4096))]
struct Pages<T: ?Sized> {
    bytes: T,
}

static COMPILED: &Pages<[u8]> = &Pages { bytes: *include_bytes!(concat!(env!("OUT_DIR"), "/guest_resolver.cwasm")) };

/// The built-in component, compiled ahead of time by the build script. It is loaded once and stays.
pub(super) fn embedded(engine: &Engine) -> Result<&'static Component, String> {
    // Wasmtime knows code by where it lies: no two components may lie in the same pages.
    static LOADED: OnceLock<Result<Component, String>> = OnceLock::new();
    LOADED.get_or_init(|| load(engine).map_err(|error| format!("{error:#}"))).as_ref().map_err(Clone::clone)
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[expect(unsafe_code, reason = "deserialising compiled code executes what it holds")]
fn load(engine: &Engine) -> wasmtime::Result<Component> {
    // SAFETY: the bytes are part of this program's own image. The build script made them with
    // `Engine::precompile_component` of the same wasmtime and the same configuration; they live as long as the process
    // and nothing changes them, as they are in memory that cannot be written.
    unsafe { Component::deserialize_raw(engine, std::ptr::NonNull::from(&COMPILED.bytes)) }
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
#[expect(unsafe_code, reason = "deserialising compiled code executes what it holds")]
fn load(engine: &Engine) -> wasmtime::Result<Component> {
    // SAFETY: the bytes are part of this program's own image. The build script made them with
    // `Engine::precompile_component` of the same wasmtime and the same configuration; nothing can change them since.
    unsafe { Component::deserialize(engine, &COMPILED.bytes) }
}

/// Lets wasmtime run code where it lies.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub(super) fn in_place(config: &mut Config) {
    config.with_custom_code_memory(Some(std::sync::Arc::new(InPlace)));
}

/// Nothing to do: wasmtime copies.
#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
pub(super) fn in_place(_config: &mut Config) {}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
struct InPlace;

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
impl wasmtime::CustomCodeMemory for InPlace {
    fn required_alignment(&self) -> usize {
        align_of::<Pages<[u8; 0]>>()
    }

    #[expect(unsafe_code, reason = "the code of the component is made executable")]
    fn publish_executable(&self, start: *const u8, length: usize) -> wasmtime::Result<()> {
        use rustix::mm::{MprotectFlags, mprotect};
        // SAFETY: wasmtime hands over whole pages that hold nothing but code that it compiled, either in memory of its
        // own or in `COMPILED`. They are read and executed from here on, and no longer written.
        unsafe { mprotect(start.cast_mut().cast(), length, MprotectFlags::READ | MprotectFlags::EXEC) }?;
        Ok(())
    }

    fn unpublish_executable(&self, _start: *const u8, _length: usize) -> wasmtime::Result<()> {
        // What is dropped here is memory of wasmtime's own, which it unmaps next: `COMPILED` stays.
        Ok(())
    }
}

/// The blake3 of the built-in component: what a remembered outcome was made by.
#[must_use]
pub fn digest() -> &'static [u8; 32] {
    include_bytes!(concat!(env!("OUT_DIR"), "/guest_resolver.digest"))
}
