//! Where the library and the session are laid down, and what is left alone for want of a place.

use super::sandbox::Sandbox;
use portshim_tests::portshim_path;
use portshim_tests::programs::until;

#[test]
fn sessions_of_another_pid_namespace_are_left_alone() {
    let here = Sandbox::new();
    let mut program = here.portshim(&["run", "--", "sleep", "600"]).spawn().expect("it runs");
    until("the session is there", || here.sessions().len() == 1);
    let sessions = here.sessions();
    // In there nobody sees the program, whatever number it has.
    let script = "\"$0\" run -- true && \"$0\" show";
    let portshim = portshim_path();
    let args = ["--map-root-user", "--pid", "--fork", "--mount-proc", "sh", "-c", script];
    let mut inside = here.command("unshare", &[&args[..], &[portshim.to_str().expect("text")]].concat());
    let output = inside.output().expect("it runs");
    let left = here.sessions();
    program.kill().expect("it runs");
    program.wait().expect("it ran");
    assert!(output.status.success() && output.stderr.is_empty(), "{}", portshim_tests::said(&output));
    assert_eq!(left, sessions, "the one outside is left, the one inside is over");
    here.told(&["show"]);
    assert_eq!(here.sessions().len(), 0);
}
