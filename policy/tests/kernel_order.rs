//! Linux's own order of choice where portshim has to pin, fact by fact (inet_csk_find_open_port,
//! __inet_hash_connect, udp_lib_get_port; observed on Linux 6.18).

use portshim_policy::model::rresvport::PrivilegedRange;
use portshim_policy::model::{Call, Order, Rules, ScopeRules, Sharing};
use portshim_policy::plan::{Given, Outcome, Plan, Request, Step, Terms};
use portshim_policy::ports::{PortRange, PortSet, Scope};
use portshim_policy::region::Region;

fn region(ports: &str, seed: Option<u64>) -> Box<Region> {
    let dynamic: PortSet = portshim_policy::ports::spec::ports(ports, 0).unwrap().into_iter().collect();
    let scope = ScopeRules { dynamic, ..ScopeRules::default() };
    Region::boxed(&[Rules {
        matches: None,
        order: Order::Native,
        sharing: Sharing::Exclusive,
        seed,
        privileged: PrivilegedRange::LIBC,
        unprivileged_start: None,
        scopes: std::array::from_fn(|_| scope.clone()),
    }])
}

const BIND: Request =
    Request { call: Call::Bind, scope: Scope::Tcp4, dual: false, reuse: false, limit: PortRange::ALL, peer: 0 };

/// Every port that one request tries, all of which are taken.
fn tries(ports: &str, seed: Option<u64>, request: Request) -> Vec<u16> {
    let region = region(ports, seed);
    let rules = region.rules_for(&[b""]).unwrap();
    let (mut entropy, mut tried) = (rules.entropy(request.scope, 99), Vec::new());
    let terms = Terms::of(rules, request.scope, request.dual, || None);
    let ledger = region.ledger.at_large();
    let given = Given { rules, ledger, hint: None, towards: None, request: &request, terms: &terms };
    let mut plan = Plan::new(given);
    let mut outcome = Outcome::Start;
    while let Step::Pin(port) = plan.next(outcome, &mut entropy) {
        tried.push(port);
        outcome = Outcome::Taken;
    }
    tried
}

/// The first port that each of `count` requests tries.
fn firsts(region: &Region, request: Request, count: usize) -> Vec<u16> {
    let rules = region.rules_for(&[b""]).unwrap();
    let mut entropy = rules.entropy(request.scope, 99);
    let terms = Terms::of(rules, request.scope, request.dual, || None);
    let ledger = region.ledger.at_large();
    let given = Given { rules, ledger, hint: None, towards: None, request: &request, terms: &terms };
    let mut first = || match Plan::new(given).next(Outcome::Start, &mut entropy) {
        Step::Pin(port) => port,
        other => panic!("{other:?}"),
    };
    (0..count).map(|_| first()).collect()
}

/// Tells whether `tried` goes once through every port of `first..=last` whose parity is `first`'s,
/// by twos, wrapping once.
fn once_by_twos(tried: &[u16], first: u16, last: u16) -> bool {
    let wraps = tried.windows(2).filter(|p| p[1] != p[0] + 2).count();
    let mut sorted = tried.to_vec();
    sorted.sort_unstable();
    wraps <= 1 && sorted.into_iter().eq((first..=last).step_by(2))
}

/// 60 picks from 100 ports are 50 odd ones and 10 even ones; in a range that begins at an odd port,
/// the even ones come first.
#[test]
fn bind_takes_the_parity_opposite_to_the_first_port_then_the_other() {
    for seed in (0..40).map(Some).chain([None]) {
        for call in [Call::Bind, Call::Listen] {
            let request = Request { call, ..BIND };
            let even = tries("32768-32867", seed, request);
            assert!(once_by_twos(&even[..50], 32769, 32867) && once_by_twos(&even[50..], 32768, 32866), "{even:?}");
            let odd = tries("40001-40100", seed, request);
            assert!(once_by_twos(&odd[..50], 40002, 40100) && once_by_twos(&odd[50..], 40001, 40099), "{odd:?}");
        }
    }
}

