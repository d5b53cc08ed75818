//! The ring of events: who got which port, how, and who got none. Written by hooks without waiting,
//! read by the command; when the reader is slow the oldest are overwritten, and counted as lost. So
//! is one whose writer was killed, or left by a jump, before it was whole.

use super::text;
use crate::model::Call;
use crate::ports::Scope;
use core::net::Ipv6Addr;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release, fence};
use strum::{FromRepr, IntoStaticStr};
use zerocopy::{FromBytes, IntoBytes};

/// Number of events the ring holds.
pub const EVENTS: usize = 4096;

/// Outcome of a request.
#[derive(Clone, Copy, Debug, FromRepr, IntoStaticStr, PartialEq, Eq)]
#[strum(serialize_all = "kebab-case")]
#[repr(u8)]
pub enum Verdict {
    /// The system chose the port inside a run of the policy.
    Steered = 0,
    /// The port was bound by number.
    Pinned = 1,
    /// The port was bound beside other connections to other peers.
    Shared = 2,
    /// The policy had no port left.
    Exhausted = 3,
    /// A specific bind to a blocked port was refused.
    Refused = 4,
    /// The system chose as it likes: what the program has forbidden itself left no way to serve it.
    Uncovered = 5,
    /// The descriptor that held the port was closed.
    Released = 6,
    /// A specific bind succeeded.
    Specific = 7,
}

/// Events that a session records, besides requests: a bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recorded(u32);

impl Recorded {
    /// Nothing at all, not even requests.
    pub const NOTHING: Self = Self(0);
    /// Outcomes of requests.
    pub const REQUESTS: Self = Self(1);
    /// Ports that are given back, too.
    pub const RELEASES: Self = Self(2);
    /// Specific binds that succeed, too.
    pub const SPECIFIC: Self = Self(4);

    /// Both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Tells whether one of them is recorded.
    #[must_use]
    pub const fn has(self, any: Self) -> bool {
        self.0 & any.0 != 0
    }

    /// As the header has it.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// As it stands in a header.
    #[must_use]
    pub const fn of_bits(bits: u32) -> Self {
        Self(bits)
    }
}

impl Verdict {
    /// Tells whether a port was handed out.
    #[must_use]
    pub const fn is_given(self) -> bool {
        matches!(self, Self::Steered | Self::Pinned | Self::Shared)
    }
}

/// One request, and what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// When, in nanoseconds since 1970 (UTC).
    pub time: u64,
    /// The process.
    pub process: u32,
    /// The call that needed a port.
    pub call: Call,
    /// Whose ports it drew from.
    pub scope: Scope,
    /// Outcome of it.
    pub verdict: Verdict,
    /// The port; 0 where there is none.
    pub port: u16,
    /// The program's name, cut to [`NAME`] bytes; shorter ones end in zeroes.
    pub name: [u8; NAME],
    /// The peer that it was for, where it was for one; one of IPv4 is mapped.
    pub peer: Option<(Ipv6Addr, u16)>,
    /// Time that the request took, in nanoseconds, as far as [`LONGEST`] goes; 0 where nobody
    /// measured it.
    pub took: u64,
}

/// The longest time that an event carries, in nanoseconds: three days.
pub const LONGEST: u64 = (1 << 48) - 1;

/// The longest name that an event carries, in bytes.
pub const NAME: usize = 16;

/// One place of the ring.
#[derive(FromBytes, IntoBytes)]
#[repr(C)]
struct Slot {
    /// The event's number plus one; 0 while it is being written.
    ticket: AtomicU64,
    time: AtomicU64,
    process: AtomicU32,
    what: AtomicU32,
    name: [AtomicU64; NAME / 8],
    peer: [AtomicU64; 2],
    /// The peer's port, 0 where there is no peer, and above it how long the request took.
    rest: AtomicU64,
}

/// The ring itself, all zeroes when empty.
#[derive(FromBytes, IntoBytes)]
#[repr(C)]
pub struct Ring {
    next: AtomicU64,
    slots: [Slot; EVENTS],
}

impl Ring {
    /// Adds an event. Never waits.
    pub fn push(&self, event: Event) {
        let ticket = self.next.fetch_add(1, Relaxed);
        let slot = &self.slots[ticket as usize % EVENTS];
        slot.ticket.store(0, Relaxed);
        fence(Release);
        slot.time.store(event.time, Relaxed);
        slot.process.store(event.process, Relaxed);
        let kind = event.call as u32 | (event.scope as u32) << 4 | (event.verdict as u32) << 8;
        slot.what.store(kind | u32::from(event.port) << 16, Relaxed);
        text::store(&slot.name, &event.name);
        let (ip, port) = event.peer.unwrap_or((Ipv6Addr::UNSPECIFIED, 0));
        text::store(&slot.peer, &ip.octets());
        slot.rest.store(u64::from(port) | event.took.min(LONGEST) << 16, Relaxed);
        slot.ticket.store(ticket.wrapping_add(1), Release);
    }

    /// Hands the events that `reader` has not seen on to `each`, oldest first. Returns how many it
    /// will never see.
    pub fn read(&self, reader: &mut Reader, mut each: impl FnMut(Event)) -> u64 {
        let end = self.next.load(Acquire);
        // A `next` that has been scribbled over must not keep us busy: at most one ring full is
        // read.
        let start = reader.next.max(end.saturating_sub(EVENTS as u64));
        let mut lost = start.saturating_sub(reader.next);
        let met = core::mem::replace(&mut reader.met, end);
        reader.next = end;
        for number in start..end {
            let slot = &self.slots[number as usize % EVENTS];
            let is_whole = || slot.ticket.load(Acquire) == number.wrapping_add(1);
            if !is_whole() {
                if number >= met {
                    reader.next = number; // still being written: next time
                    break;
                }
                lost += 1;
                continue;
            }
            let (time, process, what) = (slot.time.load(Relaxed), slot.process.load(Relaxed), slot.what.load(Relaxed));
            let (name, peer) = (text::load(&slot.name), text::load::<16>(&slot.peer));
            let rest = slot.rest.load(Relaxed);
            fence(Acquire);
            if !is_whole() {
                lost += 1;
                continue;
            }
            if let Some(event) = decode(what) {
                let peer = (rest as u16 != 0).then(|| (peer.into(), rest as u16));
                each(Event { time, process, name, peer, took: rest >> 16, ..event });
            }
        }
        lost
    }
}

