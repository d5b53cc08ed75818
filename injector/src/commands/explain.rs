//! `portshim explain`: one port under the policy.

use crate::args::Options;
use crate::failure::Failure;
use crate::{output, policy, wording};
use portshim_policy::spec::Spec;

pub(super) fn explain(args: &Options) -> Result<u32, Failure> {
    let spec: Spec = args.port.parse().map_err(|e| wording::not_a_port(&e))?;
    let port = match spec.ports.as_slice() {
        [range] if range.len() == 1 => range.first(),
        _ => return Err(wording::more_than_one_port(&args.port)),
    };
    let explanations = policy::resolved(&args.policy)?.explain_all(port, spec.scopes);
    if args.json {
        return output::print(&output::json(&explanations)).map(|()| 0);
    }
    let mut text = String::new();
    for explanation in &explanations {
        if let Some(glob) = &explanation.matches {
            text.push_str(&format!("for {glob}: "));
        }
        text.push_str(&format!("{explanation}\n"));
    }
    output::print(&text).map(|()| 0)
}
