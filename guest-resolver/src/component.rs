//! The component: the world's exports, handed on. The only file that knows that it may run as WebAssembly.
#![cfg(target_arch = "wasm32")]

use std::cell::RefCell;

use talc::wasm::{WasmDynamicTalc, new_wasm_dynamic_allocator};
use wit::guest::exports::wasi_pm::resolver::{
    lockfile::{self, Placed},
    resolution::{self, Failure, Progress, Project, Reply},
};

use crate::{boundary, pieces::Pieces, session::Session};

/// Resolving makes many small texts; what std would take, the allocator of the C library, is slower at them.
#[expect(unsafe_code, reason = "a component has one thread")]
#[global_allocator]
// SAFETY: as the reason says.
static ALLOCATOR: Pieces<WasmDynamicTalc> = unsafe { Pieces::before(new_wasm_dynamic_allocator()) };

/// More than most projects need, bytes: asked for at once, since each growth is a call of the host's kernel, and what
/// was granted in small pieces is mapped in small pages. What is not touched costs nothing.
const ROOM: usize = 32 << 20;

fn make_room() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(ROOM)));
}

/// Compares eight bytes at a time. The one of the C library goes byte by byte, which was a tenth of the time on a graph
/// of long dep-paths.
///
/// # Safety
/// As in C: both sides have `length` bytes.
#[expect(unsafe_code, reason = "the compiler calls it by this name wherever texts are compared")]
#[inline(never)] // in place at each comparison it would be an eighth of the component
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(left: *const u8, right: *const u8, length: usize) -> i32 {
    // SAFETY: no read begins or ends outside of `length` bytes.
    let longs =
        |at| unsafe { (left.add(at).cast::<u64>().read_unaligned(), right.add(at).cast::<u64>().read_unaligned()) };
    // SAFETY: likewise.
    let halves =
        |at| unsafe { (left.add(at).cast::<u32>().read_unaligned(), right.add(at).cast::<u32>().read_unaligned()) };
    // SAFETY: likewise.
    let bytes = |at| unsafe { (left.add(at).read(), right.add(at).read()) };
    // Where a whole does not fit a second time, the last one overlaps what is before it, which is equal.
    let mut at = 0;
    if length >= 8 {
        while at < length {
            let (left, right) = longs(at.min(length - 8));
            if left != right {
                return left.to_be().cmp(&right.to_be()) as i32;
            }
            at += 8;
        }
        return 0;
    }
    if length >= 4 {
        let first = halves(0);
        let (left, right) = if first.0 == first.1 { halves(length - 4) } else { first };
        return left.to_be().cmp(&right.to_be()) as i32;
    }
    while at < length {
        let (left, right) = bytes(at);
        if left != right {
            return left.cmp(&right) as i32;
        }
        at += 1;
    }
    0
}

struct Component;

impl lockfile::Guest for Component {
    fn place(project: Project) -> Result<Placed, Vec<Failure>> {
        make_room();
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
        make_room();
        Session::open(project).map(|session| resolution::Session::new(Self(RefCell::new(session))))
    }

    fn advance(&self, replies: Vec<Reply>) -> Result<Progress, Vec<Failure>> {
        self.0.borrow_mut().advance(replies)
    }
}

wit::guest::export_resolver!(Component with_types_in wit::guest);
