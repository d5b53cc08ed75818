//! Interface of the library itself: `portshim.h`. Unlike hooks, these calls may wait a little;
//! like them, they neither allocate nor lock. On failure they return -1 and set `errno`.

mod exhaust;
#[cfg(target_os = "linux")]
mod java;

use crate::system::errno::{
    self, EADDRINUSE, EBUSY, EEXIST, EINVAL, ENOENT, ENOMEM, ENOSPC, ENOTCONN, EOPNOTSUPP, ERANGE,
};
use crate::system::{Result, boot_ticks, in_use, liveness, session, sleep_1ms, undisturbed};
use core::cell::Cell;
use core::ffi::{c_char, c_int, c_uint};
use core::fmt::{self, Write};
use portshim_policy::model::Restriction;
use portshim_policy::ports::{PortRange, ScopeSet};
use portshim_policy::region::{Change, Entry, Lift, Maker, Refusal, Untold, Whose};

/// The version of `portshim.h` that this library answers to.
const VERSION: c_int = 2;
/// Time for which the turn to write is waited for, in hundredths of a second: while the same thread
/// has it, and at all.
const PATIENCE: u64 = 100;
const LAST_PATIENCE: u64 = 3000;
/// No rule is longer; a size may well be more than there can be.
const LONGEST: usize = 4096;

/// `int portshim_version(void)`.
#[unsafe(no_mangle)]
extern "C" fn portshim_version() -> c_int {
    VERSION
}

/// `int portshim_reserve(unsigned first, unsigned last, unsigned scopes)`.
#[unsafe(no_mangle)]
extern "C" fn portshim_reserve(first: c_uint, last: c_uint, scopes: c_uint) -> c_int {
    answer(
        ports(first, last, scopes)
            .and_then(|(range, scopes)| enter(Restriction::Reserve, range, scopes, liveness::me().into()))
            .map(|_| 0),
    )
}

/// `int portshim_unreserve(unsigned first, unsigned last, unsigned scopes)`.
#[unsafe(no_mangle)]
extern "C" fn portshim_unreserve(first: c_uint, last: c_uint, scopes: c_uint) -> c_int {
    let lifted =
        ports(first, last, scopes).and_then(|(range, scopes)| lift(Restriction::Reserve, Lift::Holding(range), scopes));
    answer(lifted.map(|()| 0))
}

/// `int portshim_block(unsigned first, unsigned last, unsigned scopes)`: the last port, as a
/// handle.
#[unsafe(no_mangle)]
extern "C" fn portshim_block(first: c_uint, last: c_uint, scopes: c_uint) -> c_int {
    let entered = ports(first, last, scopes)
        .and_then(|(range, scopes)| enter(Restriction::Block, range, scopes, liveness::me().into()));
    answer(entered.map(|entry| c_int::from(entry.range.last())))
}

/// `int portshim_unblock(unsigned first, unsigned scopes)`.
#[unsafe(no_mangle)]
extern "C" fn portshim_unblock(first: c_uint, scopes: c_uint) -> c_int {
    let lifted = ports(first, first, scopes)
        .and_then(|(range, scopes)| lift(Restriction::Block, Lift::From(range.first()), scopes));
    answer(lifted.map(|()| 0))
}

/// `int portshim_rule(int act, char *buffer, size_t size)`: how long the rule is, without its NUL.
///
/// # Safety
/// `buffer` must be writable for `size` bytes, or `size` 0.
#[unsafe(no_mangle)]
unsafe extern "C" fn portshim_rule(act: c_int, buffer: *mut c_char, size: usize) -> c_int {
    let Some(session) = session() else { return answer(Err(ENOTCONN)) };
    let Some(act) = restriction(act) else { return answer(Err(EINVAL)) };
    let room: &mut [u8] = if size == 0 || buffer.is_null() {
        &mut []
    } else {
        // SAFETY: portshim_rule's caller passes a buffer of `size` bytes.
        unsafe { core::slice::from_raw_parts_mut(buffer.cast(), size.min(LONGEST)) }
    };
    let mut text = Text { room, len: 0 };
    let _ = write!(text, "{}", session.region.legal().rule(act));
    let end = text.len.min(text.room.len().saturating_sub(1));
    if let Some(byte) = text.room.get_mut(end) {
        *byte = 0;
    }
    text.len as c_int
}