/// half = lo + (n >> 2 << 1): 32768 to 46883 of the default range. Both parities of the lower half,
/// then the upper.
#[test]
fn bind_with_reuseaddr_takes_the_lower_half_first() {
    let request = Request { reuse: true, ..BIND };
    for seed in (0..40).map(Some) {
        let tried = tries("32768-32867", seed, request);
        assert!(once_by_twos(&tried[..25], 32769, 32817) && once_by_twos(&tried[25..50], 32768, 32816), "{tried:?}");
        assert!(once_by_twos(&tried[50..75], 32819, 32867) && once_by_twos(&tried[75..], 32818, 32866), "{tried:?}");
    }
    let region = region("32768-60999", Some(1));
    let first = firsts(&region, request, 2000);
    assert!(first.iter().all(|port| *port % 2 == 1 && *port <= 46883), "{first:?}");
    assert!(first.iter().any(|port| *port > 45000), "the whole half is used");
}

/// Fewer than four ports have no halves.
#[test]
fn three_ports_are_not_halved() {
    for reuse in [false, true] {
        for seed in (0..20).map(Some) {
            let tried = tries("32768-32770", seed, Request { reuse, ..BIND });
            assert_eq!(tried[0], 32769, "reuse: {reuse}");
            assert!(matches!(tried[1..], [32768, 32770] | [32770, 32768]), "{tried:?}");
        }
    }
}

/// A drain yields every port of an even and of an odd number before it fails. (The kernel gives up
/// one port early where the number is odd and SO_REUSEADDR set; portshim does not.)
#[test]
fn a_drain_yields_every_port() {
    for (ports, count) in [("40000-40099", 100), ("40000-40098", 99), ("40001-40099", 99)] {
        for call in [Call::Bind, Call::Listen, Call::Connect] {
            for scope in Scope::ALL {
                for reuse in [false, true] {
                    let mut tried = tries(ports, Some(5), Request { call, scope, reuse, peer: 77, ..BIND });
                    assert_eq!(tried.len(), count, "{ports} {call:?} {scope} {reuse}");
                    tried.sort_unstable();
                    tried.dedup();
                    assert_eq!(tried.len(), count, "{ports} {call:?} {scope} {reuse}");
                }
            }
        }
    }
}

/// RFC 6056 algorithm 4 in steps of two: the parity of the first port, then the other.
#[test]
fn connect_takes_the_parity_of_the_first_port_then_the_other() {
    for peer in (1..60u64).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15)) {
        let request = Request { call: Call::Connect, peer, ..BIND };
        let even = tries("32768-32867", Some(1), request);
        assert!(once_by_twos(&even[..50], 32768, 32866) && once_by_twos(&even[50..], 32769, 32867), "{even:?}");
        let odd = tries("40001-40100", Some(1), request);
        assert!(once_by_twos(&odd[..50], 40001, 40099) && once_by_twos(&odd[50..], 40002, 40100), "{odd:?}");
    }
}

/// Consecutive connections to one destination ascend by 2 to 16, whatever goes to others in
/// between.
#[test]
fn connections_to_one_destination_ascend() {
    let region = region("32768-60999", Some(1));
    let to = |peer| firsts(&region, Request { call: Call::Connect, peer, ..BIND }, 1)[0];
    let (one, other) = (0x1234_0000_0000_0001, 0x4321_0000_0000_7777);
    let ports: Vec<_> = (0..200).map(|_| (to(one), to(other)).0).collect();
    let steps: Vec<_> = ports.windows(2).map(|p| i32::from(p[1]) - i32::from(p[0])).collect();
    assert!(steps.iter().filter(|step| **step < 0).count() <= 1, "it wraps once at most: {ports:?}");
    assert!(steps.iter().filter(|step| **step > 0).all(|step| (2..=16).contains(step) && step % 2 == 0), "{steps:?}");
    assert!(steps.contains(&2) && steps.iter().any(|step| *step > 8), "{steps:?}");
}

/// UDP starts anywhere and knows no parity.
#[test]
fn udp_takes_every_parity_alike() {
    let region = region("32768-60999", Some(1));
    for (call, scope) in [(Call::Bind, Scope::Udp4), (Call::Connect, Scope::Udp4), (Call::Send, Scope::Udp6)] {
        let first = firsts(&region, Request { call, scope, peer: 5, ..BIND }, 400);
        let odd = first.iter().filter(|port| *port % 2 == 1).count();
        assert!((120..280).contains(&odd), "{call:?}: {odd} of 400 are odd");
        let tried = tries("40000-40099", Some(3), Request { call, scope, ..BIND });
        assert_eq!(tried.windows(2).filter(|p| p[1] != p[0] + 1).count(), usize::from(tried[0] != 40000), "{tried:?}");
    }
}
