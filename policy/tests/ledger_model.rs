//! The ledger against a list that does the same in the plainest way, under every kind of model.

use portshim_policy::model::rresvport::PrivilegedRange;
use portshim_policy::model::{Order, Preset, Restriction, RestrictionLimits, Rules, ScopeRules, Sharing};
use portshim_policy::plan::Candidates;
use portshim_policy::ports::{PortRange, PortSet, Scope, ScopeSet};
use portshim_policy::region::{Change, Lift, Owner, Refusal, Region, Whose};
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeSet;

/// What a model allows, said once more and apart from the table of models.
#[derive(Clone, Copy, Debug)]
struct SharedRules {
    preset: &'static str,
    max_user_port: Option<u16>,
    /// Ports that the policy hands out.
    dynamic: (u16, u16),
    reservable: &'static [(u16, u16)],
    blockable: (u16, u16),
    apart: bool,
}

/// The Cable Guy, December 2005, for the first four, and CreatePersistentTcpPortReservation for the
/// fifth.
const RULES: [SharedRules; 6] = [
    SharedRules {
        preset: "windows-xp",
        max_user_port: Some(5000),
        dynamic: (1025, 5000),
        reservable: &[(1025, 5000), (49152, 65535)],
        blockable: (5001, 49151),
        apart: false,
    },
    SharedRules {
        preset: "windows-2003",
        max_user_port: Some(49150),
        dynamic: (1025, 49150),
        reservable: &[(1025, 49150), (49152, 65535)],
        blockable: (49151, 49151),
        apart: false,
    },
    SharedRules {
        preset: "windows-2003-sp1",
        max_user_port: Some(5000),
        dynamic: (1025, 5000),
        reservable: &[(1025, 5000), (49152, 65535)],
        blockable: (5001, 65535),
        apart: false,
    },
    // What a policy hands out beyond the model's range can be reserved.
    SharedRules {
        preset: "windows-2003-sp1",
        max_user_port: Some(5000),
        dynamic: (20000, 20099),
        reservable: &[(1025, 5000), (49152, 65535), (20000, 20099)],
        blockable: (5001, 65535),
        apart: false,
    },
    SharedRules {
        preset: "windows-vista",
        max_user_port: None,
        dynamic: (49152, 65535),
        reservable: &[(1, 65535)],
        blockable: (1, 65535),
        apart: true,
    },
    SharedRules {
        preset: "linux",
        max_user_port: None,
        dynamic: (20000, 20099),
        reservable: &[(1, 65535)],
        blockable: (1, 65535),
        apart: false,
    },
];

/// The ports that everything is about: the ends of the legal intervals, and what lies around them.
const PORTS: [u16; 28] = [
    1, 1024, 1025, 1026, 1087, 1088, 4990, 4999, 5000, 5001, 5002, 19999, 20000, 20031, 20032, 20050, 20099, 20100,
    49149, 49150, 49151, 49152, 49153, 49160, 65472, 65533, 65534, 65535,
];

#[derive(Clone, Debug)]
enum Step {
    Enter {
        act: Restriction,
        range: PortRange,
        scopes: ScopeSet,
        owner: usize,
    },
    Lift {
        act: Restriction,
        which: Lift,
        scopes: ScopeSet,
        whose: Option<usize>,
    },
    /// A socket is bound to a port, or closed.
    Bind(u16),
    Close(u16),
    /// The owner ends; another has its number from then on.
    Die(usize),
    /// A request for a port of the range comes.
    Expire(PortRange, ScopeSet),
}

#[derive(Clone, Debug, PartialEq)]
struct Line {
    act: Restriction,
    range: PortRange,
    scopes: ScopeSet,
    owner: Owner,
}

/// The list, and the world around it.
struct Model {
    rules: SharedRules,
    lines: Vec<Line>,
    bound: BTreeSet<u16>,
    /// Those of all owners that there have been live.
    owners: [Owner; 4],
}

impl Model {
    fn lives(&self, owner: &Owner) -> bool {
        *owner == Owner::SESSION || self.owners.contains(owner)
    }

