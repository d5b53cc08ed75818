//! `portshim status`: what the kernel says is in use, and who holds it.

use super::server::{Server, json, told};
use portshim_tests::programs::{private, until};
use portshim_tests::{portshim, portshim_path};
use std::process::Command;

/// Number of ports of a scope: in use, the session's own, in TIME_WAIT, free.
fn counts(scope: usize) -> String {
    let of =
        format!("[it['rules'][-1]['scopes'][{scope}][key] for key in ('in_use', 'by_session', 'time_wait', 'free')]");
    json(&["status", "--json"], &of)
}

#[test]
fn a_picture_of_it_all() {
    private(|| {
        let options = ["--range", "20000-20009", "--select", "sequential", "--reserve", "20008/udp", "--block", "9000"];
        let mut server = Server::run(&options);
        let did = server.all_told(&["tcp 0", "wait", "bound 0", "udp 0", "tcp 8080", "tcp 9000"]);
        assert_eq!(did, ["20000", "20001", "20002", "20000", "8080", "EACCES"]);
        let text = told(&["status"]);
        let (title, rest) = text.split_once('\n').expect("lines");
        assert!(title.starts_with(&format!("session {}: ", server.id())) && title.contains("python3"), "{title}");
        let (started, rest) = rest.split_once('\n').expect("lines");
        assert!(started.starts_with("started ") && started.ends_with("s ago, 1 process"), "{started}");
        let id = server.id();
        assert_eq!(
            rest.replace(&format!("\n{id:>7}  "), "\n     ID  "),
            "
select sequential, sharing tuple

tcp4 tcp6: 10 ports to hand out: 20000-20009
                              in use   own  TIME_WAIT   free   peak   served  exhausted  refused
  tcp4 ████▒▒░░░░░░░░░░░░░░        3     2          1      7      2        3          0        1
  tcp6 ░░░░░░░░░░░░░░░░░░░░        0     0          0     10      0        0          0        0

udp4 udp6: 9 ports to hand out: 20000-20007,20009
                              in use   own  TIME_WAIT   free   peak   served  exhausted  refused
  udp4 ██░░░░░░░░░░░░░░░░░░        1     1          0      8      1        1          0        0
  udp6 ░░░░░░░░░░░░░░░░░░░░        0     0          0      9      0        0          0        0

reserved  20008/udp                     the policy
blocked   9000                          the policy

process  in use   served  exhausted  refused  ports                              program
     ID       4        4          0        1  tcp4 8080,20000,20002  udp4 20000  python3
"
        );
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    });
}

const RULES: &str = "\
dynamic.all = \"20000-20004\"

[[process]]
match = \"python*\"
dynamic.all = \"30000-30009\"
";

#[test]
fn programs_with_rules_of_their_own_are_told_apart() {
    private(|| {
        let policy = portshim_tests::programs::scratch("sessions").join("policy.toml");
        std::fs::write(&policy, RULES).expect("it is ours");
        let mut server = Server::run(&["-c", policy.to_str().expect("text"), "--select", "sequential"]);
        server.told("udp 0");
        std::fs::remove_dir_all(policy.parent().expect("a folder")).expect("it is ours");
        let served =
            "[(rules['match'], rules['scopes'][2]['ports'], rules['scopes'][2]['served']) for rules in it['rules']]";
        assert_eq!(json(&["status", "--json"], served), "[('python*', '30000-30009', 1), (None, '20000-20004', 0)]");
        let text = told(&["status"]);
        assert!(text.contains("\nfor python*\n") && text.contains("\nfor all other programs\n"), "{text}");
        let ps = told(&["ps"]);
        assert!(ps.contains("20000-20004 +1 [[process]]"), "{ps}");
        // What is reserved since is for all of them, and stands apart.
        assert!(!text.contains("for all programs"), "{text}");
        told(&["reserve", "30005/udp"]);
        let text = told(&["status"]);
        let live =
            "\nfor all programs, since the session began\n\nreserved  30005/udp                     the command line\n";
        assert!(text.contains(live), "{text}");
    });
}

