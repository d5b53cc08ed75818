//! Listings of ranges that netsh prints, made up, and read again.

use portshim_policy::config::{HostSettings, Layer, resolve};
use portshim_policy::netsh::{dynamic_port, excluded_port_ranges};
use portshim_policy::ports::{PortRange, Scope};
use proptest::prelude::*;

/// Ranges apart from each other, ascending.
fn apart() -> impl Strategy<Value = Vec<(PortRange, bool)>> {
    let ranges = prop::collection::vec((2u16..300, 0u16..100, any::<bool>()), 1..12);
    ranges.prop_map(|parts| {
        let mut at = 0;
        let range = |(gap, more, administered): (u16, u16, bool)| {
            let first = at + gap;
            at = first + more;
            (PortRange::new(first, at).expect("it is no smaller"), administered)
        };
        parts.into_iter().map(range).collect()
    })
}

proptest! {
    /// What `portshim netsh` prints, and netsh with it, is read as what it says.
    #[test]
    fn listings_come_back(start in 1025u16..=65281, more in 254u16.., ranges in apart(), v6: bool, udp: bool) {
        let scope = Scope::ALL[usize::from(udp) * 2 + usize::from(v6)];
        let dynamic = PortRange::new(start, start.saturating_add(more)).expect("it is no smaller");
        let (protocol, family) = scope.name().split_at(3);
        let text = format!(
            "C:\\>netsh int ipv{family} show dynamicport {protocol}\n{}C:\\>netsh int ipv{family} show ex {protocol}\n{}",
            dynamic_port(protocol, dynamic),
            excluded_port_ranges(protocol, &ranges),
        );
        let layer = Layer::imported(text.as_bytes(), "x").expect("netsh prints it so");
        let resolved = resolve(&[layer], &HostSettings::default());
        if dynamic.len() < 255 {
            prop_assert!(resolved.is_err());
            return Ok(());
        }
        let Ok(resolved) = resolved else { return Ok(()) };
        let rules = resolved.rules[0].scope(scope);
        let of = |wanted: bool| ranges.iter().filter(|(_, a)| *a == wanted).map(|(range, _)| *range).collect();
        prop_assert_eq!((&rules.dynamic, &rules.reserved, &rules.blocked), (&dynamic.into(), &of(true), &of(false)));
    }
}
