//! Cases: rules, a request, what can be steered to, and what is believed.

use portshim_policy::entropy::mix;
use portshim_policy::model::rresvport::PrivilegedRange;
use portshim_policy::model::{Call, Order, Rules, ScopeRules, Sharing};
use portshim_policy::plan::Request;
use portshim_policy::ports::{PortRange, PortSet, Scope, Transport};
use portshim_policy::region::Region;
use proptest::prelude::*;

pub(crate) const CALLS: [Call; 4] = [Call::Bind, Call::Connect, Call::Listen, Call::Send];
pub(crate) const SECRET: u64 = 0x5EC2E7;
/// Whose hint the plans go by.
pub(crate) const PEER: u64 = 1;

/// One case: the rules, a request, and what the kernel can be steered to.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) rules: Rules,
    pub(crate) request: Request,
    pub(crate) steerable: Option<PortRange>,
    pub(crate) belief: Belief,
}

/// What the session believes of the ports, rightly or wrongly.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Belief {
    Off,
    None,
    All,
    Random(u64),
}

impl Belief {
    /// Has `region` believe it of the ports of `scope`, and of those towards [`PEER`].
    pub(crate) fn lay(self, region: &Region, scope: Scope) {
        let taken = |port: &u16| match self {
            Self::Off | Self::None => false,
            Self::All => true,
            Self::Random(seed) => mix(seed ^ u64::from(port / 64)) >> (port % 64) & 1 != 0,
        };
        let peers = region.peers().unwrap();
        let peer = peers.hint(peers.take(PEER, |_| true).unwrap());
        for port in (0..=u16::MAX).filter(taken) {
            region.hint(scope).unwrap().mark(port);
            peer.mark(port);
        }
        if matches!(self, Self::Off) {
            region.switch_hints_off();
        }
    }
}

impl Case {
    pub(crate) fn region(&self) -> Box<Region> {
        let region = Region::boxed(std::slice::from_ref(&self.rules));
        self.belief.lay(&region, self.request.scope);
        region
    }

    /// The ports that this request may get, computed from the rules alone.
    pub(crate) fn allowed(&self) -> PortSet {
        let own = self.rules.scope(self.request.scope);
        let mut ports = own.allowed();
        if self.request.dual {
            let other = self.rules.scope(self.request.scope.other_family());
            ports.subtract(&other.reserved);
            ports.subtract(&other.blocked);
        }
        let mut outside = PortSet::from(PortRange::ALL);
        outside.remove(self.request.limit);
        ports.subtract(&outside);
        ports.remove(PortRange::single(0));
        ports
    }

    /// Those of them that the kernel cannot be steered to.
    pub(crate) fn unsteerable(&self) -> PortSet {
        let mut ports = self.allowed();
        if let Some(range) = self.steerable {
            ports.remove(range);
        }
        ports
    }

    pub(crate) fn knows_nothing(&self) -> bool {
        matches!(self.belief, Belief::Off | Belief::None)
    }

    pub(crate) fn shares(&self) -> bool {
        self.request.call == Call::Connect
            && self.request.scope.transport() == Transport::Tcp
            && self.rules.sharing == Sharing::Tuple
    }

    pub(crate) fn kernel_chooses(&self) -> bool {
        self.rules.order == Order::Native && self.rules.seed.is_none()
    }
}

pub(crate) fn ranges() -> impl Strategy<Value = Vec<PortRange>> {
    let first = prop_oneof![Just(0u16), 1u16..200, 1000u16..1400, 32700u16..32900, 65300u16..=65535];
    let range = (first, 0u16..150).prop_map(|(first, len)| PortRange::new(first, first.saturating_add(len)).unwrap());
    prop::collection::vec(range, 0..5)
}

pub(crate) fn scope_rules() -> impl Strategy<Value = ScopeRules> {
    (ranges(), ranges(), ranges()).prop_map(|(dynamic, reserved, blocked)| ScopeRules {
        dynamic: dynamic.into_iter().collect(),
        reserved: reserved.into_iter().collect(),
        blocked: blocked.into_iter().collect(),
    })
}

pub(crate) fn effective() -> impl Strategy<Value = Rules> {
    (
        prop::sample::select(Order::ALL),
        prop::sample::select(Sharing::ALL),
        prop::option::of(any::<u64>()),
        prop::array::uniform4(scope_rules()),
    )
        .prop_map(|(order, sharing, seed, scopes)| Rules {
            matches: None,
            order,
            sharing,
            seed,
            privileged: PrivilegedRange::LIBC,
            unprivileged_start: None,
            scopes,
        })
}

pub(crate) fn request() -> impl Strategy<Value = Request> {
    let limit = prop_oneof![3 => Just(PortRange::ALL), 1 => (0u16..2000, 2000u16..).prop_map(|(a, b)| PortRange::new(a, b).unwrap())];
    (
        prop::sample::select(&CALLS[..]),
        prop::sample::select(&Scope::ALL[..]),
        any::<bool>(),
        any::<bool>(),
        limit,
        any::<u64>(),
    )
        .prop_map(|(call, scope, dual, reuse, limit, peer)| Request { call, scope, dual, reuse, limit, peer })
}

pub(crate) fn case() -> impl Strategy<Value = Case> {
    let steerable = prop_oneof![
        Just(None),
        Just(Some(PortRange::ALL)),
        Just(PortRange::new(32768, 60999).ok()),
        (1u16..1500, 1u16..).prop_map(|(a, b)| PortRange::new(a.min(b), a.max(b)).ok()),
    ];
    let belief =
        prop_oneof![Just(Belief::Off), Just(Belief::None), Just(Belief::All), any::<u64>().prop_map(Belief::Random)];
    (effective(), request(), steerable, belief).prop_map(|(rules, request, steerable, belief)| Case {
        rules,
        request,
        steerable,
        belief,
    })
}
