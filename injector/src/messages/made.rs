//! Messages about sockets that a supervisor makes, each limited to its ports: what such sockets do
//! not do.

use super::{Failure, message};
use portshim_policy::model::Hurdle;
use portshim_policy::ports::{PortRange, Scope, Transport};

/// What is not done for a program whose sockets are made, and that no library reaches.
pub(crate) const NOT_DONE: &str = "what is reserved or blocked while it runs, for the sockets that it has; \
                                   what is blocked, for ports that it names; counts and log of requests";

/// The part of a policy that sockets do not keep which are limited as they are made. `own` is the
/// kernel's range.
pub(crate) fn hurdle(met: &Hurdle, own: PortRange) -> String {
    match met {
        Hurdle::Order(order) => format!("the kernel does not choose in the order {order}"),
        Hurdle::Seed => "the kernel's choice does not repeat itself by a seed".into(),
        Hurdle::Exclusive => "the kernel lets connections share ports".into(),
        Hurdle::Blocked(scope, ports) => {
            format!("{} blocked, and would not be refused to who names it", are(*ports, *scope))
        }
        Hurdle::Privileged(start) => format!("who names a port below {start} would not be refused"),
        Hurdle::Nothing(scope) => format!("there is no port for {scope}"),
        Hurdle::Outside(scope, ports) => {
            format!("{} outside {own}, from which the kernel chooses here", are(*ports, *scope))
        }
        Hurdle::Hole(scope, ports) => format!("{} left out inside the range", are(*ports, *scope)),
        Hurdle::Kept(scope, ports) => {
            format!("{} in net.ipv4.ip_local_reserved_ports, which the kernel never chooses", are(*ports, *scope))
        }
        Hurdle::Families(Transport::Tcp) => "TCP has other ports over IPv6 than over IPv4".into(),
        Hurdle::Families(Transport::Udp) => "UDP has other ports over IPv6 than over IPv4".into(),
    }
}

fn are(ports: PortRange, scope: Scope) -> String {
    if ports.len() == 1 { format!("port {ports} ({scope}) is") } else { format!("ports {ports} ({scope}) are") }
}

/// Nobody is told of requests.
pub(crate) const NOTHING_TO_LOG: &str = "nobody is told of requests, so that there is nothing to log (--log)";

/// Way to have sockets made although the ports are cut into several runs.
pub(crate) const ONE_OF_SEVERAL_RUNS: &str = "--allow-uncovered gives each of its sockets one of several runs of ports";

/// Warning that ports are cut into several runs.
pub(crate) fn sockets_of_one_run() -> String {
    let what = "each socket gets one of several runs of ports, and does not find what is free in another";
    message("warning", what, "")
}

/// Sockets were to be made, and would not do; perhaps they would if each might have one of several
/// runs of ports.
pub(crate) fn no_sockets(why: &str, if_cut: bool) -> Failure {
    let also = if if_cut { format!("\n{ONE_OF_SEVERAL_RUNS}") } else { String::new() };
    Failure::new(
        format!("sockets that are limited as they are made do not do: {why}"),
        format!(
            "use one run of ports inside the kernel's own range (in a container, that is set by\n\
             --sysctl net.ipv4.ip_local_port_range), or --engine supervise, which keeps all policies{also}"
        ),
    )
}

/// Neither way to supervise will do.
pub(crate) fn neither_way(calls: &str, sockets: &str) -> String {
    format!("{calls}\nand sockets that are limited as they are made (--engine sockets) do not do: {sockets}")
}

/// The supervisor around this process will not do.
pub(crate) fn unfit_below(why: &str) -> String {
    format!("the one that is told of this process's calls only makes sockets, and that does not do: {why}")
}

/// Remark on a change of what is reserved, blocked or exhausted.
pub(crate) fn sockets_go_on(blocks: bool) -> String {
    let named = if blocks { ";\na program that names a blocked port is not refused" } else { "" };
    let what = "sockets that programs of the session have are limited as they were made:";
    message("warning", &format!("{what}\nthis holds for those that are made from now on{named}"), "")
}

/// Warning that a program's sockets are made, although nobody has asked for that.
pub(crate) fn sockets_are_made() -> String {
    message(
        "warning",
        &format!("its sockets are made for the program, which is all that is allowed here; not covered:\n{NOT_DONE}"),
        "",
    )
}