    fn enter(&mut self, act: Restriction, range: PortRange, scopes: ScopeSet, owner: Owner) -> Result<(), String> {
        let within = |(first, last): (u16, u16)| first <= range.first() && range.last() <= last;
        let legal = match act {
            Restriction::Reserve => self.rules.reservable.iter().any(|interval| within(*interval)),
            Restriction::Block => within(self.rules.blockable),
            Restriction::Exhaust => unreachable!("no step enters one"),
        };
        if !legal {
            return Err("illegal".into());
        }
        let meets = |line: &&Line| line.range.intersect(range).is_some() && line.scopes.intersects(scopes);
        if self.rules.apart && self.lines.iter().any(|line| meets(&line)) {
            return Err("meets".into());
        }
        if (act == Restriction::Block || self.rules.apart) && self.bound.iter().any(|port| range.contains(*port)) {
            return Err("in use".into());
        }
        self.lines.push(Line { act, range, scopes, owner });
        Ok(())
    }

    fn lift(&mut self, act: Restriction, which: Lift, scopes: ScopeSet, whose: Whose) -> Result<Line, String> {
        let fits = |line: &Line| {
            line.act == act
                && match which {
                    Lift::Holding(range) => (range.first()..=range.last()).all(|port| line.range.contains(port)),
                    Lift::Exactly(range) => line.range == range,
                    Lift::From(port) => line.range.first() == port,
                }
                && (scopes == ScopeSet::ALL || scopes.iter().all(|scope| line.scopes.contains(scope)))
                && match whose {
                    Whose::Own(owner) => line.owner.process == owner.process,
                    Whose::Any => true,
                    // None of these lines is for a tree of processes.
                    Whose::Tree(_) => false,
                }
        };
        let found = (0..self.lines.len()).filter(|index| fits(&self.lines[*index]));
        match found.min_by_key(|index| self.lines[*index].scopes != scopes) {
            Some(index) => Ok(self.lines.remove(index)),
            None => Err("missing".into()),
        }
    }

    fn withholds(&self, port: u16, scopes: ScopeSet) -> bool {
        self.lines.iter().any(|line| line.range.contains(port) && line.scopes.intersects(scopes))
    }
}

fn kind(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Illegal(_) => "illegal",
        Refusal::InUse(_) => "in use",
        Refusal::Untold => "untold",
        Refusal::Meets(_) => "meets",
        Refusal::Kept(_) => "kept",
        Refusal::Full => "full",
        Refusal::Missing => "missing",
    }
    .into()
}

fn ranges() -> impl Strategy<Value = PortRange> {
    (select(&PORTS[..]), 0..6usize).prop_map(|(first, ahead)| {
        let at = PORTS.iter().position(|port| *port == first).expect("it is one of them");
        PortRange::new(first, PORTS[(at + ahead).min(PORTS.len() - 1)]).expect("they ascend")
    })
}

fn steps() -> impl Strategy<Value = Step> {
    let acts = || prop_oneof![Just(Restriction::Reserve), Just(Restriction::Block)];
    let scopes = || prop_oneof![Just(ScopeSet::ALL), (1..16u8).prop_map(ScopeSet::from_bits)];
    let which = (ranges(), 0..3).prop_map(|(range, which)| match which {
        0 => Lift::Holding(range),
        1 => Lift::Exactly(range),
        _ => Lift::From(range.first()),
    });
    prop_oneof![
        8 => (acts(), ranges(), scopes(), 0..5usize)
            .prop_map(|(act, range, scopes, owner)| Step::Enter { act, range, scopes, owner }),
        4 => (acts(), which, scopes(), prop::option::of(0..5usize))
            .prop_map(|(act, which, scopes, whose)| Step::Lift { act, which, scopes, whose }),
        1 => select(&PORTS[..]).prop_map(Step::Bind),
        2 => select(&PORTS[..]).prop_map(Step::Close),
        1 => (0..4usize).prop_map(Step::Die),
        1 => (ranges(), scopes()).prop_map(|(range, scopes)| Step::Expire(range, scopes)),
    ]
}

