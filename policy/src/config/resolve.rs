//! Layers over a preset: who is heard first, and what it all comes to.

use super::host::HostSettings;
use super::layer::{Layer, Process, Wishes};
use super::origin::{Origin, Sourced};
use super::problem::{Problem, Severity};
use super::resolved::{Resolved, Trace};
use super::settings::{self, Settings};
use super::values::{Ports, Value};
use super::{keys, limits, messages};
use crate::model::{Order, Preset, Rules, ScopeRules};
use crate::ports::spec::Spec;
use crate::ports::{PortRange, PortSet, Scope, ScopeSet, grouped};
use crate::region::MAX_RULES;

/// Result of `layers`, the one with the highest precedence first: options, environment, file.
///
/// A dynamic range of a higher layer replaces those below it for the scopes it names. Inside a
/// layer the narrower scope wins, ranges for the same scopes add up, and `max-user-port`,
/// `ip_local_port_range` or FreeBSD's `first` and `last` count as a range for all scopes that any
/// other range overrides. Reserved and blocked ports of all layers add up. A `[[process]]`
/// overrides the general rules of its own layer and of those below it.
///
/// # Errors
/// Every [`Problem`] found: at least one error, and the warnings.
pub fn resolve(layers: &[Layer], host: &HostSettings) -> Result<Resolved, Vec<Problem>> {
    let preset = layers
        .iter()
        .find_map(|layer| layer.preset.clone())
        .unwrap_or_else(|| Sourced::new(Preset::host(), Origin::Default));
    let guess = layers.iter().find(|layer| layer.preset.is_some()).and_then(|layer| layer.guess.as_ref());
    let said = layers.iter().flat_map(|layer| &layer.notes).chain(guess).cloned();
    let (notes, mut problems): (Vec<_>, Vec<_>) = said.partition(|p| p.severity == Severity::Note);
    let settings = settings::settings(layers, host, preset.value, &mut problems);
    let stack = Stack { layers, host, preset: preset.value, settings: &settings };

    // Each of them would be worked out port by port.
    if let Some(process) = layers.iter().flat_map(|layer| &layer.processes).nth(MAX_RULES - 1) {
        problems.push(messages::too_many_processes(&process.glob.origin));
        return Err(problems);
    }
    let mut traces = Vec::new();
    for (depth, layer) in layers.iter().enumerate() {
        traces.extend(layer.processes.iter().map(|process| stack.trace(Some((depth, process)))));
    }
    traces.push(stack.trace(None));

    let rules: Vec<_> = traces.iter().map(|trace| effective(trace, &settings)).collect();
    for (trace, rules) in traces.iter().zip(&rules) {
        limits::check(trace, rules, &preset, &settings.model.legal(), host.unprivileged_start, &mut problems);
    }
    if problems.iter().any(Problem::is_error) {
        return Err(problems);
    }
    let model = settings.model;
    Ok(Resolved { preset, rules, legal: model.legal(), model, notes, warnings: problems, traces })
}

/// All that is heard, over the preset.
struct Stack<'a> {
    layers: &'a [Layer],
    host: &'a HostSettings,
    preset: &'static Preset,
    settings: &'a Settings,
}

