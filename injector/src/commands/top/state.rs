//! State of the screen: what is looked at, and what was seen before.

use super::happenings::Happenings;
use super::look::{Inside, Look};
use crate::messages::{self, Failure};
use crate::present::clock;
use portshim_policy::model::Restriction;
use portshim_policy::ports::Scope;
use std::collections::{HashMap, VecDeque};
use std::time::Instant;

/// Number of looks that a line of ports in use goes back.
const HISTORY: usize = 300;

/// Everything that a picture is made of.
#[derive(Default)]
pub(super) struct State {
    pub(super) looks: Vec<Look>,
    /// Place of the session that is looked at closely.
    pub(super) chosen: usize,
    /// The session that was asked for, until it is seen.
    wanted: Option<String>,
    /// Place of the scope that the map is of.
    pub(super) scope: usize,
    pub(super) paused: bool,
    /// Change that is being typed.
    pub(super) typing: Option<Typing>,
    /// Outcome of the last one.
    pub(super) remark: Option<String>,
    pub(super) happenings: Happenings,
    history: HashMap<String, [Seen; 4]>,
    rates: HashMap<String, [f64; 3]>,
    before: Option<(Instant, HashMap<String, [u64; 3]>)>,
}

/// What was seen of a scope.
#[derive(Default)]
struct Seen {
    /// Ports in use, the newest last.
    in_use: VecDeque<u64>,
    /// The most that there were to hand out, or in use: fewer may be by now.
    most: u64,
}

/// A change of the ledger that is being typed.
pub(super) struct Typing {
    pub(super) act: Restriction,
    pub(super) lift: bool,
    pub(super) text: String,
}

impl State {
    pub(super) fn new(wanted: Option<String>) -> Self {
        Self { wanted, ..Self::default() }
    }

    /// Looks at everything anew.
    pub(super) fn look(&mut self) -> Result<(), Failure> {
        let chosen = self.wanted.take().or_else(|| self.id().map(str::to_owned));
        let asked = self.before.is_none().then(|| chosen.clone()).flatten();
        self.looks = Look::all();
        let has = |look: &Look, name: &str| {
            let shows =
                |inside: &Inside| inside.shown.processes.iter().any(|it| it.member.process.pid.to_string() == name);
            let is_called = |inside: &Inside| inside.shown.name.as_deref() == Some(name);
            look.id == name || look.inside.as_ref().is_ok_and(is_called) || look.inside.as_ref().is_ok_and(shows)
        };
        let at = chosen.as_deref().and_then(|name| self.looks.iter().position(|look| has(look, name)));
        if let (None, Some(name)) = (at, asked) {
            return Err(messages::no_such_session(&name, None));
        }
        self.chosen = at.unwrap_or(self.chosen).min(self.looks.len().saturating_sub(1));
        if self.before.is_none() {
            self.scope = self.busiest();
        }
        self.happenings.take(&self.looks, &clock());
        self.count();
        Ok(())
    }

    /// Takes in how much there was since the look before.
    fn count(&mut self) {
        let now = Instant::now();
        let mut counts = HashMap::new();
        self.history.retain(|id, _| self.looks.iter().any(|look| look.id == *id));
        self.rates.clear();
        for look in &self.looks {
            let Ok(inside) = &look.inside else { continue };
            let history = self.history.entry(look.id.clone()).or_default();
            for (line, scope) in history.iter_mut().zip(&inside.scopes) {
                line.most = line.most.max(scope.allowed.max(scope.in_use).into());
                line.in_use.push_back(scope.in_use.into());
                while line.in_use.len() > HISTORY {
                    line.in_use.pop_front();
                }
            }
            let total = inside.total();
            let count = [total.served, total.exhausted, total.refused];
            if let Some((then, before)) = &self.before
                && let Some(before) = before.get(&look.id)
            {
                let passed = (now - *then).as_secs_f64().max(0.001);
                let rate = |n: usize| count[n].saturating_sub(before[n]) as f64 / passed;
                self.rates.insert(look.id.clone(), [rate(0), rate(1), rate(2)]);
            }
            counts.insert(look.id.clone(), count);
        }
        self.before = Some((now, counts));
    }

    /// The scope with the most requests of the chosen session.
    fn busiest(&self) -> usize {
        let Some(inside) = self.inside() else { return 0 };
        let asked = |scope: &usize| {
            let sum = &inside.scopes[*scope];
            sum.served + sum.exhausted + sum.refused
        };
        (0..Scope::ALL.len()).rev().max_by_key(asked).unwrap_or(0)
    }

    /// The session that is looked at closely.
    pub(super) fn session(&self) -> Option<&Look> {
        self.looks.get(self.chosen)
    }

    fn id(&self) -> Option<&str> {
        self.session().map(|look| look.id.as_str())
    }

    /// The view inside it.
    pub(super) fn inside(&self) -> Option<&Inside> {
        self.session()?.inside.as_ref().ok()
    }

    /// Ports in use in a scope of it, the newest last.
    pub(super) fn history(&self, scope: usize) -> Option<&VecDeque<u64>> {
        Some(&self.history.get(self.id()?)?[scope].in_use)
    }

    /// The most ports that this was of.
    pub(super) fn most(&self, scope: usize) -> u64 {
        self.id().and_then(|id| self.history.get(id)).map_or(0, |seen| seen[scope].most)
    }

    /// Requests a second of a session: served, exhausted, refused.
    pub(super) fn rates(&self, id: &str) -> [f64; 3] {
        self.rates.get(id).copied().unwrap_or_default()
    }
}
