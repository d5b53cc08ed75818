//! Gathers what the options, the environment and the policy file ask for, and resolves it.

use crate::cli::{FILE_VARIABLE, PolicyOptions};
use crate::failure::Failure;
use crate::{platform, wording};
use portshim_policy::text::{Layer, Problem, Resolved, Setting, resolve};
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// The policy file of a project: in the folder where the command is given.
const HERE: &str = "./portshim.toml";
/// The most that a policy file may hold, in bytes: a policy of every single port takes half of it.
const LARGEST: u64 = 1 << 20;

/// The policy that holds under these options, here and now.
pub(crate) fn resolved(options: &PolicyOptions) -> Result<Resolved, Failure> {
    let mut problems = Vec::new();
    let layers = [asked(options, &mut problems), environment(&mut problems), file_layer(options, &mut problems)?];
    match resolve(&layers, &platform::host()) {
        Ok(resolved) if problems.is_empty() => Ok(resolved),
        Ok(_) => Err(problems.into()),
        Err(more) => {
            problems.extend(more);
            Err(problems.into())
        }
    }
}

/// Reads one policy file.
pub(crate) fn read(path: &Path) -> Result<Result<Layer, Vec<Problem>>, Failure> {
    let text = String::from_utf8(bytes(path)?).map_err(|_| wording::policy_not_text(path))?;
    Ok(Layer::from_toml(&text, &path.display().to_string()))
}

fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable = |e: io::Error| wording::unreadable_policy(path, &e);
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST {
        return Err(wording::policy_too_large(path, LARGEST));
    }
    Ok(bytes)
}

fn asked(options: &PolicyOptions, problems: &mut Vec<Problem>) -> Layer {
    let mut layer = Layer::new();
    for (setting, value) in &options.settings {
        // What is not UTF-8 is no value of any setting: the problem shows it as well as it can be shown.
        problems.extend(layer.option(*setting, &value.to_string_lossy()).err());
    }
    layer
}

fn environment(problems: &mut Vec<Problem>) -> Layer {
    let mut layer = Layer::new();
    for setting in Setting::ALL {
        if let Some(value) = std::env::var_os(setting.variable()) {
            problems.extend(layer.variable(setting, &value.to_string_lossy()).err().into_iter().flatten());
        }
    }
    layer
}

/// The policy file that is heard: the one that was named, be it there or not, or the first that there is.
pub(crate) fn file(options: &PolicyOptions) -> Option<PathBuf> {
    let variable = std::env::var_os(FILE_VARIABLE).filter(|name| !name.is_empty()).map(PathBuf::from);
    let named = options.file.clone().or(variable);
    let usual = || std::iter::once(PathBuf::from(HERE)).chain(platform::policy_files());
    named.or_else(|| usual().find(|path| exists(path)))
}

fn file_layer(options: &PolicyOptions, problems: &mut Vec<Problem>) -> Result<Layer, Failure> {
    let Some(path) = file(options) else { return Ok(Layer::new()) };
    Ok(read(&path)?.unwrap_or_else(|found| {
        problems.extend(found);
        Layer::new()
    }))
}

/// Whether there is a file, be it one that cannot be read: that is for the user to know.
fn exists(path: &Path) -> bool {
    !matches!(path.metadata(), Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory))
}
