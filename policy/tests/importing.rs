//! Settings of other systems: what they come to, and what is said of those that are wrong, to the
//! letter.

mod importing {
    mod documents;
}

use portshim_policy::config::{HostSettings, Layer, Problem, resolve};

fn said(problems: impl IntoIterator<Item = Problem>) -> String {
    problems.into_iter().map(|p| format!("{p}\n")).collect()
}

fn resolved(bytes: &[u8], name: &str) -> Result<(Layer, Vec<Problem>), Vec<Problem>> {
    let layer = Layer::imported(bytes, name)?;
    let resolved = resolve(core::slice::from_ref(&layer), &HostSettings::default())?;
    Ok((layer, resolved.notes.into_iter().chain(resolved.warnings).collect()))
}

/// What the settings come to, as the lines of a policy file without what begins with #.
#[track_caller]
fn comes_to(bytes: impl AsRef<[u8]>, expected: &str) {
    let (layer, _) = resolved(bytes.as_ref(), "x").unwrap_or_else(|problems| panic!("{}", said(problems)));
    let toml = layer.to_toml();
    let lines = toml.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    let lines: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
    assert_eq!(lines.join(" "), expected, "{toml}");
}

/// What is said, be it an error, a warning or a note.
#[track_caller]
fn says(bytes: impl AsRef<[u8]>, expected: &str) {
    let actual = said(match resolved(bytes.as_ref(), "x") {
        Ok((_, problems)) | Err(problems) => problems,
    });
    assert!(actual == expected.trim_start_matches('\n'), "expected:{expected}\nbut it said:\n{actual}");
}

/// The first line that is said, without the place.
#[track_caller]
fn first(bytes: impl AsRef<[u8]>, expected: &str) {
    let problems = match resolved(bytes.as_ref(), "x") {
        Ok((_, problems)) | Err(problems) => problems,
    };
    let problem = problems.first().unwrap_or_else(|| panic!("nothing was said, instead of {expected}"));
    assert_eq!(problem.to_string().lines().next().unwrap_or_default(), expected);
}

