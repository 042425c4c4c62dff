//! The linear memory of components, in large pages where the kernel has them: a session touches a dozen megabytes for
//! the first time, and each small page of them would be a fault of its own, which together were 7 percent of a
//! resolution of `alotta-modules`. The second of the two files of `host` with `unsafe`, because the kernel is asked for
//! memory that others then rely on.

use wasmtime::Config;

/// Lets wasmtime take memory from here.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
pub(super) fn in_large_pages(config: &mut Config) {
    config.with_host_memory(std::sync::Arc::new(linux::LargePages));
}

/// Nothing to do: wasmtime's own will do.
#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
pub(super) fn in_large_pages(_config: &mut Config) {}

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
#[expect(unsafe_code, reason = "memory is mapped, and promised to wasmtime to be as it needs it")]
mod linux {
    use std::{ffi::c_void, ptr};

    use rustix::{
        io,
        mm::{Advice, MapFlags, MprotectFlags, ProtFlags, madvise, mmap_anonymous, mprotect, munmap},
    };
    use wasmtime::{LinearMemory, MemoryCreator, MemoryType};

    pub(super) struct LargePages;

    // SAFETY: each memory is a mapping of its own that nobody else knows: zeroed, as long as was asked for with a
    // guard on either side, and without access beyond its size.
    unsafe impl MemoryCreator for LargePages {
        fn new_memory(
            &self,
            _kind: MemoryType,
            minimum: usize,
            _maximum: Option<usize>,
            reserved: Option<usize>,
            guard: usize,
        ) -> Result<Box<dyn LinearMemory>, String> {
            let capacity = reserved.unwrap_or_default().max(minimum);
            let memory = Memory::reserve(capacity, guard).and_then(|mut memory| {
                memory.grow(minimum)?;
                Ok(memory)
            });
            memory.map(|memory| Box::new(memory) as Box<dyn LinearMemory>).map_err(|error| error.to_string())
        }
    }

    /// A reservation between two guards, of which the first part can be used.
    struct Memory {
        start: *mut c_void,
        size: usize,
        capacity: usize,
        guard: usize,
    }

    // SAFETY: the mapping belongs to this value alone, and no method changes anything without `&mut`.
    unsafe impl Send for Memory {}
    // SAFETY: likewise.
    unsafe impl Sync for Memory {}

    impl Memory {
        fn reserve(capacity: usize, guard: usize) -> io::Result<Self> {
            let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
            // SAFETY: the kernel chooses the place, so nothing that is in use is mapped over.
            let mapped =
                unsafe { mmap_anonymous(ptr::null_mut(), guard + capacity + guard, ProtFlags::empty(), flags) }?;
            // Wasmtime asks for the guard behind; the one before it would catch a mistake in its own arithmetic.
            // SAFETY: the guard is the first part of what was mapped.
            let start = unsafe { mapped.byte_add(guard) };
            // A kernel without large pages refuses, and small ones do as well.
            // SAFETY: the range was mapped above; the advice changes nothing that a program could see.
            let _refused = unsafe { madvise(start, capacity, Advice::LinuxHugepage) };
            Ok(Self { start, size: 0, capacity, guard })
        }

        fn grow(&mut self, size: usize) -> io::Result<()> {
            if size > self.capacity {
                return Err(io::Errno::NOMEM);
            }
            if size > self.size {
                let access = MprotectFlags::READ | MprotectFlags::WRITE;
                // SAFETY: the range is part of the reservation, behind all that is in use.
                unsafe { mprotect(self.start.byte_add(self.size), size - self.size, access) }?;
                self.size = size;
            }
            Ok(())
        }
    }

    // SAFETY: the mapping begins and ends with pages, stays where it is while it grows up to its capacity, and nothing
    // behind its size can be touched.
    unsafe impl LinearMemory for Memory {
        fn byte_size(&self) -> usize {
            self.size
        }

        fn byte_capacity(&self) -> usize {
            self.capacity
        }

        fn grow_to(&mut self, new_size: usize) -> wasmtime::Result<()> {
            Ok(self.grow(new_size)?)
        }

        fn as_ptr(&self) -> *mut u8 {
            self.start.cast()
        }
    }

    impl Drop for Memory {
        fn drop(&mut self) {
            // SAFETY: it was mapped with this length, `start` a guard behind its beginning, and wasmtime drops it when
            // nothing uses it any more.
            let _unmapped = unsafe { munmap(self.start.byte_sub(self.guard), self.guard + self.capacity + self.guard) };
        }
    }
}
