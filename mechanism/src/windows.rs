//! Windows.

pub mod kernel;
pub mod serve;
pub mod socket;

/// What a program calls a socket.
pub type Descriptor = windows_sys::Win32::Networking::WinSock::SOCKET;
