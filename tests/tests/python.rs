//! The Python package and its pytest plugin, from a clean virtual environment into which the wheel
//! was installed.

use portshim_tests::programs::{Scratch, must, private, source, text};
use portshim_tests::{portshim_path, project, said};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A virtual environment with the wheel that is made of the command under test, and with pytest.
struct Python(Scratch);

impl Python {
    fn new() -> Self {
        let folder = Scratch::new("python");
        let (wheels, environment) = (folder.join("dist"), folder.join("venv"));
        let mut dist = Command::new(project().join("tools/dist"));
        dist.env("ARCHITECTURES", std::env::consts::ARCH);
        must(dist.env("OUT", &wheels).env("PORTSHIM", portshim_path().canonicalize().expect("it is built")));
        must(Command::new("python3").args(["-m", "venv"]).arg(&environment));
        let mut pip = Command::new(environment.join("bin/pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check", "--no-index", "--find-links"]).arg(&wheels);
        pip.arg("--find-links").arg(project().join("target/wheels"));
        must(pip.args(["portshim", "pytest", "pytest-xdist", "pytest-asyncio", "mypy"]));
        Python(folder)
    }

    fn program(&self, name: &str) -> PathBuf {
        self.0.join("venv/bin").join(name)
    }

    /// Runs pytest in a folder.
    fn pytest(&self, folder: &Path, args: &[&str]) -> Output {
        let mut command = Command::new(self.program("pytest"));
        // No cache, and no file of this project's, may have a say.
        command.args(["-q", "-p", "no:cacheprovider", "--rootdir=.", "-W", "ignore::pytest.PytestWarning"]).args(args);
        for (name, _) in std::env::vars_os().filter(|(name, _)| text(Path::new(name)).starts_with("PORTSHIM_")) {
            command.env_remove(name);
        }
        command.current_dir(folder).output().expect("pytest runs")
    }
}

/// The test of a client that the guide shows.
fn of_the_guide() -> String {
    let guide = fs::read_to_string(project().join("docs/guide.md")).expect("it is there");
    let begin = guide.find("```python\n# test_client.py").expect("the guide shows it") + "```python\n".len();
    guide[begin..].split("```").next().expect("there is a first part").to_owned()
}

/// Demands an outcome of pytest's, by its last line.
#[track_caller]
fn ends(output: &Output, last: &str) {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let told = stdout.lines().last().unwrap_or_default();
    assert!(told.starts_with(last), "{}", said(output));
}

/// One test, so that the environment is made once.
#[test]
fn a_package_from_a_wheel_and_a_plugin_of_pytest() {
    private(|| {
        let python = Python::new();
        a_client_is_green_twice_and_red_where_it_does_not_survive(&python);
        a_report_names_who_has_which_port(&python);
        everything_is_held_as_it_is_asked_for(&python);
        eight_workers_do_not_starve_each_other(&python);
        without_portshim_tests_are_skipped_with_the_reason_or_fail(&python);
        its_types_are_complete(&python);
    });
}

fn a_client_is_green_twice_and_red_where_it_does_not_survive(python: &Python) {
    let folder = Scratch::new("pytest-client");
    let file = folder.join("test_client.py");
    let green = of_the_guide();
    assert!(green.lines().count() <= 16 && green.matches("pytest.mark").count() == 1, "{green}");
    fs::write(&file, &green).expect("the folder is ours");
    for _ in 0..2 {
        ends(&python.pytest(&folder, &["--portshim=--range 20000-20099"]), "1 passed");
    }
    let red = green.replace("except OSError", "except KeyError");
    assert_ne!(red, green);
    fs::write(&file, red).expect("the folder is ours");
    let output = python.pytest(&folder, &["--portshim=--preset windows-xp"]);
    ends(&output, "1 failed");
    // The report says who has which port.
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.contains("OSError: [Errno 99] Cannot assign requested address"), "{}", said(&output));
    assert!(stdout.contains("- portshim: who has which port -"), "{}", said(&output));
    assert!(stdout.contains("\nexhausted 1-65535/tcp                   for process "), "{}", said(&output));
}

