//! The functions of a program, as its table of symbols names them. What lies between them is no
//! code, or nobody knows whose.

use std::ops::Range;

/// All functions; none where the program does not name them.
#[derive(Debug, Default)]
pub(super) struct Functions {
    /// Where each begins, in order.
    begins: Vec<u64>,
    /// What they take up together, in order; nothing overlaps.
    extents: Vec<Range<u64>>,
}

impl Functions {
    /// These functions, in any order.
    pub(super) fn of(mut all: Vec<Range<u64>>) -> Self {
        all.sort_unstable_by_key(|function| function.start);
        let begins = all.iter().map(|function| function.start).collect();
        let mut extents: Vec<Range<u64>> = Vec::new();
        for function in all {
            match extents.last_mut().filter(|last| function.start <= last.end) {
                Some(last) => last.end = last.end.max(function.end),
                None => extents.push(function),
            }
        }
        Self { begins, extents }
    }

    /// Tells whether there may be code at this address: in one of them, or anywhere where the
    /// program names none.
    pub(super) fn hold(&self, address: u64) -> bool {
        let next = self.extents.partition_point(|extent| extent.start <= address);
        self.extents.is_empty() || next.checked_sub(1).is_some_and(|last| address < self.extents[last].end)
    }

    /// Tells whether one of them begins there.
    pub(super) fn begin_at(&self, address: u64) -> bool {
        self.begins.binary_search(&address).is_ok()
    }
}
