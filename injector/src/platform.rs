//! The one door to the operating system. Each system has a module with these names; nothing else
//! here knows which system it is on.

mod answers;
mod beginning;
mod caller;
mod child_environment;
mod embedded;
mod library;
mod random;

pub(crate) use answers::{Find, Holders, Socket, State, Steering};
pub(crate) use beginning::Beginning;
pub(crate) use caller::Caller;
pub(crate) use child_environment::Environment;
pub(crate) use library::{lasting_library, library};

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
use linux as system;

#[cfg(windows)]
mod windows;
#[cfg(any(windows, test))]
mod windows_formats;
#[cfg(windows)]
use windows as system;

pub(crate) use system::*;
