//! Loads the component that is part of this program. One of the two files of `host` with `unsafe`, because compiled
//! code is native code: whoever loads it must know where it comes from.

use wasmtime::{Engine, component::Component};

static COMPILED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/guest_resolver.cwasm"));

/// The built-in component, compiled ahead of time by the build script.
#[expect(unsafe_code, reason = "deserialising compiled code executes what it holds")]
pub(super) fn embedded(engine: &Engine) -> wasmtime::Result<Component> {
    // SAFETY: the bytes are part of this program's own image. The build script made them with
    // `Engine::precompile_component` of the same wasmtime and the same configuration; nothing can change them since.
    unsafe { Component::deserialize(engine, COMPILED) }
}

/// The blake3 of the built-in component: what a remembered outcome was made by.
#[must_use]
pub fn digest() -> &'static [u8; 32] {
    include_bytes!(concat!(env!("OUT_DIR"), "/guest_resolver.digest"))
}
