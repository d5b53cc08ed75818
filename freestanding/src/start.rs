//! The start: maps the session that the program was put under, while nothing of the program has
//! run yet.

use core::ffi::{CStr, c_void};
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed};
use portshim_mechanism::linux::kernel::mark::mark_calls;
use portshim_mechanism::linux::kernel::{clock, liveness, session_file};
use portshim_mechanism::linux::known::fd_cache;
use portshim_mechanism::linux::socket::steering;
use portshim_mechanism::place::{is_brought, set_name};
use portshim_mechanism::session::Session;

/// Path of the session's file, which the supervisor writes here; a NUL ends it.
#[unsafe(export_name = "portshim_session")]
static SESSION: [AtomicU8; 4096] = [const { AtomicU8::new(0) }; 4096];

/// Name of the program's file, and the name that it was called by, likewise.
#[unsafe(export_name = "portshim_file")]
static FILE: [AtomicU8; 256] = [const { AtomicU8::new(0) }; 256];
#[unsafe(export_name = "portshim_called")]
static CALLED: [AtomicU8; 256] = [const { AtomicU8::new(0) }; 256];

/// The vDSO's `clock_gettime`, likewise; null where it has none.
#[unsafe(export_name = "portshim_clock")]
pub(crate) static CLOCK: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

/// Where the words on the program's first stack begin, likewise.
#[unsafe(export_name = "portshim_stack_start")]
pub(crate) static STACK_START: AtomicUsize = AtomicUsize::new(0);

/// Not 0 where every place of the program leads here that may make one of our calls, likewise.
#[unsafe(export_name = "portshim_whole")]
static WHOLE: AtomicU64 = AtomicU64::new(0);

/// Maps the session. Tells whether calls can be served from now on.
pub(crate) fn start() -> bool {
    // SAFETY: the supervisor has found it in the program's vDSO, or left it null.
    unsafe { clock::use_libcs(CLOCK.load(Relaxed)) };
    let path = text(&SESSION);
    let Some(region) = CStr::from_bytes_until_nul(&path).ok().and_then(session_file::map) else { return false };
    let (file, called) = (text(&FILE), text(&CALLED));
    let (file, called) = (ended(&file), ended(&called));
    is_brought();
    set_name(if called.is_empty() { file } else { called });
    let Some(rules) = region.rules_for(&[file, called]) else { return false };
    steering::reload();
    if !is_whole() {
        rely_on_nothing();
    }
    liveness::look();
    mark_calls(true);
    Session { region, rules }.begin_here();
    true
}

/// Tells whether every place of the program leads here that may make one of our calls.
pub(crate) fn is_whole() -> bool {
    WHOLE.load(Relaxed) != 0
}

/// Knows nothing of any descriptor from now on, nor in which network the program is.
pub(crate) fn rely_on_nothing() {
    fd_cache::give_up();
    steering::on_netns_change();
}

fn text<const LEN: usize>(bytes: &[AtomicU8; LEN]) -> [u8; LEN] {
    core::array::from_fn(|at| bytes[at].load(Relaxed))
}

fn ended(text: &[u8]) -> &[u8] {
    text.split(|byte| *byte == 0).next().unwrap_or_default()
}
