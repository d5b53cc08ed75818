//! Reserving and blocking at run time, by the rules of each model.

use portshim_policy::model::rresvport::PrivilegedRange;
use portshim_policy::model::{Call, Order, Preset, Restriction, RestrictionLimits, Rules, ScopeRules, Sharing};
use portshim_policy::plan::{Candidates, Given, Outcome, Plan, Request, Step, Terms};
use portshim_policy::ports::{PortRange, PortSet, Scope, ScopeSet};
use portshim_policy::region::{
    Change, ENTRIES, Entry, LedgerView, Lift, Maker, OwnTrees, Owner, Refusal, Region, Untold, Whose,
};

const A: Owner = Owner { process: 100, namespace: 1, since: 10 };
const B: Owner = Owner { process: 200, namespace: 1, since: 20 };

/// A session under `preset`, whose dynamic range is `dynamic`.
fn session(preset: &str, max_user_port: Option<u16>, dynamic: PortRange) -> Box<Region> {
    let scope = ScopeRules { dynamic: PortSet::from(dynamic), ..ScopeRules::default() };
    let region = Region::boxed(&[Rules {
        matches: None,
        order: Order::Sequential,
        sharing: Sharing::Exclusive,
        seed: Some(1),
        privileged: PrivilegedRange::LIBC,
        unprivileged_start: None,
        scopes: core::array::from_fn(|_| scope.clone()),
    }]);
    region.set_legal(RestrictionLimits { preset: Preset::named(preset).unwrap(), max_user_port });
    region
}

fn xp() -> Box<Region> {
    session("windows-xp", Some(5000), range(1025, 5000))
}

fn range(first: u16, last: u16) -> PortRange {
    PortRange::new(first, last).unwrap()
}

fn scopes(name: &str) -> ScopeSet {
    ScopeSet::named(name).unwrap()
}

fn writer(region: &Region) -> Change<'_> {
    Change::begin(region, Owner { process: 1, namespace: 1, since: 0 }, 0, |_| true).expect("it is nobody's turn")
}

fn enter(region: &Region, act: Restriction, range: PortRange, owner: Owner) -> Result<Entry, Refusal> {
    writer(region).enter(act, range, ScopeSet::ALL, owner, |_, _| Ok(None))
}

fn lift(region: &Region, act: Restriction, which: Lift, whose: Whose) -> Result<Entry, Refusal> {
    writer(region).lift(act, which, ScopeSet::ALL, whose)
}

/// Ports that a wildcard bind in `scope` may get.
fn handed_out(region: &Region, scope: Scope, dual: bool) -> PortSet {
    let rules = region.rules_for(&[b"any"]).unwrap();
    let view = Candidates::new(rules, region.ledger.at_large(), scope, dual, PortRange::ALL);
    let set: PortSet = (1..=u16::MAX).filter(|port| view.contains(*port)).map(PortRange::single).collect();
    assert_eq!(set.len(), view.count());
    set
}

#[test]
fn a_reservation_counts_from_the_next_request_on_and_so_does_its_end() {
    let region = session("linux", None, range(20000, 20009));
    let rules = region.rules_for(&[b"any"]).unwrap();
    let request =
        Request { call: Call::Bind, scope: Scope::Udp4, dual: false, reuse: false, limit: PortRange::ALL, peer: 0 };
    let mut entropy = || 0u64;
    let mut next = || {
        let terms = Terms::of(rules, request.scope, request.dual, || None);
        let (ledger, request) = (region.ledger.at_large(), &request);
        let given = Given { rules, ledger, hint: None, towards: None, request, terms: &terms };
        Plan::new(given).next(Outcome::Start, &mut entropy)
    };
    assert_eq!(next(), Step::Pin(20000));
    enter(&region, Restriction::Reserve, range(20001, 20006), A).unwrap();
    assert_eq!(next(), Step::Pin(20007));
    lift(&region, Restriction::Reserve, Lift::Holding(range(20001, 20006)), Whose::Own(A)).unwrap();
    assert_eq!(next(), Step::Pin(20008));
    assert!(region.ledger.is_empty());
}

