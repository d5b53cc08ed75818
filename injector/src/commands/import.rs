//! `portshim import`: the settings of another system as a policy file.

use super::policy;
use crate::args::Options;
use crate::messages::Failure;
use crate::{platform, present};
use portshim_policy::config::{keys, resolve};

pub(super) fn import(args: &Options) -> Result<u32, Failure> {
    let mut layer = policy::imported(&args.file)??;
    if let Some(name) = &args.preset {
        layer.option(&keys::PRESET, name).map_err(|problem| vec![problem])?;
    }
    let file = format!(
        "# Imported by portshim {}. Run a program under it: portshim run -c THIS-FILE -- CMD\n{}",
        env!("CARGO_PKG_VERSION"),
        layer.to_toml(),
    );
    let resolved = resolve(&[layer], &platform::host())?;
    present::eprint_problems(resolved.notes.iter().chain(&resolved.warnings));
    present::print(&file).map(|()| 0)
}
