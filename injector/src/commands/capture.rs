//! `portshim capture`: this host's own port settings as a policy file.

use crate::failure::Failure;
use crate::{output, platform};

pub(super) fn capture() -> Result<u32, Failure> {
    let host = platform::host();
    let (range, start) = (host.port_range, host.unprivileged_start);
    let reserved = if host.reserved.is_empty() { String::new() } else { host.reserved.to_string() };
    let count = host.reserved.len();
    let text = format!(
        "\
# The port settings of {name}, {kernel}, as portshim {version} found them.
# Run a program under them anywhere: portshim run -c THIS-FILE -- CMD
preset = \"linux\"

[linux]
# The ports that the kernel hands out to whoever asks for none: {free} of them.
ip_local_port_range = \"{first} {last}\"
# The ports that it never hands out: {count}.
ip_local_reserved_ports = \"{reserved}\"
# The lowest port that needs no privilege.
ip_unprivileged_port_start = {start}
",
        name = platform::host_name(),
        kernel = platform::steering().kernel,
        version = env!("CARGO_PKG_VERSION"),
        free = range.len(),
        first = range.first(),
        last = range.last(),
    );
    output::print(&text).map(|()| 0)
}
