//! Gathers what the options, the environment and the policy file ask for, and resolves it.

use crate::args::PolicyOptions;
use crate::environment::{POLICY_FILE, misspelt};
use crate::messages::{self, Failure};
use crate::platform;
use portshim_policy::config::{HostSettings, Layer, Problem, Resolved, keys, resolve};
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// The policy file of a project: in the folder where the command is given.
const HERE: &str = "./portshim.toml";
/// The most that a policy file may hold, in bytes: a policy of every single port takes half of it.
const LARGEST: u64 = 1 << 20;
/// Stands for standard input where a file is named.
const STANDARD_INPUT: &str = "-";

/// The policy that holds under these options, here and now.
pub(super) fn resolved(options: &PolicyOptions) -> Result<Resolved, Failure> {
    let mut problems = Vec::new();
    let layers = [asked(options, &mut problems), environment(&mut problems), file_layer(options, &mut problems)?];
    let comes_to = |host: &HostSettings| resolve(&layers, host).map(|resolved| resolved.rules).ok();
    let (host, unknown) = platform::host_for(comes_to);
    match resolve(&layers, &host).map_err(|more| problems.extend(more)) {
        Ok(mut resolved) if problems.is_empty() => {
            resolved.warnings.splice(..0, misspelt().into_iter().chain(unknown));
            Ok(resolved)
        }
        _ => {
            problems.extend(misspelt());
            Err(problems.into())
        }
    }
}

/// Policy in the text of a policy file, with no other source beside it.
pub(super) fn alone(text: &str, path: &Path) -> Result<Resolved, Failure> {
    Ok(resolve(&[Layer::from_toml(text, &path.display().to_string())?], &platform::host())?)
}

/// The text of a policy file; `None` where there is no such file.
pub(super) fn text(path: &Path) -> Result<Option<String>, Failure> {
    match File::open(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        opened => {
            let file = opened.map_err(|e| messages::unreadable_policy(path, &e))?;
            let text = String::from_utf8(bytes(file, path)?).map_err(|_| messages::not_toml(path))?;
            Ok(Some(text))
        }
    }
}

/// The policy file of a project, where none is named: in the folder where the command is given.
pub(super) fn named_or_here(file: Option<&Path>) -> PathBuf {
    let variable = std::env::var_os(POLICY_FILE).filter(|name| !name.is_empty()).map(PathBuf::from);
    file.map(Path::to_owned).or(variable).unwrap_or_else(|| PathBuf::from(HERE))
}

/// Tells whether this is the file that governs what is started in this folder.
pub(super) fn is_here(path: &Path) -> bool {
    path == Path::new(HERE)
}

/// Reads one policy file, or a system's settings in any form that is understood.
pub(super) fn read(path: &Path) -> Result<Result<Layer, Vec<Problem>>, Failure> {
    let bytes =
        File::open(path).map_err(|e| messages::unreadable_policy(path, &e)).and_then(|file| bytes(file, path))?;
    Ok(Layer::from_bytes(&bytes, &path.display().to_string()))
}

/// Reads a system's settings from a file, or from standard input where it is called `-`.
pub(super) fn imported(path: &Path) -> Result<Result<Layer, Vec<Problem>>, Failure> {
    let (bytes, name) = if path == Path::new(STANDARD_INPUT) {
        let name = Path::new("<stdin>");
        (bytes(io::stdin().lock(), name)?, name)
    } else {
        (bytes(File::open(path).map_err(|e| messages::unreadable_settings(path, &e))?, path)?, path)
    };
    Ok(Layer::imported(&bytes, &name.display().to_string()))
}

fn bytes(from: impl Read, path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    from.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|e| messages::unreadable_policy(path, &e))?;
    if bytes.len() as u64 > LARGEST {
        return Err(messages::policy_too_large(path, LARGEST));
    }
    Ok(bytes)
}

fn asked(options: &PolicyOptions, problems: &mut Vec<Problem>) -> Layer {
    let mut layer = Layer::new();
    for (key, value) in &options.keys {
        // What is not UTF-8 is no value of any key: the problem shows it as well as it can be
        // shown.
        problems.extend(layer.option(key, &value.to_string_lossy()).err());
    }
    layer
}

fn environment(problems: &mut Vec<Problem>) -> Layer {
    let mut layer = Layer::new();
    for (key, option) in keys::options() {
        if let Some(value) = std::env::var_os(option.variable) {
            problems.extend(layer.variable(key, &value.to_string_lossy()).err().into_iter().flatten());
        }
    }
    layer
}

/// The policy file that is heard: the one that was named, be it there or not, or the first that
/// there is.
pub(super) fn file(options: &PolicyOptions) -> Option<PathBuf> {
    let variable = std::env::var_os(POLICY_FILE).filter(|name| !name.is_empty()).map(PathBuf::from);
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

/// Tells whether there is a file, be it one that cannot be read: that is for the user to know.
/// Where its folder may not be looked into, as that of the user whom one was before setpriv(1),
/// nobody meant it.
fn exists(path: &Path) -> bool {
    match path.metadata() {
        Ok(_) => true,
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => false,
        // What a link leads to is meant, wherever that is.
        Err(e) if e.kind() == ErrorKind::PermissionDenied => path.symlink_metadata().is_ok(),
        Err(_) => true,
    }
}
