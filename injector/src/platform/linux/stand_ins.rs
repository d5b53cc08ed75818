//! Stand-ins for functions of glibc in a command that is linked with musl. Those that the standard
//! library or the unwinder calls serve a panic's backtrace or the resolver's settings, which the
//! command does without. Errors of the system have the words that people look for.

use core::ffi::{CStr, c_char, c_int, c_void};

/// Finds no place: what unwinds the stack stops there.
#[unsafe(no_mangle)]
extern "C" fn _dl_find_object(_at: *mut c_void, _found: *mut c_void) -> c_int {
    -1
}

/// musl reads the resolver's settings at each look-up.
#[unsafe(no_mangle)]
extern "C" fn __res_init() -> c_int {
    0
}

/// The oldest glibc whose functions the standard library takes for granted.
#[unsafe(no_mangle)]
extern "C" fn gnu_get_libc_version() -> *const c_char {
    c"2.17".as_ptr()
}

/// glibc's words for errors that a command may meet, where musl has others.
const WORDS: [(c_int, &CStr); 15] = [
    (5, c"Input/output error"),
    (10, c"No child processes"),
    (12, c"Cannot allocate memory"),
    (16, c"Device or resource busy"),
    (18, c"Invalid cross-device link"),
    (24, c"Too many open files"),
    (25, c"Inappropriate ioctl for device"),
    (34, c"Numerical result out of range"),
    (35, c"Resource deadlock avoided"),
    (36, c"File name too long"),
    (40, c"Too many levels of symbolic links"),
    (75, c"Value too large for defined data type"),
    (98, c"Address already in use"),
    (99, c"Cannot assign requested address"),
    (122, c"Disk quota exceeded"),
];

unsafe extern "C" {
    safe fn strerror(error: c_int) -> *const c_char;
}

/// Words for an error, as far as the buffer has room.
///
/// # Safety
/// `buffer` must be writable for `len` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn __xpg_strerror_r(error: c_int, buffer: *mut c_char, len: usize) -> c_int {
    const ERANGE: c_int = 34;
    // SAFETY: musl's words are constants, each with a NUL.
    let musls = || unsafe { CStr::from_ptr(strerror(error)) };
    let words = WORDS.into_iter().find(|(number, _)| *number == error).map_or_else(musls, |(_, words)| words);
    let words = words.to_bytes();
    let count = words.len().min(len.saturating_sub(1));
    if len > 0 {
        // SAFETY: `count` bytes and one more are in the caller's buffer.
        unsafe {
            buffer.copy_from_nonoverlapping(words.as_ptr().cast(), count);
            buffer.add(count).write(0);
        }
    }
    if count < words.len() { ERANGE } else { 0 }
}
