//! Names in shared memory: bytes that stand in words.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Writes bytes, eight to a word; those that make no whole word are left out.
pub(super) fn store(words: &[AtomicU64], bytes: &[u8]) {
    for (word, bytes) in words.iter().zip(bytes.as_chunks::<8>().0) {
        word.store(u64::from_ne_bytes(*bytes), Relaxed);
    }
}

/// Reads them.
pub(super) fn load<const LENGTH: usize>(words: &[AtomicU64]) -> [u8; LENGTH] {
    let mut all = [0; LENGTH];
    for (bytes, word) in all.as_chunks_mut::<8>().0.iter_mut().zip(words) {
        *bytes = word.load(Relaxed).to_ne_bytes();
    }
    all
}
