//! Windows.

pub mod kernel;
pub mod serve;
pub mod socket;

/// Name that a program has for a socket.
pub type Descriptor = windows_sys::Win32::Networking::WinSock::SOCKET;
