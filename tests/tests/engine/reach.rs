//! What `ps`, `status` and the report say of each process: served in full, in part or not, and why.

use super::built::{Way, ports};
use portshim_tests::programs::{Scratch, Service, must, private, text, until};
use portshim_tests::{portshim, said};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A process of the session, as a command tells of it: who serves it, how far, and what is missing.
fn told(command: &[&str], session: &str, name: &str) -> Option<(Option<String>, String, Option<String>)> {
    let said: Value = serde_json::from_str(&must(portshim(command).arg("--json"))).expect("it is JSON");
    let mut sessions = said.as_array().map_or_else(|| vec![&said], |all| all.iter().collect()).into_iter();
    let session = sessions.find(|one| one["name"] == session)?;
    let process = session["processes"].as_array()?.iter().find(|process| process["name"] == name)?.clone();
    let text = |key: &str| process[key].as_str().map(ToOwned::to_owned);
    Some((text("engine"), text("coverage")?, text("not_covered")))
}

/// A static program of this source.
fn statically(folder: &Path, name: &str, source: &str, options: &[&str]) -> PathBuf {
    let (program, file) = (folder.join(name), folder.join(name).with_extension("c"));
    std::fs::write(&file, source).expect("the folder is ours");
    must(Command::new("cc").args(options).args(["-static", "-o", text(&program), text(&file)]));
    program
}

/// One of each kind stands below a shell that waits for them.
const ALL: &str = "\"$0\" & PORTSHIM_DISABLE=1 /usr/bin/python3 -c 'import time; time.sleep(30)' & echo ready; wait";

#[test]
fn every_process_is_told_of() {
    private(|| {
        let folder = Scratch::new("reach");
        let sleeps = "#include <sys/socket.h>\n#include <unistd.h>\nint main(void) { listen(0, 0); sleep(30); }\n";
        let program = statically(&folder, "static", sleeps, &[]);
        let is_static = "not covered: it is statically linked, so a preloaded library cannot reach it";
        let switched_off = "not covered: PORTSHIM_DISABLE is 1 in its environment";
        let by = |engine: &str| Some(engine.to_owned());
        for (options, engine, of_static) in [
            (&["--engine", "preload"][..], "library", (None, "none".into(), Some(is_static.to_owned()))),
            (&["--engine", "supervise"], "supervisor", (by("supervisor"), "full".into(), None)),
            (&["--engine", "inside", "--cover", "tree"], "both", (by("guest"), "full".into(), None)),
        ] {
            let mut command = portshim(["run"]);
            command.args(options).args(["--name", engine, "--", "sh", "-c", ALL]).arg(&program);
            let mut service = Service::start(command);
            service.line(|line| (line == "ready\n").then_some(()));
            for command in [&["ps"][..], &["status", "--session", engine]] {
                let told = |name| told(command, engine, name);
                let of_python = (None, "none".into(), Some(switched_off.into()));
                // Each is a shell's child before it is itself.
                until("static is told of", || told("static").as_ref() == Some(&of_static));
                until("python3 is told of", || told("python3").as_ref() == Some(&of_python));
                assert_eq!(told("sh"), Some((by(engine), "full".into(), None)), "{command:?}");
                let text = must(portshim(command).arg("-v"));
                assert!(text.contains(switched_off) && text.contains(is_static) >= of_static.2.is_some(), "{text}");
            }
        }
    });
}

#[test]
fn a_report_tells_of_the_program_and_of_those_that_asked() {
    private(|| {
        let folder = Scratch::new("reach");
        let (program, report) = (ports(Way::Glibc, &folder), folder.join("report.json"));
        let told = |engine: &str, allow: &[&str], command: &[&str]| -> Value {
            let mut run = portshim(["run", "--range", "20000-20001", "--engine", engine]);
            run.arg(format!("--report={}", text(&report))).args(allow).arg("--");
            let output = run.args(command).output().expect("it runs");
            assert!(output.status.success(), "{}", said(&output));
            serde_json::from_str(&std::fs::read_to_string(&report).expect("it was written")).expect("it is JSON")
        };
        let drains = [text(&program), "drain", "bind", "1"];
        let report = told("supervise", &[], &drains);
        for part in [&report, &report["processes"][0]] {
            assert_eq!(part["engine"], "supervisor");
            assert_eq!((&part["coverage"], &part["not_covered"]), (&"full".into(), &Value::Null));
        }
        assert_eq!(report["processes"][0]["name"], "Glibc");
        let report = told("inside", &[], &drains);
        for part in [&report, &report["processes"][0]] {
            assert_eq!((&part["engine"], &part["coverage"]), (&"guest".into(), &"full".into()));
        }
        let report = told("preload", &["--allow-uncovered"], &drains);
        assert_eq!((&report["engine"], &report["coverage"]), (&Value::Null, &"none".into()));
        assert!(report["not_covered"].as_str().is_some_and(|why| why.contains("statically linked")), "{report}");
        assert_eq!(report["processes"], Value::Array(Vec::new()));
        let report = told("preload", &[], &["python3", "-c", "import socket; socket.socket().bind(('', 0))"]);
        for part in [&report, &report["processes"][0]] {
            assert_eq!((&part["engine"], &part["coverage"]), (&"library".into(), &"full".into()));
        }
    });
}

/// Of a guest, it is known beforehand whether it comes in, and if not, why.
#[test]
fn doctor_tells_who_would_serve() {
    private(|| {
        let folder = Scratch::new("reach");
        let (program, script) = (ports(Way::Musl, &folder), folder.join("script"));
        std::fs::write(&script, "#!/bin/busybox sh\n").expect("the folder is ours");
        must(Command::new("chmod").args(["+x", text(&script)]));
        let locks = "#include <sys/mman.h>\n#include <sys/socket.h>\n\
                     int main(void) { return listen(0, mlockall(1)); }\n";
        let locks = statically(&folder, "locks", locks, &[]);
        let ends = "void _start(void) { __asm__(\"mov $60, %eax\\n xor %edi, %edi\\n syscall\"); }\n";
        let ends = statically(&folder, "ends", ends, &["-nostdlib"]);
        for (options, words, engine, why) in [
            (&["--engine", "inside"][..], [text(&program)], "guest", None),
            (&["--engine", "inside"], [text(&script)], "guest", None),
            (&["--engine", "inside"], [text(&locks)], "supervisor", Some("mlockall")),
            (&["--engine", "inside"], [text(&ends)], "supervisor", Some("no call")),
            (&["--engine", "inside", "--cover", "tree"], ["qemu-x86_64-static"], "supervisor", Some("mlockall")),
            (&["--engine", "inside", "--cover", "tree"], ["python3"], "both", None),
            (&["--engine", "supervise"], [text(&program)], "supervisor", None),
        ] {
            let said = must(portshim(["doctor", "--json"]).args(options).arg("--").args(words));
            let said: Value = serde_json::from_str(&said).expect("it is JSON");
            assert_eq!((&said["engine"], &said["coverage"]), (&engine.into(), &"full".into()), "{words:?}");
            assert_eq!(said["no_guest"].as_str().is_some(), why.is_some(), "{said}");
            assert!(said["no_guest"].as_str().unwrap_or_default().contains(why.unwrap_or_default()), "{said}");
        }
    });
}
