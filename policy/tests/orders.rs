//! What holds for every order of choice, whatever the ports, the call and the kernel's range.

mod orders {
    pub(crate) mod cases;
    mod opening;
}

use orders::cases::{Belief, CALLS, Case, PEER, SECRET, case};
use portshim_policy::model::rresvport::PrivilegedRange;
use portshim_policy::model::{Call, Order, Rules, ScopeRules, Sharing, exhausted};
use portshim_policy::plan::{Given, Outcome, Plan, Request, Step, Terms};
use portshim_policy::ports::{PortRange, PortSet, Scope, Transport};
use portshim_policy::region::{Ledger, Region, SharedRules};
use proptest::prelude::*;

/// A ledger without an entry.
fn nothing_live() -> &'static Ledger {
    static REGION: std::sync::LazyLock<Box<Region>> = std::sync::LazyLock::new(|| Region::boxed(&[]));
    &REGION.ledger
}

/// Every step of one request that never gets a port, up to the one that gives up. After `steered`
/// steers, the kernel turns out not to let itself be steered.
fn exhaust(case: &Case, region: &Region, steered: Option<usize>) -> Vec<Step> {
    exhaust_with(case, region, steered, SECRET)
}

fn exhaust_with(case: &Case, region: &Region, steered: Option<usize>, secret: u64) -> Vec<Step> {
    let rules = region.rules_for(&[b"any"]).unwrap();
    let mut entropy = rules.entropy(case.request.scope, secret);
    let hint = region.hint(case.request.scope);
    let towards = region.peers().and_then(|peers| peers.take(PEER, |_| true).map(|place| peers.hint(place)));
    let request = &case.request;
    let terms = Terms::of(rules, request.scope, request.dual, || case.steerable);
    let mut plan = Plan::new(Given { rules, ledger: region.ledger.at_large(), hint, towards, request, terms: &terms });
    // Random draws double the tries, so does what is believed taken, two other passes look for
    // ports to share, and Unsteerable starts afresh.
    let most = 16 * case.allowed().len() as usize + 24;
    let mut steps = vec![plan.next(Outcome::Start, &mut entropy)];
    let mut steers = 0;
    while !matches!(steps.last(), Some(Step::GiveUp(_))) {
        assert!(steps.len() <= most, "no end after {most} tries");
        let mut outcome = Outcome::Taken;
        if let Some(Step::Steer(_)) = steps.last() {
            steers += 1;
            if Some(steers) == steered {
                outcome = Outcome::Unsteerable;
            }
        }
        steps.push(plan.next(outcome, &mut entropy));
    }
    steps
}

fn covered(steps: &[Step]) -> PortSet {
    let mut ports = PortSet::new();
    for step in steps {
        match step {
            Step::Steer(range) => ports.insert(*range),
            Step::Pin(port) => ports.insert(PortRange::single(*port)),
            Step::Aim(_) | Step::Share(_) | Step::Reuse(_) | Step::GiveUp(_) => {}
        }
    }
    ports
}

/// The ports that are proposed to be shared.
fn shared(steps: &[Step]) -> PortSet {
    let port = |step: &Step| if let Step::Share(port) = step { Some(PortRange::single(*port)) } else { None };
    steps.iter().filter_map(port).collect()
}

/// The ports that are proposed to be taken over.
fn reused(steps: &[Step]) -> PortSet {
    let port = |step: &Step| if let Step::Reuse(port) = step { Some(PortRange::single(*port)) } else { None };
    steps.iter().filter_map(port).collect()
}

fn is_within(range: PortRange, ports: &PortSet) -> bool {
    (range.first()..=range.last()).all(|port| ports.contains(port))
}

