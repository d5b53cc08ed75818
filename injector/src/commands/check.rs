//! `portshim check`: a policy file, with every error.

use crate::args::Options;
use crate::failure::Failure;
use crate::{output, platform, policy};
use portshim_policy::text::resolve;

pub(super) fn check(args: &Options) -> Result<u32, Failure> {
    let layer = policy::read(&args.file)??;
    let resolved = resolve(&[layer], &platform::host())?;
    output::complain_of(resolved.notes.iter().chain(&resolved.warnings));
    output::print(&format!("{}: a policy\n", args.file.display()))?;
    Ok(0)
}
