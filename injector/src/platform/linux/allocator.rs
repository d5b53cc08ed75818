//! Allocator of a command that is linked with musl: musl's own touches a page for each size of what
//! is asked for.

use dlmalloc::GlobalDlmalloc;
use std::alloc::{GlobalAlloc, Layout, System};

/// Size from which musl takes memory from the kernel, all zeroes, and gives it back at once.
const LARGE: usize = 128 * 1024;

#[global_allocator]
static ALLOCATOR: BySize = BySize;

/// What is large comes from musl, all else from dlmalloc.
struct BySize;

fn of(size: usize) -> &'static dyn GlobalAlloc {
    if size < LARGE { &GlobalDlmalloc } else { &System }
}

// SAFETY: what has come from either goes back to the same, by its size.
unsafe impl GlobalAlloc for BySize {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those that are asked for.
        unsafe { of(layout.size()).alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe { of(layout.size()).alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { of(layout.size()).dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if (layout.size() < LARGE) == (size < LARGE) {
            // SAFETY: as above.
            return unsafe { of(size).realloc(memory, layout, size) };
        }
        // SAFETY: `size` is as the caller promises of a layout with the same alignment; both places
        // are valid for the smaller of both sizes, and apart.
        unsafe {
            let new = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !new.is_null() {
                new.copy_from_nonoverlapping(memory, layout.size().min(size));
                self.dealloc(memory, layout);
            }
            new
        }
    }
}
