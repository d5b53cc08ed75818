//! The guest that a supervisor brings into static programs: nobody notices it.

use super::built::{Way, program};
use portshim_tests::portshim;
use portshim_tests::programs::{Scratch, private};

#[test]
fn nobody_notices_the_guest() {
    private(|| {
        let folder = Scratch::new("engine");
        for way in [Way::Glibc, Way::Musl] {
            let built = program(way, "engine/inside.c", &["-pthread"], &folder.join(format!("inside-{way:?}")));
            for (first, last) in [("20000", "20999"), ("40000", "40999")] {
                let mut command = portshim(["run", "--engine", "inside", "--range", &format!("{first}-{last}"), "--"]);
                let output = command.arg(&built).args([first, last]).output().expect("it runs");
                let said = String::from_utf8_lossy(&output.stdout);
                assert_eq!(said, "unnoticed\n", "{way:?}, {first}: {}", output.status);
            }
        }
    });
}
