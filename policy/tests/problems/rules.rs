//! Problems with what is asked for: what a model forbids, what has no effect, what leaves nothing.

use super::super::{file, options, said, same};
use portshim_policy::config::{Layer, keys};

#[test]
fn options_and_variables() {
    same(
        &options(&[
            (&keys::DYNAMIC, "20000-x"),
            (&keys::RESERVE, "50-40/udp"),
            (&keys::BLOCK, "80/tpc"),
            (&keys::PRESET, "windows-xo"),
            (&keys::PRESET, "solaris"),
            (&keys::SELECT, "quick"),
            (&keys::SHARING, "tupel"),
            (&keys::SEED, "+1"),
            (&keys::MAX_USER_PORT, "many"),
        ]),
        "
error: --range 20000-x: `x`: this is not a port number
help:  write a number from 1 to 65535
error: --reserve 50-40/udp: `50-40`: the range 50-40 is reversed
help:  write 40-50
error: --block 80/tpc: `tpc`: there is no such scope
help:  write one of all, tcp, udp, 4, 6, tcp4, tcp6, udp4, udp6
error: --preset windows-xo: `windows-xo`: there is no such preset
help:  did you mean `windows-xp`?
error: --preset solaris: `solaris`: there is no such preset
help:  write one of host, linux, windows-xp, windows-2003, windows-2003-sp1, windows-vista, bsd, freebsd, iana
error: --select quick: `quick`: there is no such order
help:  write one of native, sequential, descending, random-start, random, hash, double-hash, random-increment
error: --sharing tupel: `tupel`: there is no such sharing
help:  did you mean `tuple`?
error: --seed +1: `+1`: this is not a seed
help:  write a number from 0 to 18446744073709551615
error: --max-user-port many: `many`: this is not a port number
help:  write a number from 5000 to 65534
",
    );
    let problems = Layer::new().variable(&keys::BLOCK, "1 2-x 0/tcp").unwrap_err();
    same(
        &said(problems),
        "
error: PORTSHIM_BLOCK=1 2-x 0/tcp: `x`: this is not a port number
help:  write a number from 1 to 65535
error: PORTSHIM_BLOCK=1 2-x 0/tcp: `0`: port 0 asks for any port, so no policy can speak of it
help:  write a number from 1 to 65535
",
    );
}

#[test]
fn what_a_preset_forbids() {
    same(
        &options(&[(&keys::PRESET, "windows-vista"), (&keys::DYNAMIC, "1000-1010"), (&keys::BLOCK, "80")]),
        "
error: --range 1000-1010: 1000-1010: the dynamic range of windows-vista begins at 1025 or above (KB 929851)
help:  begin at 1025, or choose a preset that takes any range, such as linux
error: --range 1000-1010: 11 ports: the dynamic range of windows-vista has at least 255 (KB 929851)
help:  name 255 ports or more, or choose a preset that takes any range, such as linux
warning: --range 1000-1010: 1000-1010: on this host a program needs privilege to bind a port below 1024
help:    begin at 1024 or above
",
    );
    same(&options(&[(&keys::PRESET, "windows-vista"), (&keys::DYNAMIC, "1025-1279")]), "");
    same(
        &file("preset = \"windows-2003\"\nblock = [\"4000-50000/udp\", \"5001-49151\"]\n"),
        r#"
error: policy.toml:2:11: 4000-50000: windows-2003 blocks only ports above MaxUserPort (5000), up to 49151 (The Cable Guy, December 2005)
  |
2 | block = ["4000-50000/udp", "5001-49151"]
  |           ^^^^^^^^^^^^^^
help:  block ports inside 5001-49151, or reserve these
"#,
    );
    same(&options(&[(&keys::PRESET, "windows-2003-sp1"), (&keys::BLOCK, "5001-65535")]), "");
    same(
        &options(&[(&keys::PRESET, "windows-xp"), (&keys::MAX_USER_PORT, "70000"), (&keys::BLOCK, "9")]),
        "
warning: --max-user-port 70000: MaxUserPort 70000 is outside 5000-65534, so it counts as 65534, as on Windows (KB 196271)
help:    write 65534
error: --block 9: 9: with MaxUserPort 65534, windows-xp can block no port at all (The Cable Guy, December 2005)
help:  lower MaxUserPort, or choose windows-2003-sp1
",
    );
}

#[test]
fn parts_about_another_system() {
    same(
        &options(&[(&keys::MAX_USER_PORT, "6000")]),
        "
error: --max-user-port 6000: this has no effect under preset host
help:  choose one of the presets windows-xp, windows-2003, windows-2003-sp1, or leave it out
",
    );
    same(
        &file("preset = \"bsd\"\nlinux.ip_local_reserved_ports = \"80\"\nwindows.max-user-port = 70000\n"),
        r#"
warning: policy.toml:3:25: `windows.max-user-port` has no effect under preset bsd
  |
3 | windows.max-user-port = 70000
  |                         ^^^^^
help:    choose one of the presets windows-xp, windows-2003, windows-2003-sp1, or leave it out
warning: policy.toml:2:34: `linux.ip_local_reserved_ports` has no effect under preset bsd
  |
2 | linux.ip_local_reserved_ports = "80"
  |                                  ^^
help:    choose one of the presets host, linux, or leave it out
"#,
    );
}

#[test]
fn an_empty_policy_names_what_emptied_it() {
    same(
        &options(&[
            (&keys::DYNAMIC, "20000-20009"),
            (&keys::RESERVE, "20000-20005/tcp"),
            (&keys::RESERVE, "9"),
            (&keys::BLOCK, "20006-65535/tcp"),
        ]),
        "
error: --range 20000-20009: no port of this range is left for tcp: all are reserved by --reserve 20000-20005/tcp and blocked by --block 20006-65535/tcp
help:  reserve and block less of it, or widen the range
",
    );
    same(
        &file("preset = \"linux\"\n[[process]]\nmatch = \"java\"\nblock = \"1-65535\"\n"),
        "
error: preset linux (kernel documentation, ip-sysctl: ip_local_port_range): no port of this range is left in programs called java: all are blocked by process.block (policy.toml, line 4)
help:  reserve and block less of it, or widen the range
",
    );
}

#[test]
fn privileged_ports() {
    same(
        &options(&[(&keys::DYNAMIC, "80-90,1024-2000")]),
        "
warning: --range 80-90,1024-2000: 80-90: on this host a program needs privilege to bind a port below 1024
help:    begin at 1024 or above
",
    );
}
