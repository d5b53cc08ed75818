//! Tells what a file is, and how far the shim reaches the process that it becomes.

use super::super::answers::Find;
use super::super::windows_formats::pe::{self, Pe};
use super::find::{search, system_folder};
use crate::coverage::{Coverage, Obstacle, Program, Step};
use crate::messages::plain;
use object::read::ReadCache;
use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Finds the program that `name` stands for, and looks at it.
pub(crate) fn find(name: &OsStr) -> Result<Program, Find> {
    let path = search(name)?;
    let mut program = Program {
        typed: name.to_owned(),
        path: path.clone(),
        steps: Vec::new(),
        by_shell: is_batch(&path),
        coverage: Coverage::Full,
        adjustments: Vec::new(),
    };
    if program.by_shell {
        program.steps.push(Step { path: path.clone(), kind: "a batch file".into() });
        follow(&mut program, &shell())?;
    } else {
        follow(&mut program, &path)?;
    }
    Ok(program)
}

/// Adds the file that becomes a process.
fn follow(program: &mut Program, path: &Path) -> Result<(), Find> {
    let mut step = |kind: String| program.steps.push(Step { path: path.to_owned(), kind });
    let file = match File::open(path) {
        Ok(file) => file,
        Err(_) if path.symlink_metadata().is_ok() => {
            // Such as the Store's aliases: they may be executed without being readable.
            step("a file that may not be read".into());
            return Ok(());
        }
        Err(e) => return Err(Find::Denied(path.to_owned(), plain(&e))),
    };
    let denied = |why: &str| Err(Find::Denied(path.to_owned(), why.to_owned()));
    let Some(pe) = pe::read(&ReadCache::new(file)) else { return denied("it is not a Windows program") };
    if pe.library {
        return denied("it is a library");
    }
    step(format!("a {} program{}", pe.machine_name(), if pe.dotnet { " for .NET" } else { "" }));
    if !pe.is_own() {
        let ours = Pe { bits: Pe::OWN.0, machine: Pe::OWN.1, library: true, dotnet: false };
        let (theirs, ours) = (pe.machine_name(), ours.machine_name());
        program.coverage = Coverage::None(Obstacle::Machine { theirs, ours });
    }
    Ok(())
}

/// Tells whether the command interpreter executes it.
fn is_batch(path: &Path) -> bool {
    path.extension().is_some_and(|kind| kind.eq_ignore_ascii_case("bat") || kind.eq_ignore_ascii_case("cmd"))
}

/// The command interpreter.
pub(super) fn shell() -> PathBuf {
    system_folder().join("cmd.exe")
}
