//! Serves programs from outside: those that no library can be loaded into.
//!
//! The kernel stops a program in the calls that may bind a socket, and tells this supervisor of
//! them (seccomp_unotify(2)). It takes a duplicate of the socket (pidfd_getfd(2)), has the
//! mechanism get a port on that, and lets the call go on, or answers it.
//!
//! From the ground up: `calls` knows the numbers, `filter` and `listener` are the kernel's side,
//! `client` is the process that is served, `serve` decides what a call needs, `server` goes
//! through the calls one after the other.
//!
//! Into static programs, and Go's, `inject` brings a guest as they begin, which serves their calls
//! inside: so the supervisor is told of few.

#![cfg(target_os = "linux")]

mod bringer;
mod calls;
mod client;
mod clients;
mod cut;
mod descriptors;
mod filter;
mod full;
#[cfg(target_arch = "x86_64")]
mod inject;
mod listener;
mod make;
mod no_guest;
mod readable;
mod serve;
mod server;
mod sessions;
mod surroundings;
mod thread;

pub use bringer::keeps_guest_out;
pub use calls::Way;
pub use filter::Rings;
pub use listener::{Listener, can_listen, confine, refuse_rings};
pub use no_guest::NoGuest;
pub use server::Server;
pub use thread::can_look;