/// In the call, and before it: what a fixture was refused.
fn a_report_names_who_has_which_port(python: &Python) {
    let folder = Scratch::new("pytest-who");
    fs::write(folder.join("test_who.py"), WHO).expect("the folder is ours");
    let output = python.pytest(&folder, &["--portshim=--range 20000-20009", "--tb=line"]);
    ends(&output, "1 failed, 1 error");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let told: Vec<_> = stdout.split("- portshim: who has which port -").skip(1).collect();
    assert_eq!(told.len(), 2, "{}", said(&output));
    for told in told {
        let lines: Vec<_> = told.lines().collect();
        let socket = lines.iter().position(|line| *line == "tcp4 127.0.0.1:20007 listening");
        let holder = socket.and_then(|at| lines.get(at + 1)).unwrap_or(&"");
        assert!(holder.starts_with("  process ") && holder.contains(", session "), "{}", said(&output));
    }
}

const WHO: &str = "import pytest, socket\n\nAT = ('127.0.0.1', 20007)\n\n\
                   @pytest.fixture\ndef server():\n    with socket.create_server(AT) as one:\n        yield one\n\n\
                   @pytest.fixture\ndef again(server):\n    yield socket.create_server(AT)\n\n\
                   @pytest.mark.portshim(exhausted='tcp')\ndef test_call(server):\n    socket.create_connection(AT)\n\n\
                   def test_setup(again):\n    pass\n";

fn everything_is_held_as_it_is_asked_for(python: &Python) {
    let folder = Scratch::new("pytest-all");
    fs::copy(source("python/check_all.py"), folder.join("test_all.py")).expect("the folder is ours");
    let output = python.pytest(&folder, &["--portshim=--range 20000-20009", "--portshim-required"]);
    ends(&output, "13 passed");
}

/// Workers side by side: one's exhaustion is never another's.
fn eight_workers_do_not_starve_each_other(python: &Python) {
    let folder = Scratch::new("pytest-workers");
    fs::copy(source("python/check_workers.py"), folder.join("test_workers.py")).expect("the folder is ours");
    let output = python.pytest(&folder, &["-n", "8", "--portshim=--range 20000-20199"]);
    ends(&output, "32 passed");
}

fn without_portshim_tests_are_skipped_with_the_reason_or_fail(python: &Python) {
    let folder = Scratch::new("pytest-without");
    fs::write(folder.join("test_client.py"), of_the_guide()).expect("the folder is ours");
    let output = python.pytest(&folder, &["-rs"]);
    ends(&output, "1 skipped");
    let reason = "portshim is not loaded: run pytest with --portshim=";
    assert!(String::from_utf8_lossy(&output.stdout).contains(reason), "{}", said(&output));
    ends(&python.pytest(&folder, &["--portshim-required"]), "1 error");
    // What is wrong with the options is said before anything else is done.
    let output = python.pytest(&folder, &["--portshim=--range none"]);
    assert_eq!(output.status.code(), Some(125), "{}", said(&output));
    fs::write(folder.join("test_decorated.py"), DECORATED).expect("the folder is ours");
    ends(&python.pytest(&folder, &["test_decorated.py"]), "1 skipped");
    fs::write(folder.join("test_slip.py"), SLIP).expect("the folder is ours");
    let output = python.pytest(&folder, &["--portshim=", "test_slip.py"]);
    let slip = "the marker portshim takes exhausted, leave, only, reserved, blocked, session, and not 'exhaust'";
    assert!(String::from_utf8_lossy(&output.stdout).contains(slip), "{}", said(&output));
}

const DECORATED: &str = "import portshim\n\n@portshim.exhausted()\ndef test_it():\n    raise AssertionError\n";
const SLIP: &str = "import pytest\n\n@pytest.mark.portshim(exhaust=\"tcp\")\ndef test_it():\n    pass\n";

fn its_types_are_complete(python: &Python) {
    let strict = ["--strict", "--no-incremental", "--cache-dir=/dev/null"];
    let mut package = Command::new(python.program("mypy"));
    must(package.current_dir(&python.0).args(strict).arg(project().join("bindings/python/portshim")));
    // To whoever uses it, as installed.
    let mut user = Command::new(python.program("mypy"));
    must(user.current_dir(&python.0).args(strict).args(["-c", USER]));
}

const USER: &str = "import portshim\nwith portshim.only(20000, '20001-20002/tcp') as held:\n    reveal: portshim.Held = held\n\
                    @portshim.exhausted('tcp', leave=3)\nasync def one(n: int) -> str: return str(n)\n\
                    async def two() -> int: return len(await one(n=2))\n";
