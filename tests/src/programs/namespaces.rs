//! Namespaces that a test runs in.

use super::{HUNG, scratch};
use crate::said;
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
    // The closure's name is the test's: `programs::outside::python::{{closure}}`.
    let name = std::any::type_name::<F>();
    let name = name.split_once("::").and_then(|(_, rest)| rest.strip_suffix("::{{closure}}"));
    let name = name.expect("the body is a closure that stands in the test itself");
    // Sessions whose processes are numbered differently are kept apart.
    let sessions = scratch("sessions");
    std::fs::set_permissions(&sessions, PermissionsExt::from_mode(0o700)).expect("the folder is ours");
    // SAFETY: geteuid(2) has no conditions.
    let root = unsafe { libc::geteuid() } == 0;
    let output = Command::new("timeout")
        .args(["--kill-after=1", &(2 * HUNG.as_secs()).to_string(), "unshare"])
        .args((!root).then_some("--map-root-user"))
        .args(["--net", "--pid", "--fork", "--kill-child", "--mount-proc"])
        .args(["sh", "-c", r#"ip link set lo up && exec "$0" --exact "$1" --nocapture"#])
        .arg(std::env::current_exe().expect("a test knows its own path"))
        .arg(name)
        .env(PRIVATE, "1")
        .env("XDG_RUNTIME_DIR", &sessions)
        .stdin(Stdio::null())
        .output()
        .expect("timeout(1) runs");
    let passed = String::from_utf8_lossy(&output.stdout).contains("test result: ok. 1 passed");
    std::fs::remove_dir_all(sessions).expect("the folder is ours");
    // Indented, so that no reader of this run's output takes the inner run's lines for its own.
    let report = || said(&output).replace('\n', "\n  | ");
    assert!(output.status.success() && passed, "{name} in a private network: {}", report());
}
