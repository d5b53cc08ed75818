//! `portshim run` passes on whatever state it was called in: compared with the same program run
//! bare, by all that a process can know of how it was started.

use portshim_tests::programs::{Scratch, compile};
use portshim_tests::{portshim, said};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What `caller.c` can enter, and what may well come together.
const STATES: [&str; 33] = [
    "plain",
    "no-input",
    "no-output",
    "no-errors",
    "no-input no-output",
    "no-descriptors",
    "more-descriptors",
    "four-descriptors",
    "no-input four-descriptors",
    "no-file-size",
    "little-memory",
    "little-stack",
    "no-core",
    "no-locked-memory",
    "ignored-pipe",
    "default-signals",
    "ignored-signals",
    "blocked-signals",
    "ignored-signals blocked-signals",
    "alarm",
    "session",
    "group",
    "umask-all",
    "umask-none",
    "nice",
    "one-processor",
    "no-new-privileges",
    "dies-with-parent",
    "subreaper",
    "no-environment",
    "odd-environment",
    "root-folder",
    "lost-folder",
];

/// The programs, and where they leave what they have to tell.
struct Fixture {
    folder: Scratch,
    caller: PathBuf,
    probe: PathBuf,
}

/// What is seen of one run.
struct Seen {
    status: String,
    printed: String,
    report: String,
}

impl Fixture {
    fn new() -> Self {
        let folder = Scratch::new("states");
        let [caller, probe] = ["caller", "probe"].map(|name| compile(&format!("transparency/{name}.c"), &folder, &[]));
        Self { folder, caller, probe }
    }

    /// Runs the probe in a state, bare or under a policy, with variables set.
    fn run(&self, state: &str, under: bool, variables: &[(&str, &Path)]) -> Seen {
        let [report, caller, input] = ["report", "caller-number", "input"].map(|name| self.folder.join(name));
        let [output, errors] = ["output", "errors"].map(|name| self.folder.join(name));
        fs::write(&input, "not read\n").expect("the folder is ours");
        let create = |path: &Path| fs::File::create(path).expect("the folder is ours");
        let portshim = portshim(["run", "--range", "20000-20999", "--"]);
        let mut command = Command::new(&self.caller);
        command.args(state.split(' ')).arg("--");
        if under {
            command.arg(portshim.get_program()).args(portshim.get_args());
        }
        command.arg(&self.probe).args([&report, &caller]).args(["a b", "", "--", "-x", "--range"]);
        command.arg(std::ffi::OsStr::from_bytes(b"\xff\n"));
        for (name, value) in portshim.get_envs() {
            assert!(value.is_none(), "the harness only takes away");
            command.env_remove(name);
        }
        command.envs(variables.iter().copied()).env("CALLER_FILE", &caller).current_dir(&self.folder);
        command.stdin(fs::File::open(&input).expect("it was written")).stdout(create(&output)).stderr(create(&errors));
        let status = command.status().expect("the caller runs").to_string();
        let text = |path: &Path| String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned();
        let seen = Seen { status, printed: text(&output) + &text(&errors), report: text(&report) };
        let _ = fs::remove_file(&report);
        seen
    }

    /// What differs, in words, if anything does.
    fn difference(&self, state: &str, variables: &[(&str, &Path)]) -> Option<String> {
        let [bare, under] = [false, true].map(|under| self.run(state, under, variables));
        assert!(bare.status == "exit status: 7" && !bare.report.is_empty(), "bare, {state}: {}", bare.status);
        let lines = |seen: &Seen| seen.report.lines().map(str::to_owned).collect::<Vec<_>>();
        let (bare_lines, mut under_lines) = (lines(&bare), lines(&under));
        under_lines.retain(|line| {
            !line.starts_with("environment: LD_PRELOAD=") && !line.starts_with("environment: PORTSHIM_")
        });
        if bare.status == under.status && under.printed.is_empty() && bare_lines == under_lines {
            return None;
        }
        if under.report.is_empty() {
            return Some(format!("the program never came: {}, printed {:?}", under.status, under.printed));
        }
        let only = |one: &[String], other: &[String]| {
            let other: BTreeSet<_> = other.iter().collect();
            one.iter().filter(|line| !other.contains(line)).cloned().collect::<Vec<_>>()
        };
        let (lost, added) = (only(&bare_lines, &under_lines), only(&under_lines, &bare_lines));
        Some(format!("{}, printed {:?}, without {lost:#?}, with {added:#?}", under.status, under.printed))
    }
}

#[test]
fn any_state_is_passed_on() {
    let fixture = Fixture::new();
    let mut report = String::new();
    for state in STATES {
        if let Some(difference) = fixture.difference(state, &[]) {
            writeln!(report, "{state}: {difference}").expect("it fits");
        }
    }
    assert!(report.is_empty(), "under a policy, not as bare:\n{report}");
}

const PLACES: [&str; 7] =
    ["HOME", "TMPDIR", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"];

/// A system user's home does not exist, and must not come into being.
#[test]
fn folders_that_do_not_exist_stay_so() {
    let fixture = Fixture::new();
    let missing = fixture.folder.join("missing");
    let home = missing.join("home");
    let difference = fixture.difference("plain", &PLACES.map(|name| (name, home.as_path())));
    assert_eq!(difference, None);
    assert!(!missing.exists(), "`portshim run` has made {}", missing.display());
}

/// Folders that LD_PRELOAD cannot name (ld.so(8): it splits at spaces and colons).
#[test]
fn folders_of_any_name_will_do() {
    let fixture = Fixture::new();
    for name in ["a b", "a:b", "$a", "\u{e9}"] {
        let odd = fixture.folder.join(name);
        fs::create_dir(&odd).expect("the folder is ours");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs::set_permissions(&odd, mode).expect("the folder is ours");
        assert_eq!(fixture.difference("plain", &PLACES.map(|name| (name, odd.as_path()))), None, "{name}");
    }
}

/// What a shell makes of it: a death by signal is 128 and the signal's number.
#[test]
fn a_shell_sees_how_it_ended() {
    for (script, status) in
        [("exit 0", 0), ("exit 7", 7), ("kill -KILL $$", 137), ("kill -TERM $$", 143), ("kill -SEGV $$", 139)]
    {
        let portshim = portshim(["run", "--range", "20000-20999", "--", "sh", "-c", script]);
        let mut shell = Command::new("sh");
        shell.args(["-c", r#""$@"; echo $?"#, "sh"]).arg(portshim.get_program()).args(portshim.get_args());
        let output = shell.output().expect("sh runs");
        assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{status}\n"), "{script}: {}", said(&output));
    }
}
