//! Single values: SPECs, what the sysctls hold, netsh's command lines.

use super::target::Target;
use portshim_policy::config::{HostSettings, Layer, keys, local_port_range, reserved_ports, reserved_range, resolve};
use portshim_policy::netsh::{self, Ask, Change, Command};
use portshim_policy::ports::spec::{Spec, SpecError};
use portshim_policy::ports::{PortSet, Scope};

/// An error points at what it names, and knows what to do.
#[track_caller]
fn is_sound(text: &str, e: &SpecError) {
    let there = text.get(e.at..).unwrap_or_else(|| panic!("{text:?}: {e:?} points outside"));
    assert!(there.starts_with(&e.part), "{text:?}: {e:?} points at something else");
    assert!(!e.problem.is_empty() && !e.remedy.is_empty(), "{text:?}: {e:?}");
}

fn utf8(input: &[u8]) -> String {
    String::from_utf8_lossy(input).into_owned()
}

pub(crate) const SPEC: Target = Target {
    name: "spec",
    folders: &["tests/fuzz/corpus/spec"],
    words: &["-", ",", "/", " ", "tcp", "udp6", "/4", "all", "80", "4000-4999", "ü", "\t", "\0", "+"],
    cost: 1,
    check: check_spec,
};

fn check_spec(input: &[u8]) {
    let text = utf8(input);
    match text.parse::<Spec>() {
        Ok(spec) => {
            assert!(!spec.ports.is_empty() && spec.ports.iter().all(|range| range.first() > 0));
            assert_eq!(spec.to_string().parse(), Ok(spec), "{text:?}");
        }
        Err(e) => is_sound(&text, &e),
    }
    for (key, _) in keys::options() {
        // An option is what its words say: the same twice.
        let read = || Layer::new().option(key, &text).map_err(|problem| problem.to_string());
        assert_eq!(read(), read());
    }
}

pub(crate) const SYSCTL_VALUES: Target = Target {
    name: "sysctl-values",
    folders: &["tests/fuzz/corpus/sysctl-values"],
    words: &[" ", "\t", "\n", ",", "-", "0x", "0X1f", "010", "08", "80-90", "32768 60999", "ü", "\0"],
    cost: 1,
    check: check_sysctl_values,
};

fn check_sysctl_values(input: &[u8]) {
    let text = utf8(input);
    match local_port_range(&text) {
        Ok(range) => {
            assert!(range.first() > 0);
            let written = format!("{}\t{}\n", range.first(), range.last());
            assert_eq!(local_port_range(&written), Ok(range), "{text:?}");
        }
        Err(e) => is_sound(&text, &e),
    }
    match reserved_ports(&text) {
        Ok(ports) => {
            let set: PortSet = ports.iter().copied().collect();
            let written = if set.is_empty() { String::new() } else { set.to_string() };
            let again: PortSet = reserved_ports(&written).expect("the kernel prints it so").into_iter().collect();
            assert_eq!(again, set, "{text:?}");
        }
        Err(e) => is_sound(&text, &e),
    }
    match reserved_range(&text) {
        Ok(range) => assert_eq!(reserved_range(&format!("{}-{}", range.first(), range.last())), Ok(range)),
        Err(e) => is_sound(&text, &e),
    }
}

const NETSH: &[&str] = &[
    "interface ",
    "int ",
    "ip ",
    "ipv4 ",
    "ipv6 ",
    "set ",
    "show ",
    "add ",
    "delete ",
    "dynamicport ",
    "dyn ",
    "excludedportrange ",
    "ex ",
    "tcp ",
    "udp ",
    "protocol=",
    "start=",
    "startport=",
    "num=",
    "numberofports=",
    "store=",
    "active ",
    "persistent ",
    "p",
    "\"",
    "=",
    "^\r\n",
    "`\n",
    "^",
    "ü",
    "  ",
];

pub(crate) const NETSH_COMMANDS: Target = Target {
    name: "netsh-commands",
    folders: &["tests/fuzz/corpus/netsh-commands"],
    words: NETSH,
    cost: 1,
    check: check_netsh_commands,
};

fn check_netsh_commands(input: &[u8]) {
    let text = utf8(input);
    match text.parse::<Command>() {
        Ok(command) => {
            let spelled_out = command.to_string();
            assert_eq!(spelled_out.parse(), Ok(command), "{text:?}");
            assert_eq!(netsh::command(&text), Ok(Some(command)), "{text:?}");
            made_in_a_new_policy(&command);
        }
        Err(e) => is_sound(&text, e.fault()),
    }
}

/// What a command makes of no policy at all is a policy, and says what the command said.
fn made_in_a_new_policy(command: &Command) {
    let Command { scope, ask: Ask::Change(change, range), .. } = *command else { return };
    let Ok(text) = netsh::edited(None, scope, change, range) else {
        return assert_eq!(change, Change::DeleteExcludedPortRange, "{command}");
    };
    let layer = Layer::from_toml(&text, "x").unwrap_or_else(|problems| panic!("{text}: {problems:?}"));
    let resolved = resolve(&[layer], &HostSettings::default());
    let rules = |scope: Scope| resolved.as_ref().expect("Windows takes it").rules[0].scope(scope);
    match change {
        Change::SetDynamicPort => {
            assert_eq!(rules(scope).dynamic, range.into(), "{text}");
        }
        // Where all is excluded, nothing is left to hand out, and it cannot be run.
        Change::AddExcludedPortRange if resolved.is_ok() => {
            assert_eq!(rules(scope).reserved, range.into(), "{text}");
        }
        _ => {}
    }
}
