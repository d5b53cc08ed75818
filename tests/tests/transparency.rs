//! What a program does is the same bare and under any policy: CPython's own tests of everything in
//! its library that speaks to a network, compared test by test, bare and under three policies.
//!
//! `transparency/outcomes.py` runs one module, each time in a network of its own. What is compared
//! is what became of each test, with the error's class and number where it failed.

#[path = "transparency/states.rs"]
mod states;

use parking_lot::Mutex;
use portshim_tests::portshim;
use portshim_tests::programs::{must, scratch, source};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The modules, those that take longest first. They sleep most of their time.
const MODULES: [&str; 31] = [
    "test_ssl",
    "test_imaplib",
    "test_xmlrpc",
    "test_socket",
    "test_ftplib",
    "test_poplib",
    "test_logging",
    "test_asyncio.test_events",
    "test_asyncio.test_sslproto",
    "test_asyncio.test_sendfile",
    "test_asyncio.test_streams",
    "test_asyncio.test_sock_lowlevel",
    "test_asyncio.test_base_events",
    "test_asyncio.test_proactor_events",
    "test_asyncio.test_selector_events",
    "test_asyncio.test_server",
    "test_asyncore",
    "test_asynchat",
    "test_docxmlrpc",
    "test_epoll",
    "test_httplib",
    "test_httpservers",
    "test_nntplib",
    "test_robotparser",
    "test_smtpd",
    "test_smtplib",
    "test_socketserver",
    "test_telnetlib",
    "test_timeout",
    "test_urllib2_localnet",
    "test_wsgiref",
];

/// Modules of the list that went out of Python's library with 3.12 and 3.13.
const GONE: [&str; 5] = ["test_asyncore", "test_asynchat", "test_smtpd", "test_nntplib", "test_telnetlib"];

/// Way in which a module is run: bare, and under each policy. With far fewer ports some tests fail
/// or hang with the kernel's own settings, too: they let go of a port, and count on not being given
/// it again.
const WAYS: [(&str, Option<&[&str]>); 4] = [
    ("bare", None),
    ("under every unprivileged port", Some(&["--range", "1024-65535"])),
    ("under 2000 ports inside the host's range", Some(&["--range", "41000-42999"])),
    ("under 2000 ports outside the host's range", Some(&["--range", "20000-21999"])),
];

const BARE: usize = 0;

/// Number of modules run at a time.
const AT_A_TIME: usize = 12;

/// Number of tests may disagree with themselves, as those do that wait for a fixed time on a busy
/// machine. Of more than these nothing could be told.
const HANDFUL: usize = 5;

/// A test, by its module and its name.
type Test = (&'static str, String);

/// In place of a test's name: what became of the module.
const WHOLE: &str = "as a whole";

/// Outcome of each test.
type Outcomes = BTreeMap<Test, String>;

/// Runs a program bare or by portshim, in a network of its own with loopback up, and in a process
/// namespace of its own, so that nothing of it stays behind.
fn in_own_network(policy: Option<&[&str]>, program: &Path) -> Command {
    let mut command = Command::new("timeout");
    command
        .args(["--kill-after=1", "600", "unshare", "--map-root-user", "--net", "--pid", "--fork"])
        .args(["--kill-child", "--mount-proc", "sh", "-c", r#"ip link set lo up && "$@"; exit $?"#, "sh"])
        .stdin(Stdio::null());
    if let Some(policy) = policy {
        let portshim = portshim(["run"]);
        command.arg(portshim.get_program()).arg("run").args(policy).arg("--");
    }
    command.arg(program);
    command
}

/// An interpreter that has its own tests: the system's, else the first on the PATH.
fn python() -> PathBuf {
    for candidate in ["/usr/bin/python3", "python3"] {
        let show = "import sys, test.test_socket; print(sys.executable)";
        let output = Command::new(candidate).args(["-c", show]).stdin(Stdio::null()).output();
        if let Ok(output) = output
            && output.status.success()
        {
            return String::from_utf8(output.stdout).expect("a path of text").trim().into();
        }
    }
    panic!("no python3 here has CPython's own tests; `make setup` installs them");
}

/// The modules that this interpreter has.
fn modules(python: &Path) -> Vec<&'static str> {
    let gone = |module: &str| {
        let find = "import sys, importlib.util as u; sys.exit(u.find_spec(sys.argv[1]) is None)";
        let mut command = Command::new(python);
        !command.args(["-c", find, &format!("test.{module}")]).status().expect("python runs").success()
    };
    MODULES.into_iter().filter(|module| !(GONE.contains(module) && gone(module))).collect()
}

/// Outcome of each test of one module, run in one way, in a new folder.
fn outcomes(folder: &Path, python: &Path, way: usize, module: &'static str) -> Outcomes {
    std::fs::create_dir_all(folder).expect("the folder is ours");
    let (told, log) = (folder.join("outcomes"), folder.join("log"));
    let printed = std::fs::File::create(&log).expect("the folder is ours");
    let status = in_own_network(WAYS[way].1, python)
        .arg(source("transparency/outcomes.py"))
        .arg(&told)
        .arg(format!("test.{module}"))
        .current_dir(folder)
        .env("TMPDIR", folder)
        .env("PYTHONHASHSEED", "0")
        .stdout(printed.try_clone().expect("a descriptor can be had"))
        .stderr(printed)
        .status()
        .expect("timeout(1) runs");
    let told = std::fs::read_to_string(&told).unwrap_or_default();
    // Of several lines about one test the last counts.
    let lines = told.lines().filter_map(|line| line.split_once('\t'));
    let mut outcomes: Outcomes = lines.map(|(name, became)| ((module, name.into()), became.into())).collect();
    outcomes.insert((module, WHOLE.into()), status.to_string());
    let some = outcomes.values().any(|outcome| outcome == "ok");
    assert!(some, "{module} {}: {status}, and no test passed: see {}", WAYS[way].0, log.display());
    outcomes
}

/// Runs modules in the ways given, and gives what became of each test in each of [`WAYS`].
fn run_all(folder: &Path, python: &Path, jobs: impl Iterator<Item = (usize, &'static str)>) -> Vec<Outcomes> {
    let jobs = Mutex::new(jobs.collect::<VecDeque<_>>());
    let next = || jobs.lock().pop_front();
    let done = Mutex::new(vec![Outcomes::new(); WAYS.len()]);
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some((way, module)) = next() {
                    let outcomes = outcomes(&folder.join(format!("{way}.{module}")), python, way, module);
                    done.lock()[way].extend(outcomes);
                }
            });
        }
    });
    done.into_inner()
}

