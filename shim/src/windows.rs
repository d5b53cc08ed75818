//! The guest on Windows, injected into a program before its first instruction.
//!
//! A hook ([`hooks`]) decodes its call into an intercepted call, has it served by the mechanism,
//! and returns what the program's own call returned. Requests that need no port go straight
//! through.

mod entry;
mod environment;
mod fd_cache;
mod hooks;
mod inject;
mod library;
mod memory;
mod original;
mod serve;
mod start;

pub(crate) use crate::session::get as session;
pub(crate) use kernel::calls::Result;
pub(crate) use kernel::clock::{boot_ticks, sleep_1ms};
pub(crate) use kernel::signals::undisturbed;
pub(crate) use kernel::{errno, liveness};
pub(crate) use portshim_mechanism::windows::index_of;
use portshim_mechanism::windows::kernel;
pub(crate) use portshim_mechanism::windows::socket::in_use;