/// A range that is full does not look idle because it has been reserved meanwhile.
#[test]
fn ports_that_are_reserved_meanwhile_are_in_use_as_before() {
    private(|| {
        let mut server = Server::run(&["--range", "20000-20001/udp", "--range", "20000-20009/tcp"]);
        assert_eq!(server.all_told(&["udp 0", "udp 0"]).len(), 2);
        assert_eq!(counts(2), "[2, 2, 0, 0]");
        let output = portshim(["reserve", "20000/udp"]).output().expect("it runs");
        assert!(output.status.success() && output.stderr.is_empty(), "{}", portshim_tests::said(&output));
        assert_eq!(counts(2), "[2, 2, 0, 0]");
        let output = portshim(["reserve", "20001/udp", "20000-20005"]).output().expect("it runs");
        assert_eq!(
            String::from_utf8_lossy(&output.stderr),
            "warning: no port is left to hand out (udp): whoever asks for any gets none\n\
             help:    `portshim unreserve` lifts what was reserved\n"
        );
        assert!(output.status.success(), "{}", portshim_tests::said(&output));
        assert_eq!(counts(2), "[2, 2, 0, 0]");
        let text = told(&["status"]);
        assert!(
            text.contains(
                "\nudp4 udp6: nothing left to hand out: all of 20000-20001 is reserved, blocked or exhausted\n"
            ),
            "{text}"
        );
        assert!(text.contains("  udp4 ████████████████████        2     2          0      0 "), "{text}");
        // Said once, of whoever took the last.
        let output = portshim(["block", "20006/udp"]).output().expect("it runs");
        assert!(output.status.success() && output.stderr.is_empty(), "{}", portshim_tests::said(&output));
    });
}

/// What a command says in a terminal of that width.
fn told_within(columns: &str, args: &[&str]) -> String {
    portshim_tests::programs::must(portshim(args).env("COLUMNS", columns))
}

#[test]
fn tables_fit_the_terminal() {
    private(|| {
        let options = ["--range", "20000-20999", "--select", "sequential", "--reserve", "20500-20600/udp"];
        let mut server = Server::run(&options);
        let other = Server::run(&["--range", "30000-30009"]);
        for _ in 0..30 {
            server.told("udp 0");
            server.told("close");
        }
        let odd: Vec<_> = (0..40).map(|n| format!("udp {}", 40001 + 2 * n)).collect();
        server.all_told(&odd.iter().map(String::as_str).collect::<Vec<_>>());
        let even: Vec<_> = (0..30).map(|n| (20000 + 2 * n).to_string()).collect();
        let id = server.id();
        told(&["reserve", "--session", &id, &even.join(",")]);
        let session: [&str; 3] = ["status", "--session", &id];
        for columns in ["60", "72", "100", "140"] {
            let most = columns.parse().expect("a number");
            for args in [&["ps"][..], &session] {
                let text = told_within(columns, args);
                let widest = text.lines().map(|line| line.chars().count()).max();
                assert!(widest <= Some(most), "{columns} {args:?}: {widest:?}\n{text}");
            }
            let output = portshim(["status"]).env("COLUMNS", columns).output().expect("it runs");
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(said.lines().all(|line| line.chars().count() <= most), "{columns}: {said}");
        }
        // Nothing is missing in the narrow one, and more fits into the wide one.
        let narrow = told_within("60", &session);
        for word in ["in use", "own", "TIME_WAIT", "free", "peak", "served", "exhausted", "refused", "program"] {
            assert!(narrow.contains(word), "{word}: {narrow}");
        }
        assert!(told_within("140", &["ps"]).len() > told_within("100", &["ps"]).len());
        // All ports, where they are asked for.
        let last = "40079";
        assert!(!narrow.contains(last) && !told(&session).contains(last), "{narrow}");
        for columns in ["60", "100"] {
            let whole = told_within(columns, &["status", "-v", "--session", &id]);
            let ports: Vec<_> = (0..40).map(|n| (40001 + 2 * n).to_string()).collect();
            let joined: String = whole.split_whitespace().collect();
            assert!(joined.contains(&ports.join(",")), "{whole}");
            let most = columns.parse().expect("a number");
            assert!(whole.lines().all(|line| line.chars().count() <= most), "{columns}: {whole}");
        }
        other.end();
    });
}

