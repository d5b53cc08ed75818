//! Unpredictable bits.

use crate::messages::plain;
use nix::libc;
use std::io;

/// As many words as are asked for, from the kernel (getrandom(2), which needs no file).
pub(super) fn words<const N: usize>() -> Result<[u64; N], String> {
    let mut words = [0u64; N];
    let size = size_of_val(&words);
    // SAFETY: the kernel writes at most `size` bytes, and words may hold any.
    let got = unsafe { libc::getrandom(words.as_mut_ptr().cast(), size, 0) };
    // Up to 256 bytes come whole, once there are any (random(7)).
    if got == size as isize { Ok(words) } else { Err(plain(&io::Error::last_os_error())) }
}
