//! Whole files: policies, and settings of other systems.

use super::target::Target;
use portshim_policy::config::{HostSettings, Layer, Origin, Problem, Resolved, Severity, resolve};
use portshim_policy::netsh::{Ask, Change, Command, edited};
use portshim_policy::region::Region;
use portshim_policy::region::wire::{Options, decode, encode};

/// What every problem has: words, a remedy where something is to be done, and a place that can be
/// shown.
fn are_sound(problems: &[Problem]) {
    for problem in problems {
        assert!(!problem.message.is_empty(), "{problem:?}");
        assert!(!problem.help.is_empty() || problem.severity == Severity::Note, "{problem:?}");
        let shown = problem.to_string();
        if let Some(Origin::File { line, column, source, .. }) = problem.origin.as_deref() {
            assert!(*line > 0 && (1..=source.chars().count() + 2).contains(column), "{problem:?}");
            assert!(!source.contains('\n') && (source.len() > 160 || shown.contains(&**source)), "{shown}");
        }
    }
}

/// The lines of a policy file without the comments that say where each part came from.
fn bare(toml: &str) -> Vec<&str> {
    toml.lines().map(|line| line.rsplit_once(" # ").map_or(line, |(line, _)| line.trim_end())).collect()
}

/// A layer means what the policy file that is made of it means.
fn means_what_is_written(layer: Layer) {
    let written = layer.to_toml();
    let copy = Layer::from_toml(&written, "copy").unwrap_or_else(|e| panic!("{written}: {e:?}"));
    assert_eq!(bare(&copy.to_toml()), bare(&written));
    if !written.is_empty() {
        assert_eq!(Layer::from_bytes(written.as_bytes(), "copy").as_ref(), Ok(&copy), "{written}");
        assert_eq!(Layer::imported(written.as_bytes(), "copy").as_ref(), Ok(&copy), "{written}");
    }
    let host = HostSettings::default();
    match (resolve(&[layer], &host), resolve(&[copy], &host)) {
        (Ok(one), Ok(other)) => {
            are_sound(&one.notes);
            are_sound(&one.warnings);
            assert_eq!((one.preset.value.name, &one.rules), (other.preset.value.name, &other.rules), "{written}");
            assert!(one.warnings.iter().all(|problem| problem.severity == Severity::Warning));
            assert!(serde_json::to_string(&one.show()).is_ok());
            passes_the_environment(&one);
        }
        (Err(one), Err(other)) => {
            assert!(one.iter().any(Problem::is_error) && other.iter().any(Problem::is_error));
            are_sound(&one);
        }
        (one, other) => panic!("{written}: {one:?} {other:?}"),
    }
}

/// What is laid down for the shim as one line of text is what is laid down as a region.
fn passes_the_environment(resolved: &Resolved) {
    let options = Options { follow: false, hint: true, legal: resolved.legal };
    let line = encode(&resolved.rules, options);
    let mut read = Region::boxed(&[]);
    assert_eq!(decode(line.as_bytes(), &read), Ok(options), "{line}");
    let mut direct = Region::boxed(&resolved.rules);
    direct.set_legal(resolved.legal);
    assert!(read.as_bytes() == direct.as_bytes(), "{line}");
}

fn imports(bytes: &[u8]) {
    match Layer::imported(bytes, "settings") {
        Ok(layer) => means_what_is_written(layer),
        Err(problems) => {
            assert!(problems.iter().any(Problem::is_error));
            are_sound(&problems);
        }
    }
}

pub(crate) const POLICY: Target = Target {
    name: "policy",
    folders: &["tests/fuzz/corpus/policy", "../examples"],
    words: &[
        "preset",
        "select",
        "sharing",
        "seed",
        "windows",
        "linux",
        "freebsd",
        "dynamic",
        "reserve",
        "block",
        "process",
        "match",
        "ports",
        "scope",
        "max-user-port",
        "reserved-ports",
        "ip_local_port_range",
        "ip_unprivileged_port_start",
        "ip_local_reserved_ports",
        "first",
        "randomized",
        "all",
        "tcp",
        "\"linux\"",
        "\"windows-xp\"",
        "\"4000-4999/udp\"",
        "\"java*\"",
        "7",
        "true",
        " = ",
        "\n",
        "\r\n",
        "\n[",
        "]\n",
        "\n[[",
        "]]\n",
        "{",
        "}",
        ", ",
        ".",
        "\"",
        "'",
        "\"\"\"",
        "#",
        "\u{feff}",
        "ü",
        "\0",
        "\\",
        "\\u0007",
    ],
    cost: 1,
    check: check_policy,
};