#[test]
fn entries_count_in_their_scopes_alone_and_for_dual_stack_sockets_in_both() {
    let region = session("linux", None, range(20000, 20009));
    writer(&region).enter(Restriction::Reserve, range(20000, 20004), scopes("tcp4"), A, |_, _| Ok(None)).unwrap();
    writer(&region).enter(Restriction::Block, range(20008, 20009), scopes("udp"), A, |_, _| Ok(None)).unwrap();
    for (scope, dual, expected) in [
        (Scope::Tcp4, false, "20005-20009"),
        (Scope::Tcp6, false, "20000-20009"),
        (Scope::Tcp6, true, "20005-20009"),
        (Scope::Udp4, false, "20000-20007"),
        (Scope::Udp6, false, "20000-20007"),
    ] {
        assert_eq!(handed_out(&region, scope, dual).to_string(), expected, "{scope} {dual}");
    }
}

/// The Cable Guy, December 2005.
#[test]
fn several_owners_reserve_the_same_range() {
    let region = xp();
    for owner in [A, B] {
        enter(&region, Restriction::Reserve, range(4000, 4010), owner).unwrap();
    }
    lift(&region, Restriction::Reserve, Lift::Holding(range(4000, 4010)), Whose::Own(A)).unwrap();
    assert!(region.ledger.at_large().withholds(4005, ScopeSet::ALL));
    lift(&region, Restriction::Reserve, Lift::Holding(range(4000, 4010)), Whose::Own(B)).unwrap();
    assert!(!region.ledger.at_large().withholds(4005, ScopeSet::ALL));
}

/// The Cable Guy, December 2005.
#[test]
fn unreserving_takes_the_first_entry_that_holds_the_request_whole() {
    let region = xp();
    for (first, last) in [(4000, 4004), (4005, 4010), (4000, 4100), (4000, 4010)] {
        enter(&region, Restriction::Reserve, range(first, last), A).unwrap();
    }
    let lift = |first, last| lift(&region, Restriction::Reserve, Lift::Holding(range(first, last)), Whose::Any);
    // It straddles the first two, and goes whole although only a part is named.
    assert_eq!(lift(4003, 4007).unwrap().range, range(4000, 4100));
    assert_eq!(lift(4003, 4003).unwrap().range, range(4000, 4004));
    assert_eq!(lift(4003, 4007).unwrap().range, range(4000, 4010));
    assert!(matches!(lift(4003, 4007), Err(Refusal::Missing)));
    assert_eq!(lift(4006, 4006).unwrap().range, range(4005, 4010));
    assert!(region.ledger.is_empty());
}

#[test]
fn nobody_lifts_what_another_owner_entered() {
    let region = xp();
    enter(&region, Restriction::Reserve, range(4000, 4010), A).unwrap();
    enter(&region, Restriction::Block, range(6000, 6010), A).unwrap();
    for owner in [B, Owner::SESSION] {
        let by = Whose::Own(owner);
        assert!(matches!(
            lift(&region, Restriction::Reserve, Lift::Holding(range(4000, 4000)), by),
            Err(Refusal::Missing)
        ));
        assert!(matches!(lift(&region, Restriction::Block, Lift::From(6000), by), Err(Refusal::Missing)));
    }
    lift(&region, Restriction::Block, Lift::From(6000), Whose::Any).unwrap();
}

/// What was entered for all scopes is what a request for all of them lifts, although an older entry
/// for one scope would do.
#[test]
fn an_entry_for_all_scopes_is_lifted_before_one_for_some() {
    let region = xp();
    let port = PortRange::single(6000);
    let change = writer(&region);
    for scopes in [scopes("tcp4"), ScopeSet::ALL] {
        change.enter(Restriction::Block, port, scopes, A, |_, _| Ok(None)).unwrap();
    }
    drop(change);
    for left in [ScopeSet::ALL, scopes("tcp4")] {
        assert_eq!(lift(&region, Restriction::Block, Lift::Exactly(port), Whose::Own(A)).unwrap().scopes, left);
    }
}

/// The Cable Guy, December 2005: unblocking goes by the left boundary.
#[test]
fn a_block_is_lifted_by_its_first_port() {
    let region = xp();
    enter(&region, Restriction::Block, range(6000, 6010), A).unwrap();
    for port in [5999, 6001, 6010] {
        assert!(
            matches!(lift(&region, Restriction::Block, Lift::From(port), Whose::Own(A)), Err(Refusal::Missing)),
            "{port}"
        );
    }
    lift(&region, Restriction::Block, Lift::From(6000), Whose::Own(A)).unwrap();
}

