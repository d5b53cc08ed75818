//! Namespaces that a test runs in.

use super::{HUNG, scratch};
use crate::said;
use std::any::type_name;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

/// Set in the namespaces, so that a test knows that it is there.
const PRIVATE: &str = "PRIVATE_NETWORK";

/// Runs a test's body in a network of its own, with loopback up and the kernel's default settings,
/// and in a process namespace of its own, so that nothing it started outlives it.
///
/// # Panics
/// Where the body does, or hangs, and where no namespaces can be had.
pub fn private<F: Fn()>(body: F) {
    if std::env::var_os(PRIVATE).is_some() {
        return body();
    }
    // Sessions whose processes are numbered differently are kept apart.
    let sessions = scratch("sessions");
    std::fs::set_permissions(&sessions, PermissionsExt::from_mode(0o700)).expect("the folder is ours");
    let mut inside = Command::new("timeout");
    // A stress is told for how long it shall go on.
    let stress = std::env::var("STRESS_SECONDS").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(0);
    inside.args(["--kill-after=1", &(2 * HUNG.as_secs() + stress).to_string(), "unshare"]);
    inside.args((!is_root()).then_some("--map-root-user"));
    inside.args(["--net", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    inside.args(["sh", "-c", r#"ip link set lo up && exec "$@""#, "sh"]);
    inside.env(PRIVATE, "1").env("XDG_RUNTIME_DIR", &sessions);
    let ended = again::<F>(inside);
    std::fs::remove_dir_all(sessions).expect("the folder is ours");
    ended.unwrap_or_else(|why| panic!("in a private network: {why}"));
}

/// Runs a test's body as root: where the user is none, in a user namespace with as many users as a
/// system has.
///
/// # Panics
/// Where the body does, and where no such namespace can be had.
pub fn as_root<F: Fn()>(body: F) {
    if is_root() {
        return body();
    }
    let mut inside = Command::new("unshare");
    inside.args(["--map-auto", "--map-root-user"]);
    again::<F>(inside).unwrap_or_else(|why| {
        panic!(
            "as root of a user namespace: {why}\n\
             where unshare(1) has failed: run this test as root, or install newuidmap (make setup does) and give this \
             user other user and group numbers (usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER)"
        )
    });
}

/// Tells whether the tests are run by root.
#[must_use]
pub fn is_root() -> bool {
    // SAFETY: geteuid(2) has no conditions.
    unsafe { libc::geteuid() == 0 }
}

/// Runs the test whose body is `F` once more, by a command that executes its arguments somewhere
/// else.
fn again<F>(mut inside: Command) -> Result<(), String> {
    // The closure's name is the test's: `programs::outside::python::{{closure}}`.
    let name = type_name::<F>().split_once("::").and_then(|(_, rest)| rest.strip_suffix("::{{closure}}"));
    let name = name.expect("the body is a closure that stands in the test itself");
    inside.arg(std::env::current_exe().expect("a test knows its own path"));
    inside.args(["--exact", name, "--nocapture"]).stdin(Stdio::null());
    let output = inside.output().map_err(|e| format!("{inside:?}: {e}; `make setup` installs it"))?;
    let passed = String::from_utf8_lossy(&output.stdout).contains("test result: ok. 1 passed");
    if output.status.success() && passed {
        return Ok(());
    }
    // Indented, so that no reader of this run's output takes the inner run's lines for its own.
    Err(format!("{name}: {}", said(&output).replace('\n', "\n  | ")))
}
