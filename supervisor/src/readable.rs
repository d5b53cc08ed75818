//! Places in a program's memory that were read before. They can be read again, unless the program
//! has unmapped or protected them since.

use std::cell::Cell;

/// Bytes of a page.
const PAGE: u64 = 4096;
/// Number of pages that are remembered.
const PAGES: u64 = 16;

/// Pages of a program that were read; each has one place, which another page may take.
#[derive(Default)]
pub(crate) struct Readable([Cell<u64>; PAGES as usize]);

impl Readable {
    /// Notes that so many bytes at `at` were read.
    pub(crate) fn note(&self, at: u64, len: u64) {
        if let Some((place, page)) = self.place(at, len) {
            place.set(page);
        }
    }

    /// Tells whether so many bytes at `at` are of a page that was read.
    pub(crate) fn was_read(&self, at: u64, len: u64) -> bool {
        self.place(at, len).is_some_and(|(place, page)| place.get() == page)
    }

    /// The place of the page that they are in; `None` where they are in none, in several, or in the
    /// first one, which nobody has.
    fn place(&self, at: u64, len: u64) -> Option<(&Cell<u64>, u64)> {
        let page = at / PAGE;
        let last = at.checked_add(len.checked_sub(1)?)?;
        (page != 0 && last / PAGE == page).then(|| (&self.0[(page % PAGES) as usize], page))
    }
}

#[cfg(test)]
mod tests {
    use super::{PAGE, PAGES, Readable};

    #[test]
    fn knows_the_pages_that_were_read() {
        let (readable, at) = (Readable::default(), 5 * PAGE + 16);
        assert!(!readable.was_read(at, 16));
        readable.note(at, 16);
        assert!(readable.was_read(at, 16) && readable.was_read(5 * PAGE, PAGE));
        assert!(!readable.was_read(6 * PAGE - 8, 16), "its end is on another page");
        assert!(!readable.was_read(at + PAGES * PAGE, 16), "another page of the same place");
        readable.note(at + PAGES * PAGE, 16);
        assert!(!readable.was_read(at, 16), "the place has been taken");
    }

    #[test]
    fn knows_nothing_of_what_is_no_memory() {
        let readable = Readable::default();
        for (at, len) in [(0, 16), (8, 16), (PAGE, 0), (u64::MAX - 8, 16), (2 * PAGE - 8, 16)] {
            readable.note(at, len);
            assert!(!readable.was_read(at, len), "{at:#x}, {len}");
        }
    }
}
