//! What the standard library would bring, where the shim does without it: nothing of it is ever needed.

use core::alloc::{GlobalAlloc, Layout};
use core::panic::PanicInfo;
use core::ptr::null_mut;

/// Ends the program: it would otherwise go on with half of a call done.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    // SAFETY: abort(3) has no conditions.
    unsafe { libc::abort() }
}

/// A guest does not allocate. The policy's code that does is not used, and left out by the linker.
struct Nothing;

#[global_allocator]
static NOTHING: Nothing = Nothing;

// SAFETY: memory that was never given out is not given back, and null says that there is none.
unsafe impl GlobalAlloc for Nothing {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        null_mut()
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}
