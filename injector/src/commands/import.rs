//! `portshim import`: the settings of another system as a policy file.

use crate::args::Options;
use crate::failure::Failure;
use crate::{output, platform, policy};
use portshim_policy::text::{Setting, resolve};

pub(super) fn import(args: &Options) -> Result<u32, Failure> {
    let mut layer = policy::imported(&args.file)??;
    if let Some(name) = &args.preset {
        layer.option(Setting::Preset, name).map_err(|problem| vec![problem])?;
    }
    let file = format!(
        "# Imported by portshim {}. Run a program under it: portshim run -c THIS-FILE -- CMD\n{}",
        env!("CARGO_PKG_VERSION"),
        layer.to_toml(),
    );
    let resolved = resolve(&[layer], &platform::host())?;
    output::complain_of(resolved.notes.iter().chain(&resolved.warnings));
    output::print(&file).map(|()| 0)
}
