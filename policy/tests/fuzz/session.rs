//! What a session's processes read: the policy in the environment, and memory in which anybody may
//! scribble.

use super::target::Target;
use portshim_policy::entropy::{Entropy, mix};
use portshim_policy::model::rresvport::PrivilegedRange;
use portshim_policy::model::{Call, Order, Restriction, Rules, ScopeRules, Sharing};
use portshim_policy::plan::{Given, Outcome, Plan, Request, Step, Terms};
use portshim_policy::ports::{PortRange, PortSet, Scope, ScopeSet};
use portshim_policy::region::wire::decode;
use portshim_policy::region::{Change, ENTRIES, MAX_RULES, Owner, PROCESSES, Reader, Region, SharedRules};

/// More steps than any plan takes: five stages over all ports.
const STEPS: usize = 6 * 65536;

fn rules(first: u16, last: u16) -> Rules {
    let dynamic = PortSet::from(PortRange::new(first, last).expect("it is no smaller"));
    let reserved = PortSet::from(PortRange::single(first));
    let scope = ScopeRules { dynamic, reserved, blocked: PortSet::from(PortRange::single(last)) };
    Rules {
        matches: (first > 30000).then(|| "java*".to_owned()),
        order: Order::Random,
        sharing: Sharing::Tuple,
        seed: Some(7),
        privileged: PrivilegedRange::LIBC,
        unprivileged_start: None,
        scopes: [scope.clone(), scope.clone(), scope.clone(), scope],
    }
}

/// Reads all there is to read in a region, as commands and programs do.
fn reads(region: &Region, pick: usize) {
    assert!(region.all_rules().len() <= MAX_RULES);
    let _ =
        (region.legal().intervals(Restriction::Reserve).count(), region.legal().rule(Restriction::Block).to_string());
    let _ = region.rules_for(&[b"java", b"python3.11", b""]);
    assert!(region.ledger.entries().count() <= ENTRIES);
    assert!(region.processes.all().len() <= PROCESSES);
    for process in region.processes.all() {
        let _ = (process.owner(), process.name(), process.counts(Scope::Tcp4));
    }
    let mut events = 0;
    let mut reader = Reader::default();
    region.events.read(&mut reader, |_| events += 1);
    region.events.read(&mut reader, |_| events += 1);
    assert!(events <= 2 * portshim_policy::region::EVENTS);
    for scope in Scope::ALL {
        let port = (pick % 65536) as u16;
        let _ = (
            region.ledger.at_large().withholds(port, scope.into()),
            region.ledger.at_large().blocker(port, ScopeSet::ALL, |_| false),
        );
        if let Some(own) = region.processes.all().get(pick % 3) {
            let (moment, exists) = (pick as u32, |owner: &Owner| owner.process != 1);
            let _ = region.processes.held(own, scope, 100, || moment, exists, |owner| owner.process != 2);
        }
    }
    for rules in region.all_rules() {
        let (_, length) = rules.glob();
        assert!(length <= portshim_policy::region::MAX_GLOB);
        let _ = (rules.order(), rules.sharing(), rules.seed(), rules.privileged(), rules.unprivileged_start());
        let _ = (rules.revision(), region.number_of(rules), rules.matches(b"java"));
    }
    if let Some(rules) = region.all_rules().get(pick % region.all_rules().len().max(1)) {
        serves(rules, region, pick);
    }
}

/// A request comes to an end, and is offered no port 0.
fn serves(rules: &SharedRules, region: &Region, pick: usize) {
    let call = [Call::Bind, Call::Connect, Call::Listen, Call::Send][pick % 4];
    let scope = Scope::ALL[pick / 4 % 4];
    let request =
        Request { call, scope, dual: pick & 16 != 0, reuse: pick & 32 != 0, limit: PortRange::ALL, peer: pick as u64 };
    let steerable = (pick & 64 != 0).then(|| PortRange::new(32768, 60999).expect("it is no smaller"));
    let towards = region.peers().and_then(|peers| {
        let place = peers.find(request.peer).or_else(|| peers.take(request.peer, |_| pick & 256 != 0));
        peers.unmark(place, (pick % 65536) as u16);
        place.map(|place| peers.hint(place))
    });
    let terms = Terms::of(rules, scope, request.dual, || steerable);
    let (ledger, hint) = (region.ledger.at_large(), region.hint(scope));
    let mut plan = Plan::new(Given { rules, ledger, hint, towards, request: &request, terms: &terms });
    let mut count = pick as u64;
    let mut entropy = || {
        count += 1;
        mix(count)
    };
    let view = plan.view();
    let _ =
        (view.count(), view.hull(), view.at_or_above(1), view.at_or_below(65535), view.ranked(entropy.below(65536)));
    let mut outcome = Outcome::Start;
    for _ in 0..STEPS {
        match plan.next(outcome, &mut entropy) {
            Step::GiveUp(_) => return,
            Step::Pin(port) | Step::Share(port) | Step::Reuse(port) | Step::Aim(port) => assert_ne!(port, 0),
            Step::Steer(_) if pick & 128 != 0 => {
                outcome = Outcome::Unsteerable;
                continue;
            }
            Step::Steer(_) => {}
        }
        outcome = Outcome::Taken;
    }
    panic!("a request is not given up after {STEPS} steps");
}

