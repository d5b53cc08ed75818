//! A policy laid out for people and for JSON.

use super::layer::Ports;
use super::{Problem, Resolved, Sourced};
use crate::Scope;
use serde::Serialize;

/// The effective policy. This is what `portshim show --json` writes; fields are only ever added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// The preset's name.
    pub preset: Sourced<&'static str>,
    /// One entry for each `[[process]]`, in the order in which they are tried, then one for all others.
    pub rules: Vec<ShownRules>,
    /// What will not be done as it was written.
    pub warnings: Vec<Problem>,
}

/// The rules for one program, or for all that no earlier entry matched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShownRules {
    /// The glob over the executable's name; `null` for all others.
    #[serde(rename = "match")]
    pub matches: Option<Sourced<String>>,
    /// The order of choice by name; `native` means the running kernel's own.
    pub select: Sourced<&'static str>,
    /// `tuple` or `exclusive`.
    pub sharing: Sourced<&'static str>,
    /// The seed; `null` where choices are random.
    pub seed: Sourced<Option<u64>>,
    /// tcp4, tcp6, udp4, udp6.
    pub scopes: Vec<ShownScope>,
}

/// The ports of one scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShownScope {
    /// `tcp4`, `tcp6`, `udp4` or `udp6`.
    pub scope: &'static str,
    /// How many ports a wildcard bind may get.
    pub allowed: u32,
    /// Those ports, as ranges: dynamic less reserved less blocked.
    pub runs: String,
    /// The ports that may be handed out, before anything is taken out.
    pub dynamic: Vec<ShownPorts>,
    /// The ports that are not handed out.
    pub reserved: Vec<ShownPorts>,
    /// The ports that may not be bound at all.
    pub blocked: Vec<ShownPorts>,
}

/// Ports, and who speaks of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShownPorts {
    /// `4000-4010,8080`.
    pub ports: String,
    /// Where that came from.
    pub origin: super::Origin,
}

impl ShownPorts {
    fn of(ports: &Ports) -> Self {
        let set: crate::PortSet = ports.value.ports.iter().copied().collect();
        Self { ports: set.to_string(), origin: ports.origin.clone() }
    }
}

impl Resolved {
    /// The effective policy, scope by scope, with the origin of each part.
    #[must_use]
    pub fn show(&self) -> Shown {
        let rules = self.rules.iter().zip(&self.traces).map(|(effective, trace)| ShownRules {
            matches: trace.matches.clone(),
            select: trace.order.map(|o| o.name()),
            sharing: trace.sharing.map(|s| s.name()),
            seed: trace.seed.clone(),
            scopes: Scope::ALL
                .into_iter()
                .map(|scope| {
                    let allowed = effective.scope(scope).allowed();
                    ShownScope {
                        scope: scope.name(),
                        allowed: allowed.len(),
                        runs: allowed.to_string(),
                        dynamic: trace.dynamic[scope.index()].iter().map(ShownPorts::of).collect(),
                        reserved: trace.reserved(scope).map(ShownPorts::of).collect(),
                        blocked: trace.blocked(scope).map(ShownPorts::of).collect(),
                    }
                })
                .collect(),
        });
        Shown { preset: self.preset.map(|p| p.name), rules: rules.collect(), warnings: self.warnings.clone() }
    }
}
