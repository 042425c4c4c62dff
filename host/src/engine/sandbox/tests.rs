//! Components that misbehave: each ends soon, in an error that names it and says how it failed.

use std::time::{Duration, Instant};

use wasmtime::component::{ComponentNamedList, Lift, TypedFunc};

use super::*;
use crate::diagnostic::Diagnose;

const SMALL: Limits = Limits {
    memory: 8 << 20,
    table: 1000,
    call: Duration::from_millis(400),
    returned: 64 << 10,
    requests: 10,
    snapshots: 10,
    kept: 64 << 10,
};

/// A component with this text, started.
fn sandbox<E: Send + 'static>(
    name: &str,
    text: &str,
    exports: impl FnOnce(&mut Store<State>, &Instance) -> wasmtime::Result<E> + Send + 'static,
) -> Result<Sandbox<E>, EngineError> {
    let bytes = wat::parse_str(text).expect("the test wrote it");
    let component = Component::new(engine().expect("it starts"), bytes).expect("it is a valid component");
    Sandbox::start(name, &component, SMALL, exports)
}

/// A component whose core module has these fields and is only started.
fn started(fields: &str) -> EngineError {
    let text = format!("(component (core module $m {fields}) (core instance (instantiate $m)))");
    let begun = Instant::now();
    let result = sandbox("culprit", &text, |_, _| Ok(()));
    assert!(begun.elapsed() < Duration::from_secs(5), "it took {:?}", begun.elapsed());
    result.err().expect("it misbehaves")
}

/// A component whose core module has these fields and exports `run`, which is called.
fn called(fields: &str) -> EngineError {
    let text = format!(
        "(component (core module $m {fields}) (core instance $i (instantiate $m))
            (func (export \"run\") (canon lift (core func $i \"run\"))))"
    );
    let mut sandbox = sandbox("culprit", &text, run::<()>).expect("it starts well");
    let begun = Instant::now();
    let error = sandbox.call((), |store, run, ()| run.call(store, ())).expect_err("it misbehaves");
    assert!(begun.elapsed() < Duration::from_secs(5), "it took {:?}", begun.elapsed());
    error
}

/// What it exports as `run`.
fn run<R>(store: &mut Store<State>, instance: &Instance) -> wasmtime::Result<TypedFunc<(), R>>
where
    R: ComponentNamedList + Lift + Send + Sync + 'static,
{
    instance.get_typed_func(store, "run")
}

#[track_caller]
fn is(error: &EngineError, code: &str, words: &str) {
    assert_eq!(error.code(), code, "{error}");
    let text = error.to_string();
    assert!(text.contains("component culprit") && text.contains(words), "{text}");
}

const TIMEOUT: &str = "ERR_WASI_PM_COMPONENT_TIMEOUT";
const MEMORY: &str = "ERR_WASI_PM_COMPONENT_MEMORY";
const TRAP: &str = "ERR_WASI_PM_COMPONENT_TRAP";
const LINK: &str = "ERR_WASI_PM_COMPONENT_LINK";

const GROWING: &str = "(memory 1) (func $run (export \"run\") (loop (drop (memory.grow (i32.const 16))) (br 0)))";

/// Computes for a second or more, far beyond the deadline, but not for ever: nothing could stop it before the tests
/// end.
const LONG: &str = "(func $run (export \"run\") (local $left i64) (local.set $left (i64.const 4000000000))
    (loop (br_if 0 (i64.ne (local.tee $left (i64.sub (local.get $left) (i64.const 1))) (i64.const 0)))))";

#[test]
fn who_computes_too_long_is_not_waited_for() {
    is(&called(LONG), TIMEOUT, "within 400ms");
}

#[test]
fn who_computes_too_long_at_the_start_is_not_waited_for() {
    is(&started(&format!("{LONG} (start $run)")), TIMEOUT, "within 400ms");
}

#[test]
fn a_panic_of_a_call_reaches_who_called() {
    let mut sandbox = sandbox("sound", "(component)", |_, _| Ok(())).expect("it starts well");
    let call = move || sandbox.call((), |_, (), ()| -> wasmtime::Result<()> { panic!("made to fail") });
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).expect_err("it panicked");
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"made to fail"));
}

#[test]
fn growing_without_end_is_refused() {
    is(&called(GROWING), MEMORY, "8388608 bytes");
    is(&started(&format!("{GROWING} (start $run)")), MEMORY, "8388608 bytes");
}