#[test]
fn a_block_keeps_all_but_its_owner_out() {
    let region = xp();
    enter(&region, Restriction::Block, range(6000, 6010), A).unwrap();
    let keeps_out =
        |port, owner: Owner| region.ledger.at_large().blocker(port, scopes("tcp4"), |o| o.is(&owner)).is_some();
    assert!(keeps_out(6000, B) && keeps_out(6010, B) && keeps_out(6005, Owner::SESSION));
    assert!(!keeps_out(6005, A) && !keeps_out(5999, B) && !keeps_out(6011, B));
    enter(&region, Restriction::Block, range(6005, 6005), B).unwrap();
    assert!(keeps_out(6005, A) && keeps_out(6005, B) && !keeps_out(6006, A));
}

/// The Cable Guy, December 2005: no binding may lie inside a range that is to be blocked.
#[test]
fn a_block_is_refused_while_a_port_is_in_use() {
    let region = xp();
    let blocked = writer(&region).enter(Restriction::Block, range(6000, 6010), ScopeSet::ALL, A, |range, _| {
        assert!(region.ledger.at_large().withholds(6005, ScopeSet::ALL), "it must count before the system is asked");
        Ok(Some(range.first() + 3))
    });
    assert!(matches!(blocked, Err(Refusal::InUse(6003))));
    assert!(!region.ledger.at_large().withholds(6005, ScopeSet::ALL));
    let untold = writer(&region).enter(Restriction::Block, range(6000, 6010), ScopeSet::ALL, A, |_, _| Err(Untold));
    assert!(matches!(untold, Err(Refusal::Untold)) && region.ledger.is_empty());
    // A reservation does not ask.
    writer(&region).enter(Restriction::Reserve, range(4000, 4001), ScopeSet::ALL, A, |_, _| panic!("asked")).unwrap();
}

#[test]
fn what_the_model_does_not_allow_is_refused_with_its_rule() {
    let region = xp();
    for (act, first, last) in [
        (Restriction::Reserve, 1024, 1030),
        (Restriction::Reserve, 4990, 5001),
        (Restriction::Block, 5000, 5010),
        (Restriction::Block, 49000, 49152),
    ] {
        let refusal = enter(&region, act, range(first, last), A).unwrap_err();
        let Refusal::Illegal(rule) = refusal else { panic!("{first}-{last}: {refusal:?}") };
        assert!(rule.to_string().contains("The Cable Guy"), "{rule}");
    }
    // What the policy hands out beyond the model's range can be reserved.
    let moved = session("windows-xp", Some(5000), range(20000, 20009));
    enter(&moved, Restriction::Reserve, range(20003, 20005), A).unwrap();
    assert!(matches!(enter(&moved, Restriction::Reserve, range(20009, 20010), A), Err(Refusal::Illegal(_))));
    for preset in ["host", "linux", "bsd", "freebsd", "iana"] {
        let region = session(preset, None, range(20000, 20009));
        for act in [Restriction::Reserve, Restriction::Block] {
            enter(&region, act, range(1, 65535), A).unwrap();
        }
    }
}

/// CreatePersistentTcpPortReservation: ERROR_SHARING_VIOLATION where a port is in use or reserved.
#[test]
fn windows_since_vista_keeps_reservations_apart() {
    let region = session("windows-vista", None, range(49152, 65535));
    let first = enter(&region, Restriction::Reserve, range(50000, 50009), A).unwrap();
    for act in [Restriction::Reserve, Restriction::Block] {
        match enter(&region, act, range(50009, 50010), B) {
            Err(Refusal::Meets(entry)) => assert_eq!(entry, first),
            other => panic!("{other:?}"),
        }
    }
    enter(&region, Restriction::Block, range(50010, 50019), B).unwrap();
    let used =
        writer(&region).enter(Restriction::Reserve, range(51000, 51009), ScopeSet::ALL, A, |_, _| Ok(Some(51001)));
    assert!(matches!(used, Err(Refusal::InUse(51001))));
    assert_eq!(region.ledger.entries().count(), 2);
    // What the policy itself keeps back is an exclusion like others.
    region.all_rules()[0].scope(Scope::Udp6).reserved.insert(range(60000, 60009));
    for (name, expected) in [("udp", Some(60009)), ("tcp", None)] {
        let entered = writer(&region).enter(Restriction::Block, range(60009, 60010), scopes(name), A, |_, _| Ok(None));
        assert_eq!(entered.err().map(|e| if let Refusal::Kept(port) = e { port } else { 0 }), expected, "{name}");
    }
}

