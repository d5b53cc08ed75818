//! Checks of what a preset, the host and common sense forbid.

use super::messages;
use super::origin::{Origin, Sourced};
use super::problem::Problem;
use super::resolved::Trace;
use super::values::Ports;
use crate::model::{Preset, Restriction, RestrictionLimits, Rules};
use crate::ports::{PortRange, Scope, ScopeSet, grouped};

/// Number of problems that are looked for.
const MOST: usize = 1000;

/// Checks the rules for one program and adds what is wrong, once for each cause.
pub(super) fn check(
    trace: &Trace,
    rules: &Rules,
    named: &Sourced<&'static Preset>,
    legal: &RestrictionLimits,
    unprivileged_start: u16,
    problems: &mut Vec<Problem>,
) {
    let (most, mut wrong) = (problems.len() + MOST, false);
    let mut add = |problem: Problem| {
        // Each is compared with all others: beyond any number that somebody would read, only an
        // error counts.
        let wanted = problems.len() < most || problem.is_error() && !wrong;
        if wanted && !problems.contains(&problem) {
            wrong |= problem.is_error();
            problems.push(problem);
        }
    };
    let preset = legal.preset;
    for part in &trace.blocked {
        for range in part.value.ports.iter().filter(|range| !legal.allows(Restriction::Block, **range)) {
            add(messages::not_blockable(&part.origin, *range, legal));
        }
    }
    if preset.reserve.is_some() {
        for part in &trace.reserved {
            let dynamic = |range: PortRange| {
                let meets = |scope| rules.scope(scope).dynamic.runs().any(|run| run.intersect(range).is_some());
                part.value.scopes.iter().any(meets)
            };
            let vain = part
                .value
                .ports
                .iter()
                .filter(|range| !legal.allows(Restriction::Reserve, **range) && !dynamic(**range));
            vain.for_each(|range| add(messages::reserved_in_vain(&part.origin, *range, legal)));
        }
    }
    for scope in Scope::ALL {
        let parts = &trace.dynamic[scope.index()];
        let ranges = || parts.iter().flat_map(|part| part.value.ports.iter().map(move |range| (part, *range)));
        if let Some(limits) = &preset.dynamic {
            for (part, range) in ranges().filter(|(_, range)| range.first() < limits.first) {
                add(messages::starts_low(&part.origin, range, named, limits));
            }
            let count = rules.scope(scope).dynamic.len();
            if count < limits.count
                && let Some(part) = parts.first()
            {
                add(messages::too_small(&part.origin, count, named, limits));
            }
        }
        for (part, range) in ranges().filter(|(_, range)| range.first() < unprivileged_start) {
            add(messages::privileged(&part.origin, range, unprivileged_start));
        }
    }
    for problem in empty(trace, rules) {
        add(problem);
    }
}

/// The scopes in which nothing is left to hand out, one problem for each cause.
fn empty(trace: &Trace, rules: &Rules) -> Vec<Problem> {
    let cause = |scope: Scope| {
        let dynamic = &trace.dynamic[scope.index()];
        let meets = |part: &&Ports| {
            let ranges = dynamic.iter().flat_map(|d| d.value.ports.iter());
            ranges.into_iter().any(|range| part.value.ports.iter().any(|r| r.intersect(*range).is_some()))
        };
        let takers: Vec<_> = trace
            .reserved(scope)
            .filter(meets)
            .map(|part| format!("reserved by {}", part.origin))
            .chain(trace.blocked(scope).filter(meets).map(|part| format!("blocked by {}", part.origin)))
            .collect();
        (dynamic.first().map(|part| part.origin.clone()), takers)
    };
    let glob = trace.matches.as_ref().map(|m| m.value.as_str());
    let problem = |(scopes, (origin, takers)): (Vec<Scope>, (Option<Origin>, Vec<String>))| {
        let scopes: ScopeSet = scopes.into_iter().collect();
        messages::nothing_left(&origin.unwrap_or(Origin::Default), glob, scopes, &takers)
    };
    let bare = Scope::ALL.into_iter().filter(|scope| rules.scope(*scope).allows_none());
    grouped(bare, cause).into_iter().map(problem).collect()
}
