//! Beliefs of a session about ports towards single peers. Where connections share ports by 4-tuple,
//! a port that is taken towards one peer can be free towards the next, and the [`BusyPorts`] of the
//! scope do not tell. As those do, these only order the tries, and the system decides.

use super::busy_ports::BusyPorts;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use zerocopy::{FromBytes, IntoBytes};

/// Of how many peers something is believed at a time. More of them drive each other out.
const PEERS: usize = 32;

/// Peers of the table.
#[derive(FromBytes, IntoBytes)]
#[repr(C)]
pub(crate) struct PeerTable {
    /// A hash of the peer; 0 where there is none yet.
    keys: [AtomicU64; PEERS],
    /// Time when somebody last asked for it, by the clock.
    used: [AtomicU32; PEERS],
    /// Counts what is asked for.
    clock: AtomicU32,
    _reserved: AtomicU32,
}

/// Beliefs about each.
#[derive(FromBytes, IntoBytes)]
#[repr(C)]
pub(crate) struct PeerHints {
    hints: [BusyPorts; PEERS],
}

/// A slot of the table. Its peer may have been driven out meanwhile by another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerSlot(u8);

impl PeerSlot {
    /// Number of numbers [`Self::number`] has.
    pub const NUMBERS: usize = PEERS + 1;

    /// One that is not 0: 0 is no place.
    #[must_use]
    pub fn number(this: Option<Self>) -> u8 {
        this.map_or(0, |place| place.0 + 1)
    }

    /// The place of a number, where there is one.
    #[must_use]
    pub fn numbered(number: usize) -> Option<Self> {
        let place = number.checked_sub(1)?;
        (place < PEERS).then_some(Self(place as u8))
    }
}

/// Beliefs of a session about ports towards single peers.
#[derive(Clone, Copy)]
pub struct Peers<'a> {
    table: &'a PeerTable,
    hints: &'a PeerHints,
}

impl<'a> Peers<'a> {
    pub(crate) fn new(table: &'a PeerTable, hints: &'a PeerHints) -> Self {
        Self { table, hints }
    }

    /// Place where `peer` stands, if anything is believed of it.
    #[must_use]
    pub fn find(self, peer: u64) -> Option<PeerSlot> {
        if peer == 0 || self.is_unused() {
            return None;
        }
        let place = self.table.keys.iter().position(|key| key.load(Relaxed) == peer)?;
        Some(PeerSlot(place as u8))
    }

    /// The same, in the place of the peer that nobody has asked for longest, where it is new.
    /// Memory that has not been used yet may not be there: `is_there` says whether a word can be
    /// written.
    pub fn take(self, peer: u64, is_there: impl Fn(&AtomicU64) -> bool) -> Option<PeerSlot> {
        let table = self.table;
        let now = table.clock.fetch_add(1, Relaxed).wrapping_add(1);
        if let Some(place) = self.find(peer) {
            table.used[usize::from(place.0)].store(now, Relaxed);
            return Some(place);
        }
        if peer == 0 {
            return None;
        }
        let age = |place: &usize| match table.keys[*place].load(Relaxed) {
            0 => u64::MAX,
            _ => now.wrapping_sub(table.used[*place].load(Relaxed)).into(),
        };
        let place = (0..PEERS).max_by_key(age)?;
        let (key, hint) = (&table.keys[place], &self.hints.hints[place]);
        let before = key.load(Relaxed);
        if before == 0 && !hint.reserve(is_there) {
            return None;
        }
        table.used[place].store(now, Relaxed);
        // Another may have been faster: then nothing is believed of this one yet.
        key.compare_exchange(before, peer, Relaxed, Relaxed).ok()?;
        if before != 0 {
            hint.clear();
        }
        Some(PeerSlot(place as u8))
    }

    /// Beliefs about the ports towards the peer of `place`.
    #[must_use]
    pub fn hint(self, place: PeerSlot) -> &'a BusyPorts {
        &self.hints.hints[usize::from(place.0) % PEERS]
    }

    /// `port` has been given back towards the peer of `place`; towards all, perhaps, where that is
    /// not known.
    pub fn unmark(self, place: Option<PeerSlot>, port: u16) {
        match place {
            Some(place) => self.hint(place).unmark(port),
            None if self.is_unused() => {}
            None => {
                let known = self.table.keys.iter().zip(&self.hints.hints).filter(|(key, _)| key.load(Relaxed) != 0);
                known.for_each(|(_, hint)| hint.unmark(port));
            }
        }
    }

    fn is_unused(self) -> bool {
        self.table.clock.load(Relaxed) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::region::layout::Region;

    fn peers(region: &Region) -> Peers<'_> {
        region.peers().unwrap()
    }

    #[test]
    fn what_is_believed_of_one_peer_is_not_of_another() {
        let region = Region::boxed(&[]);
        let peers = peers(&region);
        assert_eq!((peers.find(7), peers.take(0, |_| true)), (None, None));
        let [seven, eight] = [7, 8].map(|peer| peers.take(peer, |_| true).unwrap());
        peers.hint(seven).mark(80);
        assert!(peers.hint(seven).contains(80) && !peers.hint(eight).contains(80));
        assert_eq!((peers.find(7), peers.take(7, |_| false)), (Some(seven), Some(seven)));
        peers.hint(eight).mark(80);
        peers.unmark(Some(seven), 80);
        assert!(!peers.hint(seven).contains(80) && peers.hint(eight).contains(80));
        peers.hint(seven).mark(80);
        peers.unmark(None, 80);
        assert!(!peers.hint(seven).contains(80) && !peers.hint(eight).contains(80));
    }

    #[test]
    fn the_peer_that_nobody_has_asked_for_longest_makes_room() {
        let region = Region::boxed(&[]);
        let peers = peers(&region);
        let all: Vec<_> = (1..=PEERS as u64).map(|peer| peers.take(peer, |_| true).unwrap()).collect();
        peers.hint(all[0]).mark(80);
        peers.hint(all[1]).mark(80);
        peers.take(1, |_| true);
        let never = |_: &AtomicU64| panic!("the memory has been used already");
        assert_eq!(peers.take(99, never), Some(all[1]));
        assert_eq!((peers.find(2), peers.find(1)), (None, Some(all[0])));
        assert!(peers.hint(all[0]).contains(80) && !peers.hint(all[1]).contains(80));
        assert_eq!(peers.hint(all[1]).count(), 0);
    }

    #[test]
    fn where_there_is_no_memory_nothing_is_believed() {
        let region = Region::boxed(&[]);
        assert_eq!((peers(&region).take(7, |_| false), peers(&region).find(7)), (None, None));
        region.switch_hints_off();
        assert!(region.peers().is_none());
    }

    #[test]
    fn places_have_numbers() {
        for number in 0..300 {
            let place = PeerSlot::numbered(number);
            assert_eq!(usize::from(PeerSlot::number(place)), if number < PeerSlot::NUMBERS { number } else { 0 });
        }
    }
}
