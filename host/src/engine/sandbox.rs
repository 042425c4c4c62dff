//! One component in one store on a thread of its own: made for one session, thrown away after it. Every failure becomes
//! an [`EngineError`] that names the component.
//!
//! The thread is how a component is held to its time. Whoever waits for an answer stops waiting at the deadline and
//! leaves the thread to itself: it has its own bounded memory, nothing else, and ends with its call or with the
//! process, so whoever uses this as a library and goes on after a timeout keeps a busy thread until then. The other
//! way, to have the compiled code look at a clock (wasmtime's epochs), asks at every loop and every call, which was 13
//! to 20 percent of a resolution; it is for components whose host goes on after they were stopped.

use std::{
    any::Any,
    sync::{
        OnceLock,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel},
    },
    thread::{self, JoinHandle},
};

use wasmtime::{
    Engine, Store, Trap,
    component::{Component, Instance},
};
use wit::host::Resolver;

use super::{
    config::{self, MAX_WASM_STACK},
    error::EngineError,
    limits::{Limits, State},
    load, memory, wasi,
};

#[cfg(test)]
mod tests;

/// The name of the built-in component.
const BUILT_IN: &str = "resolver";

/// How many pieces a wait is made of.
const SLICES: u32 = 60;

/// A component in its own store, with what it exports.
pub(super) struct Sandbox<E> {
    name: String,
    limits: Limits,
    memory: u64,
    spent: Option<Box<dyn Any + Send>>,
    /// `None`: nothing can be asked any more.
    calls: Option<Sender<Call<E>>>,
    thread: Option<JoinHandle<()>>,
}

/// What is done with a component on its thread.
type Call<E> = Box<dyn FnOnce(&mut Guest<E>) + Send>;

/// A call that was begun, or a series of them.
pub(super) struct Called<T>(Receiver<Answer<T>>);

/// So many answers of a series may wait to be taken: each may be as large as an answer may be.
const WAITING: usize = 1;

struct Answer<T> {
    result: Result<T, EngineError>,
    /// What the memories have grown to, bytes.
    memory: u64,
    /// What was handed in: it goes back to be freed where it was made, while the component works at the next call.
    input: Box<dyn Any + Send>,
}

/// The half of a sandbox that lives on its thread.
struct Guest<E> {
    name: String,
    limits: Limits,
    store: Store<State>,
    exports: E,
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
pub(super) fn start(limits: Limits) -> Result<Sandbox<Resolver>, EngineError> {
    let component =
        load::embedded(engine()?).map_err(|detail| EngineError::Load { component: BUILT_IN.to_owned(), detail })?;
    Sandbox::start(BUILT_IN, component, limits, |store, instance| Resolver::new(store, instance))
}

impl<E: Send + 'static> Sandbox<E> {
    /// Starts any component in a fresh store on a thread that ends with the sandbox.
    fn start(
        name: &str,
        component: &Component,
        limits: Limits,
        exports: impl FnOnce(&mut Store<State>, &Instance) -> wasmtime::Result<E> + Send + 'static,
    ) -> Result<Self, EngineError> {
        let (calls, called) = channel::<Call<E>>();
        let (sender, started) = channel();
        let (own_name, component) = (name.to_owned(), component.clone());
        let work = move || match Guest::start(own_name, &component, limits, exports) {
            Ok(mut guest) => {
                // Nobody listens where the start took too long: then there are no calls either.
                let _late = sender.send(Ok(guest.memory()));
                called.into_iter().for_each(|call| call(&mut guest));
            }
            Err(error) => drop(sender.send(Err(error))),
        };
        let thread = thread::Builder::new().name(name.to_owned()).stack_size(2 * MAX_WASM_STACK).spawn(work);
        let thread =
            thread.map_err(|error| EngineError::Load { component: name.to_owned(), detail: error.to_string() })?;
        let (name, calls, thread) = (name.to_owned(), Some(calls), Some(thread));
        let mut sandbox = Self { name, limits, memory: 0, spent: None, calls, thread };
        sandbox.memory = sandbox.wait(&started)??;
        Ok(sandbox)
    }

    /// Calls into the component, with the time of one call.
    pub(super) fn call<I: Send + 'static, T: Send + 'static>(
        &mut self,
        input: I,
        work: impl FnOnce(&mut Store<State>, &E, &I) -> wasmtime::Result<T> + Send + 'static,
    ) -> Result<T, EngineError> {
        let called = self.begin(input, work);
        self.finish(&called)
    }

    /// Begins a call; its time is counted from [`finish`](Self::finish) on.
    pub(super) fn begin<I: Send + 'static, T: Send + 'static>(
        &mut self,
        input: I,
        work: impl FnOnce(&mut Store<State>, &E, &I) -> wasmtime::Result<T> + Send + 'static,
    ) -> Called<T> {
        let (sender, answer) = channel();
        let call = move |guest: &mut Guest<E>| {
            let result = work(&mut guest.store, &guest.exports, &input).map_err(|error| guest.failed(&error));
            let _late = sender.send(Answer { result, memory: guest.memory(), input: Box::new(input) });
        };
        self.send(Box::new(call));
        Called(answer)
    }

