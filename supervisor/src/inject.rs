//! The guest of programs that no library is loaded into: it is mapped into them as they begin, and
//! their system calls are rewritten to lead to it.
//!
//! Whether a guest can serve the program that a call to execve(2) names is looked at before
//! anything is done to the thread. Then that is seized, let go on, and stops before the new program
//! runs. A program that cannot be served so, or that somebody else traces, goes on as it is: the
//! supervisor is told of all its calls.

mod alarm;
mod asked;
mod fit;
mod flow;
mod functions;
mod guest;
mod image;
mod numbers;
mod program;
mod sites;
mod targets;
mod tracee;
mod trampolines;

use crate::listener::{Call, Listener, Reply};
use crate::no_guest::NoGuest;
pub(crate) use alarm::Alarm;
use fit::Fit;
use guest::{Begins, Guest};
use image::{Image, Version};
use program::{Told, Used, clock_in_vdso, used};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tracee::{Tracee, interrupt, is_tracing, program, seize};

/// The variable that names a process's session, and the one that switches everything off.
const SESSION: &[u8] = b"PORTSHIM_SESSION=";
const DISABLED: &[u8] = b"PORTSHIM_DISABLE=1";

/// The smallest address that programs may map, mostly (vm.mmap_min_addr).
const LOWEST: u64 = 1 << 16;
/// A jump reaches two gigabytes: what is near is surely nearer.
const NEAR: u64 = 1 << 30;
const PAGE: u64 = 4096;
/// Number of files that are remembered at once.
const MOST_IMAGES: usize = 1024;
/// Time that a program has to be executed in, and the guest to come in. Of one that takes longer,
/// the supervisor serves what the guest does not.
const PATIENCE: Duration = Duration::from_secs(5);

/// AUDIT_ARCH_X86_64, linux/audit.h: no other programs are served by the guest.
const X86_64: u32 = 0xC000_003E;

/// What is known of a file; `None` of one that is not served so. It is looked through once.
type Known = Arc<OnceLock<Option<Image>>>;

/// Brings the guest into programs, in several threads at once.
pub(crate) struct Injector {
    guest: Guest,
    clock: Option<u64>,
    fit: Fit,
    images: Mutex<HashMap<Version, Known>>,
}

impl Injector {
    /// One with this guest. `None` where it is none.
    pub(crate) fn of(guest: &'static [u8]) -> Option<Self> {
        let images = Mutex::new(HashMap::new());
        Some(Self { guest: Guest::of(guest)?, clock: clock_in_vdso(), fit: Fit::as_this_process(), images })
    }

    /// Address in programs of the word that switches the guest off.
    pub(crate) fn switch(&self) -> u64 {
        self.guest.switch()
    }

    /// Lets a call to execve(2) go on, and brings the guest into the program that comes of it.
    /// `session` is the file of the one that the process is under so far. Tells whether this thread
    /// is free for another: else what it has seized is given back by its end.
    pub(crate) fn execute(&self, alarm: &Alarm, listener: &Listener, call: &Call, session: &Path) -> bool {
        let thread = call.thread.cast_signed();
        let seized = self.expects(call) && seize(thread).is_ok();
        // The number may have become another's, whom an interruption would disturb.
        let stops = seized && listener.still_waits(call) && interrupt(thread).is_ok();
        listener.answer(call, Reply::Continue);
        if stops {
            alarm.within(PATIENCE, |may| {
                if let Some(tracee) = program(may) {
                    // Where that fails, it is as it was, or does not use what is there.
                    let _ = self.bring(&tracee, session);
                }
            });
        }
        !is_tracing()
    }

    /// Looks at a program's file. An error where that keeps the guest out.
    pub(crate) fn look(path: &Path) -> Result<(), NoGuest> {
        let file = File::open(path).map_err(|_| NoGuest::Unreadable)?;
        if asked::gives_privileges(&file) {
            return Err(NoGuest::Privileges);
        }
        Image::read(&file).map(drop)
    }

    /// Tells whether the program that a call names is expected to be one that the guest serves.
    fn expects(&self, call: &Call) -> bool {
        let asked = || asked::file(call.thread, call.number.into(), &call.arguments);
        call.arch == X86_64
            && asked().is_some_and(|(file, version)| self.image(&file, version).get().is_some_and(Option::is_some))
            && self.fit.is(call.thread)
    }

