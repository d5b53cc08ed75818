//! Explanations of what would happen to one port, and who says so.

use super::messages;
use super::origin::Origin;
use super::resolved::Resolved;
use super::values::Ports;
use crate::model::{Errors, Fault};
use crate::ports::{PortSet, Scope, ScopeSet, grouped};
use core::fmt;
use serde::Serialize;

/// Class of a port under a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// A wildcard bind may get it.
    Dynamic,
    /// It is not in the dynamic range.
    Outside,
    /// It is never handed out; a specific bind succeeds.
    Reserved,
    /// It may not be bound at all.
    Blocked,
}

/// Explanation of what would happen to a port in one scope or more. Displayed in one line:
/// `4000/tcp4: reserved by --reserve 4000: a wildcard bind skips it; a specific bind succeeds`,
/// without the scope where it is `all`. Whose rules they are, [`Explanation::matches`], is not
/// displayed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The port.
    pub port: u16,
    /// The scopes by name, such as `tcp4`; `tcp` and the like where it holds for several.
    pub scope: String,
    /// The glob of the `[[process]]` that this holds for; `null` for all other programs.
    #[serde(rename = "match")]
    pub matches: Option<String>,
    /// Class of the port; where several things hold, the strongest: blocked, reserved, …
    pub class: Class,
    /// Effect on a wildcard bind.
    pub wildcard: String,
    /// Effect on a specific bind.
    pub specific: String,
    /// Parts that say so: all that reserve or block the port, or the dynamic range that it is in or
    /// outside of.
    pub reasons: Vec<Reason>,
}

/// One part of a policy that decides about a port, and puts it into the explanation's class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// The ports it names: `4000-4010,8080`.
    pub ports: String,
    /// Origin of it.
    pub origin: Origin,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scope.as_str() {
            "all" => write!(f, "{}: ", self.port)?,
            scope => write!(f, "{}/{scope}: ", self.port)?,
        }
        let what = match self.class {
            Class::Dynamic => "dynamic: in ",
            Class::Outside => "not dynamic: outside ",
            Class::Reserved => "reserved by ",
            Class::Blocked => "blocked by ",
        };
        let ranged = matches!(self.class, Class::Dynamic | Class::Outside);
        let said: Vec<_> = (self.reasons.iter())
            .map(|Reason { ports, origin }| if ranged { format!("{ports} of {origin}") } else { origin.to_string() })
            .collect();
        write!(f, "{what}{}: {}; {}", messages::all_of(&said), self.wildcard, self.specific)
    }
}

impl Resolved {
    /// Tells what would happen to `port` in some scopes: those that agree together, and first what
    /// is different for programs that a `[[process]]` matches.
    #[must_use]
    pub fn explain_all(&self, port: u16, scopes: ScopeSet) -> Vec<Explanation> {
        let last = self.rules.len() - 1;
        let mut said = self.together(last, port, scopes);
        for index in (0..last).rev() {
            let own = self.together(index, port, scopes);
            let general = |e: &Explanation| said.contains(&Explanation { matches: None, ..e.clone() });
            if !own.iter().all(general) {
                said.splice(0..0, own);
            }
        }
        said
    }

    fn together(&self, index: usize, port: u16, scopes: ScopeSet) -> Vec<Explanation> {
        let explained = |scope| Explanation { scope: String::new(), ..self.explain_under(index, port, scope) };
        let named = |(members, e): (Vec<Scope>, Explanation)| Explanation {
            scope: members.into_iter().collect::<ScopeSet>().to_string(),
            ..e
        };
        grouped(scopes.iter(), explained).into_iter().map(named).collect()
    }

    /// Tells what would happen to `port` in `scope`, under the rules of [`Resolved::rules`] with
    /// this index; one past the end counts as the last: programs that no `[[process]]` matches.
    #[must_use]
    pub fn explain_under(&self, index: usize, port: u16, scope: Scope) -> Explanation {
        let index = index.min(self.rules.len() - 1);
        let (rules, trace) = (self.rules[index].scope(scope), &self.traces[index]);
        let class = if rules.blocked.contains(port) {
            Class::Blocked
        } else if rules.reserved.contains(port) {
            Class::Reserved
        } else if rules.dynamic.contains(port) && port != 0 {
            Class::Dynamic
        } else {
            Class::Outside
        };
        let names = |p: &&Ports| p.value.ports.iter().any(|range| range.contains(port));
        let parts: Vec<_> = match class {
            Class::Blocked => trace.blocked(scope).filter(names).collect(),
            Class::Reserved => trace.reserved(scope).filter(names).collect(),
            Class::Dynamic => trace.dynamic[scope.index()].iter().filter(names).collect(),
            Class::Outside => trace.dynamic[scope.index()].iter().collect(),
        };
        let reasons = parts.into_iter().map(|part| Reason {
            ports: part.value.ports.iter().copied().collect::<PortSet>().to_string(),
            origin: part.origin.clone(),
        });
        let wildcard = if class == Class::Dynamic { "a wildcard bind may get it" } else { "a wildcard bind skips it" };
        let specific = if class == Class::Blocked {
            format!("a specific bind is refused ({})", Errors::HERE.of(Fault::Blocked).name)
        } else if port < self.model.unprivileged_start {
            format!("a specific bind needs privilege, as for every port below {}", self.model.unprivileged_start)
        } else {
            "a specific bind succeeds".to_owned()
        };
        Explanation {
            port,
            scope: scope.name().to_owned(),
            matches: trace.matches.as_ref().map(|m| m.value.clone()),
            class,
            wildcard: wildcard.to_owned(),
            specific,
            reasons: reasons.collect(),
        }
    }
}
