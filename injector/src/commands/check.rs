//! `portshim check`: a policy file, with every error.

use super::policy;
use crate::args::Options;
use crate::messages::Failure;
use crate::{platform, present};
use portshim_policy::config::resolve;

pub(super) fn check(args: &Options) -> Result<u32, Failure> {
    let layer = policy::read(&args.file)??;
    let resolved = resolve(&[layer], &platform::host())?;
    present::eprint_problems(resolved.notes.iter().chain(&resolved.warnings));
    present::print(&format!("{}: a policy\n", args.file.display()))?;
    Ok(0)
}