impl Stack<'_> {
    /// Rules of the preset and the host, before any layer is heard.
    fn base(&self) -> Trace {
        let preset = self.preset;
        let own = Origin::Preset { name: preset.name, source: preset.source };
        let HostSettings { port_ranges, range_name, reserved, reserved_name, .. } = self.host;
        let (ranges, origin, reserved) = match preset.range {
            Some(range) => (&[range; 4], own.clone(), Vec::new()),
            None => {
                let reserved = by_scope(reserved, &Origin::Host { setting: reserved_name }, |set| set.runs().collect());
                (port_ranges, Origin::Host { setting: range_name }, reserved)
            }
        };
        let dynamic = by_scope(ranges, &origin, |range| vec![*range]);
        let dynamic =
            Scope::ALL.map(|scope| dynamic.iter().filter(|p| p.value.scopes.contains(scope)).cloned().collect());
        Trace {
            matches: None,
            order: self.native(),
            sharing: Sourced::new(preset.sharing, own),
            seed: Sourced::new(None, Origin::Default),
            dynamic,
            reserved,
            blocked: Vec::new(),
        }
    }

    /// The rules for all programs, or those for a process of the layer at a depth.
    fn trace(&self, process: Option<(usize, &Process)>) -> Trace {
        let mut trace = self.base();
        for (depth, layer) in self.layers.iter().enumerate().rev() {
            self.lay_sections(&mut trace, layer);
            self.lay(&mut trace, &layer.wishes);
            if let Some((home, process)) = process
                && home == depth
            {
                trace.matches = Some(process.glob.clone());
                self.lay(&mut trace, &process.wishes);
            }
        }
        trace
    }

    /// Lays a layer's settings of the model's own over what is below: what makes the range of all
    /// scopes, and what is kept out of it.
    fn lay_sections(&self, trace: &mut Trace, layer: &Layer) {
        let (preset, wishes) = (self.preset, &layer.wishes);
        let mut range = |range: PortRange, origin: &Origin| {
            trace.dynamic = core::array::from_fn(|_| vec![everywhere(vec![range], origin.clone())]);
        };
        if let (Some(valid), Some(end)) = (preset.max_user_port, wishes.get(&keys::MAX_USER_PORT, Value::try_as_number))
            && let Some(own) = preset.range
            && let Ok(own) = PortRange::new(own.first(), settings::clamp(end.value, valid))
        {
            range(own, &end.origin);
        }
        if preset.sysctls
            && let Some((asked, origin)) = settings::port_range(layer)
        {
            range(asked, origin);
        }
        if preset.portrange.is_some()
            && let Some(end) = [&keys::FIRST, &keys::LAST].into_iter().find_map(|end| wishes.values(end).next())
        {
            range(self.settings.model.range, &end.origin);
        }
        for (section, key) in [(&keys::WINDOWS, &keys::RESERVED_PORTS), (&keys::LINUX, &keys::IP_LOCAL_RESERVED_PORTS)]
        {
            let parts = wishes.values(key).filter(|_| (section.fits)(preset));
            let ports = |part: &Sourced<Value>| Some(Sourced::new(part.value.ports()?, part.origin.clone()));
            trace.reserved.extend(parts.filter_map(ports));
        }
    }

    /// The model's own order, and the setting that makes it so.
    fn native(&self) -> Sourced<Order> {
        let own = Origin::Preset { name: self.preset.name, source: self.preset.source };
        let order = self.settings.model.order();
        let switch = self.layers.iter().find_map(|layer| layer.wishes.values(&keys::RANDOMIZED).next());
        let switch = switch.filter(|_| order != self.preset.native);
        Sourced::new(order, switch.map_or(own, |switch| switch.origin.clone()))
    }

    fn lay(&self, trace: &mut Trace, wishes: &Wishes) {
        if let Some(select) = wishes.get(&keys::SELECT, Value::try_as_order) {
            let native = self.settings.model.order();
            trace.order = select.map(|order| if *order == Order::Native { native } else { *order });
        }
        if let Some(sharing) = wishes.get(&keys::SHARING, Value::try_as_sharing) {
            trace.sharing = sharing;
        }
        if let Some(seed) = wishes.get(&keys::SEED, Value::try_as_number) {
            trace.seed = seed.map(|seed| Some(*seed));
        }
        for scope in Scope::ALL {
            let width = |ports: &Ports| ports.value.scopes.iter().count();
            let heard = wishes.ports(&keys::DYNAMIC).filter(|p| p.value.scopes.contains(scope));
            if let Some(narrowest) = heard.clone().map(width).min() {
                trace.dynamic[scope.index()] = heard.filter(|p| width(p) == narrowest).cloned().collect();
            }
        }
        trace.reserved.extend(wishes.ports(&keys::RESERVE).cloned());
        trace.blocked.extend(wishes.ports(&keys::BLOCK).cloned());
    }
}

fn everywhere(ports: Vec<PortRange>, origin: Origin) -> Ports {
    Sourced::new(Spec { ports, scopes: ScopeSet::ALL }, origin)
}

/// Ports that differ by scope, each with the scopes that have them; none where there are no ports.
fn by_scope<T: PartialEq>(all: &[T; 4], origin: &Origin, ports: impl Fn(&T) -> Vec<PortRange>) -> Vec<Ports> {
    let groups = grouped(Scope::ALL, |scope| &all[scope.index()]).into_iter();
    let groups = groups.map(|(scopes, one)| Spec { ports: ports(one), scopes: scopes.into_iter().collect() });
    groups.filter(|spec| !spec.ports.is_empty()).map(|spec| Sourced::new(spec, origin.clone())).collect()
}

fn effective(trace: &Trace, settings: &Settings) -> Rules {
    fn union<'a>(parts: impl Iterator<Item = &'a Ports>) -> PortSet {
        parts.flat_map(|p| p.value.ports.iter().copied()).collect()
    }
    let mut scopes: [ScopeRules; 4] = Default::default();
    for scope in Scope::ALL {
        let index = scope.index();
        let mut before = Scope::ALL.into_iter().take(index);
        let dynamic = match before.find(|other| trace.dynamic[other.index()] == trace.dynamic[index]) {
            // Mostly it is the same in all scopes.
            Some(other) => scopes[other.index()].dynamic.clone(),
            None => union(trace.dynamic[index].iter()),
        };
        scopes[index] =
            ScopeRules { dynamic, reserved: union(trace.reserved(scope)), blocked: union(trace.blocked(scope)) };
    }
    Rules {
        matches: trace.matches.as_ref().map(|m| m.value.clone()),
        order: trace.order.value,
        sharing: trace.sharing.value,
        seed: trace.seed.value,
        privileged: settings.model.privileged(),
        unprivileged_start: settings.unprivileged_start,
        scopes,
    }
}
