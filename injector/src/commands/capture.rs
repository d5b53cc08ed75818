//! `portshim capture`: this host's own port settings as a policy file.

use crate::messages::Failure;
use crate::{platform, present};

pub(super) fn capture() -> Result<u32, Failure> {
    present::print(&(heading() + &platform::captured()?)).map(|()| 0)
}

/// Lines above the settings.
fn heading() -> String {
    format!(
        "\
# The port settings of {}, {}, as portshim {} found them.
# Run a program under them anywhere: portshim run -c THIS-FILE -- CMD
",
        platform::host_name(),
        platform::steering().kernel,
        env!("CARGO_PKG_VERSION"),
    )
}
