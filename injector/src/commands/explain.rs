//! `portshim explain`: one port under the policy.

use super::policy;
use crate::args::Options;
use crate::messages::{self, Failure};
use crate::present;
use portshim_policy::ports::spec::Spec;

pub(super) fn explain(args: &Options) -> Result<u32, Failure> {
    let spec: Spec = args.port.parse().map_err(|e| messages::not_a_port(&e))?;
    let port = match spec.ports.as_slice() {
        [range] if range.len() == 1 => range.first(),
        _ => return Err(messages::more_than_one_port(&args.port)),
    };
    let explanations = policy::resolved(&args.policy)?.explain_all(port, spec.scopes);
    if args.json {
        return present::print(&present::json(&explanations)).map(|()| 0);
    }
    let mut text = String::new();
    for explanation in &explanations {
        if let Some(glob) = &explanation.matches {
            text.push_str(&format!("for {glob}: "));
        }
        text.push_str(&format!("{explanation}\n"));
    }
    present::print(&text).map(|()| 0)
}
