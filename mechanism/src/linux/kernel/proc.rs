//! Numbers in files of /proc.

use super::call::Result;
use super::descriptors::{close, open, read};
use core::ffi::CStr;

/// The number in a file of /proc/sys.
pub fn setting(path: &CStr) -> Result<u32> {
    let fd = open(path, libc::O_RDONLY)?;
    let mut text = [0; 16];
    let read = read(fd, &mut text);
    close(fd);
    let digits = text[..read?].trim_ascii();
    core::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).ok_or(libc::EINVAL)
}

/// Calls `each` with every number in a file, and the byte after it.
pub fn each_number(path: &CStr, mut each: impl FnMut(u32, u8)) {
    let Ok(fd) = open(path, libc::O_RDONLY) else { return };
    let (mut text, mut number) = ([0; 256], None::<u32>);
    while let Ok(read @ 1..) = read(fd, &mut text) {
        for byte in &text[..read] {
            if byte.is_ascii_digit() {
                let digit = u32::from(byte - b'0');
                number = Some(number.unwrap_or(0).saturating_mul(10).saturating_add(digit));
            } else if let Some(number) = number.take() {
                each(number, *byte);
            }
        }
    }
    close(fd);
    if let Some(number) = number {
        each(number, 0);
    }
}