    /// What is known of this file.
    fn image(&self, file: &File, version: Version) -> Known {
        let known = {
            let mut images = self.images.lock().unwrap_or_else(PoisonError::into_inner);
            if images.len() >= MOST_IMAGES {
                images.clear();
            }
            Arc::clone(images.entry(version).or_default())
        };
        known.get_or_init(|| Image::read(file).ok());
        known
    }

    fn bring(&self, tracee: &Tracee<'_>, session: &Path) -> io::Result<()> {
        let Self { guest, clock, .. } = self;
        let process = tracee.process();
        let file = File::open(format!("/proc/{process}/exe"))?;
        let known = self.image(&file, Version::of(&file)?);
        let Some(Some(image)) = known.get() else { return Ok(()) };
        let told = Told::to(process)?;
        let bias = if image.moves { told.entry.wrapping_sub(image.entry) } else { 0 };
        // What stands in the file may have been written over, or the file be another by now.
        if !image.sites.iter().all(|site| tracee.has(site.at.wrapping_add(bias), &site.was)) {
            return Ok(());
        }
        let Some(session) = governing(process, session)? else { return Ok(()) };
        let Used { ranges: used, changes } = used(process)?;
        let whole = image.whole && !changes;
        let extent = image.extent.start.wrapping_add(bias)..image.extent.end.wrapping_add(bias);
        let room = (trampolines::room(&image.sites) as u64).next_multiple_of(PAGE);
        let Some(near) = gap_below(&used, &extent, room) else { return Ok(()) };
        let Some(laid) = trampolines::lay(&image.sites, whole, bias, near, guest.entries()) else { return Ok(()) };
        let called = string(tracee, told.called);
        let file = fs::read_link(format!("/proc/{process}/exe")).unwrap_or_default();
        let names = [base_name(file.as_os_str().as_bytes()), base_name(&called)];
        let clock = clock.filter(|_| told.vdso != 0).map_or(0, |clock| told.vdso.wrapping_add(clock));
        let session = session.as_os_str().as_bytes();
        let Image { is_full, alternates, .. } = *image;
        let begins = Begins { session, names, clock, is_full, alternates, whole };
        if !guest.enter(tracee, &begins, &(near..near + room))? {
            return Ok(());
        }
        let write = || {
            tracee.write(near, &laid.code)?;
            laid.jumps.iter().try_for_each(|(at, jump)| tracee.write(*at, jump))
        };
        // Of what is not rewritten, the guest knows nothing.
        write().inspect_err(|_| {
            let _ = tracee.write(guest.switch(), &1u64.to_le_bytes());
        })
    }
}

/// The session that a process which begins is under: its environment tells. `None` where it is to
/// be under none.
fn governing(process: u32, before: &Path) -> io::Result<Option<PathBuf>> {
    let environment = fs::read(format!("/proc/{process}/environ"))?;
    let mut entries = environment.split(|byte| *byte == 0);
    let named = entries.clone().find_map(|entry| entry.strip_prefix(SESSION));
    if entries.any(|entry| entry == DISABLED) {
        return Ok(None);
    }
    Ok(Some(named.map_or_else(|| before.to_owned(), |path| PathBuf::from(OsStr::from_bytes(path)))))
}

/// Place for `room` bytes below the program and near all of it, where nothing is.
fn gap_below(used: &[Range<u64>], extent: &Range<u64>, room: u64) -> Option<u64> {
    let mut end = extent.start / PAGE * PAGE;
    loop {
        let start = end.checked_sub(room).filter(|start| *start >= LOWEST && extent.end - start < NEAR)?;
        match used.iter().find(|range| range.start < end && range.end > start) {
            Some(range) => end = range.start,
            None => return Some(start),
        }
    }
}

/// The string at `at`, as far as it can be read.
fn string(tracee: &Tracee<'_>, at: u64) -> Vec<u8> {
    let mut text = [0; 4096];
    let read = tracee.read_some(at, &mut text).unwrap_or(0);
    text[..read].split(|byte| *byte == 0).next().unwrap_or_default().to_vec()
}

fn base_name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}