/// Text cut off where a buffer ends.
struct Text<'a> {
    room: &'a mut [u8],
    len: usize,
}

impl Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if let Some(place) = self.room.get_mut(self.len) {
                *place = byte;
            }
            self.len += 1;
        }
        Ok(())
    }
}

/// The ports and scopes that a program names.
fn ports(first: c_uint, last: c_uint, scopes: c_uint) -> Result<(PortRange, ScopeSet)> {
    let (Ok(first @ 1..), Ok(last)) = (u16::try_from(first), u16::try_from(last)) else { return Err(EINVAL) };
    Ok((PortRange::new(first, last).map_err(|_| EINVAL)?, scope_set(scopes)?))
}

/// The scopes that a program names.
fn scope_set(scopes: c_uint) -> Result<ScopeSet> {
    let bits = u8::try_from(scopes).map_err(|_| EINVAL)?;
    let scopes = ScopeSet::from_bits(bits);
    if bits == 0 || scopes.bits() != bits { Err(EINVAL) } else { Ok(scopes) }
}

/// Restriction that `PORTSHIM_RESERVE` and `PORTSHIM_BLOCK` stand for.
fn restriction(act: c_int) -> Option<Restriction> {
    [Restriction::Reserve, Restriction::Block].into_iter().find(|known| *known as c_int == act)
}

fn enter(act: Restriction, range: PortRange, scopes: ScopeSet, maker: Maker) -> Result<Entry> {
    let untold = Cell::new(EOPNOTSUPP);
    let bound = |range, scopes| {
        in_use::bound_port(range, scopes).map_err(|error| {
            untold.set(error);
            Untold
        })
    };
    in_turn(|change| change.enter(act, range, scopes, maker, bound))?
        .map_err(|refusal| if matches!(refusal, Refusal::Untold) { untold.get() } else { number(refusal) })
}

fn lift(act: Restriction, which: Lift, scopes: ScopeSet) -> Result<()> {
    in_turn(|change| change.lift(act, which, scopes, Whose::Own(liveness::me())))?.map(drop).map_err(number)
}

/// Waits for the turn to write, and has `write` done in it.
fn in_turn<T>(write: impl Fn(&Change<'static>) -> T) -> Result<T> {
    let session = session().ok_or(ENOTCONN)?;
    if !session.has_ledger() {
        return Err(ENOMEM);
    }
    let region = session.region;
    let thread = liveness::this_thread();
    let begun = boot_ticks();
    let (mut holder, mut since) = (0, begun);
    loop {
        let written = undisturbed(|| {
            Change::begin(region, thread, boot_ticks(), liveness::is_alive).map(|change| write(&change))
        });
        if let Some(written) = written {
            if region.ledger.take_waiting() {
                // Whoever writes time and again leaves others no moment to begin.
                sleep_1ms();
            }
            return Ok(written);
        }
        let (now, turn) = (boot_ticks(), region.ledger.turn());
        if turn != holder {
            (holder, since) = (turn, now);
        }
        if now.wrapping_sub(since) > PATIENCE || now.wrapping_sub(begun) > LAST_PATIENCE {
            return Err(EBUSY);
        }
        region.ledger.set_waiting();
        sleep_1ms();
    }
}

fn number(refusal: Refusal) -> c_int {
    match refusal {
        Refusal::Illegal(_) => ERANGE,
        Refusal::InUse(_) => EADDRINUSE,
        Refusal::Untold => EOPNOTSUPP,
        Refusal::Meets(_) | Refusal::Kept(_) => EEXIST,
        Refusal::Full => ENOSPC,
        Refusal::Missing => ENOENT,
    }
}

fn answer(result: Result<c_int>) -> c_int {
    result.unwrap_or_else(|error| {
        errno::set(error);
        -1
    })
}
