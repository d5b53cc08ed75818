//! Orders of choice: in which sequence the allowed ports are tried.

use strum::{Display, EnumString, FromRepr, IntoStaticStr, VariantArray, VariantNames};

/// In which sequence ports are tried. Whatever the order, every allowed port is tried before a
/// request is given up.
#[derive(
    Clone, Copy, Debug, Display, EnumString, Eq, FromRepr, IntoStaticStr, PartialEq, VariantArray, VariantNames,
)]
#[strum(ascii_case_insensitive, serialize_all = "kebab-case")]
#[repr(u32)]
pub enum Order {
    /// The running kernel's own way of choosing. With a seed it is replayed: parity and halves for
    /// `bind`, a double hash in steps of two for `connect` (Linux `inet_csk_find_open_port` and
    /// `__inet_hash_connect`).
    Native = 0,
    /// A rover that counts up and wraps (4.4BSD `in_pcbbind`).
    Sequential = 1,
    /// A rover that counts down and wraps.
    Descending = 2,
    /// A random start, then upwards: RFC 6056 §3.3.1, algorithm 1.
    RandomStart = 3,
    /// A fresh random port for each try, RFC 6056 §3.3.2, algorithm 2; then a sweep over the rest.
    Random = 4,
    /// A counter offset by a hash of the connection, RFC 6056 §3.3.3, algorithm 3.
    Hash = 5,
    /// One of many counters, chosen by a second hash: RFC 6056 §3.3.4, algorithm 4.
    DoubleHash = 6,
    /// A counter that jumps ahead by 1 to 500: RFC 6056 §3.3.5, algorithm 5; then a sweep.
    RandomIncrement = 7,
}

impl Order {
    /// All of them, as help lists them.
    pub const ALL: &'static [Self] = <Self as VariantArray>::VARIANTS;

    /// Tells whether what is chosen depends on whom a socket is to reach.
    #[must_use]
    pub const fn looks_at_peers(self) -> bool {
        matches!(self, Self::Hash | Self::DoubleHash)
    }

    /// One line for help and for `portshim show`.
    #[must_use]
    pub const fn summary(self) -> &'static str {
        match self {
            Self::Native if cfg!(windows) => "the preset's own order; Linux' is replayed",
            Self::Native => "the kernel's own order; with --seed, a replay of it",
            Self::Sequential => "one after the other, upwards, wrapping (4.4BSD)",
            Self::Descending => "one after the other, downwards, wrapping",
            Self::RandomStart => "random start, then upwards (RFC 6056 algorithm 1)",
            Self::Random => "random at each try (RFC 6056 algorithm 2)",
            Self::Hash => "a counter offset by a hash of the peer (RFC 6056 algorithm 3)",
            Self::DoubleHash => "many counters, two hashes (RFC 6056 algorithm 4)",
            Self::RandomIncrement => "a counter with random steps (RFC 6056 algorithm 5)",
        }
    }
}
