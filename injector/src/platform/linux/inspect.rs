//! Follows a program from its scripts to the file that the kernel loads, and tells how far a
//! preloaded library reaches it.

use super::super::answers::Find;
use super::c_library::{self, CLibrary};
use super::elf::{self, Elf};
use super::find::{executable, search};
use crate::coverage::{Adjustment, Coverage, Obstacle, Program, Step};
use crate::messages::plain;
use nix::sys::prctl::get_no_new_privs;
use nix::sys::statvfs::{FsFlags, fstatvfs};
use nix::unistd::{getgid, getuid};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::ptr;

/// Number of files the kernel opens one after the other before ELOOP: five scripts, and the program
/// (`exec_binprm`).
const DEPTH: usize = 6;
/// Part of a file that the kernel reads to find its format (`BINPRM_BUF_SIZE`).
const HEAD: usize = 256;
/// Shell that execvp(3) hands a file without a format to.
pub(super) const SHELL: &str = "/bin/sh";

/// Tools that only execute the program named in their arguments, in the same process.
const ENV: &str = "env";

const NO_LINK_ORDER: Adjustment = Adjustment {
    variable: "ASAN_OPTIONS",
    value: "verify_asan_link_order=0",
    separator: ":",
    reason: "AddressSanitizer refuses to start behind a preloaded library",
};

/// Finds the program that `name` stands for, and looks at it.
pub(crate) fn find(name: &OsStr) -> Result<Program, Find> {
    let path = search(name)?;
    let mut program = Program {
        typed: name.to_owned(),
        path: path.clone(),
        steps: Vec::new(),
        by_shell: false,
        coverage: Coverage::Full,
        adjustments: Vec::new(),
    };
    let mut next = Some(path);
    while let Some(file) = next.take() {
        if program.steps.len() == DEPTH {
            return Err(Find::Denied(program.path, "too many interpreters stand one behind the other".into()));
        }
        next = follow(&mut program, &file)?;
    }
    Ok(program)
}

/// Adds one file to the chain, and gives the one that executes it.
fn follow(program: &mut Program, path: &Path) -> Result<Option<PathBuf>, Find> {
    let first = program.steps.is_empty();
    let mut step = |kind: String| program.steps.push(Step { path: path.to_owned(), kind });
    let Ok(file) = File::open(path) else {
        // A file may be executed without being readable; then nothing can be known of it.
        step("a file that may not be read".into());
        return Ok(None);
    };
    let first_page = elf::first_page(&file).map_err(|e| Find::Denied(path.to_owned(), plain(&e)))?;
    let head = &first_page[..first_page.len().min(HEAD)];
    if let Some(line) = head.strip_prefix(b"#!") {
        step("a script".into());
        return interpreter(program, path, line);
    }
    if !head.starts_with(b"\x7fELF") {
        if !first {
            step("an interpreter of an unknown format".into());
            return Ok(None);
        }
        step("a file without a `#!` line".into());
        program.by_shell = true;
        return Ok(Some(SHELL.into()));
    }
    let Some(elf) = elf::read(&file, &first_page) else {
        return Err(Find::Denied(path.to_owned(), "it is a damaged ELF file".into()));
    };
    let library = elf.loader.as_deref().map_or_else(|| CLibrary::of_file(&elf, path), CLibrary::of_loader);
    let of_musl = if library == Some(CLibrary::Musl) { " of musl" } else { "" };
    step(format!("a {}-bit ELF program{of_musl}", elf.bits));
    program.coverage = coverage(&elf, library, &file);
    if let Some(loader) = &elf.loader
        && program.coverage == Coverage::Full
        && executable(loader).is_err_and(|e| e.is_none())
    {
        return Err(Find::Denied(path.to_owned(), format!("its loader `{}` does not exist", loader.display())));
    }
    if elf.needed.iter().any(|library| library.starts_with("libasan.so")) {
        program.adjustments.push(NO_LINK_ORDER);
    }
    Ok(None)
}

/// The interpreter that a `#!` line names, through `env`.
fn interpreter(program: &mut Program, script: &Path, line: &[u8]) -> Result<Option<PathBuf>, Find> {
    let line = line.split(|b| *b == b'\n').next().unwrap_or_default().trim_ascii();
    let (path, argument) = match line.iter().position(|b| b" \t".contains(b)) {
        Some(space) => (&line[..space], line[space..].trim_ascii()),
        None => (line, &b""[..]),
    };
    if path.is_empty() {
        return Err(Find::Denied(script.to_owned(), "its `#!` line names no interpreter".into()));
    }
    let path = PathBuf::from(OsStr::from_bytes(path));
    executable(&path).map_err(|e| {
        let why = e.unwrap_or_else(|| "it does not exist".into());
        Find::Denied(script.to_owned(), format!("its interpreter `{}` cannot be executed: {why}", path.display()))
    })?;
    if path.file_name() == Some(OsStr::new(ENV))
        && let Some(name) = run_by_env(argument)
        // Where `env` finds nothing, it is for `env` to say so.
        && let Ok(found) = search(&name)
    {
        program.steps.push(Step { path, kind: "env, which executes what it is given".into() });
        return Ok(Some(found));
    }
    Ok(Some(path))
}

/// The program that `env` is asked to execute, given the one argument that a `#!` line can hold.
fn run_by_env(argument: &[u8]) -> Option<OsString> {
    let split = argument.strip_prefix(b"-S").or_else(|| argument.strip_prefix(b"--split-string="));
    let Some(words) = split else {
        return (!argument.starts_with(b"-") && !argument.is_empty()).then(|| OsStr::from_bytes(argument).to_owned());
    };
    let word =
        words.split(u8::is_ascii_whitespace).find(|w| !w.is_empty() && !w.starts_with(b"-") && !w.contains(&b'='))?;
    Some(OsStr::from_bytes(word).to_owned())
}

