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
    let (mut text, mut numbers) = ([0; 256], Numbers::default());
    while let Ok(read @ 1..) = read(fd, &mut text) {
        text[..read].iter().for_each(|byte| numbers.take(*byte, &mut each));
    }
    close(fd);
    numbers.take(0, &mut each);
}

/// Numbers in a text that comes in parts.
#[derive(Default)]
struct Numbers {
    /// The number whose digits are being read.
    number: Option<u32>,
}

impl Numbers {
    fn take(&mut self, byte: u8, each: &mut impl FnMut(u32, u8)) {
        if byte.is_ascii_digit() {
            let digit = u32::from(byte - b'0');
            self.number = Some(self.number.unwrap_or(0).saturating_mul(10).saturating_add(digit));
        } else if let Some(number) = self.number.take() {
            each(number, byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Numbers;

    fn numbers(text: &[u8]) -> Vec<(u32, u8)> {
        let (mut all, mut numbers) = (Vec::new(), Numbers::default());
        text.iter().chain(&[0]).for_each(|byte| numbers.take(*byte, &mut |number, after| all.push((number, after))));
        all
    }

    #[test]
    fn numbers_come_with_the_byte_after_them() {
        assert_eq!(numbers(b"32768\t60999\n"), [(32768, b'\t'), (60999, b'\n')]);
        assert_eq!(numbers(b"8080,9000-9010"), [(8080, b','), (9000, b'-'), (9010, 0)]);
        assert_eq!(numbers(b"\n"), []);
        assert_eq!(numbers(b"99999999999"), [(u32::MAX, 0)]);
    }
}
