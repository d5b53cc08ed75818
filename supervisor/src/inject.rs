//! The guest of programs that no library is loaded into: it is mapped into them as they begin, and
//! their system calls are rewritten to lead to it.
//!
//! The thread that calls execve(2) is seized, let go on, and stops before the new program runs. A
//! program that cannot be served so, or that somebody else traces, goes on as it is: the supervisor
//! is told of all its calls.

mod guest;
mod program;
mod sites;
mod targets;
mod tracee;
mod trampolines;

use crate::listener::{Call, Listener, Reply};
use crate::tracing::TRACING;
use guest::Guest;
use program::{Image, Told, Version, clock_in_vdso, used};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::MutexGuard;
use std::time::Duration;
use tracee::{Seized, Tracee, is_waited_for, seize, wait_for_program};

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

/// Brings the guest into programs.
pub(crate) struct Injector {
    guest: Guest,
    clock: Option<u64>,
    /// What is known of files; `None` of those that are not served so.
    images: HashMap<Version, Option<Image>>,
}

impl Injector {
    /// One with this guest. `None` where it is none.
    pub(crate) fn of(guest: &'static [u8]) -> Option<Self> {
        Some(Self { guest: Guest::of(guest)?, clock: clock_in_vdso(), images: HashMap::new() })
    }

    /// Address in programs of the word that switches the guest off.
    pub(crate) fn switch(&self) -> u64 {
        self.guest.switch()
    }

    /// Lets a call to execve(2) go on, and brings the guest into the program that comes of it.
    /// `session` is the file of the one that the process is under so far.
    pub(crate) fn execute(&mut self, listener: &Listener, call: &Call, session: &Path) {
        let turn = turn();
        let is_seized = turn.is_some() && seize(call.thread.cast_signed()).is_ok();
        listener.answer(call, Reply::Continue);
        if !is_seized {
            return;
        }
        if let Seized::Executed(tracee) = wait_for_program() {
            // Where that fails, it is as it was, or does not use what is there.
            let _ = self.bring(&tracee, session);
        }
    }

    fn bring(&mut self, tracee: &Tracee, session: &Path) -> io::Result<()> {
        let Self { guest, clock, images } = self;
        let process = tracee.process();
        let file = File::open(format!("/proc/{process}/exe"))?;
        let read = || Image::read(&file, &trampolines::SERVED);
        if images.len() >= MOST_IMAGES {
            images.clear();
        }
        let image = images.entry(Version::of(&file)?).or_insert_with(read).as_ref();
        let Some(image) = image.filter(|image| !image.sites.is_empty()) else { return Ok(()) };
        let told = Told::to(process)?;
        let bias = if image.moves { told.entry.wrapping_sub(image.entry) } else { 0 };
        let Some(session) = governing(process, session)? else { return Ok(()) };
        let used = used(process)?;
        let extent = image.extent.start.wrapping_add(bias)..image.extent.end.wrapping_add(bias);
        let room = (trampolines::room(&image.sites) as u64).next_multiple_of(PAGE);
        let Some(near) = gap_below(&used, &extent, room) else { return Ok(()) };
        let Some(laid) = trampolines::lay(&image.sites, bias, near, guest.entry()) else { return Ok(()) };
        let called = string(tracee, told.called);
        let file = fs::read_link(format!("/proc/{process}/exe")).unwrap_or_default();
        let names = [base_name(file.as_os_str().as_bytes()), base_name(&called)];
        let clock = clock.filter(|_| told.vdso != 0).map_or(0, |clock| told.vdso.wrapping_add(clock));
        let map = near..near + room;
        if !guest.enter(tracee, session.as_os_str().as_bytes(), names, clock, &map)? {
            return Ok(());
        }
        tracee.write(near, &laid.code)?;
        laid.jumps.iter().try_for_each(|(at, jump)| tracee.write(*at, jump))
    }
}

/// A turn at tracing. `None` where what was traced last has ended, and nobody takes notice.
fn turn() -> Option<MutexGuard<'static, ()>> {
    const PATIENCE: usize = 100;
    for _ in 0..PATIENCE {
        let turn = TRACING.lock().ok()?;
        if !is_waited_for() {
            return Some(turn);
        }
        drop(turn);
        std::thread::sleep(Duration::from_millis(1));
    }
    None
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
fn string(tracee: &Tracee, at: u64) -> Vec<u8> {
    let mut text = [0; 4096];
    let read = tracee.read_some(at, &mut text).unwrap_or(0);
    text[..read].split(|byte| *byte == 0).next().unwrap_or_default().to_vec()
}

fn base_name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}
