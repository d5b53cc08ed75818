//! `portshim check`: a policy file, with every error.

use super::policy;
use crate::args::Options;
use crate::messages::{FAILED, Failure};
use crate::{platform, present};
use portshim_policy::config::{Problem, Resolved, resolve};
use serde::Serialize;

/// Verdict on a file, for programs to read.
#[derive(Serialize)]
struct Shown {
    file: String,
    /// Set if it is a policy.
    valid: bool,
    /// Problems with it, and what is worth knowing, in the order of the file.
    problems: Vec<Problem>,
}

pub(super) fn check(args: &Options) -> Result<u32, Failure> {
    let checked = match policy::read(&args.file)? {
        Ok(layer) => resolve(&[layer], &platform::host()),
        Err(problems) => Err(problems),
    };
    let file = args.file.display().to_string();
    if args.json {
        let valid = checked.is_ok();
        let problems = checked.map_or_else(|problems| problems, remarks);
        present::print(&present::json(&Shown { file, valid, problems }))?;
        return Ok(if valid { 0 } else { FAILED });
    }
    present::eprint_problems(&remarks(checked?));
    present::print(&format!("{file}: a policy\n"))?;
    Ok(0)
}

/// Warnings about a policy that can be run.
fn remarks(resolved: Resolved) -> Vec<Problem> {
    [resolved.notes, resolved.warnings].concat()
}
