//! Programs about to be executed: whether their loader loads what LD_PRELOAD names.

use super::call::{Result, call};
use super::descriptors::{close, open, read, stat};
use super::process::{effective_group, effective_user};
use core::ffi::{CStr, c_int};

/// Number of `#!` interpreters that may stand one behind the other (`load_script` in Linux takes
/// five).
const SCRIPTS: usize = 5;
/// As much of a file as is read for its `#!` line.
const LINE: usize = 256;
/// More segments than any program has before the one that names its loader.
const SEGMENTS: u64 = 64;

const PT_INTERP: u32 = 3;
const ET_DYN: u16 = 3;
/// ELF64, little end first.
const IDENTITY: &[u8] = b"\x7fELF\x02\x01";
/// The loaders of glibc, and of musl, that load a library for this machine begin so.
const LOADERS: [&[u8]; 3] = [b"ld-linux", b"ld-2.", b"ld-musl"];
/// The machine that this library is for, as e_machine.
const MACHINE: u16 = if cfg!(target_arch = "aarch64") { 183 } else { 62 };

/// Tells whether the program at `path` loads a library that LD_PRELOAD names: it is dynamic,
/// the loader of glibc or of musl loads it, and it gains no privileges by being executed (ld.so(8),
/// secure-execution mode). `None` where there is no such program, or no telling.
pub fn loads_preload(path: &CStr) -> Option<bool> {
    let mut line = [0; LINE];
    let mut next = loads(path, &mut line)?;
    for _ in 0..SCRIPTS {
        let Next::Interpreter(first, last) = next else { break };
        let path = line;
        let interpreter = CStr::from_bytes_until_nul(&path[first..=last]).ok()?;
        next = loads(interpreter, &mut line)?;
    }
    match next {
        Next::Known(loads) => Some(loads),
        Next::Interpreter(..) => None,
    }
}

/// Means by which a file is executed.
enum Next {
    /// A loader, which loads what LD_PRELOAD names or does not.
    Known(bool),
    /// The program that a `#!` line names: where its path begins in the line, and where its NUL
    /// stands.
    Interpreter(usize, usize),
}

fn loads(path: &CStr, line: &mut [u8; LINE]) -> Option<Next> {
    let fd = open(path, libc::O_RDONLY | libc::O_NONBLOCK).ok()?;
    let next = read_by(fd, path, line);
    close(fd);
    next
}

fn read_by(fd: c_int, path: &CStr, line: &mut [u8; LINE]) -> Option<Next> {
    let stat = stat(fd).ok()?;
    if stat.st_mode & libc::S_IFMT != libc::S_IFREG || stat.st_mode & 0o111 == 0 {
        return None;
    }
    line.fill(0);
    let read = read(fd, line).ok()?;
    if line.starts_with(b"#!") {
        let (first, last) = interpreter(&line[..read.min(LINE - 1)])?;
        line[last] = 0;
        return Some(Next::Interpreter(first, last));
    }
    let gains = stat.st_mode & libc::S_ISUID != 0 && stat.st_uid != effective_user()
        || stat.st_mode & libc::S_ISGID != 0 && stat.st_gid != effective_group();
    let header = Header::of(line)?;
    Some(Next::Known(!gains && header.is_loaded(fd, path)))
}

/// Bounds of the path in a `#!` line.
fn interpreter(line: &[u8]) -> Option<(usize, usize)> {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let first = 2 + line[2..].iter().position(|byte| !is_blank(byte))?;
    let len = line[first..].iter().position(|byte| is_blank(byte) || *byte == b'\n').unwrap_or(line.len() - first);
    (len > 0).then_some((first, first + len))
}

/// Header of an ELF file.
struct Header {
    machine: u16,
    kind: u16,
    /// Place of the list of its segments, the length of an entry, and their number.
    segments: (u64, u16, u16),
}

impl Header {
    /// `None` where it is no ELF file. One of another word size has no fields that matter here.
    fn of(bytes: &[u8]) -> Option<Self> {
        if !bytes.starts_with(&IDENTITY[..4]) {
            return None;
        }
        if !bytes.starts_with(IDENTITY) {
            return Some(Self { machine: 0, kind: 0, segments: (0, 0, 0) });
        }
        let segments = (number(bytes, 32)?, number(bytes, 54)? as u16, number(bytes, 56)? as u16);
        Some(Self { machine: number(bytes, 18)? as u16, kind: number(bytes, 16)? as u16, segments })
    }

    fn is_loaded(&self, fd: c_int, path: &CStr) -> bool {
        if self.machine != MACHINE {
            return false;
        }
        let (at, size, count) = self.segments;
        for index in 0..u64::from(count).min(SEGMENTS) {
            let mut segment = [0; 56];
            if read_at(fd, &mut segment, at.wrapping_add(index * u64::from(size))) != Ok(segment.len()) {
                break;
            }
            if number(&segment, 0).unwrap_or(0) as u32 == PT_INTERP {
                let mut loader = [0; LINE];
                let _ = read_at(fd, &mut loader[..LINE - 1], number(&segment, 8).unwrap_or(0));
                return CStr::from_bytes_until_nul(&loader).is_ok_and(is_loader);
            }
        }
        // The loader itself, told on its command line what to load.
        self.kind == ET_DYN && is_loader(path)
    }
}

fn is_loader(path: &CStr) -> bool {
    let path = path.to_bytes();
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
    LOADERS.iter().any(|loader| name.starts_with(loader))
}

/// The eight bytes at `at`, little end first.
fn number(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes)
}

/// pread(2).
fn read_at(fd: c_int, bytes: &mut [u8], at: u64) -> Result<usize> {
    // SAFETY: the kernel writes at most `bytes.len()` bytes.
    unsafe { call!(pread64, fd, bytes.as_mut_ptr(), bytes.len(), at) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interpreter_of_a_script_is_found() {
        let found = |line: &[u8]| interpreter(line).map(|(first, last)| line[first..last].to_vec());
        assert_eq!(found(b"#!/bin/sh\necho"), Some(b"/bin/sh".to_vec()));
        assert_eq!(found(b"#! \t/usr/bin/env python3\n"), Some(b"/usr/bin/env".to_vec()));
        assert_eq!(found(b"#!/bin/sh"), Some(b"/bin/sh".to_vec()));
        assert_eq!(found(b"#!  \n"), None);
        assert_eq!(found(b"#!"), None);
    }

    #[test]
    fn programs_of_this_system_load_what_is_preloaded() {
        assert_eq!(loads_preload(c"/bin/sh"), Some(true));
        assert_eq!(loads_preload(c"/usr/bin/env"), Some(true));
        assert_eq!(loads_preload(c"/no/such/program"), None);
        assert_eq!(loads_preload(c"/etc/passwd"), None);
        assert_eq!(loads_preload(c"/dev/null"), None);
    }

    #[test]
    fn no_header_is_trusted() {
        assert!(Header::of(b"").is_none());
        assert!(Header::of(b"\x7fELF\x02\x01").is_none());
        assert!(Header::of(b"\x7fELF\x01\x01").is_some_and(|header| header.machine == 0));
    }
}
