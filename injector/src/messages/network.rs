//! The command that holds a program out of reach to a policy's ports: a network of its own, under
//! the kernel's settings.

use portshim_policy::model::Rules;
use portshim_policy::ports::{PortRange, PortSet, Scope};
use std::ffi::{OsStr, OsString};

/// Below it, the kernel of a new network demands privilege, and lets no range begin.
const PRIVILEGED: u16 = 1024;

/// Way to have the kernel hold a program to these rules by its own settings, of which TCP and UDP
/// have the same.
pub(in crate::messages) fn own_network(rules: &Rules, command: &[OsString]) -> Option<String> {
    let all = Scope::ALL.map(|scope| rules.scope(scope).allowed());
    let ports = all.iter().find(|ports| !ports.is_empty())?;
    let (first, last) = (ports.runs().next()?.first(), ports.runs().last()?.last());
    let mut others: PortSet = [PortRange::new(first, last).ok()?].into_iter().collect();
    others.subtract(ports);
    let mut script = "ip link set lo up".to_owned();
    let mut set = |key: &str, value: &str| script.push_str(&format!(" && echo {value} >/proc/sys/net/ipv4/{key}"));
    if first < PRIVILEGED {
        set("ip_unprivileged_port_start", &first.to_string());
    }
    set("ip_local_port_range", &format!("{first} {last}"));
    if !others.is_empty() {
        set("ip_local_reserved_ports", &others.to_string());
    }
    let command: Vec<_> = command.iter().map(|word| quoted(word)).collect();
    let same = if all.iter().all(|other| other == ports) { "" } else { ", the same ports for TCP and UDP" };
    Some(format!(
        "give it a network of its own, with the kernel's own settings{same}\n\
         (nothing but loopback is reachable there):\n\
         unshare -rn sh -c '{script} && exec \"$0\" \"$@\"' {}",
        command.join(" ")
    ))
}

/// A word as sh(1) takes it: between single quotes nothing is special but the quote itself.
fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let is_plain = |c: char| c.is_alphanumeric() || "_@%+=:,./-".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.into_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}
