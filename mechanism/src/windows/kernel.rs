//! Winsock and the system, asked directly.

pub mod calls;
pub mod clock;
pub mod connections;
pub mod errno;
pub mod liveness;
pub mod memory;
pub mod process;
pub mod signals;
