//! The library, as this command carries it.

/// The library, as the build made it.
pub(super) static EMBEDDED: &[u8] = include_bytes!(env!("PORTSHIM_EMBEDDED"));
/// Its file's name, which holds a hash of its content: another build of portshim lays down another
/// file.
pub(super) const NAME: &str = env!("PORTSHIM_EMBEDDED_NAME");

/// The guest of programs without a C library.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub(super) static FREESTANDING: &[u8] = include_bytes!(env!("PORTSHIM_FREESTANDING"));
