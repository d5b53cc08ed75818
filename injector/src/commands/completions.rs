//! `portshim completions`: a script for a shell, made from the tables of commands and flags.

use crate::args::{self, Options};
use crate::messages::Failure;
use crate::present;
use clap::ValueEnum;
use clap_complete::Shell;

pub(super) fn completions(options: &Options) -> Result<u32, Failure> {
    let mut script = Vec::new();
    let shell = Shell::from_str(&options.shell, true).map_err(|e| Failure::new(e, ""))?;
    clap_complete::generate(shell, &mut args::clap_command(), "portshim", &mut script);
    present::print(&String::from_utf8_lossy(&script)).map(|()| 0)
}
