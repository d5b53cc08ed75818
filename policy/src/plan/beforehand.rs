//! The ports that a socket is limited to beforehand, as it is made: the kernel chooses among them
//! from then on.

use super::candidates::Candidates;
use crate::entropy::Entropy;
use crate::ports::{PortRange, Scope};
use crate::region::{LedgerView, SharedRules};

/// The run that a new socket of `scope` is limited to, inside the kernel's `own` range; `None`
/// where no port is left. Where the ports are cut into several runs, it is one of them, by chance
/// and in proportion to their size; what the kernel has `kept` from its own choice, in words of 64
/// ports, cuts nothing.
#[must_use]
pub fn beforehand(
    rules: &SharedRules,
    ledger: LedgerView<'_>,
    scope: Scope,
    own: PortRange,
    kept: impl Fn(usize) -> u64,
    entropy: &mut impl Entropy,
) -> Option<PortRange> {
    // It is not known yet whether a socket of IPv6 will speak IPv4 as well.
    let dual = matches!(scope, Scope::Tcp6 | Scope::Udp6);
    let view = Candidates::new(rules, ledger, scope, dual, own);
    view.all_but(kept).or_else(|| view.ranked(entropy.below(view.count())).map(|port| view.run_around(port)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Restriction, Rules, ScopeRules};
    use crate::ports::ScopeSet;
    use crate::region::{Change, Owner, Region};

    fn ports(first: u16, last: u16) -> PortRange {
        PortRange::new(first, last).unwrap()
    }

    fn rules() -> Rules {
        let set = |range| [range].into_iter().collect();
        let scope = || ScopeRules {
            dynamic: set(ports(40000, 40009)),
            reserved: set(PortRange::single(40004)),
            ..ScopeRules::default()
        };
        Rules::native(std::array::from_fn(|_| scope()))
    }

    #[test]
    fn what_is_withheld_later_cuts_the_run() {
        let region = Region::boxed(&[rules()]);
        let rules = region.rules_for(&[b""]).unwrap();
        let own = ports(32768, 60999);
        let given = |draw: u64, scope, kept: u64| {
            let kept = |index| if index == 40004 / 64 { kept } else { 0 };
            beforehand(rules, region.ledger.at_large(), scope, own, kept, &mut || draw)
        };
        assert_eq!(given(0, Scope::Tcp4, 1 << (40004 % 64)), Some(ports(40000, 40009)));
        assert_eq!(given(0, Scope::Tcp4, 0), Some(ports(40000, 40003)));
        assert_eq!(given(u64::MAX, Scope::Tcp4, 0), Some(ports(40005, 40009)));
        let change = Change::begin(&region, Owner { process: 1, ..Owner::SESSION }, 0, |_| true).unwrap();
        let withhold = |range| {
            change.enter(Restriction::Exhaust, range, ScopeSet::named("tcp4").unwrap(), Owner::SESSION, |_, _| Ok(None))
        };
        withhold(ports(40005, 40009)).unwrap();
        for scope in [Scope::Tcp4, Scope::Tcp6] {
            assert_eq!(given(u64::MAX, scope, 0), Some(ports(40000, 40003)), "an IPv6 socket may speak IPv4");
        }
        withhold(ports(1, 65535)).unwrap();
        assert_eq!(given(0, Scope::Tcp4, 0), None);
        assert_eq!(given(u64::MAX, Scope::Udp4, 0), Some(ports(40005, 40009)));
    }
}
