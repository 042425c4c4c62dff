//! The component: the world's exports, handed on. The only file that knows that it may run as WebAssembly.
#![cfg(target_arch = "wasm32")]

use std::cell::RefCell;

use talc::wasm::{WasmDynamicTalc, new_wasm_dynamic_allocator};
use wit::guest::exports::wasi_pm::resolver::{
    lockfile::{self, Placed},
    resolution::{self, Failure, Progress, Project, Reply},
};

use crate::{boundary, session::Session};

/// Resolving makes many small texts; the one that std would take, of the C library, is slower at them.
#[global_allocator]
static ALLOCATOR: WasmDynamicTalc = new_wasm_dynamic_allocator();

struct Component;

impl lockfile::Guest for Component {
    fn place(project: Project) -> Result<Placed, Vec<Failure>> {
        boundary::place_lockfile(&project)
    }

    fn check(project: Project) -> Result<Vec<Failure>, Vec<Failure>> {
        boundary::check_lockfile(&project)
    }
}

impl resolution::Guest for Component {
    type Session = Shared;
}

/// A session behind the shared reference that a resource is called through; one call at a time.
struct Shared(RefCell<Session>);

impl resolution::GuestSession for Shared {
    fn open(project: Project) -> Result<resolution::Session, Vec<Failure>> {
        Session::open(project).map(|session| resolution::Session::new(Self(RefCell::new(session))))
    }

    fn advance(&self, replies: Vec<Reply>) -> Result<Progress, Vec<Failure>> {
        self.0.borrow_mut().advance(replies)
    }
}

wit::guest::export_resolver!(Component with_types_in wit::guest);
