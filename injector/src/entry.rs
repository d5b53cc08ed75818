//! Beginning of the process. Not in the standard library's own `main`, which would ignore SIGPIPE
//! and open descriptors 0 to 2 where they are closed: the program that `run` becomes would inherit
//! both.

use std::ffi::{CStr, OsString, c_char, c_int};
use std::os::unix::ffi::OsStringExt;

#[unsafe(no_mangle)]
extern "C" fn main(argc: c_int, argv: *const *const c_char) -> c_int {
    let args: Vec<_> = (0..usize::try_from(argc).unwrap_or(0))
        .map(|n| {
            // SAFETY: the C runtime passes `argc` pointers to strings that live as long as the
            // process.
            let arg = unsafe { CStr::from_ptr(*argv.add(n)) };
            OsString::from_vec(arg.to_bytes().to_vec())
        })
        .collect();
    crate::portshim(&args).cast_signed()
}
