//! Memory that can be read, that ends, and that cannot be read.

use std::ffi::c_void;
use std::os::fd::IntoRawFd;

/// Two pages: the first can be read and written, the second not.
pub(super) struct Memory {
    start: *mut u8,
    page: usize,
}

impl Memory {
    pub(super) fn map() -> Result<Self, String> {
        let page = 4096;
        // SAFETY: a new mapping, which touches no other.
        let start = unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            libc::mmap(std::ptr::null_mut(), 2 * page, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0)
        };
        if start == libc::MAP_FAILED {
            return Err("cannot map two pages".into());
        }
        let start = start.cast::<u8>();
        // SAFETY: the second page of the mapping above, of which nothing was handed out yet.
        if unsafe { libc::mprotect(start.add(page).cast(), page, libc::PROT_NONE) } != 0 {
            return Err("cannot forbid a page".into());
        }
        Ok(Self { start, page })
    }

    /// A pointer to a copy of `bytes` behind which nothing can be read.
    pub(super) fn at_the_end(&self, bytes: &[u8]) -> *mut c_void {
        let length = bytes.len().min(self.page);
        // SAFETY: the first page has `length` bytes before its end, and is ours to write.
        unsafe {
            let at = self.start.add(self.page - length);
            at.copy_from_nonoverlapping(bytes.as_ptr(), length);
            at.cast()
        }
    }

    /// A pointer into the page that cannot be read.
    pub(super) fn forbidden(&self) -> *mut c_void {
        // SAFETY: inside the mapping.
        unsafe { self.start.add(self.page + 64) }.cast()
    }

    /// Pointers of which none can be read, with names for them.
    pub(super) fn bad(&self) -> [(&'static str, *mut c_void); 4] {
        let number = |n: usize| std::ptr::without_provenance_mut(n);
        [("null", number(0)), ("low", number(16)), ("high", number(usize::MAX - 64)), ("forbidden", self.forbidden())]
    }
}

/// A file that is no socket.
pub(super) fn file() -> Result<i32, String> {
    let file = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null");
    file.map(IntoRawFd::into_raw_fd).map_err(|e| format!("cannot open /dev/null: {e}"))
}
