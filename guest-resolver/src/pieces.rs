//! An allocator for very many small pieces, in front of another one for the rest. Freed pieces wait in a list for the
//! next of their size; new ones are cut from chunks that are never given back, since a component lives for one session.
//! There are no headers and no neighbours to be joined: most calls are two loads and two stores.

use std::{
    alloc::{GlobalAlloc, Layout},
    cell::UnsafeCell,
    ptr::{self, NonNull},
};

/// The sizes of pieces, and their alignment: all multiples of it up to [`LARGEST`], bytes.
const STEP: usize = 16;
/// The largest piece; what is larger goes to the allocator behind.
const LARGEST: usize = 512;
/// What is cut up, bytes.
const CHUNK: usize = 64 << 10;

/// Small pieces in front of `A`.
#[derive(Debug)]
pub struct Pieces<A> {
    behind: A,
    lists: UnsafeCell<Lists>,
}

#[derive(Debug)]
struct Lists {
    /// By size: the first of those that are free. Each holds the address of the next.
    free: [Option<NonNull<Piece>>; LARGEST / STEP],
    /// What is left of the chunk that is being cut.
    rest: *mut u8,
    left: usize,
}

#[derive(Debug)]
struct Piece {
    next: Option<NonNull<Piece>>,
}

// SAFETY: whoever made it has promised that one thread uses it.
#[expect(unsafe_code, reason = "a global allocator must be shared")]
unsafe impl<A> Sync for Pieces<A> {}

impl<A: GlobalAlloc> Pieces<A> {
    /// In front of an allocator.
    ///
    /// # Safety
    /// It is used by one thread, as everything in a component is.
    #[expect(unsafe_code, reason = "there is no lock")]
    pub const unsafe fn before(behind: A) -> Self {
        let lists = Lists { free: [None; LARGEST / STEP], rest: ptr::null_mut(), left: 0 };
        Self { behind, lists: UnsafeCell::new(lists) }
    }

    /// The list that a layout belongs to; `None`: it goes to the allocator behind.
    fn class(layout: Layout) -> Option<usize> {
        (layout.size() <= LARGEST && layout.align() <= STEP && layout.size() > 0).then(|| (layout.size() - 1) / STEP)
    }

    /// A piece that was never used. What is left of a chunk that has become too small stays unused.
    #[cold]
    #[inline(never)]
    fn cut(&self, lists: &mut Lists, size: usize) -> *mut u8 {
        if lists.left < size {
            let chunk = Layout::from_size_align(CHUNK, STEP).expect("it is a small power of two");
            // SAFETY: a chunk is not empty.
            #[expect(unsafe_code, reason = "memory is asked for")]
            let chunk = unsafe { self.behind.alloc(chunk) };
            if chunk.is_null() {
                return chunk;
            }
            (lists.rest, lists.left) = (chunk, CHUNK);
        }
        let piece = lists.rest;
        lists.rest = piece.wrapping_add(size);
        lists.left -= size;
        piece
    }
}

