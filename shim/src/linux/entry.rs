//! The entry: what the loader runs before the program.

use super::{hooks, start};
use crate::session;
use portshim_mechanism::linux::kernel::descriptors::write_stderr;

/// Finds the session, and resolves every hook, with a session or without one.
#[ctor::ctor(unsafe)]
fn begin() {
    start::start();
    let missing = hooks::resolve();
    if session::get().is_some() {
        missing.for_each(report);
    }
}

/// Tells a program's user of a function that no library behind ours has: calls of it fail.
#[cold]
fn report(name: &str) {
    let mut line = [0; 96];
    let parts = ["portshim: no library has `", name, "`, so it cannot be covered\n"];
    let mut end = 0;
    for byte in parts.into_iter().flat_map(str::bytes) {
        if let Some(place) = line.get_mut(end) {
            *place = byte;
            end += 1;
        }
    }
    write_stderr(&line[..end]);
}
