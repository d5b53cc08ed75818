//! A policy laid out for people and for JSON.

use super::origin::Sourced;
use super::problem::Problem;
use super::resolved::Resolved;
use super::values::Ports;
use crate::model::{Binder, Class, Errors, Fault, SecondBinds};
use crate::ports::Scope;
use serde::Serialize;

/// The effective policy. This is what `portshim show --json` writes; fields are only ever added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// The preset's name.
    pub preset: Sourced<&'static str>,
    /// The classes of ports, as the tables in that system's documentation have them, under the
    /// model's settings.
    pub classes: Vec<Class>,
    /// `MaxUserPort`, as it counts; `null` in a model that has none.
    pub max_user_port: Option<u16>,
    /// Rules for when a second socket may bind a port, where the model has a rule of its own;
    /// `null` elsewhere.
    pub second_binds: Option<ShownSecondBinds>,
    /// Errors of the model's own system for a program that cannot have a port.
    pub errors: ShownErrors,
    /// One entry for each `[[process]]`, in the order in which they are tried, then one for all
    /// others.
    pub rules: Vec<ShownRules>,
    /// Warnings of parts that will not be done as they were written.
    pub warnings: Vec<Problem>,
    /// Notes on the sources.
    pub notes: Vec<Problem>,
}

/// Errors of a system for a program that cannot have a port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShownErrors {
    /// Case by case.
    pub rows: Vec<ShownError>,
    /// Source.
    pub source: &'static str,
}

/// One case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShownError {
    /// The case, in a few words.
    pub case: &'static str,
    /// The error's name in that system's headers.
    pub name: &'static str,
    /// Its number; `null` where that differs from one such system to the next.
    pub number: Option<u16>,
}

impl ShownErrors {
    fn of(errors: &Errors) -> Self {
        let row = |fault: Fault| ShownError {
            case: fault.into(),
            name: errors.of(fault).name,
            number: errors.of(fault).number,
        };
        Self { rows: Fault::ALL.map(row).to_vec(), source: errors.source }
    }
}

/// Rules for when a second socket may bind a port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShownSecondBinds {
    /// One row for each way of binding the first socket.
    pub rows: Vec<ShownFirstBind>,
    /// Ways of binding the second socket, column by column: `default *` without an option to any
    /// address, `reuse 1` with SO_REUSEADDR to one address, `exclusive *` with SO_EXCLUSIVEADDRUSE.
    pub seconds: Vec<String>,
    /// Behaviour of the running system.
    pub note: &'static str,
    /// Source of the table.
    pub source: &'static str,
}

/// A row: what becomes of each second bind: `ok`, or the error's number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShownFirstBind {
    /// Way of binding the first socket.
    pub first: String,
    /// Outcomes if one user runs both.
    pub same_user: Vec<String>,
    /// Outcomes if another user runs the second.
    pub other_user: Vec<String>,
}

/// A shim can refuse what the kernel allows, not the other way round.
const NOTE: &str = if cfg!(windows) {
    "programs share ports by the rule of the Windows that they run on"
} else {
    "programs on Linux share ports by Linux's own rule: see docs/fidelity.md"
};

impl ShownSecondBinds {
    fn of(binds: &SecondBinds) -> Self {
        let outcomes =
            |first, same_user| Binder::ALL.map(|second| binds.outcome(first, second, same_user).to_string()).to_vec();
        let row = |first: Binder| ShownFirstBind {
            first: first.to_string(),
            same_user: outcomes(first, true),
            other_user: outcomes(first, false),
        };
        Self {
            rows: Binder::ALL.map(row).to_vec(),
            seconds: Binder::ALL.map(|second| second.to_string()).to_vec(),
            note: NOTE,
            source: binds.source,
        }
    }
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
    /// Number of ports a wildcard bind may get.
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
    /// Origin of that.
    pub origin: super::Origin,
}

impl ShownPorts {
    fn of(ports: &Ports) -> Self {
        let set: crate::ports::PortSet = ports.value.ports.iter().copied().collect();
        Self { ports: set.to_string(), origin: ports.origin.clone() }
    }
}

impl Resolved {
    /// The effective policy, scope by scope, with the origin of each part.
    #[must_use]
    pub fn show(&self) -> Shown {
        let rules = self.rules.iter().zip(&self.traces).map(|(effective, trace)| ShownRules {
            matches: trace.matches.clone(),
            select: trace.order.map(|o| o.into()),
            sharing: trace.sharing.map(|s| s.into()),
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
        Shown {
            classes: self.rules.last().map(|rules| self.model.classes(rules)).unwrap_or_default(),
            max_user_port: self.model.max_user_port,
            second_binds: self.model.preset.second_binds.map(ShownSecondBinds::of),
            errors: ShownErrors::of(self.model.preset.errors),
            preset: self.preset.map(|p| p.name),
            rules: rules.collect(),
            warnings: self.warnings.clone(),
            notes: self.notes.clone(),
        }
    }
}