#[test]
fn memory_is_empty_at_first_and_ends_where_it_ends() {
    let after_growing =
        |rest: &str| format!("(memory 1) (func (export \"run\") (drop (memory.grow (i32.const 40))) {rest})");
    let dirty = "(if (i32.load (i32.const 2686972)) (then unreachable))
        (i32.store (i32.const 2686972) (i32.const 1)) (if (i32.eqz (i32.load (i32.const 2686972))) (then unreachable))";
    let beyond = "(drop (i32.load (i32.const 2686976)))";
    is(&called(&after_growing(&format!("{dirty} {beyond}"))), TRAP, "out of bounds");
    is(&called(&after_growing("(i32.store (i32.const -4) (i32.const 1))")), TRAP, "out of bounds");
    is(
        &called("(memory 1) (func (export \"run\") (i32.store (i32.const 65533) (i32.const 1)))"),
        TRAP,
        "out of bounds",
    );
}

#[test]
fn starting_with_too_much_memory_is_refused() {
    is(&started("(memory 1024)"), MEMORY, "8388608 bytes");
}

#[test]
fn growing_a_table_without_end_is_refused() {
    let fields = "(table 1 funcref)
        (func (export \"run\") (loop (drop (table.grow (ref.null func) (i32.const 100))) (br 0)))";
    is(&called(fields), MEMORY, "table");
}

#[test]
fn a_crash_is_an_error() {
    is(&called("(func (export \"run\") unreachable)"), TRAP, "unreachable");
    is(&started("(func $run unreachable) (start $run)"), TRAP, "unreachable");
}

#[test]
fn recursion_without_end_is_a_crash_of_the_component_alone() {
    is(&called("(func $run (export \"run\") (call $run))"), TRAP, "stack");
}

#[test]
fn a_component_may_be_called_again_and_has_its_time_anew() {
    let text = "(component (core module $m (func (export \"run\"))) (core instance $i (instantiate $m))
        (func (export \"run\") (canon lift (core func $i \"run\"))))";
    let mut sandbox = sandbox("sound", text, run::<()>).expect("it starts well");
    for _ in 0..3 {
        thread::sleep(SMALL.call * 2 / 3);
        sandbox.call((), |store, run, ()| run.call(store, ())).expect("its time starts with each call");
    }
}

/// A component that counts how often it is called.
fn counting() -> Sandbox<TypedFunc<(), (u32,)>> {
    let text = "(component
        (core module $m (global $count (mut i32) (i32.const 0))
            (func (export \"run\") (result i32)
                (global.set $count (i32.add (global.get $count) (i32.const 1))) (global.get $count)))
        (core instance $i (instantiate $m))
        (func (export \"run\") (result u32) (canon lift (core func $i \"run\"))))";
    sandbox("sound", text, run::<(u32,)>).expect("it starts well")
}

#[test]
fn a_series_ends_with_the_answer_that_says_so() {
    let mut sandbox = counting();
    let called = sandbox.begin_series(|store, run| Ok(run.call(store, ())?.0), |count| *count < 5);
    for expected in 1..=5 {
        assert_eq!(sandbox.finish(&called).expect("it answers"), expected);
    }
    let next = sandbox.call((), |store, run, ()| run.call(store, ())).expect("it is called again");
    assert_eq!(next, (6,), "it was not called once more");
}

#[test]
fn who_asks_an_ended_series_again_is_refused_and_does_not_hang() {
    let mut sandbox = counting();
    let called = sandbox.begin_series(|store, run| Ok(run.call(store, ())?.0), |_| false);
    assert_eq!(sandbox.finish(&called).expect("it answers"), 1);
    assert!(sandbox.finish(&called).is_err());
    assert!(sandbox.call((), |store, run, ()| run.call(store, ())).is_err(), "it is gone");
}

#[test]
fn a_series_is_held_up_by_who_takes_nothing_and_ends_with_them() {
    let mut sandbox = counting();
    let called = sandbox.begin_series(|store, run| Ok(run.call(store, ())?.0), |_| true);
    assert_eq!(sandbox.finish(&called).expect("it answers"), 1);
    thread::sleep(SMALL.call / 4);
    drop(called);
    let (next,) = sandbox.call((), |store, run, ()| run.call(store, ())).expect("the series has ended");
    assert!(next as usize <= WAITING + 3, "it was called {next} times");
}

#[test]
fn what_comes_after_a_series_is_done_when_it_has_ended_even_if_nobody_asks_any_more() {
    let (sender, done) = channel();
    let mut sandbox = counting();
    let called = sandbox.begin_series(|store, run| Ok(run.call(store, ())?.0), |count| *count < 3);
    sandbox.afterwards(move || sender.send("done").expect("the test waits"));
    assert_eq!(sandbox.finish(&called).expect("it answers"), 1);
    assert!(done.try_recv().is_err(), "answers of the series wait to be taken");
    for expected in 2..=3 {
        assert_eq!(sandbox.finish(&called).expect("it answers"), expected);
    }
    drop(sandbox);
    assert_eq!(done.recv(), Ok("done"));
}

#[test]
fn a_text_longer_than_allowed_is_not_copied_out() {
    let text = "(component
        (core module $m (memory (export \"memory\") 8)
            (func (export \"run\") (result i32)
                (i32.store (i32.const 0) (i32.const 16)) (i32.store (i32.const 4) (i32.const 300000)) (i32.const 0)))
        (core instance $i (instantiate $m))
        (func (export \"run\") (result string)
            (canon lift (core func $i \"run\") (memory (core memory $i \"memory\")))))";
    let mut sandbox = sandbox("culprit", text, run::<(String,)>).expect("it starts well");
    let error = sandbox.call((), |store, run, ()| run.call(store, ())).expect_err("it returns too much");
    is(&error, TRAP, "fuel");
}

#[test]
fn a_component_that_wants_sockets_does_not_link() {
    let wants = "(component (import \"wasi:sockets/network@0.2.6\" (instance)))";
    let error = sandbox("culprit", wants, |_, _| Ok(())).err().expect("it is refused");
    is(&error, LINK, "wasi:sockets/network@0.2.6");
}

#[test]
fn a_component_that_wants_a_bare_function_does_not_link() {
    let wants = "(component (import \"secret\" (func)))";
    let error = sandbox("culprit", wants, |_, _| Ok(())).err().expect("it is refused");
    is(&error, LINK, "secret");
}

#[test]
fn a_component_that_exports_no_resolver_does_not_fit() {
    let error = sandbox("culprit", "(component)", |store, instance| Resolver::new(store, instance))
        .err()
        .expect("it is refused");
    is(&error, LINK, "wasi-pm:resolver");
}

#[test]
fn what_is_not_answered_ends_the_component() {
    let text = "(component
        (import \"wasi:cli/exit@0.2.6\" (instance $exit (export \"exit\" (func (param \"status\" (result))))))
        (core func $exit (canon lower (func $exit \"exit\")))
        (core module $m (import \"host\" \"exit\" (func $exit (param i32)))
            (func (export \"run\") (call $exit (i32.const 0))))
        (core instance $i (instantiate $m (with \"host\" (instance (export \"exit\" (func $exit))))))
        (func (export \"run\") (canon lift (core func $i \"run\"))))";
    let mut sandbox = sandbox("culprit", text, run::<()>).expect("it starts well");
    let error = sandbox.call((), |store, run, ()| run.call(store, ())).expect_err("there is no way out");
    is(&error, TRAP, "wasi:cli/exit@0.2#exit");
}

#[test]
fn the_last_words_are_kept_in_part_only() {
    let mut state = State::new(SMALL);
    state.print(std::iter::repeat_n(b'x', 1 << 20));
    state.print(std::iter::repeat_n(b'x', 1 << 20));
    assert_eq!(state.output.len(), 4096);
}

/// The list is the whole of what a component can reach: a line more here is a line more to trust.
#[test]
fn the_built_in_component_imports_what_std_drags_in_and_nothing_else() {
    let engine = engine().expect("it starts");
    let component = load::embedded(engine).expect("it was built for this machine");
    insta::assert_snapshot!(wasi::imports(component, engine).join("\n"), @"
    wasi-pm:resolver/types@0.1
    wasi:io/error@0.2
    wasi:io/streams@0.2
    wasi:cli/environment@0.2
    wasi:cli/exit@0.2
    wasi:cli/stdin@0.2
    wasi:cli/stdout@0.2
    wasi:cli/stderr@0.2
    wasi:clocks/wall-clock@0.2
    wasi:filesystem/types@0.2
    wasi:filesystem/preopens@0.2
    wasi:random/insecure-seed@0.2
    ");
}

#[test]
fn the_built_in_component_starts_within_its_limits() {
    let sandbox = start(Limits::default()).map_err(|error| error.to_string()).expect("it starts");
    assert!(sandbox.memory() > 0 && sandbox.memory() < 64 << 20, "{} bytes", sandbox.memory());
}

/// What the start costs: `cargo test -p host --release -- --ignored --nocapture what_the_start_costs`.
#[test]
#[ignore = "a measurement"]
fn what_the_start_costs() {
    let engine = engine().expect("it starts");
    let begun = Instant::now();
    let _component = load::embedded(engine).expect("it was built for this machine");
    let loaded = begun.elapsed();
    let mut best = Duration::MAX;
    for _ in 0..20 {
        let begun = Instant::now();
        let _started = start(Limits::default()).map_err(|it| it.to_string());
        best = best.min(begun.elapsed());
    }
    println!("load {loaded:?}, instantiate {best:?}");
    assert!(loaded + best < Duration::from_millis(2), "load {loaded:?}, instantiate {best:?}");
}