#[test]
fn a_full_ledger_says_so_and_the_dead_make_room() {
    let region = session("linux", None, range(20000, 20009));
    for n in 0..ENTRIES as u16 {
        enter(&region, Restriction::Reserve, range(n + 1, n + 1), if n == 7 { B } else { A }).unwrap();
    }
    assert!(matches!(enter(&region, Restriction::Reserve, range(9, 9), A), Err(Refusal::Full)));
    let change = Change::begin(&region, A, 0, |owner| owner.process != B.process).unwrap();
    change.enter(Restriction::Block, range(9, 9), ScopeSet::ALL, A, |_, _| Ok(None)).unwrap();
    drop(change);
    assert_eq!(region.ledger.entries().count(), ENTRIES);
    assert!(region.ledger.entries().all(|entry| entry.maker.owner != B));
}

#[test]
fn the_entries_of_the_dead_go_where_they_are_in_the_way() {
    let region = xp();
    for (owner, first) in [(A, 4000), (B, 4000), (A, 4500), (Owner::SESSION, 4000)] {
        enter(&region, Restriction::Reserve, range(first, first + 9), owner).unwrap();
    }
    region.ledger.expire(range(4000, 4001), scopes("udp6"), 0, |owner| owner.process != A.process);
    let mut left: Vec<_> =
        region.ledger.entries().map(|entry| (entry.maker.owner.process, entry.range.first())).collect();
    left.sort_unstable();
    assert_eq!(left, [(0, 4000), (100, 4500), (200, 4000)]);
}

#[test]
fn writers_take_turns_and_the_dead_lose_theirs() {
    let region = xp();
    let first = writer(&region);
    assert!(Change::begin(&region, A, 0, |_| true).is_none());
    let second = Change::begin(&region, A, 0, |owner| owner.process != 1).expect("the first is dead");
    drop(first);
    assert!(Change::begin(&region, B, 0, |_| true).is_none(), "the first took the second's turn with it");
    drop(second);
    assert!(Change::begin(&region, B, 0, |_| true).is_some());
}

#[test]
fn scribbles_stay_in_bounds() {
    for seed in 0..50u64 {
        let region = xp();
        enter(&region, Restriction::Reserve, range(4000, 4009), A).unwrap();
        // SAFETY: the region's fields are all atomic integers, and nobody else has this one.
        let words = unsafe {
            core::slice::from_raw_parts_mut(core::ptr::from_ref(&region.ledger).cast_mut().cast::<u64>(), ENTRIES * 5)
        };
        let mut state = seed;
        for word in words {
            state = portshim_policy::entropy::mix(state.wrapping_add(1));
            *word = state;
        }
        let rules = region.rules_for(&[b"any"]).unwrap();
        let _ = Candidates::new(rules, region.ledger.at_large(), Scope::Tcp4, true, PortRange::ALL).count();
        region.ledger.expire(PortRange::ALL, ScopeSet::ALL, 0, |owner| owner.process % 2 == 0);
        let _ = region.ledger.at_large().blocker(6000, ScopeSet::ALL, |_| false);
        if let Some(change) = Change::begin(&region, A, 0, |_| false) {
            let _ = change.enter(Restriction::Block, range(6000, 6001), ScopeSet::ALL, A, |_, _| Ok(None));
            let _ = change.lift(Restriction::Block, Lift::From(6000), ScopeSet::ALL, Whose::Any);
        }
    }
}

#[test]
fn a_dynamic_range_is_replaced_for_those_who_share_it() {
    let rules = |glob: Option<&str>, dynamic: PortRange| Rules {
        matches: glob.map(str::to_owned),
        order: Order::Sequential,
        sharing: Sharing::Exclusive,
        seed: None,
        privileged: PrivilegedRange::LIBC,
        unprivileged_start: None,
        scopes: core::array::from_fn(|_| ScopeRules { dynamic: dynamic.into(), ..ScopeRules::default() }),
    };
    let (old, own) = (range(50000, 50999), range(20000, 20009));
    let region = Region::boxed(&[rules(Some("java"), own), rules(Some("curl"), old), rules(None, old)]);
    let revision = region.all_rules()[2].revision();
    assert_eq!(writer(&region).set_dynamic(Scope::Tcp4, range(10000, 10999)), 1, "that of java");
    let count = |name: &str, scope| {
        let rules = region.rules_for(&[name.as_bytes()]).unwrap();
        let view = Candidates::new(rules, region.ledger.at_large(), scope, false, PortRange::ALL);
        (view.hull().unwrap(), view.count())
    };
    for (name, scope, expected) in [
        ("java", Scope::Tcp4, (own, 10)),
        ("curl", Scope::Tcp4, (range(10000, 10999), 1000)),
        ("nginx", Scope::Tcp4, (range(10000, 10999), 1000)),
        ("nginx", Scope::Tcp6, (old, 1000)),
        ("nginx", Scope::Udp4, (old, 1000)),
    ] {
        assert_eq!(count(name, scope), expected, "{name} {scope}");
    }
    assert_ne!(region.all_rules()[2].revision(), revision);
}

