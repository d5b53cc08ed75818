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
pub(crate) use options::{Colour, Cover, Engine, Format, IoUring, LogForm, MetricsForm, Options, PolicyOptions, State};
pub(crate) use table::Command;

use crate::messages::Failure;
use std::ffi::OsString;

/// Result of reading the arguments.
pub(crate) struct Parsed {
    pub(crate) colour: Colour,
    pub(crate) asked: Result<Asked, Failure>,
}

/// Request that they make.
pub(crate) enum Asked {
    /// To carry out a command.
    Command(Command, Box<Options>),
    /// To print a text, help or the version, with colours or without.
    Text(Box<dyn FnOnce(bool) -> String>),
}

/// Reads the arguments, the first of which is the command's own name.
pub(crate) fn parse(args: &[OsString]) -> Parsed {
    let read = reader::read(args);
    let asked = read.asked.map(|asked| match asked {
        reader::Asked::Command(command, options) => Asked::Command(command, options),
        reader::Asked::Help { command, long } => {
            Asked::Text(Box::new(move |coloured| help::text(command, long, coloured)))
        }
        reader::Asked::Version => Asked::Text(Box::new(|_| help::version())),
    });
    Parsed { colour: read.colour, asked }
}