/// Reserves and blocks, whatever the ledger holds.
fn changes(region: &Region, pick: usize) {
    let me = Owner { process: 4711, namespace: 1, since: 5 };
    let Some(change) = Change::begin(region, me, 0, |owner| owner.process % 2 == 1) else { return };
    let first = (pick % 65000) as u16;
    let range = PortRange::new(first, first + 99).expect("it is no smaller");
    let act = if pick & 1 == 0 { Restriction::Reserve } else { Restriction::Block };
    if let Ok(entry) = change.enter(act, range, ScopeSet::ALL, me, |_, _| Ok(None)) {
        assert!(region.ledger.entries().any(|other| other.number == entry.number));
    }
    assert!(region.ledger.entries().count() <= ENTRIES);
}

pub(crate) const WIRE: Target = Target {
    name: "wire",
    folders: &["tests/fuzz/corpus/wire"],
    words: &[
        "1:",
        "follow=1",
        "model=linux",
        "model=windows-xp",
        "max-user-port=5000",
        "order=native",
        "order=random",
        "sharing=tuple",
        "seed=7",
        "match=java*",
        "dynamic.all=",
        "dynamic.tcp4=",
        "reserve.udp=",
        "block.6=",
        "privileged=",
        "unprivileged-start=",
        ":",
        "/",
        "=",
        ",",
        "-",
        ".",
        "1-65535",
        "80,90-99",
        "\0",
        "\u{ff}",
    ],
    cost: 1,
    check: check_wire,
};

fn check_wire(line: &[u8]) {
    let read = || {
        let region = Region::boxed(&[]);
        decode(line, &region).map(|options| (options, region))
    };
    match (read(), read()) {
        (Ok((options, mut one)), Ok((again, mut other))) => {
            assert_eq!(options, again);
            assert!(one.as_bytes() == other.as_bytes());
            // A port that the model has no use for is not kept.
            for act in [Restriction::Reserve, Restriction::Block] {
                assert!(one.legal().intervals(act).eq(options.legal.intervals(act)), "{act:?}");
            }
            // Wherever it is read, some port can be handed out.
            assert!(!one.all_rules().is_empty());
            reads(&one, line.len());
        }
        (Err(e), Err(again)) => {
            assert_eq!(e, again);
            let fields = 1 + line.iter().filter(|b| matches!(b, b':' | b'/')).count();
            assert!(e.field <= fields, "{e:?}");
        }
        _ => panic!("read twice, it is two things"),
    }
}

/// The input: where to write, and what. The region's own bytes are too many to be kept as they are.
pub(crate) const REGION: Target = Target {
    name: "region",
    folders: &["tests/fuzz/corpus/region"],
    words: &["\0\0\0\0", "\u{7f}", "portshim", "\u{1}\0\0\0\0\0\0\0", "\0\0\u{8}\0"],
    cost: 10,
    check: check_region,
};

fn check_region(input: &[u8]) {
    if let Ok(region) = Region::from_bytes(input) {
        reads(&region, input.len());
    }
    let mut laid_down = Region::boxed(&[rules(40000, 40999), rules(1025, 5000)]);
    changes(&laid_down, input.len());
    let mut bytes = laid_down.as_bytes().to_vec();
    let used = bytes.len();
    bytes.resize(Region::SIZE, 0);
    for (n, write) in input.chunks(12).enumerate() {
        let (place, value) = write.split_at(write.len().min(4));
        let place = place.iter().fold(0, |place, byte| place << 8 | usize::from(*byte));
        // Most of a region is empty; what is used is where a scribble hurts.
        let place = place % if n % 4 == 3 { Region::SIZE - 8 } else { used - 8 };
        bytes[place..place + value.len()].copy_from_slice(value);
    }
    let pick = input.iter().fold(input.len(), |pick, byte| pick.wrapping_mul(31).wrapping_add(usize::from(*byte)));
    if let Ok(region) = Region::from_bytes(&bytes) {
        reads(&region, pick);
        changes(&region, pick);
        reads(&region, pick / 7);
    }
}
