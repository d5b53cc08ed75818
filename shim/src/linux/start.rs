//! The start: finds the session that this process was started for, once.

use super::{baseline, below, elf, memory, variables};
use crate::session::{self, DECIDED, STATE, Session};
use core::ffi::CStr;
use core::sync::atomic::Ordering::{Acquire, Relaxed};
use portshim_mechanism::linux::kernel::clock::{self, yield_now};
use portshim_mechanism::linux::kernel::descriptors::{readlink, write_stderr};
use portshim_mechanism::linux::kernel::memory::{map_shared, unmap};
use portshim_mechanism::linux::kernel::process::process;
use portshim_mechanism::linux::kernel::signals::undisturbed;
use portshim_mechanism::linux::kernel::{liveness, session_file};
use portshim_mechanism::linux::socket::steering;
use portshim_mechanism::place::set_name;
use portshim_policy::entropy::mix;
use portshim_policy::region::{Region, SharedRules, wire};

/// The session, which is found now if our constructor has not run yet. `None` where there is none:
/// then every call goes through.
#[inline]
pub(crate) fn session() -> Option<Session> {
    session::get().or_else(wake)
}

/// The session, for a call that it serves: `None` where all are left to a supervisor.
#[inline]
pub(crate) fn serving() -> Option<Session> {
    session().filter(|_| !below::has_all())
}

/// A hook runs before our constructor did: another library's constructor came first.
#[cold]
fn wake() -> Option<Session> {
    start();
    // The other side of a race, or a signal handler inside `start`: wait a little, then let the
    // call through.
    for _ in 0..1000 {
        if is_decided() {
            return session::get();
        }
        yield_now();
    }
    None
}

fn is_decided() -> bool {
    STATE.load(Acquire) == DECIDED
}

/// Reads the environment and maps the region, once.
pub(crate) fn start() {
    if !is_decided() {
        // A jump out of a signal handler, or a cancellation, would leave it starting for good.
        undisturbed(|| session::start(find));
    }
}

fn find() -> Option<Session> {
    elf::start();
    baseline::start();
    memory::start();
    // SAFETY: libc's own, or null.
    unsafe { clock::use_libcs(elf::of_libc(b"clock_gettime")) };
    let found = variables::read()?;
    let with_rules = |region| Some(Session { region, rules: rules_for_this_program(region)? });
    let session = found.session.and_then(session_file::map).and_then(with_rules);
    let session = session.or_else(|| private(found.policy?).and_then(with_rules))?;
    below::start();
    steering::reload();
    liveness::look();
    Some(session)
}

/// Message for a program's user where it was to be under a policy, and cannot be.
const DAMAGED: &[u8] = b"portshim: PORTSHIM_POLICY cannot be read, so this program runs outside the policy; \
    `portshim env` writes it anew\n";

/// Lays down a region of this process and its children alone, from the environment's policy.
fn private(policy: &CStr) -> Option<&'static Region> {
    let at = map_shared(None, Region::SIZE).ok()?;
    // SAFETY: `SIZE` bytes of zeroes were just mapped.
    let region = unsafe { Region::at_unsealed(at) }?;
    if wire::decode(policy.to_bytes(), region).is_err() {
        // SAFETY: the region goes out of use here.
        unsafe { unmap(at, Region::SIZE) };
        // An empty variable is as good as none, unless the loader was asked for this library on its
        // behalf.
        if !policy.is_empty() || variables::preloads() {
            write_stderr(DAMAGED);
        }
        return None;
    }
    region.header.secret.store(random(), Relaxed);
    Some(region)
}

/// 64 of the random bits that the kernel gives each new program (getauxval(3), AT_RANDOM).
fn random() -> u64 {
    // SAFETY: getauxval reads what the kernel left on the stack at exec.
    let at = unsafe { libc::getauxval(libc::AT_RANDOM) } as *const u64;
    if at.is_null() {
        return u64::from(process());
    }
    // SAFETY: AT_RANDOM points to 16 random bytes for the program's whole life. Mixed, so that what
    // shows in ports does not show what the same bits protect elsewhere.
    mix(unsafe { at.read_unaligned() })
}

/// The rules whose glob matches the executable's name: the file's, or the one it was called by,
/// which is noted.
fn rules_for_this_program(region: &'static Region) -> Option<&'static SharedRules> {
    // SAFETY: as for AT_RANDOM.
    let called = unsafe { libc::getauxval(libc::AT_EXECFN) } as *const libc::c_char;
    let called = if called.is_null() {
        &[][..]
    } else {
        // SAFETY: the kernel leaves a NUL-terminated path there for the program's whole life.
        unsafe { CStr::from_ptr(called) }.to_bytes()
    };
    let called = base_name(called);
    let mut buffer = [0; 1024];
    // /proc takes its time: it is asked only where the answer matters.
    let file = match region.all_rules() {
        [_] if !called.is_empty() => &[][..],
        _ => base_name(readlink(c"/proc/self/exe", &mut buffer).map_or(&[][..], |len| &buffer[..len])),
    };
    set_name(if called.is_empty() { file } else { called });
    region.rules_for(&[file, called])
}

fn base_name(path: &[u8]) -> &[u8] {
    path.rsplit(|b| *b == b'/').next().unwrap_or(path)
}
