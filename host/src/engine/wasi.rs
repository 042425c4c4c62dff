//! The few WASI 0.2 interfaces that std drags into a component, answered so that they give nothing: an empty
//! environment, no folders, a fixed clock, fixed randomness, output that is only kept for an error message.
//! What is not answered here traps when called; what is not listed here does not link at all.

use wasmtime::{
    Engine, Error, Result, StoreContextMut,
    component::{
        Component, Linker, Resource, ResourceAny, ResourceType, Val,
        types::{ComponentInstance, ComponentItem},
    },
};

use super::limits::State;

/// What a component may import, without patch versions.
pub(super) const ALLOWED: [&str; 19] = [
    "wasi-pm:resolver/types@0.1",
    "wasi:cli/environment@0.2",
    "wasi:cli/exit@0.2",
    "wasi:cli/stderr@0.2",
    "wasi:cli/stdin@0.2",
    "wasi:cli/stdout@0.2",
    "wasi:cli/terminal-input@0.2",
    "wasi:cli/terminal-output@0.2",
    "wasi:cli/terminal-stderr@0.2",
    "wasi:cli/terminal-stdin@0.2",
    "wasi:cli/terminal-stdout@0.2",
    "wasi:clocks/monotonic-clock@0.2",
    "wasi:clocks/wall-clock@0.2",
    "wasi:filesystem/preopens@0.2",
    "wasi:filesystem/types@0.2",
    "wasi:io/error@0.2",
    "wasi:io/poll@0.2",
    "wasi:io/streams@0.2",
    "wasi:random/insecure-seed@0.2",
];

/// Stands for every handle that a component gets: there is nothing behind it.
struct Nothing;

/// The imports of a component, by name without the patch version.
#[cfg(test)]
pub(super) fn imports(component: &Component, engine: &Engine) -> Vec<String> {
    component.component_type().imports(engine).map(|(name, _)| without_patch(name).to_owned()).collect()
}

/// `wasi:io/error@0.2.6` is `wasi:io/error@0.2`.
pub(super) fn without_patch(name: &str) -> &str {
    match (name.find('@'), name.rfind('.')) {
        (Some(at), Some(dot)) if name[at..dot].contains('.') => &name[..dot],
        _ => name,
    }
}

/// A linker with what the component may import.
///
/// # Errors
/// A sentence that names what it must not import.
pub(super) fn linker(component: &Component, engine: &Engine) -> std::result::Result<Linker<State>, String> {
    let mut linker = Linker::new(engine);
    for (name, import) in component.component_type().imports(engine) {
        let ComponentItem::ComponentInstance(instance) = import.ty else {
            return Err(format!("it imports {name}, which is no interface; nothing of that kind is given"));
        };
        if !ALLOWED.contains(&without_patch(name)) {
            return Err(format!("it imports {name}; components get no files, no sockets and no network"));
        }
        define(&mut linker, engine, name, &instance).map_err(|error| format!("{name}: {error:#}"))?;
    }
    Ok(linker)
}

fn define(linker: &mut Linker<State>, engine: &Engine, name: &str, instance: &ComponentInstance) -> Result<()> {
    let mut interface = linker.instance(name)?;
    for (item, export) in instance.exports(engine) {
        match export.ty {
            ComponentItem::Resource(_) => {
                interface.resource(item, ResourceType::host::<Nothing>(), |_, _| Ok(()))?;
            }
            ComponentItem::ComponentFunc(_) => {
                let label = format!("{}#{item}", without_patch(name));
                interface.func_new(item, move |store, _, params, results| answer(&label, store, params, results))?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn answer(label: &str, mut store: StoreContextMut<'_, State>, params: &[Val], results: &mut [Val]) -> Result<()> {
    let value = match label {
        "wasi:cli/environment@0.2#get-environment"
        | "wasi:cli/environment@0.2#get-arguments"
        | "wasi:filesystem/preopens@0.2#get-directories" => Val::List(Vec::new()),
        "wasi:cli/environment@0.2#initial-cwd"
        | "wasi:cli/terminal-stdin@0.2#get-terminal-stdin"
        | "wasi:cli/terminal-stdout@0.2#get-terminal-stdout"
        | "wasi:cli/terminal-stderr@0.2#get-terminal-stderr"
        | "wasi:filesystem/types@0.2#filesystem-error-code" => Val::Option(None),
        "wasi:cli/stdin@0.2#get-stdin" | "wasi:cli/stdout@0.2#get-stdout" | "wasi:cli/stderr@0.2#get-stderr" => {
            Val::Resource(ResourceAny::try_from_resource(Resource::<Nothing>::new_own(1), &mut store)?)
        }
        "wasi:clocks/monotonic-clock@0.2#now" => Val::U64(0),
        "wasi:clocks/wall-clock@0.2#now" => {
            Val::Record(vec![("seconds".to_owned(), Val::U64(0)), ("nanoseconds".to_owned(), Val::U32(0))])
        }
        "wasi:random/insecure-seed@0.2#insecure-seed" => Val::Tuple(vec![Val::U64(1), Val::U64(2)]),
        "wasi:io/streams@0.2#[method]output-stream.check-write" => Val::Result(Ok(Some(Box::new(Val::U64(1 << 16))))),
        "wasi:io/streams@0.2#[method]output-stream.write"
        | "wasi:io/streams@0.2#[method]output-stream.blocking-write-and-flush" => {
            if let Some(Val::List(bytes)) = params.get(1) {
                store.data_mut().print(bytes.iter().filter_map(|byte| match byte {
                    Val::U8(byte) => Some(*byte),
                    _ => None,
                }));
            }
            Val::Result(Ok(None))
        }
        "wasi:io/streams@0.2#[method]output-stream.flush"
        | "wasi:io/streams@0.2#[method]output-stream.blocking-flush" => Val::Result(Ok(None)),
        _ => return Err(Error::msg(format!("it called {label}, which gives components nothing"))),
    };
    if let Some(slot) = results.first_mut() {
        *slot = value;
    }
    Ok(())
}
