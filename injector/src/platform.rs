//! The one door to the operating system. Each system has a module with these names; nothing else here
//! knows which system it is on.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub(crate) use linux::*;

#[cfg(windows)]
mod windows;
#[cfg(any(windows, test))]
mod windows_formats;
#[cfg(windows)]
pub(crate) use windows::*;