/// Position of one reader.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reader {
    /// The number of the next event.
    next: u64,
    /// Extent to which the last reading could see. An event before that, which is not whole by now,
    /// will never be: writing one takes less than a microsecond.
    met: u64,
}

/// Facts of an event that take few bits; none where they are no event's.
fn decode(what: u32) -> Option<Event> {
    let call = Call::from_repr(what as u8 & 0xf)?;
    let scope = Scope::ALL.into_iter().nth((what >> 4 & 0xf) as usize)?;
    let verdict = Verdict::from_repr((what >> 8) as u8)?;
    let port = (what >> 16) as u16;
    Some(Event { time: 0, process: 0, call, scope, verdict, port, name: [0; NAME], peer: None, took: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::region::layout::Region;

    fn event(port: u16) -> Event {
        Event {
            time: 5,
            process: 7,
            call: Call::Send,
            scope: Scope::Udp6,
            verdict: Verdict::Refused,
            port,
            name: *b"a-program-of-16b",
            peer: port.is_multiple_of(2).then(|| (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, port), port)),
            took: u64::from(port) * 1_000_000,
        }
    }

    #[test]
    fn events_come_out_as_they_went_in_and_only_once() {
        let region = Region::boxed(&[]);
        for port in 1..=3 {
            region.events.push(event(port));
        }
        let (mut reader, mut seen) = (Reader::default(), Vec::new());
        assert_eq!(region.events.read(&mut reader, |e| seen.push(e)), 0);
        assert_eq!(seen, [event(1), event(2), event(3)]);
        assert_eq!(region.events.read(&mut reader, |_| panic!("read twice")), 0);
    }

    #[test]
    fn a_slow_reader_learns_how_much_it_missed() {
        let region = Region::boxed(&[]);
        for n in 0..EVENTS + 10 {
            region.events.push(event(n as u16));
        }
        let mut first = None;
        let lost = region.events.read(&mut Reader::default(), |e| first = first.or(Some(e.port)));
        assert_eq!((lost, first), (10, Some(10)));
    }

    /// Acts as a writer that takes its place in the ring, and comes no further.
    fn tear(region: &Region) {
        let ticket = region.events.next.fetch_add(1, Relaxed);
        region.events.slots[ticket as usize % EVENTS].ticket.store(0, Relaxed);
    }

    /// The ports that a reading shows, and how many events are lost.
    fn read(region: &Region, reader: &mut Reader) -> (Vec<u16>, u64) {
        let mut ports = Vec::new();
        let lost = region.events.read(reader, |event| ports.push(event.port));
        (ports, lost)
    }

    #[test]
    fn a_torn_event_hides_the_others_for_one_reading_at_most() {
        for (before, torn, after) in [(0, 1, 3), (2, 1, 1), (1, 1, 0), (0, 1, 0), (1, 70, 70), (5, 3, 0), (70, 1, 70)] {
            for lap in [0, EVENTS] {
                let region = Region::boxed(&[]);
                let mut reader = Reader::default();
                (0..lap).for_each(|_| region.events.push(event(1)));
                assert_eq!(read(&region, &mut reader), (vec![1; lap], 0));
                (0..before).for_each(|_| region.events.push(event(2)));
                (0..torn).for_each(|_| tear(&region));
                (0..after).for_each(|_| region.events.push(event(3)));
                assert_eq!(read(&region, &mut reader), (vec![2; before], 0));
                assert_eq!(read(&region, &mut reader), (vec![3; after], torn));
                region.events.push(event(4));
                assert_eq!(read(&region, &mut reader), (vec![4], 0));
            }
        }
    }

    #[test]
    fn torn_events_between_readings_are_each_waited_for_once() {
        let region = Region::boxed(&[]);
        let mut reader = Reader::default();
        tear(&region);
        region.events.push(event(1));
        assert_eq!(read(&region, &mut reader), (vec![], 0));
        tear(&region);
        region.events.push(event(2));
        assert_eq!(read(&region, &mut reader), (vec![1], 1));
        assert_eq!(read(&region, &mut reader), (vec![2], 1));
    }

    #[test]
    fn an_event_that_is_whole_by_the_next_reading_is_not_lost() {
        let region = Region::boxed(&[]);
        let mut reader = Reader::default();
        let ticket = region.events.next.load(Relaxed);
        tear(&region);
        region.events.push(event(2));
        assert_eq!(read(&region, &mut reader), (vec![], 0));
        region.events.next.store(ticket, Relaxed);
        region.events.push(event(1));
        region.events.next.store(ticket + 2, Relaxed);
        assert_eq!(read(&region, &mut reader), (vec![1, 2], 0));
    }

    #[test]
    fn scribbles_end() {
        let region = Region::boxed(&[]);
        region.events.next.store(u64::MAX, Relaxed);
        let mut reader = Reader::default();
        region.events.read(&mut reader, |_| {});
        region.events.push(event(1));
        region.events.read(&mut reader, |_| {});
        region.events.next.store(3, Relaxed);
        region.events.read(&mut reader, |_| {});
    }
}
