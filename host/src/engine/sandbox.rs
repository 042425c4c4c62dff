//! One component in one store: made for one session, thrown away after it. Every failure becomes an
//! [`EngineError`] that names the component.

use std::sync::OnceLock;

use wasmtime::{
    Engine, Store, Trap,
    component::{Component, Instance},
};
use wit::host::Resolver;

use super::{
    config,
    error::EngineError,
    limits::{Limits, State, TICK, Ticker},
    load, memory, wasi,
};

#[cfg(test)]
mod tests;

/// The name of the built-in component.
const BUILT_IN: &str = "resolver";

/// A component in its own store.
pub(super) struct Sandbox {
    name: String,
    limits: Limits,
    store: Store<State>,
    _ticker: Ticker,
}

/// The one engine of the process.
pub(super) fn engine() -> Result<&'static Engine, EngineError> {
    static ENGINE: OnceLock<Result<Engine, String>> = OnceLock::new();
    ENGINE
        .get_or_init(|| {
            let mut config = config::config(env!("WASI_PM_TARGET")).map_err(|error| format!("{error:#}"))?;
            load::in_place(&mut config);
            memory::in_large_pages(&mut config);
            Engine::new(&config).map_err(|error| format!("{error:#}"))
        })
        .as_ref()
        .map_err(|detail| EngineError::Load { component: BUILT_IN.to_owned(), detail: detail.clone() })
}

/// Starts the built-in component in a fresh store.
pub(super) fn start(limits: Limits) -> Result<(Sandbox, Resolver), EngineError> {
    let engine = engine()?;
    let component =
        load::embedded(engine).map_err(|detail| EngineError::Load { component: BUILT_IN.to_owned(), detail })?;
    start_with(BUILT_IN, engine, component, limits)
}

/// Starts any component in a fresh store.
fn start_with(
    name: &str,
    engine: &Engine,
    component: &Component,
    limits: Limits,
) -> Result<(Sandbox, Resolver), EngineError> {
    let (mut sandbox, instance) = instantiate(name, engine, component, limits)?;
    let resolver = Resolver::new(&mut sandbox.store, &instance).map_err(|error| sandbox.unfit(&error))?;
    Ok((sandbox, resolver))
}

/// Links a component and runs its start functions, whatever it exports.
fn instantiate(
    name: &str,
    engine: &Engine,
    component: &Component,
    limits: Limits,
) -> Result<(Sandbox, Instance), EngineError> {
    let linker =
        wasi::linker(component, engine).map_err(|detail| EngineError::Link { component: name.to_owned(), detail })?;
    let mut store = Store::new(engine, State::new(limits));
    store.limiter(|state| state);
    store.epoch_deadline_trap();
    store.set_hostcall_fuel(limits.returned);
    let ticker = Ticker::start(engine)
        .map_err(|error| EngineError::Load { component: name.to_owned(), detail: error.to_string() })?;
    let mut sandbox = Sandbox { name: name.to_owned(), limits, store, _ticker: ticker };
    sandbox.arm();
    let instance = linker.instantiate(&mut sandbox.store, component).map_err(|error| {
        match error.downcast_ref::<Trap>().is_some() || sandbox.store.data().exhausted {
            true => sandbox.failed(&error),
            false => sandbox.unfit(&error),
        }
    })?;
    Ok((sandbox, instance))
}

impl Sandbox {
    /// Calls into the component, with the time of one call.
    pub(super) fn call<T>(
        &mut self,
        work: impl FnOnce(&mut Store<State>) -> wasmtime::Result<T>,
    ) -> Result<T, EngineError> {
        self.arm();
        work(&mut self.store).map_err(|error| self.failed(&error))
    }

    /// What its memories have grown to, bytes: they never shrink.
    pub(super) fn memory(&self) -> u64 {
        self.store.data().memory as u64
    }

    fn arm(&mut self) {
        let ticks = self.limits.call.as_millis() / TICK.as_millis();
        self.store.set_epoch_deadline(u64::try_from(ticks).unwrap_or(u64::MAX >> 1) + 1);
    }

    fn unfit(&self, error: &wasmtime::Error) -> EngineError {
        EngineError::Link { component: self.name.clone(), detail: format!("{error:#}") }
    }

    /// Why a call did not return.
    fn failed(&self, error: &wasmtime::Error) -> EngineError {
        let component = self.name.clone();
        if self.store.data().exhausted {
            return EngineError::Memory { component, limit: self.limits.memory };
        }
        if error.downcast_ref::<Trap>() == Some(&Trap::Interrupt) {
            return EngineError::Timeout { component, limit: self.limits.call };
        }
        let words = String::from_utf8_lossy(&self.store.data().output);
        let detail = format!("{}; {}", error.root_cause(), words.trim().replace(char::is_control, " "));
        EngineError::Trap { component, detail: detail.trim_end_matches("; ").to_owned() }
    }

    /// An answer that breaks a rule.
    pub(super) fn invalid(&self, detail: impl Into<String>) -> EngineError {
        EngineError::Answer { component: self.name.clone(), detail: detail.into() }
    }
}
