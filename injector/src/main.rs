//! The `portshim` command: reads what the user wants, says what it comes to, and starts programs
//! under it.

// Linux begins in `entry.rs`.
#![cfg_attr(all(target_os = "linux", not(test)), no_main)]

mod args;
mod commands;
mod coverage;
#[cfg(all(target_os = "linux", not(test)))]
mod entry;
mod environment;
mod messages;
mod platform;
mod present;

use args::Asked;
use messages::Failure;
use std::ffi::OsString;

/// Runs the command with these arguments, the first of which is its own name, and gives its exit
/// status.
fn portshim(args: &[OsString]) -> u32 {
    let parsed = args::parse(args);
    present::set_colour(parsed.colour.wish());
    let done = parsed.asked.and_then(|asked| match asked {
        Asked::Command(command, options) => commands::carry_out(command, &options),
        Asked::Text(text) => present::print(&text(present::has_colour(&std::io::stdout()))).map(|()| 0),
    });
    done.unwrap_or_else(|failure: Failure| {
        present::eprint(&failure.to_string());
        failure.status
    })
}

#[cfg(any(test, not(target_os = "linux")))]
fn main() {
    // All 32 bits of it: on Windows exit codes have as many.
    std::process::exit(portshim(&std::env::args_os().collect::<Vec<_>>()).cast_signed())
}
