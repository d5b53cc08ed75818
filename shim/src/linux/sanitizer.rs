//! Programs under AddressSanitizer, whose runtime refuses to start where another library is loaded
//! before it, unless told otherwise.

use core::ffi::{CStr, c_char};

/// Options that the runtime asks for first. A program's own function of this name comes before
/// ours, and `ASAN_OPTIONS` is heard after it.
#[unsafe(no_mangle)]
extern "C" fn __asan_default_options() -> *const c_char {
    const OPTIONS: &CStr = c"verify_asan_link_order=0";
    OPTIONS.as_ptr()
}
