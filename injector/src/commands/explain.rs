//! `portshim explain`: one port under the policy.

use super::policy;
use super::ports::single;
use crate::args::Options;
use crate::messages::Failure;
use crate::present;

pub(super) fn explain(args: &Options) -> Result<u32, Failure> {
    let (port, scopes) = single(&args.port)?;
    let explanations = policy::resolved(&args.policy)?.explain_all(port, scopes);
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
