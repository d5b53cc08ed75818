//! Layers over a preset: who is heard first, and what it all comes to.

use super::layer::{Ports, Wishes};
use super::resolved::Trace;
use super::{HostSetting, Layer, Origin, Problem, Resolved, Sourced};
use crate::spec::Spec;
use crate::{Effective, Order, PortRange, PortSet, Preset, Scope, ScopeRules, ScopeSet};

/// The settings of the host that a policy depends on, read by the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostSettings {
    /// The range from which the kernel draws: `net.ipv4.ip_local_port_range`.
    pub port_range: PortRange,
    /// The ports that it leaves out: `net.ipv4.ip_local_reserved_ports`.
    pub reserved: PortSet,
    /// The lowest port that needs no privilege: `net.ipv4.ip_unprivileged_port_start`.
    pub unprivileged_start: u16,
}

/// A Linux kernel as it comes.
impl Default for HostSettings {
    fn default() -> Self {
        Self {
            port_range: Preset::named("linux").and_then(|p| p.range).unwrap_or(PortRange::ALL),
            reserved: PortSet::new(),
            unprivileged_start: 1024,
        }
    }
}

/// What `layers` come to, the one with the highest precedence first: options, environment, file.
///
/// A dynamic range of a higher layer replaces those below it for the scopes it names; inside a layer
/// the narrower scope wins, and ranges for the same scopes add up. Reserved and blocked ports of all
/// layers add up. A `[[process]]` overrides the general rules of its own layer and those below it.
///
/// # Errors
/// Every [`Problem`] found: at least one error, and the warnings.
pub fn resolve(layers: &[Layer], host: &HostSettings) -> Result<Resolved, Vec<Problem>> {
    let preset = layers
        .iter()
        .find_map(|layer| layer.preset.clone())
        .unwrap_or_else(|| Sourced::new(Preset::host(), Origin::Default));
    let model = preset.value;
    let own = Origin::Preset { name: model.name, source: model.source };
    let (range, origin) = match model.range {
        Some(range) => (range, own.clone()),
        None => (host.port_range, Origin::Host { setting: HostSetting::PortRange }),
    };
    let base = Sourced::new(Spec { ports: vec![range], scopes: ScopeSet::ALL }, origin);
    let mut trace = Trace {
        matches: None,
        order: Sourced::new(model.native, own.clone()),
        sharing: Sourced::new(model.sharing, own),
        seed: Sourced::new(None, Origin::Default),
        dynamic: core::array::from_fn(|_| vec![base.clone()]),
        reserved: Vec::new(),
        blocked: Vec::new(),
    };
    for layer in layers.iter().rev() {
        lay(&mut trace, &layer.wishes, model);
    }
    let rules = vec![effective(&trace)];
    Ok(Resolved {
        preset,
        rules,
        warnings: Vec::new(),
        traces: vec![trace],
        unprivileged_start: host.unprivileged_start,
    })
}

/// Lays what one source asks for over what was there.
fn lay(trace: &mut Trace, wishes: &Wishes, preset: &Preset) {
    if let Some(select) = &wishes.select {
        trace.order = select.map(|order| if *order == Order::Native { preset.native } else { *order });
    }
    if let Some(sharing) = &wishes.sharing {
        trace.sharing = sharing.clone();
    }
    if let Some(seed) = &wishes.seed {
        trace.seed = seed.map(|seed| Some(*seed));
    }
    for scope in Scope::ALL {
        let narrowest = wishes.dynamic.iter().filter(|p| p.value.scopes.contains(scope));
        let Some(width) = narrowest.map(|p| p.value.scopes.iter().count()).min() else { continue };
        let heard = |p: &&Ports| p.value.scopes.contains(scope) && p.value.scopes.iter().count() == width;
        trace.dynamic[scope.index()] = wishes.dynamic.iter().filter(heard).cloned().collect();
    }
    trace.reserved.extend(wishes.reserve.iter().cloned());
    trace.blocked.extend(wishes.block.iter().cloned());
}

fn effective(trace: &Trace) -> Effective {
    fn union<'a>(parts: impl Iterator<Item = &'a Ports>) -> PortSet {
        parts.flat_map(|p| p.value.ports.iter().copied()).collect()
    }
    Effective {
        matches: trace.matches.as_ref().map(|m| m.value.clone()),
        order: trace.order.value,
        sharing: trace.sharing.value,
        seed: trace.seed.value,
        scopes: Scope::ALL.map(|scope| ScopeRules {
            dynamic: union(trace.dynamic[scope.index()].iter()),
            reserved: union(trace.reserved(scope)),
            blocked: union(trace.blocked(scope)),
        }),
    }
}