proptest! {
    #[test]
    fn only_what_is_allowed_is_proposed_and_all_of_it(case in case()) {
        let region = case.region();
        let steps = exhaust(&case, &region, None);
        let allowed = case.allowed();
        for step in &steps {
            match *step {
                Step::Steer(range) => {
                    prop_assert!(is_within(range, &allowed), "{range} is steered to");
                    prop_assert!(case.steerable.is_some_and(|s| s.encloses(range)), "{range} cannot be steered to");
                }
                Step::Aim(port) => {
                    prop_assert!(allowed.contains(port), "{port} is aimed at");
                    prop_assert!(case.steerable.is_some_and(|s| s.contains(port)), "{port} cannot be steered to");
                }
                Step::Pin(port) => {
                    prop_assert!(allowed.contains(port), "{port} is pinned");
                    prop_assert!(case.unsteerable().contains(port), "{port} is pinned where steering is possible");
                }
                Step::Share(port) => {
                    prop_assert!(case.shares());
                    prop_assert!(case.unsteerable().contains(port), "{port} is shared");
                }
                Step::Reuse(port) => prop_assert!(shared(&steps).contains(port), "{port} is taken over"),
                Step::GiveUp(fault) => {
                    prop_assert_eq!(fault, exhausted(case.request.call, case.request.scope.transport()));
                }
            }
        }
        prop_assert_eq!(covered(&steps), allowed);
        prop_assert_eq!(shared(&steps), if case.shares() { case.unsteerable() } else { PortSet::new() });
        prop_assert_eq!(reused(&steps), shared(&steps));
    }

    #[test]
    fn no_port_is_tried_twice_where_the_order_is_a_sweep(case in case()) {
        prop_assume!(!matches!(case.rules.order, Order::Random | Order::RandomIncrement) && case.knows_nothing());
        let region = case.region();
        let steps = exhaust(&case, &region, None);
        let (mut seen, mut shared, mut reused) = (PortSet::new(), PortSet::new(), PortSet::new());
        let mut odd = None;
        for step in steps {
            let (set, range) = match step {
                // The ends and the middle of an odd run follow it: the kernel may have left one
                // out.
                Step::Steer(part) if odd.is_some_and(|odd: PortRange| odd.encloses(part)) => continue,
                Step::Steer(range) => {
                    odd = (range.len() > 1 && range.len() % 2 == 1).then_some(range);
                    (&mut seen, range)
                }
                // The run that it is in follows, whole.
                Step::Aim(_) => continue,
                Step::Pin(port) => (&mut seen, PortRange::single(port)),
                Step::Share(port) => (&mut shared, PortRange::single(port)),
                Step::Reuse(port) => (&mut reused, PortRange::single(port)),
                Step::GiveUp(_) => continue,
            };
            prop_assert!((range.first()..=range.last()).all(|p| !set.contains(p)), "{range} comes twice");
            set.insert(range);
        }
    }

    /// Linux may leave either end of an odd number of ports out of its choice.
    #[test]
    fn the_ends_of_an_odd_run_are_tried_by_themselves(case in case()) {
        prop_assume!(case.request.scope.transport() == Transport::Tcp);
        let region = case.region();
        let steps = exhaust(&case, &region, None);
        for step in &steps {
            let Step::Steer(run) = step else { continue };
            let ends = [run.first(), run.last()].map(|end| Step::Steer(PortRange::single(end)));
            prop_assert!(run.len() % 2 == 0 || ends.iter().all(|end| steps.contains(end)), "{run}: {steps:?}");
        }
    }

    #[test]
    fn ports_are_shared_only_after_all_free_ones_were_tried(case in case()) {
        prop_assume!(case.knows_nothing());
        let region = case.region();
        let steps = exhaust(&case, &region, None);
        let free = steps.iter().position(|s| matches!(s, Step::Share(_))).unwrap_or(steps.len() - 1);
        prop_assert!(steps[free..].iter().all(|s| matches!(s, Step::Share(_) | Step::Reuse(_) | Step::GiveUp(_))));
    }

    #[test]
    fn ports_are_taken_over_only_after_everything_else_was_tried(case in case()) {
        let region = case.region();
        let steps = exhaust(&case, &region, None);
        let last = steps.iter().position(|s| matches!(s, Step::Reuse(_))).unwrap_or(steps.len() - 1);
        prop_assert!(steps[last..].iter().all(|s| matches!(s, Step::Reuse(_) | Step::GiveUp(_))));
    }

    #[test]
    fn ports_that_are_believed_taken_towards_the_peer_are_shared_last(case in case(), taken in any::<u64>()) {
        let rules = Rules { seed: None, sharing: Sharing::Tuple, ..case.rules.clone() };
        let request = Request { call: Call::Connect, ..case.request };
        let case = Case { rules, request, belief: Belief::None, ..case };
        let region = case.region();
        let peers = region.peers().expect("it is not switched off");
        let hint = peers.hint(peers.take(PEER, |_| true).expect("there is memory"));
        let is_taken = |port: u16| portshim_policy::entropy::mix(taken ^ u64::from(port)) & 1 == 1;
        (1..=65535).filter(|port| is_taken(*port)).for_each(|port| hint.mark(port));
        let steps = exhaust(&case, &region, None);
        let first = steps.iter().position(|step| matches!(step, Step::Share(port) if is_taken(*port)));
        let before = shared(&steps[..first.unwrap_or(steps.len())]);
        for port in shared(&steps).runs().flat_map(|run| run.first()..=run.last()) {
            prop_assert!(is_taken(port) || before.contains(port), "{port} comes late");
        }
    }

    #[test]
    fn a_kernel_that_cannot_be_steered_costs_no_port(case in case(), steered in 1usize..4) {
        let region = case.region();
        let steps = exhaust(&case, &region, Some(steered));
        let steers = steps.iter().filter(|s| matches!(s, Step::Steer(_))).count();
        if steers >= steered {
            let last = steps.iter().rposition(|s| matches!(s, Step::Steer(_))).unwrap();
            prop_assert_eq!(steers, steered, "it is not steered again");
            prop_assert_eq!(covered(&steps[last + 1..]), case.allowed());
        }
    }

    #[test]
    fn a_kernel_that_cannot_be_steered_leaves_the_order_as_it_is(case in case()) {
        prop_assume!(!case.kernel_chooses());
        let region = case.region();
        let steps = exhaust(&case, &region, Some(1));
        let steered = steps.iter().position(|step| matches!(step, Step::Steer(_)));
        if let Some((Step::Steer(run), next)) = steered.map(|at| (steps[at], steps[at + 1])) {
            prop_assert_eq!(next, Step::Pin(run.first()));
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_ports(case in case(), seed in any::<u64>(), peers in prop::collection::vec(any::<u64>(), 1..5)) {
        let rules = Rules { seed: Some(seed), ..case.rules.clone() };
        let runs: Vec<Vec<_>> = (0..2u64)
            .map(|secret| {
                let region = Region::boxed(std::slice::from_ref(&rules));
                if secret == 1 {
                    case.belief.lay(&region, case.request.scope); // what has been learned must not show
                }
                let steps = peers.iter().map(|peer| {
                    let request = Request { peer: *peer, ..case.request };
                    exhaust_with(&Case { request, ..case.clone() }, &region, None, secret)
                });
                steps.collect()
            })
            .collect();
        prop_assert_eq!(&runs[0], &runs[1]);
    }

    #[test]
    fn what_is_not_the_kernels_own_order_is_steered_port_by_port(case in case()) {
        prop_assume!(!case.kernel_chooses());
        let region = case.region();
        let steps = exhaust(&case, &region, None);
        prop_assert!(steps.iter().all(|s| !matches!(s, Step::Steer(range) if range.len() > 1)));
    }
}

/// Rules with the same ports in all scopes.
fn with_ports(order: Order, seed: Option<u64>, ports: &str) -> Rules {
    let dynamic: PortSet = portshim_policy::ports::spec::ports(ports, 0).unwrap().into_iter().collect();
    let scope = ScopeRules { dynamic, ..ScopeRules::default() };
    Rules {
        matches: None,
        order,
        sharing: Sharing::Tuple,
        seed,
        privileged: PrivilegedRange::LIBC,
        unprivileged_start: None,
        scopes: std::array::from_fn(|_| scope.clone()),
    }
}

fn bind(scope: Scope) -> Request {
    Request { call: Call::Bind, scope, dual: false, reuse: false, limit: PortRange::ALL, peer: 0 }
}

/// The first port that each of `count` requests is offered.
fn first_ports(rules: &SharedRules, request: Request, count: usize) -> Vec<u16> {
    let mut entropy = rules.entropy(request.scope, SECRET);
    let terms = Terms::of(rules, request.scope, request.dual, || None);
    let ledger = nothing_live().at_large();
    let given = Given { rules, ledger, hint: None, towards: None, request: &request, terms: &terms };
    let mut first = || match Plan::new(given).next(Outcome::Start, &mut entropy) {
        Step::Pin(port) => port,
        other => panic!("{other:?}"),
    };
    (0..count).map(|_| first()).collect()
}

#[test]
fn rovers_go_on_where_they_were_and_wrap() {
    let ports = "1,4000-4002,65534-65535";
    let region = Region::boxed(&[with_ports(Order::Sequential, None, ports)]);
    let up = first_ports(region.rules_for(&[b""]).unwrap(), bind(Scope::Tcp4), 8);
    assert_eq!(up, [1, 4000, 4001, 4002, 65534, 65535, 1, 4000]);
    let region = Region::boxed(&[with_ports(Order::Descending, None, ports)]);
    let down = first_ports(region.rules_for(&[b""]).unwrap(), bind(Scope::Udp6), 8);
    assert_eq!(down, [65535, 65534, 4002, 4001, 4000, 1, 65535, 65534]);
}

#[test]
fn another_seed_gives_other_ports_where_chance_decides() {
    for order in [Order::Native, Order::RandomStart, Order::Random, Order::RandomIncrement] {
        let ports = |seed| {
            let region = Region::boxed(&[with_ports(order, Some(seed), "20000-29999")]);
            first_ports(region.rules_for(&[b""]).unwrap(), bind(Scope::Udp4), 4)
        };
        assert_ne!(ports(1), ports(2), "{order:?}");
    }
}

#[test]
fn every_order_finds_the_only_port() {
    for &order in Order::ALL {
        for port in ["1", "1024", "65535"] {
            for call in CALLS {
                let region = Region::boxed(&[with_ports(order, Some(1), port)]);
                let request = Request { call, ..bind(Scope::Tcp6) };
                let found = first_ports(region.rules_for(&[b""]).unwrap(), request, 3);
                assert_eq!(found, [port.parse::<u16>().unwrap(); 3], "{order:?} {call:?}");
            }
        }
    }
}

#[test]
fn every_order_covers_all_65535_ports() {
    for &order in Order::ALL {
        let rules = with_ports(order, Some(7), "1-65535");
        for call in [Call::Bind, Call::Connect] {
            let request = Request { call, peer: 99, ..bind(Scope::Tcp4) };
            let case = Case { rules: rules.clone(), request, steerable: None, belief: Belief::None };
            let region = case.region();
            let steps = exhaust(&case, &region, None);
            assert_eq!(covered(&steps).to_string(), "1-65535", "{order:?} {call:?}");
        }
    }
}

/// Linux gives `bind` the ports of the parity opposite to the range's first, and `connect` the
/// others.
#[test]
fn a_replay_of_the_kernel_keeps_its_parities() {
    let region = Region::boxed(&[with_ports(Order::Native, Some(3), "32768-60999")]);
    let rules = region.rules_for(&[b""]).unwrap();
    let bound = first_ports(rules, bind(Scope::Tcp4), 200);
    assert!(bound.iter().all(|p| p % 2 == 1), "{bound:?}");
    let connect = Request { call: Call::Connect, peer: 1 << 40, ..bind(Scope::Tcp4) };
    let connected = first_ports(rules, connect, 200);
    assert!(connected.iter().all(|p| p % 2 == 0), "{connected:?}");
    // inet_csk_find_open_port: with SO_REUSEADDR the lower half, up to 46883 here, comes first.
    let reused = first_ports(rules, Request { reuse: true, ..bind(Scope::Tcp4) }, 200);
    assert!(reused.iter().all(|p| p % 2 == 1 && *p <= 46883), "{reused:?}");
}

/// RFC 6056 §3.3.3: towards one peer, algorithm 3 counts; towards another it starts elsewhere.
#[test]
fn hashing_counts_per_peer() {
    for order in [Order::Hash, Order::DoubleHash] {
        let region = Region::boxed(&[with_ports(order, Some(3), "20000-29999")]);
        let rules = region.rules_for(&[b""]).unwrap();
        let to = |peer| Request { call: Call::Connect, peer, ..bind(Scope::Tcp4) };
        let ports = first_ports(rules, to(1234), 5);
        assert!(ports.windows(2).all(|p| p[1] == p[0] + 1), "{order:?} {ports:?}");
        let elsewhere = first_ports(rules, to(0xFFFF_1234_5678), 1)[0];
        assert!(!ports.contains(&elsewhere), "{order:?} {elsewhere}");
    }
}

/// A start is drawn among the ports, not in the hole between them: the port behind it is no
/// likelier than others.
#[test]
fn a_replay_of_the_kernel_is_even_around_a_hole() {
    let region = Region::boxed(&[with_ports(Order::Native, Some(3), "1000-1099,60000-60099")]);
    let rules = region.rules_for(&[b""]).unwrap();
    for scope in [Scope::Tcp4, Scope::Udp4] {
        for (call, reuse) in [(Call::Bind, false), (Call::Bind, true), (Call::Connect, false)] {
            let mut times = std::collections::BTreeMap::new();
            for peer in 0..2000u64 {
                let peer = peer.wrapping_mul(0x9E37_79B9_7F4A_7C15);
                let port = first_ports(rules, Request { call, reuse, peer, ..bind(scope) }, 1)[0];
                *times.entry(port).or_insert(0) += 1;
            }
            // Of one parity alone, or of the lower half alone, there are 50 ports, each drawn 40
            // times on average.
            assert!(times.values().all(|n| *n < 100), "{scope:?} {call:?} {reuse}: {times:?}");
        }
    }
}
