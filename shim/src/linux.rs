//! The guest on Linux, loaded by LD_PRELOAD.
//!
//! A hook ([`hooks`]) decodes its call into an intercepted call, lets [`serve`] have it served by
//! the mechanism, and returns what the program's own call returned. Requests that need no port go
//! straight through.

mod baseline;
mod below;
mod children;
mod elf;
mod entry;
mod environment;
mod hooks;
mod memory;
mod original;
mod sanitizer;
mod serve;
mod spare;
mod start;
mod variables;
mod weak;

pub(crate) use kernel::call::Result;
pub(crate) use kernel::clock::{boot_ticks, sleep_1ms};
pub(crate) use kernel::signals::undisturbed;
pub(crate) use kernel::{diag as in_use, errno, liveness};
use portshim_mechanism::linux::kernel;
pub(crate) use start::session;
