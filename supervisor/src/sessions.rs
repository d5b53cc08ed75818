//! The sessions that are served: the one that the supervisor was begun for, and those of a
//! `portshim run` below it, whose policies replace the outer one.

use portshim_mechanism::linux::kernel::memory::{map_shared, unmap};
use portshim_policy::region::{Header, Region};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;

/// The variable that names a process's session.
const SESSION: &[u8] = b"PORTSHIM_SESSION=";
/// The variable that holds a policy for a library without a session.
const POLICY: &[u8] = b"PORTSHIM_POLICY=";
/// Variable that switches everything off.
const DISABLED: &[u8] = b"PORTSHIM_DISABLE=1";
/// The variable that has a library loaded, and what the names of ours begin with.
const PRELOAD: &[u8] = b"LD_PRELOAD=";
const LIBRARY: &[u8] = b"libportshim";

/// Whose word holds for a process.
#[derive(Clone, Copy)]
pub(crate) enum Governed {
    /// This session's.
    By(&'static Region),
    /// Its own: it serves itself by a library, or nobody does.
    ByItself,
}

/// Number of sessions that are remembered before it is looked for those that are over.
const MANY: usize = 64;

/// The sessions that have been met.
pub(crate) struct Sessions {
    pub(crate) home: &'static Region,
    known: HashMap<PathBuf, Option<&'static Region>>,
    many: usize,
    /// This process, as a session's file names it.
    pub(crate) us: u64,
}

impl Sessions {
    /// The session of this file, first of all.
    pub(crate) fn of(path: &Path, file: &File, makes_sockets: bool) -> io::Result<Self> {
        let us = Header::supervised_by(std::process::id(), makes_sockets);
        let home = map(file)?;
        Ok(Self { home, known: HashMap::from([(path.to_owned(), Some(home))]), many: MANY, us })
    }

    /// Whose word holds for a process whose parent is under that of `inherited`: its environment
    /// tells, as it was when its program began.
    pub(crate) fn govern(&mut self, process: u32, inherited: Option<Governed>) -> Governed {
        let environment = fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
        let entries = environment.split(|byte| *byte == 0);
        let value = |name: &[u8]| entries.clone().find_map(|entry| entry.strip_prefix(name));
        let preloads = value(PRELOAD).is_some_and(|list| contains(list, LIBRARY));
        let session = value(SESSION).map(|path| Path::new(OsStr::from_bytes(path)));
        let named = session.and_then(|path| self.named(path));
        // What is under a policy of another kind, its library serves alone.
        let is_alone = || named.is_none() && (session.is_some() || value(POLICY).is_some());
        if entries.clone().any(|entry| entry == DISABLED) || preloads && is_alone() && has_library(process) {
            return Governed::ByItself;
        }
        named.map(Governed::By).or(inherited).unwrap_or(Governed::By(self.home))
    }

    /// The file of a session that has been met.
    pub(crate) fn file(&self, of: &Region) -> Option<&Path> {
        let is_it = |known: &Option<&'static Region>| known.is_some_and(|region| std::ptr::eq(region, of));
        self.known.iter().find(|(_, region)| is_it(region)).map(|(path, _)| path.as_path())
    }

    /// Tells whether there is but one.
    pub(crate) fn is_alone(&self) -> bool {
        self.known.len() == 1
    }

    /// The session of this file, if it is one of ours.
    fn named(&mut self, path: &Path) -> Option<&'static Region> {
        if let Some(known) = self.known.get(path) {
            return *known;
        }
        let region = open(path).and_then(|file| map(&file)).ok();
        if let Some(region) = region {
            // Who has it mapped counts as one of its processes, but for its supervisor.
            let _ = region.header.supervisor.compare_exchange(0, self.us, Relaxed, Relaxed);
        }
        self.known.insert(path.to_owned(), region);
        region
    }

    /// Tells whether so many sessions are known that it is time to look for those that are over.
    pub(crate) fn are_many(&self) -> bool {
        self.known.len() >= self.many
    }

    /// Forgets the sessions whose file is gone.
    ///
    /// # Safety
    /// Whatever refers to a session must be in use.
    pub(crate) unsafe fn shed(&mut self, is_in_use: impl Fn(&Region) -> bool) {
        self.known.retain(|path, region| {
            let Some(region) = *region else { return false };
            let stays = std::ptr::eq(region, self.home) || path.exists() || is_in_use(region);
            if !stays {
                // SAFETY: `map` mapped so much, and nothing refers to it, as the caller promises.
                unsafe { unmap(std::ptr::from_ref(region).cast_mut().cast(), Region::SIZE) };
            }
            stays
        });
        self.many = MANY.max(2 * self.known.len());
    }
}

/// Opens a session's file, which must be this user's own.
fn open(path: &Path) -> io::Result<File> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let file = File::options().read(true).write(true).custom_flags(flags).open(path)?;
    let metadata = file.metadata()?;
    // SAFETY: no memory is passed.
    let ours = metadata.uid() == unsafe { libc::geteuid() };
    if ours && metadata.is_file() && metadata.len() == Region::SIZE as u64 {
        Ok(file)
    } else {
        Err(io::ErrorKind::InvalidData.into())
    }
}

/// Maps a session's file.
fn map(file: &File) -> io::Result<&'static Region> {
    let at = map_shared(Some(file.as_raw_fd()), Region::SIZE).map_err(io::Error::from_raw_os_error)?;
    // SAFETY: `SIZE` bytes were just mapped for reading and writing, and stay so while anything
    // refers to them (`shed`).
    unsafe { Region::at(at) }.map_err(io::Error::other)
}

/// Tells whether a process has our library mapped.
fn has_library(process: u32) -> bool {
    let maps = fs::read(format!("/proc/{process}/maps")).unwrap_or_default();
    contains(&maps, LIBRARY)
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|part| part == word)
}
