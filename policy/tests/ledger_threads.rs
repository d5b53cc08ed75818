//! Threads that change and read one ledger at once: a reader sees nothing that was never entered,
//! and misses nothing that was there all the time.

use portshim_policy::entropy::mix;
use portshim_policy::model::Restriction;
use portshim_policy::ports::{PortRange, Scope, ScopeSet};
use portshim_policy::region::{Change, Lift, Owner, Refusal, Region, Whose};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

const WRITERS: u32 = 3;
const READERS: usize = 3;
const CHANGES: u32 = if cfg!(miri) { 60 } else { 1000 };

/// An owner that can be told from the rest of its entry, so that an entry of two halves shows.
fn owner(writer: u32, life: u32, act: Restriction, range: PortRange, scopes: ScopeSet) -> Owner {
    let ports = u64::from(range.first()) << 32 | u64::from(range.last()) << 16;
    let rest = mix(ports | u64::from(scopes.bits()) << 8 | act as u64);
    Owner { process: writer << 24 | life, namespace: rest as u32, since: mix(rest) }
}

/// What a writer has entered and not yet begun to lift: `count << 16 | port`, 0 for nothing.
struct Promise(AtomicU64);

#[test]
fn readers_see_what_was_entered_and_nothing_else() {
    let region = Region::boxed(&[]);
    let ledger = &region.ledger;
    let promises: [Promise; WRITERS as usize] = core::array::from_fn(|_| Promise(AtomicU64::new(0)));
    let lives: [AtomicU64; WRITERS as usize + 1] = core::array::from_fn(|_| AtomicU64::new(0));
    let over = AtomicBool::new(false);
    let is_alive =
        |owner: &Owner| u64::from(owner.process & 0xff_ffff) >= lives[(owner.process >> 24) as usize].load(SeqCst);

    let write = |writer: u32| {
        let thread = Owner { process: writer << 24 | 0xff_ffff, namespace: 1, since: 0 };
        let turn = || loop {
            if let Some(change) = Change::begin(&region, thread, 0, is_alive) {
                return change;
            }
            std::thread::yield_now();
        };
        let mut random = u64::from(writer);
        for n in 1..=CHANGES {
            random = mix(random.wrapping_add(1));
            let act = if random & 1 == 0 { Restriction::Reserve } else { Restriction::Block };
            let first = 1 + (random >> 8) as u16 % 60_000;
            let range = PortRange::new(first, first + (random >> 24) as u16 % 100).expect("it ascends");
            let scopes = ScopeSet::from_bits(1 + (random >> 40) as u8 % 15);
            // Every fourth owner ends without a word.
            let owner = owner(writer, n, act, range, scopes);
            let entered =
                turn().enter(act, range, scopes, owner, |_, _| Ok((random >> 50).is_multiple_of(16).then_some(first)));
            match entered {
                Ok(entry) => assert_eq!((entry.range, entry.maker.owner), (range, owner)),
                Err(Refusal::InUse(port)) => {
                    assert!(port == first && act == Restriction::Block);
                    continue;
                }
                Err(other) => panic!("{other:?}"),
            }
            let promise = &promises[writer as usize - 1].0;
            if scopes.contains(Scope::Udp4) {
                promise.store(u64::from(n) << 16 | u64::from(range.last()), SeqCst);
                std::thread::yield_now();
                promise.store(0, SeqCst);
            }
            if n % 4 == 0 {
                lives[writer as usize].store(u64::from(n) + 1, SeqCst);
            } else {
                let which = if act == Restriction::Reserve { Lift::Holding(range) } else { Lift::From(range.first()) };
                let lifted = turn().lift(act, which, scopes, Whose::Own(owner)).expect("it is there");
                assert_eq!((lifted.range, lifted.scopes, lifted.maker.owner), (range, scopes, owner));
            }
        }
    };
    let read = || {
        while !over.load(SeqCst) {
            for entry in ledger.entries() {
                let (writer, life) = (entry.maker.owner.process >> 24, entry.maker.owner.process & 0xff_ffff);
                let whole = owner(writer, life, entry.act, entry.range, entry.scopes);
                assert_eq!(entry.maker.owner, whole, "an entry of two halves: {entry:?}");
            }
            for promise in &promises {
                let before = promise.0.load(SeqCst);
                let withheld = ledger.at_large().withholds(before as u16, Scope::Udp4.into());
                if before != 0 && promise.0.load(SeqCst) == before {
                    assert!(withheld, "{} was held all the time", before as u16);
                }
            }
            ledger.expire(PortRange::ALL, ScopeSet::ALL, 0, is_alive);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..READERS {
            scope.spawn(read);
        }
        let writers: Vec<_> = (1..=WRITERS).map(|writer| scope.spawn(move || write(writer))).collect();
        let ends: Vec<_> = writers.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        over.store(true, SeqCst);
        ends.into_iter().for_each(|end| end.expect("a writer has come to its end"));
    });
    ledger.expire(PortRange::ALL, ScopeSet::ALL, 0, is_alive);
    assert_eq!(ledger.entries().count(), 0);
}

/// Processes that all come at once, and take the places of others that are gone, keep apart.
#[test]
fn processes_that_come_at_once_have_a_place_each() {
    for round in 0..if cfg!(miri) { 2 } else { 200 } {
        let region = Region::boxed(&[]);
        let is_alive = |owner: &Owner| owner.process >= 1000 && owner.since >= u64::from(owner.process);
        for process in 1..=portshim_policy::region::PROCESSES as u32 {
            let gone = Owner { process, namespace: 1, since: 5 };
            region.processes.enter(&gone, &[0; portshim_policy::region::NAME], 0, |_| true).expect("there is room");
        }
        let place = |process: u32| {
            let me = Owner { process, namespace: 1, since: u64::from(process) + round };
            let place =
                region.processes.enter(&me, &[0; portshim_policy::region::NAME], 0, is_alive).expect("there is room");
            core::ptr::from_ref(place).addr()
        };
        let mut places = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|n| scope.spawn(move || (0..8).map(|m| place(1000 + 8 * n + m)).collect::<Vec<_>>()))
                .collect();
            threads.into_iter().flat_map(|thread| thread.join().expect("it has come to its end")).collect::<Vec<_>>()
        });
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), 64);
    }
}
