//! The classes into which a model divides the ports, as the tables in that system's documentation
//! do.

use super::order::Order;
use super::reference::classes::{ClassRule, Extent};
use super::rresvport::{PrivilegedOrder, PrivilegedRange};
use super::rules::Rules;
use super::settings::Model;
use crate::ports::{PortRange, PortSet, Scope, ScopeSet, grouped, spec};
use core::fmt::Display;
use serde::{Serialize, Serializer};

/// A class of ports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Class {
    /// Name that the documentation has for it.
    pub name: &'static str,
    /// The ports.
    #[serde(serialize_with = "displayed")]
    pub ports: PortSet,
    /// Scopes in which it is these ports.
    #[serde(rename = "scope", serialize_with = "displayed")]
    pub scopes: ScopeSet,
    /// Purpose.
    pub what: String,
    /// Source.
    pub source: &'static str,
}

fn displayed<S: Serializer>(value: &impl Display, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

impl Model {
    /// The classes under the settings of this model and `rules`, then the ports of rresvport and
    /// bindresvport. A class that is not the same in all scopes comes once for each set of scopes
    /// in which it is any.
    #[must_use]
    pub fn classes(&self, rules: &Rules) -> Vec<Class> {
        let mut classes = Vec::new();
        for rule in self.preset.classes {
            let mut parts = grouped(Scope::ALL, |scope| self.extent(&rule.extent, rules, scope));
            if parts.len() > 1 {
                parts.retain(|(_, ports)| !ports.is_empty());
            }
            classes.extend(parts.into_iter().map(|(scopes, ports)| Class {
                name: rule.name,
                scopes: scopes.into_iter().collect(),
                ports,
                what: self.what(rule, rules),
                source: rule.source,
            }));
        }
        let range = rules.privileged;
        for (name, what) in [("rresvport", downwards(range)), ("bindresvport", upwards(range))] {
            classes.push(Class {
                name,
                scopes: ScopeSet::ALL,
                ports: PortRange::new(range.low, range.high).into_iter().collect(),
                what,
                source: self.preset.privileged.source,
            });
        }
        classes
    }

    fn extent(&self, extent: &Extent, rules: &Rules, scope: Scope) -> PortSet {
        let rules = rules.scope(scope);
        let above = |port: u16| port.checked_add(1).and_then(|first| PortRange::new(first, u16::MAX).ok());
        let one = match extent {
            Extent::Fixed(range) => Some(*range),
            Extent::Ephemeral => Some(self.range),
            Extent::Above => above(self.range.last()),
            Extent::Dynamic => return rules.dynamic.clone(),
            Extent::Settable => (self.preset.dynamic.as_ref()).and_then(|l| PortRange::new(l.first, u16::MAX).ok()),
            Extent::Reserved => return rules.reserved.clone(),
            Extent::Specific => {
                let mut ports = PortSet::from(PortRange::ALL);
                ports.subtract(&rules.blocked);
                return ports;
            }
            Extent::Restrictable(act) => return self.legal().intervals(*act).collect(),
            Extent::Privileged => self.unprivileged_start.checked_sub(1).and_then(|last| PortRange::new(0, last).ok()),
            Extent::High => self.portrange.map(|p| p.high()),
            Extent::Low => self.portrange.map(|p| p.low()),
        };
        one.into_iter().collect()
    }

    fn what(&self, rule: &ClassRule, rules: &Rules) -> String {
        if rule.extent == Extent::Ephemeral
            && let Some(instead) = self.instead(rules)
        {
            return format!("{}; here the policy hands out {instead}", rule.what);
        }
        let more = match rule.extent {
            Extent::Settable => self.preset.dynamic.as_ref().map(|l| format!(", of {} ports or more", l.count)),
            Extent::Ephemeral if self.portrange.is_some() => Some(match self.order() {
                Order::RandomStart => ", from a random start upwards".to_owned(),
                Order::Descending => ", counting downwards".to_owned(),
                _ => ", counting upwards".to_owned(),
            }),
            _ => None,
        };
        format!("{}{}", rule.what, more.unwrap_or_default())
    }

    /// Ports that the policy hands out in place of the range that the model's own settings make.
    fn instead(&self, rules: &Rules) -> Option<String> {
        let own = PortSet::from(self.range);
        let parts = grouped(Scope::ALL, |scope| &rules.scope(scope).dynamic);
        let others = parts.into_iter().filter(|(_, ports)| **ports != own);
        let written = others.map(|(scopes, ports)| spec::written(ports, &scopes.into_iter().collect::<ScopeSet>()));
        let written: Vec<_> = written.collect();
        (!written.is_empty()).then(|| written.join(" "))
    }
}

/// The order of rresvport.
fn downwards(range: PrivilegedRange) -> String {
    let PrivilegedRange { high, low, order } = range;
    match order {
        PrivilegedOrder::Libc | PrivilegedOrder::Down => format!("from {high} downwards"),
        PrivilegedOrder::Up => format!("from {low} upwards"),
    }
}

/// The order of bindresvport.
fn upwards(range: PrivilegedRange) -> String {
    match range.order {
        PrivilegedOrder::Libc => {
            let base = range.base();
            let below = if range.low < base { format!(", then {} to {}", range.low, base - 1) } else { String::new() };
            format!("from {base} + process % {} upwards, then from {base}{below}", range.high - base + 1)
        }
        PrivilegedOrder::Down | PrivilegedOrder::Up => downwards(range),
    }
}