/// Extent to which a preloaded library reaches this file.
fn coverage(elf: &Elf, library: Option<CLibrary>, file: &File) -> Coverage {
    let (bits, machine) = (usize::BITS, own_machine());
    if (elf.bits, elf.machine) != (bits, machine) {
        let name = machine_name(elf.machine);
        let ours = format!("{bits}-bit {}", machine_name(machine));
        return Coverage::None(Obstacle::Machine { theirs: format!("{}-bit {name}", elf.bits), ours });
    }
    // Of a static program, too, a supervisor would take the privilege.
    if let Some(obstacle) = gains_privilege(file) {
        return Coverage::None(obstacle);
    }
    let Some(loader) = &elf.loader else {
        // This command passes everything on to the program that it becomes. The loader itself,
        // started by hand, names none either.
        return match (library.is_some() || elf.ours, elf.go) {
            (true, _) => Coverage::Full,
            (false, true) => Coverage::None(Obstacle::Go),
            (false, false) => Coverage::None(Obstacle::Static),
        };
    };
    let Some(library) = library else {
        return Coverage::None(Obstacle::Loader(loader.display().to_string()));
    };
    if library == CLibrary::Glibc
        && let Some((theirs, needed)) = c_library::lacks(loader)
    {
        return Coverage::None(Obstacle::OldLibrary { theirs: theirs.to_string(), needed: needed.to_string() });
    }
    if elf.go {
        Coverage::Partial(Obstacle::Go)
    } else if elf.needed.iter().any(|library| library.starts_with("liburing.so")) {
        Coverage::Partial(Obstacle::IoUring)
    } else {
        Coverage::Full
    }
}

/// Extent to which a preloaded library reaches the program that a process runs; `None` where this
/// user may not look at it.
pub(super) fn coverage_of(pid: u32) -> Option<Coverage> {
    let link = PathBuf::from(format!("/proc/{pid}/exe"));
    let file = File::open(&link).ok()?;
    let elf = elf::read(&file, &elf::first_page(&file).ok()?)?;
    let path = link.read_link().ok()?;
    let library = elf.loader.as_deref().map_or_else(|| CLibrary::of_file(&elf, &path), CLibrary::of_loader);
    Some(coverage(&elf, library, &file))
}

/// Tells whether the kernel would start this file in secure mode, in which the loader ignores
/// LD_PRELOAD (`cap_bprm_creds_from_file` in security/commoncap.c).
fn gains_privilege(file: &File) -> Option<Obstacle> {
    let metadata = file.metadata().ok()?;
    let (uid, gid) = (getuid(), getgid());
    let set_uid = metadata.mode() & libc::S_ISUID != 0 && metadata.uid() != uid.as_raw();
    // Without the group's execute bit, set-group-ID once meant mandatory locking and the kernel
    // ignores it.
    let group_bits = libc::S_ISGID | libc::S_IXGRP;
    let set_gid = metadata.mode() & group_bits == group_bits && metadata.gid() != gid.as_raw();
    let capabilities = !uid.is_root() && has_capabilities(file);
    if !(set_uid || set_gid || capabilities) {
        return None;
    }
    let ignored =
        get_no_new_privs().unwrap_or(false) || fstatvfs(file).is_ok_and(|fs| fs.flags().contains(FsFlags::ST_NOSUID));
    match (ignored, set_uid || set_gid) {
        (true, _) => None,
        (false, true) => Some(Obstacle::SetId),
        (false, false) => Some(Obstacle::Capabilities),
    }
}

fn has_capabilities(file: &File) -> bool {
    let name = c"security.capability".as_ptr();
    // SAFETY: the file is open, the name ends in NUL, and no value is asked for, only its size.
    unsafe { libc::fgetxattr(file.as_raw_fd(), name, ptr::null_mut(), 0) > 0 }
}

/// The machine that this command is made for, as ELF files name it.
pub(super) const fn own_machine() -> u16 {
    if cfg!(target_arch = "x86_64") {
        libc::EM_X86_64
    } else if cfg!(target_arch = "aarch64") {
        libc::EM_AARCH64
    } else if cfg!(target_arch = "riscv64") {
        libc::EM_RISCV
    } else {
        libc::EM_NONE
    }
}

/// Yields what a program must be for the library to be loaded into it, in words.
pub(crate) fn library_needs() -> Option<String> {
    let machine = machine_name(own_machine());
    let glibc = c_library::NEEDED;
    Some(if glibc.is_empty() { machine } else { format!("{machine}, glibc {glibc} or later, or musl") })
}

fn machine_name(machine: u16) -> String {
    match machine {
        libc::EM_386 => "x86".into(),
        libc::EM_X86_64 => "x86-64".into(),
        libc::EM_ARM => "ARM".into(),
        libc::EM_AARCH64 => "AArch64".into(),
        libc::EM_RISCV => "RISC-V".into(),
        libc::EM_PPC64 => "POWER".into(),
        libc::EM_S390 => "z/Architecture".into(),
        other => format!("machine {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::run_by_env;

    #[test]
    fn what_env_executes() {
        for (argument, program) in [
            ("python3", Some("python3")),
            ("-S python3 -u", Some("python3")),
            ("-S -i A=1 perl -w", Some("perl")),
            ("--split-string=node --harmony", Some("node")),
            // The kernel passes one argument, and env looks for a program of that name.
            ("python3 -u", Some("python3 -u")),
            ("-i", None),
            ("", None),
        ] {
            assert_eq!(run_by_env(argument.as_bytes()), program.map(Into::into), "{argument}");
        }
    }
}