    /// Begins a series of calls, each as soon as the one before it has returned, for as long as `goes_on` says so of what
    /// one came to. Each answer is waited for as that of one call, with the time of one; whoever takes none for a while
    /// holds the series up.
    pub(super) fn begin_series<T: Send + 'static>(
        &mut self,
        work: impl Fn(&mut Store<State>, &E) -> wasmtime::Result<T> + Send + 'static,
        goes_on: impl Fn(&T) -> bool + Send + 'static,
    ) -> Called<T> {
        let (sender, answer) = sync_channel(WAITING);
        let calls = move |guest: &mut Guest<E>| {
            loop {
                let result = work(&mut guest.store, &guest.exports).map_err(|error| guest.failed(&error));
                let is_last = !result.as_ref().is_ok_and(&goes_on);
                let answer = Answer { result, memory: guest.memory(), input: Box::new(()) };
                if sender.send(answer).is_err() || is_last {
                    break;
                }
            }
        };
        self.send(Box::new(calls));
        Called(answer)
    }

    fn send(&mut self, call: Call<E>) {
        // Where the thread is gone nobody answers either, which `finish` sees.
        let _gone = self.calls.as_ref().map(|calls| calls.send(call));
        self.spent = None;
    }

    /// Has its thread free what a call has returned: where else it is freed, both threads have to wait for each other.
    pub(super) fn free(&mut self, returned: impl Send + 'static) {
        self.afterwards(move || drop(returned));
    }

    /// Has something done on its thread when all calls that were begun have ended, if they do.
    pub(super) fn afterwards(&mut self, work: impl FnOnce() + Send + 'static) {
        self.send(Box::new(move |_| work()));
    }

    /// Waits for the answer, or for the next of a series: after its last one the component cannot be asked any more.
    pub(super) fn finish<T>(&mut self, called: &Called<T>) -> Result<T, EngineError> {
        let answer = self.wait(&called.0)?;
        self.take(answer)
    }

    /// The answer, if it is there.
    pub(super) fn look<T>(&mut self, called: &Called<T>) -> Option<Result<T, EngineError>> {
        let answer = called.0.try_recv().ok()?;
        Some(self.take(answer))
    }

    fn take<T>(&mut self, answer: Answer<T>) -> Result<T, EngineError> {
        (self.memory, self.spent) = (answer.memory, Some(answer.input));
        answer.result
    }

    /// What its memories have grown to, bytes: they never shrink.
    pub(super) fn memory(&self) -> u64 {
        self.memory
    }

    /// An answer that breaks a rule.
    pub(super) fn invalid(&self, detail: impl Into<String>) -> EngineError {
        EngineError::Answer { component: self.name.clone(), detail: detail.into() }
    }

    fn wait<T>(&mut self, answer: &Receiver<T>) -> Result<T, EngineError> {
        // In slices: the clock goes on while the process is stopped (Ctrl-Z), and that is no more than one of them.
        for _ in 0..SLICES {
            match answer.recv_timeout(self.limits.call / SLICES) {
                Ok(answer) => return Ok(answer),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    // The thread ends when nothing more can come; so it does not wait for that.
                    self.calls = None;
                    match self.thread.take().map(JoinHandle::join) {
                        Some(Err(panic)) => std::panic::resume_unwind(panic),
                        _ => break,
                    }
                }
            }
        }
        Err(EngineError::Timeout { component: self.name.clone(), limit: self.limits.call })
    }
}

impl<E> Guest<E> {
    /// Links a component and runs its start functions, whatever it exports.
    fn start(
        name: String,
        component: &Component,
        limits: Limits,
        exports: impl FnOnce(&mut Store<State>, &Instance) -> wasmtime::Result<E>,
    ) -> Result<Self, EngineError> {
        let engine = component.engine();
        let linker = match wasi::linker(component, engine) {
            Ok(linker) => linker,
            Err(detail) => return Err(EngineError::Link { component: name, detail }),
        };
        let mut store = Store::new(engine, State::new(limits));
        store.limiter(|state| state);
        store.set_hostcall_fuel(limits.returned);
        let mut bare = Guest { name, limits, store, exports: () };
        let instance = linker.instantiate(&mut bare.store, component).map_err(|error| {
            match error.downcast_ref::<Trap>().is_some() || bare.store.data().exhausted {
                true => bare.failed(&error),
                false => bare.unfit(&error),
            }
        })?;
        let exports = exports(&mut bare.store, &instance).map_err(|error| bare.unfit(&error))?;
        Ok(Self { name: bare.name, limits, store: bare.store, exports })
    }

    fn memory(&self) -> u64 {
        self.store.data().memory as u64
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
        let words = String::from_utf8_lossy(&self.store.data().output);
        let detail = format!("{}; {}", error.root_cause(), words.trim().replace(char::is_control, " "));
        EngineError::Trap { component, detail: detail.trim_end_matches("; ").to_owned() }
    }
}
