//! Runs the probe on either variant of the comparison.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use super::Case;
use crate::{portshim_path, said};

/// A variant of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// The bare kernel, with the policy in its settings.
    Native,
    /// Under portshim, with the kernel's settings at their defaults.
    Portshim,
    /// The same, where the session believes this of all ports to begin with: see [`believing`].
    Believing(&'static str),
    /// Under portshim's supervisor, which serves the probe from outside.
    Supervised,
    /// Under portshim's supervisor, which makes the probe's sockets, and is told of no other call.
    Sockets,
    /// Under portshim's supervisor, with a library in the probe.
    Both,
    /// Under portshim's supervisor, which brings a guest into a probe that loads no library.
    Guest,
    /// The bare kernel with its settings at their defaults: what the comparison must tell apart.
    Unserved,
}

impl Variant {
    /// Tells whether it keeps this policy.
    #[must_use]
    pub fn keeps(self, case: &Case) -> bool {
        self != Self::Sockets || case.is_one_run() && !case.pins()
    }
}

/// Plays scripts, in a namespace of their own, and returns the transcript.
///
/// # Errors
/// Where the probe, or portshim, fails: what they said.
pub fn play(case: &Case, variant: Variant, scripts: &str) -> Result<String, String> {
    probe(case, variant, &[], "play", scripts)
}

/// Plays scripts under portshim with these options as well.
///
/// # Errors
/// As [`play`].
pub fn play_with(case: &Case, options: &[&str], scripts: &str) -> Result<String, String> {
    probe(case, Variant::Portshim, options, "play", scripts)
}

/// Makes the calls that no sound program makes, and returns the transcript.
///
/// # Errors
/// As [`play`].
pub fn bad_calls(case: &Case, variant: Variant) -> Result<String, String> {
    probe(case, variant, &[], "bad-calls", "")
}

fn probe(case: &Case, variant: Variant, options: &[&str], mode: &str, input: &str) -> Result<String, String> {
    let probe = probe_path();
    let mut command = Command::new(&probe);
    command.arg("arena");
    let policy = policy("--range", "--reserved", case);
    let engine: &[&str] = match variant {
        Variant::Supervised => &["--engine", "supervise"],
        Variant::Sockets => &["--engine", "sockets"],
        Variant::Both => &["--cover", "tree"],
        Variant::Guest => &["--engine", "inside"],
        _ => &[],
    };
    match variant {
        Variant::Native => command.args(&policy).arg("--"),
        Variant::Unserved => command.arg("--"),
        Variant::Portshim
        | Variant::Supervised
        | Variant::Sockets
        | Variant::Both
        | Variant::Guest
        | Variant::Believing(_) => command
            .arg("--")
            .arg(portshim_path())
            .arg("run")
            .args(self::policy("--range", "--reserve", case))
            .args(options)
            .args(engine)
            .arg("--"),
    };
    if let Variant::Believing(what) = variant {
        command.args(believing(what));
    }
    let player = if variant == Variant::Guest { static_probe_path() } else { probe };
    command.arg(&player).arg(mode).args(&policy);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PORTSHIM_") {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|e| format!("cannot start {}: {e}", player.display()))?;
    // The probe reads all of its input before it says anything, so neither variant waits for the
    // other.
    let written = child.stdin.take().expect("piped above").write_all(input.as_bytes());
    let output = child.wait_with_output().map_err(|e| format!("cannot wait for the probe: {e}"))?;
    if !output.status.success() || !output.stderr.is_empty() {
        return Err(format!("{command:?}: {}", said(&output)));
    }
    written.map_err(|e| format!("cannot write to the probe: {e}"))?;
    String::from_utf8(output.stdout).map_err(|e| format!("the probe's words are not text: {e}"))
}

fn policy(range: &str, reserved: &str, case: &Case) -> Vec<String> {
    let mut words = vec![range.to_owned(), case.range_text()];
    if !case.reserved.is_empty() {
        words.extend([reserved.to_owned(), case.reserved.to_owned()]);
    }
    words
}

/// The words before a command line that have its session believe all ports taken (`all`), or every
/// other by chance (`random`): wrong on purpose.
///
/// # Panics
/// Where the probe does not find the place of the busy ports in a session's file.
#[must_use]
pub fn believing(what: &str) -> Vec<OsString> {
    static PLACE: LazyLock<String> = LazyLock::new(|| {
        let (probe, mut command) = (probe_path(), Command::new(probe_path()));
        command.args(["arena", "--"]).arg(portshim_path()).args(["run", "--range", "20000-29999", "--"]);
        let output = command.arg(probe).arg("find-beliefs").output().expect("the probe can be run");
        assert!(output.status.success(), "{}", said(&output));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    });
    vec![probe_path().into(), "believe".into(), PLACE.as_str().into(), what.into()]
}

/// The probe that loads no library.
fn static_probe_path() -> PathBuf {
    crate::beside(&std::env::current_exe().expect("a program knows its own path"), "portshim-static-probe")
}

/// The probe that `PROBE` names, or that stands where portshim stands.
fn probe_path() -> PathBuf {
    if let Some(path) = std::env::var_os("PROBE") {
        return path.into();
    }
    crate::beside(&std::env::current_exe().expect("a program knows its own path"), "portshim-probe")
}