fn utf16(text: &str) -> Vec<u8> {
    "\u{feff}".chars().chain(text.chars()).collect::<String>().encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn registry(values: &str) -> String {
    let key = r"[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters]";
    format!("Windows Registry Editor Version 5.00\r\n\r\n{key}\r\n{values}\r\n")
}

fn multi_string(strings: &[&str]) -> String {
    let text: String = strings.iter().flat_map(|s| [*s, "\0"]).chain(["\0"]).collect();
    let bytes: Vec<_> = text.encode_utf16().flat_map(u16::to_le_bytes).map(|b| format!("{b:02x}")).collect();
    format!("\"ReservedPorts\"=hex(7):{}", bytes.join(","))
}

#[test]
fn sysctl_files() {
    for (text, expected) in [
        (
            "net.ipv4.ip_local_port_range=1024 65000\nnet.ipv4.ip_local_port_range = 20000\t30000\n",
            r#"preset = "linux" [linux] ip_local_port_range = "20000 30000""#,
        ),
        (
            "#net.ipv4.ip_local_port_range = 1 2\n ;net.ipv4.ip_local_port_range = 1 2\n-net/ipv4/ip_local_reserved_ports=80,90-99,\n",
            r#"preset = "linux" [linux] ip_local_reserved_ports = "80,90-99""#,
        ),
        (
            "net.ipv4.ip_local_reserved_ports = 80\nnet.ipv4.ip_local_reserved_ports =\nnet.ipv4.ip_unprivileged_port_start=2000",
            r#"preset = "linux" [linux] ip_unprivileged_port_start = 2000"#,
        ),
        (
            "net.inet.ip.portrange.first: 2000\nnet.inet.ip.portrange.first=30000\r\nnet.inet.ip.portrange.randomized: 0",
            r#"preset = "freebsd" [freebsd] first = 30000 randomized = false"#,
        ),
    ] {
        comes_to(text, expected);
    }
    says(
        "vm.swappiness = 10\nnet.ipv4.ip_local_port_range = \"1024 65535\"\nnet.ipv4.ip_local_reserved_ports = 80 # web\n",
        r#"
error: x:2:32: `"1024`: the kernel does not take this for a number
  |
2 | net.ipv4.ip_local_port_range = "1024 65535"
  |                                ^^^^^
help:  leave the quotes out
error: x:3:36: `80 # web`: the kernel does not take this for a number
  |
3 | net.ipv4.ip_local_reserved_ports = 80 # web
  |                                    ^^^^^^^^
help:  put the comment on a line of its own
"#,
    );
    for (value, problem) in [
        ("60999 32768", "error: x:1:32: `60999 32768`: the range 60999-32768 is reversed"),
        ("0 65535", "error: x:1:32: `0`: the kernel wants the range to begin at port 1 or above"),
        ("1024 65536", "error: x:1:37: `65536`: a port is at most 65535"),
        ("", "error: x:1:31: this is not two numbers"),
        ("1\0 2", "error: x:1:32: `1\0`: the kernel does not take this for a number"),
    ] {
        first(format!("net.ipv4.ip_local_port_range = {value}\n"), problem);
    }
    first("vm.swappiness = 10\n", "error: x:1:1: nothing in this file sets ports");
    first("net.inet.ip.portrange.first: -1\n", "error: x:1:30: `-1`: this is not a number");
    first(
        "net.inet.ip.portrange.first: 30000\nnet.inet.ip.portrange.reservedhigh: 79",
        "note: x:2:37: net.inet.ip.portrange.reservedhigh is no part of a policy: it has no counterpart here",
    );
}

#[test]
fn registry_exports() {
    let windows = |rest: &str| format!(r#"preset = "windows-2003" [windows] {rest}"#);
    let reserved = multi_string(&["4000-4000", "4500-4510"]);
    for (values, expected) in [
        ("\"MaxUserPort\"=dword:0000fffe", windows("max-user-port = 65534")),
        ("\"maxuserport\"=DWORD:fffe", windows("max-user-port = 65534")),
        ("\"MaxUserPort\"=hex(4):fe,ff,00,00", windows("max-user-port = 65534")),
        (&reserved, windows(r#"reserved-ports = [ "4000-4000", "4500-4510", ]"#)),
        ("\"ReservedPorts\"=hex(7):\r\n\"MaxUserPort\"=dword:00001388", windows("max-user-port = 5000")),
        ("\"MaxUserPort\"=dword:00001388\r\n\"MaxUserPort\"=dword:00001389", windows("max-user-port = 5001")),
        ("\"MaxUserPort\"=dword:00001388\r\n\"MaxUserPort\"=-", r#"preset = "windows-2003""#.into()),
    ] {
        comes_to(registry(values), &expected);
        comes_to(utf16(&registry(values)), &expected);
    }
    // The numbered control set counts only where the current one says nothing.
    let numbered = registry("\"MaxUserPort\"=dword:00001771").replace("CurrentControlSet", "ControlSet001");
    let both = registry("\"MaxUserPort\"=dword:00001770") + &numbered[numbered.find('[').unwrap_or_default()..];
    comes_to(numbered, &windows("max-user-port = 6001"));
    comes_to(both, &windows("max-user-port = 6000"));
    let deleted = registry("\"MaxUserPort\"=dword:00001770").replace("[HKEY", "[-HKEY");
    first(deleted, "error: x:1:1: nothing in this file sets ports");
    first(registry("\"NV Hostname\"=\"mail\""), "error: x:1:1: nothing in this file sets ports");
}

#[test]
fn registry_exports_that_are_wrong() {
    for (values, problem) in [
        ("\"MaxUserPort\"=dword:0000fffe0", "error: x:4:15: MaxUserPort is a number (REG_DWORD), and this is none"),
        ("\"MaxUserPort\"=dword:", "error: x:4:15: MaxUserPort is a number (REG_DWORD), and this is none"),
        ("\"MaxUserPort\"=\"65534\"", "error: x:4:15: MaxUserPort is a number (REG_DWORD), and this is none"),
        ("\"MaxUserPort\"=hex(4):fe,ff", "error: x:4:15: MaxUserPort is a number (REG_DWORD), and this is none"),
        (
            "\"ReservedPorts\"=\"1-2\"",
            "error: x:4:17: ReservedPorts is a list of strings (REG_MULTI_SZ), and this is none",
        ),
        ("\"ReservedPorts\"=hex(7):34,0x,00,00", "error: x:4:27: this is not a byte"),
        ("\"ReservedPorts\"=hex(7):34,00,", "error: x:4:30: this is not a byte"),
        (
            "\"ReservedPorts\"=hex(7):34,00,30",
            "error: x:4:30: the number of bytes is odd, and each character takes two",
        ),
        ("\"ReservedPorts\"=hex(7):34,00,\\\r\n  3,000,00", "error: x:5:5: this is not a byte"),
        (&multi_string(&["4000"]), "error: x:4:24: `4000`: the registry takes FIRST-LAST, for a single port too"),
        (&multi_string(&["4010-4000"]), "error: x:4:24: `4010-4000`: the range 4010-4000 is reversed"),
        (&multi_string(&["0-5"]), "error: x:4:24: `0`: port 0 asks for any port, so no policy can speak of it"),
        (&multi_string(&["5-65536"]), "error: x:4:24: `65536`: a port is at most 65535"),
        (&multi_string(&["1-2", "x"]), "error: x:4:48: `x`: this is not a port number"),
    ] {
        first(registry(values), problem);
    }
    let whole = multi_string(&["4000-4000"]);
    let cut = whole.strip_suffix(",00,00").expect("it ends so");
    first(registry(cut), "note: x:1:1: this does not say which Windows it is from; taken for windows-2003");
    assert!(said(resolved(registry(cut).as_bytes(), "x").expect("it holds").1).contains("the list has no end"));
    comes_to(registry(cut), r#"preset = "windows-2003" [windows] reserved-ports = [ "4000-4000", ]"#);
    let hidden = multi_string(&["4000-4000", "", "5-6"]);
    comes_to(registry(&hidden), r#"preset = "windows-2003" [windows] reserved-ports = [ "4000-4000", ]"#);
    assert!(
        said(resolved(registry(&hidden).as_bytes(), "x").expect("it holds").1).contains("Windows does not read this")
    );
    let adjoining = registry(&multi_string(&["4000-4000", "4001-4001"]));
    first(
        adjoining,
        "note: x:4:84: 4000 and 4001 adjoin, and Windows may not honour both (KB 812873); the policy does",
    );
    let mut odd = utf16(&registry("\"MaxUserPort\"=dword:0000fffe"));
    odd.pop();
    first(odd, "error: x:4:29: here the text breaks off in the middle of a UTF-16 character");
}

const HEADING: &str = "Protocol tcp Dynamic Port Range\n------------\n";

#[test]
fn what_netsh_prints() {
    let listing = |start: &str, count: &str| format!("{HEADING}Start Port : {start}\nNumber of Ports : {count}\n");
    comes_to(listing("10000", "1000"), r#"preset = "windows-vista" [dynamic] tcp = "10000-10999""#);
    comes_to(listing("10000", "1000").repeat(2), r#"preset = "windows-vista" [dynamic] tcp = "10000-10999""#);
    comes_to(
        format!(
            "PS C:\\> netsh int ipv6 show dynamicport tcp\n{}netsh int ipv4 show dynamicport tcp\n{}",
            listing("10000", "1000"),
            listing("20000", "255")
        ),
        r#"preset = "windows-vista" [dynamic] tcp4 = "20000-20254" tcp6 = "10000-10999""#,
    );
    let rows = |rows: &str| format!("Protokoll udp Portausschlussbereiche\n\nStartport Endport\n----- -----\n{rows}");
    comes_to(
        rows(" 80 80\n 100 199 *\n 150 250 *\n\n* - \n"),
        r#"preset = "windows-vista" reserve = [ "100-199/udp", "150-250/udp", ] block = [ "80/udp", ]"#,
    );
    for (text, problem) in [
        (listing("0", "1000"), "error: x:3:14: these are no ports"),
        (listing("65000", "1000"), "error: x:3:14: these are no ports"),
        (listing("99999999999", "1"), "error: x:3:14: these are no ports"),
        (listing("65535", "0"), "error: x:3:14: these are no ports"),
        (
            listing("2000", "254"),
            "error: x:3:14: 254 ports: the dynamic range of windows-vista has at least 255 (KB 929851)",
        ),
        (format!("{HEADING}Start Port : 2000\n"), "error: x:3:14: a start port stands here without a number of ports"),
        (
            listing("2000", "300") + &listing("2000", "301"),
            "error: x:7:14: this differs from what stands above for the same protocol, and neither says for which of IPv4 and IPv6 it is",
        ),
        (rows("0 80\n"), "error: x:5:1: these are no ports"),
        (rows("80 65536 *\n"), "error: x:5:1: these are no ports"),
        (rows("90 80\n"), "error: x:5:1: these are no ports"),
        (
            format!("80 90\n{}", rows("80 90")),
            "error: x:1:1: no line above says whether these are ports of TCP or of UDP",
        ),
        (
            "netsh int ipv4 show dynamicport tcp\nThe request is not supported.\n".into(),
            "error: x:1:1: nothing in this file sets ports",
        ),
    ] {
        first(text, problem);
    }
}

#[test]
fn scripts() {
    comes_to(
        "netsh int ipv4 add excludedportrange tcp 80 10 & netsh int ipv4 delete excludedportrange tcp 80 10\n\
         netsh int ipv4 set dynamicport tcp 2000 300\nnetsh int ipv4 set dynamicport tcp 3000 300",
        r#"preset = "windows-vista" [dynamic] tcp4 = "3000-3299""#,
    );
    says(
        "netsh int ipv4 set dynamicport tcp start=%1 num=1000\nnetsh int ipv6 set dynamicport tcp 1024 1000\n",
        "
error: x:1:42: `%1`: this is not a number
  |
1 | netsh int ipv4 set dynamicport tcp start=%1 num=1000
  |                                          ^^
help:  write the number itself, in decimal digits
error: x:2:36: `1024`: a dynamic range begins at port 1025 or above (KB 929851)
  |
2 | netsh int ipv6 set dynamicport tcp 1024 1000
  |                                    ^^^^
help:  write a number from 1025 to 65535
",
    );
    says(
        "netsh int ipv4 add ex tcp 80 10\nnetsh int ipv4 add ex tcp 89 1\nnetsh int ipv4 delete ex tcp 80 9\n",
        "
warning: x:2:7: Windows refuses this, for it overlaps with netsh add excludedportrange (x, line 1); left out
  |
2 | netsh int ipv4 add ex tcp 89 1
  |       ^^^^^^^^^^^^^^^^^^^^^^^^
help:    exclude each port once
warning: x:3:7: nothing above excludes exactly 80-88, so there is nothing to delete
  |
3 | netsh int ipv4 delete ex tcp 80 9
  |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^
help:    name the same start and number of ports as were added
",
    );
    comes_to(
        "rpccfg /pe 5050-5070\nnetsh int ipv4 add ex udp 80 1\n",
        r#"preset = "windows-vista" reserve = [ "80/udp4", ]"#,
    );
    comes_to("rpccfg /pe\n", r#"preset = "windows-2003""#);
    first("rpccfg /pe 5070-5050\n", "error: x:1:12: `5070-5050`: the range 5070-5050 is reversed");
    first("rpccfg /q\n", "error: x:1:1: nothing in this file sets ports");
}

/// Files of the largest size that is read, made so that whatever is not linear would show.
#[test]
fn large_files_are_read() {
    let rows: String = (0..50_000).map(|n| format!("{} {} *\n", n % 65535 + 1, n % 65535 + 1)).collect();
    let entries: Vec<_> = (1..=5000).map(|n| format!("{n}-{n}")).collect();
    let entries: Vec<_> = entries.iter().map(String::as_str).collect();
    for text in [
        format!("Protocol tcp Port Exclusion Ranges\n---- ----\n{rows}"),
        registry(&multi_string(&entries)),
        "net.ipv4.ip_local_port_range = 2000 3000\n".repeat(25_000),
        "netsh int ipv4 add ex tcp 1 65535\n".repeat(30_000),
        "netsh int ipv4 set dynamicport tcp 2000\n".repeat(25_000),
        "netsh ".repeat(170_000),
        "netsh & ".repeat(130_000),
        "Protocol tcp\n----\n1 2\n".repeat(45_000),
    ] {
        assert!(text.len() < 1 << 20);
        let _ = resolved(text.as_bytes(), "x");
    }
}

/// A command of a script that was misspelt is not passed over.
#[test]
fn misspelt_netsh_commands() {
    first(
        "netsh int ipv4 set dynamicport udp 10000 1000\nnetsh int ipv4 sett dynamicport tcp start=10000 num=1000\n",
        "error: x:2:16: `sett`: netsh knows no such command here",
    );
    first("netsh int ip6 set dynamicport tcp 10000 1000\n", "error: x:1:11: `ip6`: netsh knows no ports here");
}

#[test]
fn misspelt_sysctls() {
    let misspelt = "net.ipv4.ip_local_port_rnage";
    first(
        format!("net.ipv4.ip_local_reserved_ports = 80\nnet.ipv4.ip_forward = 1\n{misspelt} = 1025 5000\n"),
        &format!("error: x:3:32: `{misspelt}`: there is no such setting"),
    );
}
