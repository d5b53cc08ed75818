//! Threads that call at the same moment, and calls that signals interrupt.

use super::scripted::{Fixture, compile};
use portshim_tests::portshim;
use portshim_tests::programs::{Service, must, private, source};

#[test]
fn sixteen_threads_lose_no_entry() {
    private(|| {
        let fixture = Fixture::new();
        let program = fixture.folder.join("threads");
        compile(&source("api/threads.c"), &program, &["-pthread"]);
        let said = must(portshim(["run", "--range", "20000-20009", "--"]).arg(program));
        assert_eq!(said, "1024 in, 128 refused, 1024 lifted\n");
    });
}

/// Each request counts for its process, the very first included.
#[test]
fn what_threads_get_at_the_same_moment_is_counted() {
    private(|| {
        let fixture = Fixture::new();
        let program = fixture.folder.join("together");
        compile(&source("api/together.c"), &program, &["-pthread"]);
        for _ in 0..20 {
            let mut command = portshim(["run", "--range", "20000-20099", "--"]);
            command.arg(&program);
            let mut service = Service::start(command);
            service.line(|line| line.starts_with("held").then_some(()));
            let status = must(&mut portshim(["status", "--json"]));
            let (_, process) = status.split_once("\"processes\"").expect("it tells of processes");
            let (_, served) = process.split_once("\"served\":").expect("it counts what was served");
            let served = served.trim_start().split(|c: char| !c.is_ascii_digit()).next();
            assert_eq!(served, Some("32"), "{status}");
        }
    });
}

#[test]
fn a_handler_that_jumps_out_of_a_call_leaves_nothing_behind() {
    private(|| {
        let fixture = Fixture::new();
        let program = fixture.folder.join("torn");
        compile(&source("api/torn.c"), &program, &[]);
        let said = must(portshim(["run", "--range", "20000-20009", "--"]).arg(program));
        assert_eq!(said, "No such file or directory, 0 descriptors more\n");
    });
}