fn check_policy(bytes: &[u8]) {
    match Layer::from_bytes(bytes, "policy.toml") {
        Ok(layer) => means_what_is_written(layer),
        Err(problems) => {
            assert!(problems.iter().any(Problem::is_error));
            are_sound(&problems);
        }
    }
    stays_a_policy(bytes);
}

/// netsh's changes keep a policy one, and made twice they are as made once.
fn stays_a_policy(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let was = Layer::from_toml(text, "policy.toml").is_ok();
    for command in [
        "interface ipv4 set dynamicport tcp 20000 1000",
        "interface ipv6 add excludedportrange udp 30000 10",
        "interface ipv4 delete excludedportrange tcp 8080 1",
    ] {
        let command: Command = command.parse().expect("netsh takes it");
        let Command { scope, ask: Ask::Change(change, range), .. } = command else { unreachable!("none shows") };
        let Ok(changed) = edited(Some(text), scope, change, range) else { continue };
        assert!(!was || Layer::from_toml(&changed, "policy.toml").is_ok(), "{text}\nbecame\n{changed}");
        if change == Change::SetDynamicPort {
            assert_eq!(edited(Some(&changed), scope, change, range).as_ref(), Ok(&changed));
        }
    }
}

pub(crate) const SYSCTL_FILES: Target = Target {
    name: "sysctl-files",
    folders: &["tests/fuzz/corpus/sysctl-files", "../tests/samples"],
    words: &[
        "net.ipv4.ip_local_port_range",
        "net/ipv4/ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start",
        "net.inet.ip.portrange.first",
        "net.inet.ip.portrange.hilast",
        "net.inet.ip.portrange.randomized",
        " = ",
        ": ",
        "=",
        "\n",
        "\r\n",
        "#",
        ";",
        "-",
        ",",
        " ",
        "\t",
        "\"",
        "32768 60999",
        "80,90-99",
        "vm.swappiness = 1\n",
        "ü",
        "\0",
    ],
    cost: 1,
    check: imports,
};

pub(crate) const REGISTRY: Target = Target {
    name: "registry",
    folders: &["tests/fuzz/corpus/registry", "../tests/samples"],
    words: &[
        "Windows Registry Editor Version 5.00\r\n",
        "REGEDIT4\r\n",
        "\r\n",
        "\n",
        "\\\r\n  ",
        "\\",
        "\"MaxUserPort\"=",
        "\"ReservedPorts\"=",
        "\"TcpTimedWaitDelay\"=",
        "dword:",
        "0000fffe",
        "hex(7):",
        "hex(4):",
        "34,00,",
        "30,00,",
        "2d,00,",
        "00,00,00,00",
        ",",
        "-",
        "\"",
        "[",
        "]\r\n",
        ";",
        "[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters]\r\n",
        "[-",
        "ControlSet001",
        "[HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Rpc\\Internet]\r\n",
        "\"Ports\"=",
        "ü",
        "\0",
    ],
    cost: 1,
    check: check_registry,
};

fn check_registry(bytes: &[u8]) {
    imports(bytes);
    // The encoding makes no difference.
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if text.is_empty() || text.contains('\0') || text.starts_with('\u{feff}') {
        return;
    }
    let wide: Vec<_> = "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let read = |bytes: &[u8]| Layer::from_bytes(bytes, "settings.reg");
    assert_eq!(read(&wide), read(bytes));
    imports(&wide[..wide.len() - 1]);
}

pub(crate) const CONSOLE: Target = Target {
    name: "console",
    folders: &["tests/fuzz/corpus/console", "../tests/samples"],
    words: &[
        "netsh ",
        "netsh.exe",
        "rpccfg /pe ",
        "C:\\>",
        "PS C:\\>",
        "int ",
        "ipv4 ",
        "ipv6 ",
        "set ",
        "show ",
        "add ",
        "delete ",
        "dynamicport ",
        "excludedportrange ",
        "tcp ",
        "udp ",
        "start=",
        "num=",
        "\r\n",
        "\n",
        "^\r\n",
        "&",
        "|",
        ">nul",
        "\"",
        "rem ",
        "::",
        "#",
        "Protocol tcp Dynamic Port Range\n",
        "Protocol udp Port Exclusion Ranges\n",
        "------\n",
        "Start Port : ",
        "Number of Ports : ",
        "\n 100 ",
        " 200 *\n",
        "*",
        ":",
        "：",
        "ü",
        "\0",
    ],
    cost: 1,
    check: imports,
};