/// Whatever kind of socket it is.
#[test]
fn every_kind_of_socket_is_seen() {
    private(|| {
        let mut server = Server::run(&["--range", "20000-20019", "--select", "sequential"]);
        for (order, tcp4, tcp6, udp4) in [
            ("tcp 0", 1, 0, 0),
            ("bound 0", 2, 0, 0),
            ("mptcp 0", 3, 0, 0),
            // Both families' port.
            ("tcp6 0", 4, 1, 0),
            ("udp 0", 4, 1, 1),
            ("udplite 20019", 4, 1, 2),
        ] {
            assert!(server.told(order).starts_with("200"), "{order}");
            for (scope, own) in [(0, tcp4), (1, tcp6), (2, udp4)] {
                assert_eq!(counts(scope), format!("[{own}, {own}, 0, {}]", 20 - own), "{order}");
            }
        }
        server.told("close");
        assert_eq!([0, 1, 2].map(counts), ["[0, 0, 0, 20]"; 3]);
    });
}

#[test]
fn sockets_of_others_are_in_use_and_not_our_own() {
    private(|| {
        let _server = Server::run(&["--range", "20000-20009"]);
        let _other = std::net::TcpListener::bind("127.0.0.1:20004").expect("it is free");
        assert_eq!(counts(0), "[1, 0, 0, 9]");
    });
}

#[test]
fn a_socket_of_two_processes_is_both_of_theirs_and_one_port() {
    private(|| {
        let mut server = Server::run(&["--range", "20000-20009", "--select", "sequential"]);
        server.told("udp 0");
        let child = server.told("fork");
        let ports = "[(str(p['pid']), p['ports']) for p in it['processes']]";
        let expected = format!("[('{}', {{'udp4': '20000'}}), ('{child}', {{'udp4': '20000'}})]", server.id());
        assert_eq!(json(&["status", "--json"], ports), expected);
        assert_eq!(counts(2), "[1, 1, 0, 9]");
    });
}

/// A child on its way to another program has its parent's memory, where it closes and copies
/// nothing of its own.
#[test]
fn what_a_child_copies_is_still_its_parents_to_close() {
    private(|| {
        let mut server = Server::run(&["--range", "20000-20009", "--select", "sequential"]);
        for port in ["20000", "20001", "20002"] {
            assert_eq!(server.all_told(&["tcp 0", "spawn", "close"]), [port, "0", "closed"]);
        }
        assert_eq!(json(&["status", "--json"], "it['rules'][0]['scopes'][0]['peak']"), "1");
    });
}

/// A process of the session in a network of its own: seen from inside that network, and, where
/// nobody is let in, by its tables.
#[test]
fn every_network_of_a_session_is_looked_at() {
    private(|| {
        let mut server = Server::run(&["--range", "20000-20009", "--select", "sequential"]);
        server.told("udp 0");
        server.told("unshare");
        assert_eq!(counts(2), "[2, 2, 0, 8]");
        let mut command = Command::new("setpriv");
        command.arg("--bounding-set=-sys_admin").arg(portshim_path()).args(["status", "--json"]);
        let said = portshim_tests::programs::must(&mut command);
        assert!(said.contains("\"udp4\": \"20001\""), "{said}");
    });
}

#[test]
fn a_session_whose_program_is_not_reached() {
    private(|| {
        // No process has the region.
        let server = portshim_tests::programs::scratch("sessions").join("server");
        let source = server.with_extension("c");
        std::fs::write(&source, "#include <unistd.h>\nint main(void) { pause(); }\n").expect("it is ours");
        portshim_tests::programs::must(Command::new("cc").arg("-static").arg("-o").arg(&server).arg(&source));
        let mut command = portshim(["run", "-q", "--engine=preload", "--allow-uncovered", "--"]);
        let mut child = command.arg(&server).spawn().expect("it runs");
        until("it is there", || json(&["ps", "--json"], "[one['command'][-6:] for one in it]") == "['server']");
        let text = told(&["status"]);
        assert!(text.contains("ago, 1 process\n"), "{text}");
        assert!(text.contains("\n         not covered: it is statically linked, so"), "{text}");
        child.kill().expect("it runs");
        child.wait().expect("it ran");
        std::fs::remove_dir_all(server.parent().expect("a folder")).expect("it is ours");
    });
}