/// The tests that did not come to the same in both, absent ones included.
fn differing(one: &Outcomes, other: &Outcomes) -> BTreeSet<Test> {
    one.keys().chain(other.keys()).filter(|test| one.get(*test) != other.get(*test)).cloned().collect()
}

#[test]
fn cpythons_own_tests_come_to_the_same() {
    let (folder, python) = (scratch("python"), python());
    let ways = 0..WAYS.len();
    let jobs = modules(&python).into_iter().flat_map(|module| ways.clone().map(move |way| (way, module)));
    let first = run_all(&folder.join("1"), &python, jobs);

    let mut differ = BTreeMap::new();
    for (way, of) in first.iter().enumerate().skip(BARE + 1) {
        differ.insert(way, differing(&first[BARE], of));
    }
    // Whatever differs is looked at a second time. What then is the same, or differs from itself
    // bare, disagreed with itself.
    let again: BTreeSet<_> = differ.iter().flat_map(|(way, tests)| tests.iter().map(|test| (*way, test.0))).collect();
    let bare: BTreeSet<_> = again.iter().map(|(_, module)| (BARE, *module)).collect();
    let second = run_all(&folder.join("2"), &python, again.union(&bare).copied());
    let (mut report, mut unsure) = (String::new(), BTreeSet::new());
    for (way, tests) in &differ {
        let same_bare = |test: &&Test| first[BARE].get(*test) == second[BARE].get(*test);
        let still = differing(&second[BARE], &second[*way]);
        let still: BTreeSet<_> = tests.intersection(&still).filter(same_bare).cloned().collect();
        unsure.extend(tests.difference(&still).cloned());
        for test in &still {
            let became = |of: &[Outcomes], way: usize| of[way].get(test).cloned().unwrap_or("not run".into());
            let (name, bare, under) = (&test.1, became(&first, BARE), became(&first, *way));
            writeln!(report, "{}: {name}\n    bare: {bare}\n    {}: {under}", test.0, WAYS[*way].0).expect("it fits");
        }
    }
    // What did not run because a test before it hung is not unsure on its own account.
    let cut_short: BTreeSet<_> = unsure.iter().filter(|test| test.1 == WHOLE).map(|test| test.0).collect();
    unsure.retain(|test| test.1 == WHOLE || !cut_short.contains(test.0));
    for test in &unsure {
        let became: Vec<_> = first.iter().map(|of| of.get(test).map_or("not run", String::as_str)).collect();
        println!("disagrees with itself: {}: {}: {became:?}, in the order of the ways", test.0, test.1);
    }
    println!("{} tests compared", first[BARE].len() - unsure.len());
    let kept = folder.display();
    assert!(report.is_empty(), "not the same as bare (what was printed is below {kept}):\n{report}");
    assert!(unsure.len() <= HANDFUL, "too many tests disagree with themselves (see {kept}): {unsure:#?}");
    std::fs::remove_dir_all(&folder).expect("the folder is ours");
}

/// The comparison compares something: under a policy the interpreter has the shim in it, bare it
/// has not.
#[test]
fn the_policies_are_in_force() {
    let python = python();
    let probe = "import socket; s = socket.socket(); s.bind(('', 0)); \
                 print('portshim' in open('/proc/self/maps').read(), s.getsockname()[1])";
    for (way, policy) in WAYS {
        let told = must(in_own_network(policy, &python).args(["-c", probe]));
        let (loaded, port) = told.trim().split_once(' ').expect("two words");
        assert_eq!(loaded == "True", policy.is_some(), "{way}: {told}");
        if let Some(["--range", range]) = policy {
            let (first, last) = range.split_once('-').expect("a range");
            let number = |text: &str| text.parse::<u16>().expect("a port");
            assert!((number(first)..=number(last)).contains(&number(port)), "{way}: {told}");
        }
    }
}
