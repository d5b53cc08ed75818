//! `portshim explain`: one port under the policy.

use crate::cli::Explain;
use crate::failure::Failure;
use crate::{output, policy, wording};
use portshim_policy::spec::Spec;

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
    let mut text = String::new();
    for explanation in &all {
        match &explanation.matches {
            Some(glob) => text.push_str(&format!("{glob}: {explanation}\n")),
            None if resolved.rules.len() > 1 => text.push_str(&format!("others: {explanation}\n")),
            None => text.push_str(&format!("{explanation}\n")),
        }
    }
    output::print(&text).map(|()| 0)
}
