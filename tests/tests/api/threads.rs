//! Threads that call at the same moment.

use super::puppet::{Stage, compile};
use portshim_tests::portshim;
use portshim_tests::programs::{must, private, source};

#[test]
fn sixteen_threads_lose_no_entry() {
    private(|| {
        let stage = Stage::new();
        let program = stage.folder.join("threads");
        compile(&source("api/threads.c"), &program, &["-pthread"]);
        let said = must(portshim(["run", "--range", "20000-20009", "--"]).arg(program));
        assert_eq!(said, "1024 in, 128 refused, 1024 lifted\n");
    });
}