fn session(rules: &SharedRules) -> Box<Region> {
    let dynamic = PortRange::new(rules.dynamic.0, rules.dynamic.1).expect("it is a range");
    let scope = ScopeRules { dynamic: PortSet::from(dynamic), ..ScopeRules::default() };
    let region = Region::boxed(&[Rules {
        matches: None,
        order: Order::Native,
        sharing: Sharing::Tuple,
        seed: None,
        privileged: PrivilegedRange::LIBC,
        unprivileged_start: None,
        scopes: core::array::from_fn(|_| scope.clone()),
    }]);
    let preset = Preset::named(rules.preset).expect("there is such a preset");
    region.set_legal(RestrictionLimits { preset, max_user_port: rules.max_user_port });
    region
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_ledger_is_a_list(rules in select(&RULES[..]), steps in prop::collection::vec(steps(), 1..60)) {
        let region = session(&rules);
        let ledger = &region.ledger;
        let owners = [1, 2, 3, 4].map(|process| Owner { process, namespace: 9, since: 1 });
        let mut model = Model { rules, lines: Vec::new(), bound: BTreeSet::new(), owners };
        let writer = Owner { process: 77, namespace: 9, since: 0 };
        for step in steps {
            let owner = |index: usize, model: &Model| *model.owners.get(index).unwrap_or(&Owner::SESSION);
            // Each change takes the entries of the dead with it.
            if matches!(step, Step::Enter { .. } | Step::Lift { .. }) {
                let lines = std::mem::take(&mut model.lines);
                model.lines = lines.into_iter().filter(|line| model.lives(&line.owner)).collect();
            }
            match step {
                Step::Enter { act, range, scopes, owner: index } => {
                    let owner = owner(index, &model);
                    let expected = model.enter(act, range, scopes, owner);
                    let change = Change::begin(&region, writer, 0, |owner| model.lives(owner)).expect("nobody else writes");
                    let in_use = |range: PortRange, _| Ok(model.bound.iter().copied().find(|port| range.contains(*port)));
                    let entered = change.enter(act, range, scopes, owner, in_use);
                    prop_assert_eq!(entered.map(drop).map_err(|refusal| kind(&refusal)), expected);
                }
                Step::Lift { act, which, scopes, whose } => {
                    let whose = whose.map_or(Whose::Any, |index| Whose::Own(owner(index, &model)));
                    let expected = model.lift(act, which, scopes, whose);
                    let change = Change::begin(&region, writer, 0, |owner| model.lives(owner)).expect("nobody else writes");
                    let lifted = change.lift(act, which, scopes, whose);
                    let line = lifted.map(|e| Line { act: e.act, range: e.range, scopes: e.scopes, owner: e.maker.owner });
                    prop_assert_eq!(line.map_err(|refusal| kind(&refusal)), expected);
                }
                Step::Bind(port) => drop(model.bound.insert(port)),
                Step::Close(port) => drop(model.bound.remove(&port)),
                Step::Die(index) => model.owners[index].since += 1,
                Step::Expire(range, scopes) => {
                    ledger.expire(range, scopes, 0, |owner| model.lives(owner));
                    let lines = std::mem::take(&mut model.lines);
                    let stays = |line: &Line| {
                        model.lives(&line.owner)
                            || line.range.intersect(range).is_none()
                            || !line.scopes.intersects(scopes)
                    };
                    model.lines = lines.into_iter().filter(stays).collect();
                }
            }
            let mut entries: Vec<_> = ledger.entries().collect();
            entries.sort_by_key(|entry| entry.number);
            let lines: Vec<_> =
                entries.iter().map(|e| Line { act: e.act, range: e.range, scopes: e.scopes, owner: e.maker.owner }).collect();
            prop_assert_eq!(&lines, &model.lines);
            let rules = region.rules_for(&[b"any"]).expect("there are rules for all");
            for (scope, dual) in Scope::ALL.into_iter().flat_map(|scope| [(scope, false), (scope, true)]) {
                let scopes = portshim_policy::ports::scopes_of(scope, dual);
                let view = Candidates::new(rules, ledger.at_large(), scope, dual, PortRange::ALL);
                let (first, last) = model.rules.dynamic;
                for port in PORTS {
                    let withheld = model.withholds(port, scopes);
                    prop_assert_eq!(ledger.at_large().withholds(port, scopes), withheld, "{} {}", port, scope);
                    let may_be_had = (first..=last).contains(&port) && !withheld;
                    prop_assert_eq!(view.contains(port), may_be_had, "{} {}", port, scope);
                    let me = model.owners[0];
                    let blocks = |line: &&Line| {
                        line.act == Restriction::Block
                            && line.range.contains(port)
                            && line.scopes.intersects(scopes)
                            && line.owner.process != me.process
                    };
                    let blocker = ledger.at_large().blocker(port, scopes, |owner| owner.is(&me));
                    prop_assert_eq!(blocker.is_some(), model.lines.iter().any(|line| blocks(&line)), "{}", port);
                }
            }
        }
    }
}
