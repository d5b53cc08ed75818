//! The command line. [`commands`] has the commands and [`flags`] their flags; [`reader`] reads
//! arguments by them, and [`help`] makes of the same tables what help, man pages and completions
//! are made from.

mod commands;
mod examples;
mod flags;
mod help;
mod manual;
mod options;
mod reader;
#[cfg_attr(target_os = "linux", path = "args/linux.rs")]
#[cfg_attr(windows, path = "args/windows.rs")]
mod system;
mod table;
mod usage_error;

pub(crate) use help::clap_command;
pub(crate) use manual::Manual;
pub(crate) use options::{Cover, Engine, Format, LogForm, MetricsForm, Options, PolicyOptions, State};
pub(crate) use table::Command;

use crate::messages::Failure;
use reader::Asked;
use std::ffi::OsString;

/// Result of reading the arguments.
pub(crate) enum Parsed {
    /// A command to carry out.
    Command(Command, Box<Options>),
    /// A text to print: help or the version.
    Text(String),
}

/// Reads the arguments, the first of which is the command's own name.
pub(crate) fn parse(args: &[OsString]) -> Result<Parsed, Failure> {
    match reader::read(args)? {
        Asked::Command(command, options) => Ok(Parsed::Command(command, options)),
        Asked::Help { command, long } => Ok(Parsed::Text(help::text(command, long))),
        Asked::Version => Ok(Parsed::Text(help::version())),
    }
}