/// Entries of one process and its descendants, beside those of the session.
#[test]
fn a_tree_is_out_of_ports_alone() {
    let region = xp();
    let alone = |owner| Maker { owner, tree: true, until: 0 };
    let all = [(range(1, u16::MAX), scopes("tcp"))];
    let number = writer(&region).exhaust(all.into_iter(), alone(A)).unwrap();
    let rules = region.rules_for(&[b"any"]).unwrap();
    let (inside, outside) = (OwnTrees::new(), OwnTrees::new());
    inside.look(&region.ledger, |owner| *owner == A);
    outside.look(&region.ledger, |_| false);
    let left = |view: LedgerView<'_>, scope| Candidates::new(rules, view, scope, false, PortRange::ALL).count();
    assert_eq!(left(region.ledger.seen_by(&inside), Scope::Tcp4), 0);
    assert_eq!(left(region.ledger.seen_by(&inside), Scope::Udp4), 3976);
    assert_eq!(left(region.ledger.seen_by(&outside), Scope::Tcp4), 3976);
    assert_eq!(left(region.ledger.at_large(), Scope::Tcp4), 3976);
    // Nobody is asked twice about one entry, and the next entry in its place is another.
    inside.look(&region.ledger, |_| unreachable!("known already"));
    assert_eq!(writer(&region).lift_all(|entry| entry.number == number), 1);
    writer(&region).exhaust(all.into_iter(), alone(B)).unwrap();
    inside.look(&region.ledger, |owner| *owner == A);
    assert_eq!(left(region.ledger.seen_by(&inside), Scope::Tcp4), 3976);
    // It is lifted by its number, never as a reservation of the same ports.
    assert!(matches!(
        lift(&region, Restriction::Reserve, Lift::Exactly(range(1, u16::MAX)), Whose::Any),
        Err(Refusal::Missing)
    ));
}

/// A block for one's own processes keeps its maker out, too.
#[test]
fn a_tree_may_not_bind_inside_its_own_block() {
    let region = xp();
    let maker = Maker { tree: true, ..A.into() };
    writer(&region).enter(Restriction::Block, range(6000, 6000), ScopeSet::ALL, maker, |_, _| Ok(None)).unwrap();
    let own = OwnTrees::new();
    own.look(&region.ledger, |owner| *owner == A);
    assert!(region.ledger.seen_by(&own).blocker(6000, ScopeSet::ALL, |owner| owner.is(&A)).is_some());
    assert!(region.ledger.at_large().blocker(6000, ScopeSet::ALL, |_| false).is_none());
}

#[test]
fn what_has_a_time_goes_when_that_is_over() {
    let region = xp();
    let maker = Maker { owner: Owner::SESSION, tree: false, until: 500 };
    writer(&region).exhaust([(range(1, u16::MAX), ScopeSet::ALL)].into_iter(), maker).unwrap();
    region.ledger.expire(PortRange::ALL, ScopeSet::ALL, 499, |_| true);
    assert!(handed_out(&region, Scope::Udp6, false).is_empty());
    region.ledger.expire(PortRange::ALL, ScopeSet::ALL, 500, |_| true);
    assert_eq!(handed_out(&region, Scope::Udp6, false).len(), 3976);
}

#[test]
fn what_does_not_fit_is_not_begun() {
    let region = xp();
    let ports = (1..=ENTRIES as u16 + 1).map(|port| (range(port, port), ScopeSet::ALL));
    assert!(matches!(writer(&region).exhaust(ports.clone(), Owner::SESSION.into()), Err(Refusal::Full)));
    assert_eq!(region.ledger.entries().count(), 0);
    writer(&region).exhaust(ports.skip(1), Owner::SESSION.into()).unwrap();
    assert_eq!(region.ledger.entries().count(), ENTRIES);
}
