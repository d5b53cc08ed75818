//! `portshim explain`: one port under the policy.

use crate::cli::Explain;
use crate::failure::Failure;
use crate::{output, policy, wording};
use portshim_policy::spec::Spec;
use portshim_policy::text::Explanation;
use portshim_policy::{Scope, ScopeSet};

pub(super) fn explain(args: &Explain) -> Result<u8, Failure> {
    let spec: Spec = args.port.parse().map_err(|e| wording::not_a_port(&e))?;
    let [range] = spec.ports.as_slice() else { return Err(wording::more_than_one_port(&args.port)) };
    if range.len() != 1 {
        return Err(wording::more_than_one_port(&args.port));
    }
    let resolved = policy::resolved(&args.policy)?;
    let mut all = Vec::new();
    for index in 0..resolved.rules.len() {
        all.extend(spec.scopes.iter().map(|scope| resolved.explain_under(index, range.first(), scope)));
    }
    if args.json {
        return output::print(&output::json(&all)).map(|()| 0);
    }
    output::print(&lines(&all, resolved.rules.len() > 1)).map(|()| 0)
}

/// One line for all scopes of which the same is said.
fn lines(all: &[Explanation], several: bool) -> String {
    let mut lines: Vec<(String, Vec<&str>)> = Vec::new();
    for explanation in all {
        let said = explanation.to_string();
        let said = said.split_once(": ").map_or(said.as_str(), |(_, said)| said);
        let whom = match &explanation.matches {
            Some(glob) => format!(" for {glob}"),
            None if several => " for all others".into(),
            None => String::new(),
        };
        let line = format!("{whom}: {said}");
        match lines.iter_mut().find(|(same, _)| *same == line) {
            Some((_, scopes)) => scopes.push(explanation.scope),
            None => lines.push((line, vec![explanation.scope])),
        }
    }
    let port = all.first().map_or(0, |explanation| explanation.port);
    lines.iter().map(|(line, scopes)| format!("{port}{}{line}\n", suffix(scopes))).collect()
}

/// `/tcp` for tcp4 and tcp6; nothing for all scopes.
fn suffix(scopes: &[&str]) -> String {
    let same = |set: &ScopeSet| set.iter().map(Scope::name).eq(scopes.iter().copied());
    match ScopeSet::NAMES.iter().find(|(_, set)| same(set)) {
        Some((_, set)) if *set == ScopeSet::ALL => String::new(),
        Some((name, _)) => format!("/{name}"),
        None => format!("/{}", scopes.join("+")),
    }
}
