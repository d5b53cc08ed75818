//! Files that are no settings, and what may stand beside settings.

use super::super::{HEADING, comes_to, registry, said, says, utf16};
use portshim_policy::config::Layer;

/// The command that should have written the file has failed, most likely.
#[test]
fn files_that_hold_nothing() {
    let utf16 = utf16("\r\n");
    for name in ["x.toml", "x.reg", "x.conf", "x"] {
        for bytes in [&b""[..], b"\xef\xbb\xbf", b"\xff\xfe", b" \n\t\r\n", &utf16] {
            let problems = Layer::from_bytes(bytes, name).expect_err("it is empty");
            assert!(said(problems.clone()).starts_with(&format!("error: `{name}` is empty\nhelp:  ")), "{problems:?}");
            assert_eq!(Layer::imported(bytes, name).expect_err("it is empty"), problems);
        }
        let comments = Layer::from_bytes(b"# nothing\n\n ; here\n", name).map(|_| ()).map_err(said);
        if name == "x.toml" {
            assert!(Layer::from_bytes(b"# preset = \"linux\"\n", name).is_ok(), "it waits to be filled in");
        } else {
            let comments = comments.expect_err("it holds comments alone");
            assert!(
                comments.starts_with(&format!("error: `{name}` sets nothing: it holds comments alone\n")),
                "{comments}"
            );
        }
    }
}

/// A document that quotes settings, at which it is not obeyed.
#[test]
fn texts_that_speak_of_settings() {
    says(
        "# Ports\n\nTo move the range, run this:\n\n```cmd\nnetsh int ipv4 set dynamicport tcp 10000 1000\n```\n",
        "
error: x:5:1: this is no line of settings, though line 6 is: a text that speaks of settings is not taken for them
  |
5 | ```cmd
  | ^^^^^^
help:  copy what sets ports into a file of its own
",
    );
    let key = &registry("\"MaxUserPort\"=dword:0000fffe");
    let listing = format!("{HEADING}Start Port : 10000\nNumber of Ports : 1000\n");
    for (text, line) in [
        (format!("So sieht es aus, wenn alles stimmt:\n\n~~~\n{listing}~~~\n"), "3:1"),
        ("  ```\nnet.ipv4.ip_local_port_range = 1025 5000\n  ```\n".to_owned(), "1:3"),
        (format!("Import this:\n```reg\n{key}\n```\n"), "2:1"),
        ("<!DOCTYPE html>\n<pre>\nnet.inet.ip.portrange.first: 10000\n</pre>\n".to_owned(), "1:1"),
        ("<p>Run\nnetsh int ipv4 set dynamicport tcp 10000 1000\n</p>\n".to_owned(), "3:1"),
    ] {
        let problems = Layer::imported(text.as_bytes(), "x").expect_err("it is a document");
        let said = said(problems);
        assert!(
            said.starts_with(&format!("error: x:{line}: this is no line of settings, though line ")),
            "{text}: {said}"
        );
    }
}

/// What stands beside commands and listings in real files.
#[test]
fn what_surrounds_settings() {
    const RANGE: &str = r#"preset = "windows-vista" [dynamic] tcp4 = "10000-10999""#;
    let netsh = "netsh int ipv4 set dynamicport tcp 10000 1000";
    for text in [
        format!("@echo off\r\nREM First, the ports. Then all else.\r\necho Now, the ports are set.\r\n{netsh}\r\n"),
        format!(
            "<#\n.SYNOPSIS\n    Moves the range, as the firewall wants it.\n#>\nparam($a, $b)\n{netsh} | Out-Null\n"
        ),
        format!(":: Ports, please.\n:again\nif errorlevel 1 goto :eof\nnet stop winnat\n{netsh}\nexit /b 0\n"),
        format!("sc config myservice start= auto\ncd ..\nrobocopy source target . /mir\n{netsh}\npause\n"),
        format!(
            "Windows PowerShell\nInstall the latest PowerShell for new features and improvements! https://aka.ms/PSWindows\n\n\
             PS C:\\Windows\\system32> {netsh}\n"
        ),
        format!(
            "cls & echo Setting ports, please wait a moment.\n{netsh}\nmsg * The ports have been moved, please reboot.\n"
        ),
        format!("type list.txt ^\n| findstr tcp\n- that is all\n{netsh}\n"),
        format!(
            "Microsoft Windows [Version 10.0.19045.3803]\n(c) Microsoft Corporation. Alle Rechte vorbehalten.\n\n\
             C:\\Windows\\system32>{netsh}\nOK, das hat geklappt, wie es scheint.\n"
        ),
    ] {
        comes_to(text, RANGE);
    }
    comes_to(
        "sysctl: permission denied on key 'fs.protected_fifos'\n[sysctl]\n-net.ipv4.conf.all.rp_filter\n\
         net.ipv4.ip_local_port_range = 1025 5000\n",
        r#"preset = "linux" [linux] ip_local_port_range = "1025 5000""#,
    );
    comes_to(
        "* Applying /etc/sysctl.d/99-sysctl.conf ...\nnet.ipv4.ip_local_port_range = 1025 5000\n",
        r#"preset = "linux" [linux] ip_local_port_range = "1025 5000""#,
    );
    comes_to(
        "kern.ostype: FreeBSD\nkern.geom.conftxt: 0 DISK\n1 PART and so on.\nnet.inet.ip.portrange.first: 30000\n",
        r#"preset = "freebsd" [freebsd] first = 30000"#,
    );
}
