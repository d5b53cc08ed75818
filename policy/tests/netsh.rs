//! netsh's command lines: what is taken, what is refused and where, and what is about something
//! else.

use portshim_policy::netsh::{Command, CommandError, command, names_store};

#[test]
fn what_netsh_takes() {
    for (text, spelled_out) in [
        (
            "int ipv4 set dynamicport tcp start=10000 num=1000",
            "interface ipv4 set dynamicport protocol=tcp startport=10000 numberofports=1000 store=persistent",
        ),
        (
            " interface  IP set dynamicportrange UDP 1025 3976 active ",
            "interface ipv4 set dynamicport protocol=udp startport=1025 numberofports=3976 store=active",
        ),
        (
            "int ipv6 set dy numberofports=64510 startport=1025 protocol=udp store=pers",
            "interface ipv6 set dynamicport protocol=udp startport=1025 numberofports=64510 store=persistent",
        ),
        ("int ipv6 sh dynamicport tcp", "interface ipv6 show dynamicport protocol=tcp store=active"),
        (
            "int ipv4 show excludedportrange protocol=tcp",
            "interface ipv4 show excludedportrange protocol=tcp store=active",
        ),
        (
            "INT IPV4 ADD EXCLUDEDPORTRANGE TCP 65535 1",
            "interface ipv4 add excludedportrange protocol=tcp startport=65535 numberofports=1 store=persistent",
        ),
        (
            "int ipv4 del ex \"protocol=udp\" startport=\"1000\" num=5 store=active",
            "interface ipv4 delete excludedportrange protocol=udp startport=1000 numberofports=5 store=active",
        ),
        (
            "int ipv4 add excludedportrange ^\r\n  tcp ^\n 80 1",
            "interface ipv4 add excludedportrange protocol=tcp startport=80 numberofports=1 store=persistent",
        ),
        (
            "int ipv4 set dynamicport tcp 65281 255",
            "interface ipv4 set dynamicport protocol=tcp startport=65281 numberofports=255 store=persistent",
        ),
    ] {
        let command: Command = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(command.to_string(), spelled_out, "{text}");
        assert_eq!(spelled_out.parse(), Ok(command));
    }
}

#[test]
fn what_it_refuses() {
    for (text, part, at) in [
        ("int ipv4 set dynamicport", "", 24),
        ("int ipv4 set dynamicport icmp 49152 16384", "icmp", 25),
        ("int ipv4 set dynamicport tcp", "", 28),
        ("int ipv4 set dynamicport tcp 49152", "", 34),
        ("int ipv4 set dynamicport tcp 1024 16384", "1024", 29),
        ("int ipv4 set dynamicport tcp start=0 num=300", "0", 35),
        ("int ipv4 set dynamicport tcp 65536 255", "65536", 29),
        ("int ipv4 set dynamicport tcp 49152 254", "254", 35),
        ("int ipv4 set dynamicport tcp 49152 16385", "16385", 35),
        ("int ipv4 set dynamicport tcp 65282 255", "255", 35),
        ("int ipv4 set dynamicport tcp 49152 99999999999", "99999999999", 35),
        ("int ipv4 set dynamicport tcp 49152 16384 active 5", "5", 48),
        ("int ipv4 set dynamicport tcp s=49152 16384", "s", 29),
        ("int ipv4 set dynamicport tcp start=%1 num=1000", "%1", 35),
        ("int ipv4 set dynamicport tcp start= num=1000", "", 35),
        ("int ipv4 set dynamicport tcp tcp=1 num=1000", "tcp", 29),
        ("int ipv4 set dynamicport tcp prot=udp 1 2", "prot=udp", 29),
        ("int ipv4 show dynamicport tcp start=1", "start", 30),
        ("int ipv4 show dynamicport tcp forever", "forever", 30),
        ("int ipv4 add excludedportrange tcp 0 1", "0", 35),
        ("int ipv4 add excludedportrange tcp 80 0", "0", 38),
        ("int ipv4 add excludedportrange tcp 65535 2", "2", 41),
        ("int ipv4 add dynamicport tcp 80 1", "", 33),
        ("int ipv4 set excludedportrange tcp 80 1", "", 39),
        ("advfirewall set allprofiles state off", "advfirewall set allprofiles state off", 0),
        (" int ipv4", "int ipv4", 1),
        ("", "", 0),
    ] {
        let e = text.parse::<Command>().expect_err(text);
        let e = e.fault();
        assert_eq!((e.part.as_str(), e.at), (part, at), "{text}: {e}");
        assert!(!e.remedy.is_empty());
    }
}

#[test]
fn what_is_about_something_else() {
    for text in [
        "advfirewall set allprofiles state off",
        "int ipv4 show addresses",
        "int tcp show global",
        "int ipv4 reset",
        "ip show dynamicport tcp",
    ] {
        assert_eq!(command(text), Ok(None), "{text}");
    }
}

/// Windows refuses these as an incorrect parameter; what it cannot even read is told apart.
#[test]
fn what_is_incorrect_and_what_is_unreadable() {
    for (text, incorrect) in [
        ("int ipv4 set dynamicport tcp start=1024 num=1000", true),
        ("int ipv4 set dynamicport tcp start=10000 num=254", true),
        ("int ipv4 set dynamicport tcp start=65535 num=255", true),
        ("int ipv4 set dynamicport tcp start=70000 num=255", true),
        ("int ipv4 add excludedportrange tcp 0 1", true),
        ("int ipv4 add excludedportrange tcp 80 0", true),
        ("int ipv4 set dynamicport tcp start=x num=255", false),
        ("int ipv4 set dynamicport", false),
        ("int ipv4 set dynamicport icmp 10000 255", false),
        ("int ipv4 set dynamicport tcp start = 10000 num=255", false),
        ("int ipv4 set dynamicport tcp start= 10000 num=255", false),
        ("int ipv4 set dynamicport tcp start =10000 num=255", false),
        ("int ipv4 sett dynamicport tcp 10000 255", false),
        ("int ip4 set dynamicport tcp 10000 255", false),
        ("advfirewall reset", false),
    ] {
        let e = text.parse::<Command>().expect_err(text);
        assert_eq!(matches!(e, CommandError::Incorrect(_)), incorrect, "{text}: {e}");
        assert_eq!(
            e.to_string().contains("no white space around `=`"),
            text.contains(" =") || text.contains("= "),
            "{e}"
        );
    }
}

#[test]
fn whether_a_store_is_named() {
    for (text, named) in [
        ("int ipv4 show dynamicport tcp", false),
        ("int ipv4 show dynamicport tcp act", true),
        ("int ipv4 show dynamicport tcp store=persistent", true),
        ("int ipv4 show dynamicport tcp sto=a", true),
        ("int ipv4 add excludedportrange tcp startport=1 num=1", false),
    ] {
        assert_eq!(names_store(text), named, "{text}");
    }
}
