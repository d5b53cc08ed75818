//! The guest on Linux, loaded by LD_PRELOAD.
//!
//! A hook ([`hooks`]) decodes its call into a [`socket::Socket`] and an [`address::Address`], lets
//! [`drive`] carry out the plan, and returns what the program's own call returned. Requests that
//! need no port go straight through.

mod address;
mod api;
mod attempt;
mod claim;
mod diag;
mod drive;
mod environment;
mod errno;
mod held;
mod hooks;
mod host;
mod known;
mod liveness;
mod memory;
mod options;
mod probe;
mod route;
mod sanitizer;
mod session;
mod socket;
mod sys;

#[ctor::ctor(unsafe)]
fn start() {
    session::start();
}