// SAFETY: pieces of a class are disjoint parts of chunks, `STEP`-aligned and at least as large as every layout of the
// class; one is either in its list or handed out, never both. All else is the allocator's behind, by the same layout.
#[expect(unsafe_code, reason = "an allocator hands out memory")]
unsafe impl<A: GlobalAlloc> GlobalAlloc for Pieces<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as promised by whoever calls; the lists are borrowed by nobody else, since nothing below calls back.
        unsafe {
            let Some(class) = Self::class(layout) else { return self.behind.alloc(layout) };
            let lists = &mut *self.lists.get();
            match lists.free[class] {
                Some(piece) => {
                    lists.free[class] = piece.as_ref().next;
                    piece.as_ptr().cast()
                }
                None => self.cut(lists, (class + 1) * STEP),
            }
        }
    }

    #[inline]
    unsafe fn dealloc(&self, freed: *mut u8, layout: Layout) {
        // SAFETY: likewise; a piece of any class has room for an address.
        unsafe {
            let Some(class) = Self::class(layout) else { return self.behind.dealloc(freed, layout) };
            let lists = &mut *self.lists.get();
            let piece = freed.cast::<Piece>();
            piece.write(Piece { next: lists.free[class] });
            lists.free[class] = NonNull::new(piece);
        }
    }

    #[inline]
    unsafe fn realloc(&self, held: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: likewise; `size` with the alignment of `layout` is a layout, as promised by whoever calls.
        unsafe {
            let wanted = Layout::from_size_align_unchecked(size, layout.align());
            match (Self::class(layout), Self::class(wanted)) {
                (None, None) => self.behind.realloc(held, layout, size),
                (before, after) if before == after => held,
                _ => {
                    let moved = self.alloc(wanted);
                    if !moved.is_null() {
                        moved.copy_from_nonoverlapping(held, layout.size().min(size));
                        self.dealloc(held, layout);
                    }
                    moved
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::alloc::System;

    use proptest::prelude::*;

    use super::*;

    /// A piece in use, filled with one byte.
    struct Held {
        at: *mut u8,
        layout: Layout,
        byte: u8,
    }

    impl Held {
        #[expect(unsafe_code, reason = "the piece is looked at")]
        fn is_whole(&self, length: usize) -> bool {
            // SAFETY: it has that many bytes, all written.
            unsafe { std::slice::from_raw_parts(self.at, length) }.iter().all(|byte| *byte == self.byte)
        }
    }

    #[derive(Debug, Clone)]
    enum Step {
        Take { size: usize, align: u32 },
        Resize { which: usize, size: usize },
        Give { which: usize },
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (1..700_usize, 0..6_u32).prop_map(|(size, align)| Step::Take { size, align }),
            (any::<usize>(), 1..700_usize).prop_map(|(which, size)| Step::Resize { which, size }),
            any::<usize>().prop_map(|which| Step::Give { which }),
        ]
    }

    proptest! {
        #[test]
        #[expect(unsafe_code, reason = "the allocator is used")]
        fn pieces_in_use_share_no_byte(steps in proptest::collection::vec(step(), 1..400)) {
            // SAFETY: it stays in this test.
            let pieces = unsafe { Pieces::before(System) };
            let mut all: Vec<Held> = Vec::new();
            for (byte, step) in (0_u8..=255).cycle().zip(steps) {
                match step {
                    Step::Take { size, align } => {
                        let layout = Layout::from_size_align(size, 1 << align).expect("both are small");
                        // SAFETY: the layout is not empty; what is written is within it.
                        let at = unsafe { pieces.alloc(layout) };
                        prop_assert!(!at.is_null() && at.addr().is_multiple_of(layout.align()));
                        unsafe { at.write_bytes(byte, size) };
                        all.push(Held { at, layout, byte });
                    }
                    Step::Resize { which, size } if !all.is_empty() => {
                        let which = which % all.len();
                        let held = &mut all[which];
                        let layout = Layout::from_size_align(size, held.layout.align()).expect("both are small");
                        // SAFETY: it is in use with this layout.
                        held.at = unsafe { pieces.realloc(held.at, held.layout, size) };
                        prop_assert!(held.at.addr().is_multiple_of(layout.align()));
                        prop_assert!(held.is_whole(held.layout.size().min(size)));
                        unsafe { held.at.write_bytes(held.byte, size) };
                        held.layout = layout;
                    }
                    Step::Give { which } if !all.is_empty() => {
                        let held = all.swap_remove(which % all.len());
                        prop_assert!(held.is_whole(held.layout.size()));
                        // SAFETY: it is in use with this layout, and forgotten.
                        unsafe { pieces.dealloc(held.at, held.layout) };
                    }
                    Step::Resize { .. } | Step::Give { .. } => {}
                }
            }
            for held in all {
                prop_assert!(held.is_whole(held.layout.size()));
            }
        }
    }
}
