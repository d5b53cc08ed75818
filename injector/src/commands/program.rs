//! The program that a command is about, and what it will be under.

use crate::args::{IoUring, Options};
use crate::coverage::{Coverage, Obstacle, Program};
use crate::messages::{self, Failure};
use crate::platform::{self, Find};
use crate::present::Verbosity;
use portshim_policy::model::Rules;
use portshim_policy::region::glob_matches;
use std::ffi::OsStr;

/// The program that the user means, or why there is none to be launched. Without io_uring, nothing
/// that it asks of that is left uncovered.
pub(super) fn find(args: &Options, command: &OsStr) -> Result<Program, Failure> {
    let mut program = platform::find(command).map_err(|e| match e {
        Find::NotFound => messages::not_found(command),
        Find::Denied(path, why) => messages::cannot_execute(&path, &why),
    })?;
    if args.io_uring == Some(IoUring::Refuse) && program.coverage == Coverage::Partial(Obstacle::IoUring) {
        program.coverage = Coverage::Full;
    }
    Ok(program)
}

/// The rules that the program will be under.
pub(super) fn rules_for<'a>(rules: &'a [Rules], program: &Program) -> Option<&'a Rules> {
    let names: Vec<_> = program.steps.iter().filter_map(|step| step.path.file_name()).collect();
    let matches = |rules: &&Rules| match &rules.matches {
        Some(glob) => names.iter().any(|name| glob_matches(glob.as_bytes(), name.as_encoded_bytes())),
        None => true,
    };
    rules.iter().find(matches)
}

/// Warns where another library comes between ours and the kernel in the calls that connect, and no
/// supervisor is below both.
pub(super) fn warn_of_connectors(verbosity: Verbosity) {
    let connectors = platform::connectors();
    if !connectors.is_empty() {
        verbosity.warn(|| messages::connect_behind(&connectors));
    }
}
