//! The guest's bindings, as wit-bindgen generates them from `resolver/`. The exporting macro `export_resolver!`
//! is used in one file of `guest-resolver`. No logic.
#![expect(missing_docs, reason = "generated; the documentation stands in the WIT files")]

wit_bindgen::generate!({
    path: "resolver",
    world: "resolver",
    pub_export_macro: true,
    export_macro_name: "export_resolver",
    default_bindings_module: "wit::guest",
});
