//! The promises of the first screen, to the letter: what a program is told when the policy has no port left, and
//! what reserved and blocked ports are, inside the host's range and outside of it.

use portshim_tests::portshim;
use portshim_tests::programs::{must, private, source};

/// Ranges of ten ports that the kernel cannot, and can, be steered to.
const RANGES: [u16; 2] = [20000, 41000];

#[test]
fn ten_ports_are_ten_ports() {
    private(|| {
        for first in RANGES {
            let range = format!("{first}-{}", first + 9);
            let said = must(&mut portshim([
                "run",
                "--range",
                &range,
                "--",
                "python3",
                source("promises/exhaust.py").to_str().expect("text"),
            ]));
            assert_eq!(
                said,
                "udp bind: 10 ok, 1 EADDRINUSE\n\
                 udp send: 1 EAGAIN\n\
                 tcp to one: 10 ok, 1 EADDRNOTAVAIL\n\
                 tcp to another: 10 ok, 1 EADDRNOTAVAIL\n\
                 tcp bind: 1 EADDRINUSE\n",
                "{range}"
            );
        }
    });
}

#[test]
fn reserved_ports_are_skipped_and_blocked_ones_refused() {
    private(|| {
        for first in RANGES {
            let (range, reserved) = (format!("{first}-{}", first + 9), format!("{}-{}", first + 3, first + 5));
            let (named, blocked) = ((first + 4).to_string(), (first + 7).to_string());
            for (scope, tcp, udp) in [
                ("", "012689 ok EACCES", "012689 ok EACCES"),
                ("/udp", "0123456789 EADDRINUSE EADDRINUSE", "012689 ok EACCES"),
            ] {
                let (reserve, block) = (format!("{reserved}{scope}"), format!("{blocked}{scope}"));
                let policy = ["run", "--range", &range, "--reserve", &reserve, "--block", &block, "--", "python3"];
                let script = source("promises/avoid.py");
                let said =
                    must(&mut portshim(policy.into_iter().chain([script.to_str().expect("text"), &named, &blocked])));
                assert_eq!(said, format!("tcp4 {tcp}\ntcp6 {tcp}\nudp4 {udp}\nudp6 {udp}\n"), "{range}{scope}");
            }
        }
    });
}
