//! The host's bindings, as wasmtime generates them from `resolver/`. No logic.
#![expect(missing_docs, reason = "generated; the documentation stands in the WIT files")]

wasmtime::component::bindgen!({
    path: "resolver",
    world: "resolver",
});
