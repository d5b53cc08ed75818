//! `portshim ps`.

use super::server::{Server, json, told};
use portshim_tests::portshim;
use portshim_tests::programs::{private, until};
use std::fs;
use std::process::Stdio;

/// The lines of a table without what differs from run to run: the interpreter's path, numbers,
/// ages.
fn masked(table: &str, server: &Server) -> String {
    let folder = std::env::var("XDG_RUNTIME_DIR").expect("a private network has one");
    let mut masked = String::new();
    for line in table.lines() {
        let mut words = Vec::new();
        for word in line.split_whitespace() {
            // How much of a command is shown depends on where python3 is.
            if word.ends_with("python3") {
                words.push("python3".to_owned());
                break;
            }
            words.push(match word {
                _ if word == server.id() => "ID".to_owned(),
                _ if word.starts_with(&folder) => "FILE".to_owned(),
                _ if word.ends_with('s') && word.starts_with(|c: char| c.is_ascii_digit()) => "1s".to_owned(),
                _ => word.to_owned(),
            });
        }
        masked += &(words.join(" ") + "\n");
    }
    masked
}

#[test]
fn nobody_is_there() {
    private(|| {
        let output = portshim(["ps"]).output().expect("it runs");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "portshim: no session of yours is live\n");
        assert!(output.status.success() && output.stdout.is_empty());
        assert_eq!(told(&["ps", "--json"]), "[]\n");
    });
}

#[test]
fn a_line_for_each_session() {
    private(|| {
        let mut server = Server::run(&["--range", "20000-20009", "--reserve", "20003/tcp"]);
        let table = told(&["ps"]);
        assert_eq!(
            masked(&table, &server),
            "id started processes ports program\n\
             ID 1s ago 1 20000-20002,20004-20009/tcp … python3\n"
        );
        let columns: Vec<_> = table.lines().map(|line| line.find("  ").expect("columns")).collect();
        assert!(columns.iter().all(|at| *at > 0) && table.lines().all(|line| line.chars().count() <= 100), "{table}");
        let child = server.told("fork");
        assert_eq!(
            masked(&told(&["ps", "--verbose"]), &server).replace(&child, "CHILD"),
            "id started processes ports program\n\
             ID 1s ago 2 20000-20002,20004-20009/tcp … python3\n\
             FILE\n\
             ID python3\n\
             CHILD python3\n"
        );
        let other = Server::run(&["--preset", "windows-xp"]);
        let ids = [server.id(), other.id()].map(|id| format!("'{id}'")).join(", ");
        assert_eq!(json(&["ps", "--json"], "[one['id'] for one in it]"), format!("[{ids}]"));
        assert_eq!(
            json(&["ps", "--json"], "[one['ports'] for one in it]"),
            "[['20000-20002,20004-20009/tcp', '20000-20009/udp'], ['1025-5000']]"
        );
        assert_eq!(
            json(&["ps", "--json"], "[p['pid'] for p in it[0]['processes']]"),
            format!("[{}, {child}]", server.id())
        );
        assert_eq!(json(&["ps", "--json"], "it[0]['started'][10:11] + it[0]['started'][-1]"), "TZ");
        assert_eq!(json(&["ps", "--json"], "it[0]['error'], it[0]['process_rules']"), "(None, 0)");
        // One that is over is gone from the list at once.
        other.end();
        assert_eq!(json(&["ps", "--json"], "len(it)"), "1");
    });
}

/// With `--report` portshim stays, and the program is its child.
#[test]
fn a_watched_program_is_named_by_its_watcher() {
    private(|| {
        let mut command = portshim(["run", "--range", "20000-20009", "--report", "--", "sleep", "600"]);
        let mut watcher = command.stderr(Stdio::null()).spawn().expect("it runs");
        let ids = || json(&["ps", "--json"], "[(one['id'], one['command'], len(one['processes'])) for one in it]");
        let expected = format!("[('{}', 'sleep 600', 1)]", watcher.id());
        until("the program has begun", || ids() == expected);
        // SAFETY: kill(2) of our own child, which passes it on.
        assert_eq!(unsafe { libc::kill(watcher.id().cast_signed(), libc::SIGTERM) }, 0);
        watcher.wait().expect("it ran");
        assert_eq!(ids(), "[]");
    });
}

