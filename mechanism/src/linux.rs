//! Linux.

pub mod kernel;
pub mod known;
pub mod serve;
pub mod socket;

/// Name that a program has for a socket.
pub type Descriptor = core::ffi::c_int;

/// Descriptors are counted from 0.
pub(crate) const fn index_of(fd: Descriptor) -> usize {
    fd as usize
}

/// Tells whether a port that has been given back may still be another's: here, to ask the kernel
/// tells.
pub(crate) const fn lingers(_scope: portshim_policy::ports::Scope) -> bool {
    false
}
