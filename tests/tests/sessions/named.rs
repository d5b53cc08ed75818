//! `run --name`: sessions by the names that they were given.

use super::server::{Server, json, refused, told};
use portshim_tests::programs::{must, private};
use portshim_tests::{portshim, said};

#[test]
fn a_name_is_shown_and_taken() {
    private(|| {
        let mut web = Server::run(&["--range", "20000-20009", "--name", "web", "--select", "sequential"]);
        let other = Server::run(&["--range", "30000-30009"]);
        assert_eq!(web.told("udp 0"), "20000");
        let id = web.id();
        assert_eq!(json(&["ps", "--json"], "[one['name'] for one in it]"), "['web', None]");
        assert!(told(&["ps"]).contains(&format!("\n{id} web")), "{}", told(&["ps"]));
        assert_eq!(told(&["ps", "-q"]), format!("{id}\nweb\n{}\n", other.id()));
        told(&["reserve", "--session", "web", "20001"]);
        let status = told(&["status", "--session", "web"]);
        assert!(status.starts_with(&format!("session {id} web: ")) && status.contains("20001 "), "{status}");
        assert_eq!(json(&["status", "--json", "--session", "web"], "it['id'], it['name']"), format!("('{id}', 'web')"));
        assert!(told(&["metrics"]).contains(&format!("{{session=\"{id}\",program=\"python3\",name=\"web\"}} 1")));
        let top = must(portshim(["top", "--once", "--session", "web"]).env("COLUMNS", "100"));
        assert!(top.contains(&format!("▶ {id}")) && top.contains("  web: "), "{top}");
        assert_eq!(json(&["who", "--json", "--session", "web", "20000"], "it[0]['port']"), "20000");
        // Of two that have the same name, one has to be named otherwise.
        let _twin = Server::run(&["--range", "40000-40009", "--name", "web"]);
        let output = portshim(["status", "--session", "web"]).output().expect("it runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.starts_with("error: 2 sessions are live, so one must be named\n"), "{}", said(&output));
        assert!(stderr.ends_with(&format!("help:  name it, such as --session {id}\n")), "{}", said(&output));
    });
}

#[test]
fn names_that_would_be_taken_for_something_else() {
    let help = "use up to 32 letters, digits, `-`, `_` and `.`, not digits alone";
    let long = "x".repeat(33);
    for name in ["4711", "a b", "a\nb", "ü", &long] {
        let problem = format!("a session cannot be called `{}`", name.escape_debug());
        refused(&["run", &format!("--name={name}"), "--", "true"], &problem, help);
    }
}
