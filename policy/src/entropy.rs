//! Source of chance: always from the caller.

/// A source of 64 random bits. With a seed it repeats itself; without one it does not.
pub trait Entropy {
    /// The next 64 bits.
    fn next(&mut self) -> u64;

    /// A number below `bound`, or 0 where `bound` is 0.
    fn below(&mut self, bound: u32) -> u32 {
        // Lemire's multiplication maps without a division; the bias is below 2^-32.
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u32
    }
}

impl<F: FnMut() -> u64> Entropy for F {
    fn next(&mut self) -> u64 {
        self()
    }
}

/// The finaliser of SplitMix64: turns a counter into bits that look random.
#[must_use]
pub const fn mix(counter: u64) -> u64 {
    let z = counter.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
