//! `portshim capture`: this host's own port settings as a policy file.

use crate::messages::Failure;
use crate::{platform, present};
use portshim_policy::config::Layer;

pub(super) fn capture() -> Result<u32, Failure> {
    match platform::foreign_settings() {
        Some(settings) => imported(&settings?),
        None => own(),
    }
}

/// What is above the settings.
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

fn imported(settings: &str) -> Result<u32, Failure> {
    let layer = Layer::imported(settings.as_bytes(), "this host")?;
    present::print(&(heading() + &layer.to_toml())).map(|()| 0)
}

fn own() -> Result<u32, Failure> {
    let host = platform::host();
    let (range, start) = (host.port_range, host.unprivileged_start);
    let reserved = if host.reserved.is_empty() { String::new() } else { host.reserved.to_string() };
    let count = host.reserved.len();
    let text = format!(
        "\
{heading}preset = \"linux\"

[linux]
# The ports that the kernel hands out to whoever asks for none: {free} of them.
ip_local_port_range = \"{first} {last}\"
# The ports that it never hands out: {count}.
ip_local_reserved_ports = \"{reserved}\"
# The lowest port that needs no privilege.
ip_unprivileged_port_start = {start}
",
        heading = heading(),
        free = range.len(),
        first = range.first(),
        last = range.last(),
    );
    present::print(&text).map(|()| 0)
}
