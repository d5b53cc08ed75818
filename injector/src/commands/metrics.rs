//! `portshim metrics`: the live sessions as numbers that Prometheus reads.

mod exposition;
mod families;
mod listen;

use crate::args::{MetricsForm, Options};
use crate::messages::Failure;
use crate::present;
use exposition::written;

pub(super) fn metrics(args: &Options) -> Result<u32, Failure> {
    match &args.listen {
        Some(place) => listen::listen(place, &text),
        None => present::print(&text(args.metrics_form)).map(|()| 0),
    }
}

/// All numbers as they are now.
fn text(form: MetricsForm) -> String {
    written(&families::all(), form)
}