/// Seen from outside, the processes of another PID namespace have other numbers, and so has the
/// session.
#[test]
fn a_session_of_another_process_namespace_goes_by_the_number_it_has_here() {
    private(|| {
        let command = portshim(["run", "--", "sleep", "600"]);
        let inner = command.get_args().map(std::ffi::OsStr::to_owned).collect::<Vec<_>>();
        let mut outer = std::process::Command::new("unshare");
        outer.args(["--pid", "--fork", "--kill-child"]).arg(portshim_tests::portshim_path()).args(inner);
        let mut outer = outer.stdin(Stdio::null()).spawn().expect("unshare(1) runs");
        let pids = || json(&["ps", "--json"], "[(one['id'], [str(p['pid']) for p in one['processes']]) for one in it]");
        until("the program has begun", || pids().contains("', ['"));
        let pids = pids();
        let (id, process) = pids.trim_matches(['[', '(', ']', ')']).split_once(", [").expect("a pair");
        assert_eq!(id, process, "{pids}");
        assert_ne!(id, "'1'");
        told(&["status", "--session", id.trim_matches('\'')]);
        outer.kill().expect("it runs");
        outer.wait().expect("it ran");
        until("the program has ended", || json(&["ps", "--json"], "it") == "[]");
    });
}

/// The inner `run` is the outer one's program; what it becomes belongs to the inner session alone.
#[test]
fn a_program_that_begins_a_session_of_its_own_leaves_the_other() {
    private(|| {
        let me = portshim_tests::portshim_path();
        for (options, processes) in [(&[][..], "[ID]"), (&["--report=/dev/null"][..], "[CHILD]")] {
            let mut command = portshim(["run", "--range", "20000-20009", "--"]);
            command.arg(&me).args(["run", "--range", "30000-30009"]).args(options).args(["--", "sleep", "600"]);
            let mut program = command.spawn().expect("it runs");
            let id = program.id().to_string();
            let begun = |pid: u32| fs::read(format!("/proc/{pid}/comm")).is_ok_and(|name| name == b"sleep\n");
            let children = || fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
            let child = || children().trim().parse().unwrap_or(0);
            until("the program has begun", || begun(program.id()) || begun(child()));
            // Its loader maps the session a moment later.
            let mapped = "[s['ports'] for s in it if s['command'] == 'sleep 600' and s['processes']]";
            until("it has the session", || json(&["ps", "--json"], mapped) == "[['30000-30009']]");
            let processes = processes.replace("ID", &id).replace("CHILD", &child().to_string());
            let listed =
                json(&["ps", "--json"], "[(s['id'], s['ports'], [p['pid'] for p in s['processes']]) for s in it]");
            assert_eq!(listed, format!("[('{id}', ['30000-30009'], {processes})]"));
            told(&["reserve", "30000"]);
            assert_eq!(json(&["status", "--json", "--session", &id], "it['reserved'][0]['ports']"), "30000");
            // SAFETY: kill(2) of our own child, which passes it on where it waits for another.
            assert_eq!(unsafe { libc::kill(program.id().cast_signed(), libc::SIGTERM) }, 0);
            program.wait().expect("it ran");
            until("both are over", || json(&["ps", "--json"], "it") == "[]");
        }
    });
}

/// A session whose outer program goes on beside the inner one keeps it, and both are listed, the
/// oldest first.
#[test]
fn a_session_with_another_below_it() {
    private(|| {
        let me = portshim_tests::portshim_path();
        let mut command = portshim(["run", "--range", "20000-20009", "--", "sh", "-c"]);
        command.arg(r#""$0" run --range 30000-30009 -- sleep 600 & wait"#).arg(&me);
        let mut program = command.spawn().expect("it runs");
        let ports = || json(&["ps", "--json"], "[(s['ports'], s['command'][:5]) for s in it if s['processes']]");
        until("both have begun", || ports() == "[(['20000-20009'], 'sh -c'), (['30000-30009'], 'sleep')]");
        assert_eq!(json(&["ps", "--json"], "it[0]['id'], len(it[0]['processes'])"), format!("('{}', 1)", program.id()));
        program.kill().expect("it runs");
        program.wait().expect("it ran");
    });
}
