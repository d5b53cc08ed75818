//! Where a policy comes from, and what is said of one that is none.

use super::sandbox::{Sandbox, mode};
use portshim_tests::portshim_path;
use portshim_tests::programs::is_root;
use std::process::Command;

/// What `show` says of the dynamic range for tcp4.
fn dynamic(here: &Sandbox, args: &[&str], variables: &[(&str, &str)]) -> String {
    let mut command = here.portshim(&[&["show", "--preset", "linux"], args].concat());
    let output = command.envs(variables.iter().copied()).output().expect("it runs");
    let said = here.masked(&output.stdout);
    let line = said.lines().find(|line| line.trim_start().starts_with("dynamic")).unwrap_or_default();
    line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
}

#[test]
fn an_option_beats_its_variable_that_the_file_and_that_the_preset() {
    let here = Sandbox::new();
    assert!(dynamic(&here, &[], &[]).starts_with("32768-60999 preset linux"));
    here.file("home/.config/portshim/policy.toml", "dynamic.all = \"1000-1999\"\n");
    let user = "1000-1999 dynamic.all ([DIR]/home/.config/portshim/policy.toml, line 1)";
    assert_eq!(dynamic(&here, &[], &[]), user);
    here.file("config/portshim/policy.toml", "dynamic.all = \"2000-2999\"\n");
    let config = here.path("config");
    let config = ("XDG_CONFIG_HOME", config.to_str().expect("text"));
    assert!(dynamic(&here, &[], &[config]).starts_with("2000-2999 "));
    here.file("desk/portshim.toml", "dynamic.all = \"3000-3999\"\n");
    assert_eq!(dynamic(&here, &[], &[config]), "3000-3999 dynamic.all (./portshim.toml, line 1)");
    here.file("desk/other.toml", "dynamic.all = \"4000-4999\"\n");
    let other = ("PORTSHIM_POLICY_FILE", "other.toml");
    assert_eq!(dynamic(&here, &[], &[other]), "4000-4999 dynamic.all (other.toml, line 1)");
    here.file("desk/third.toml", "dynamic.all = \"5000-5999\"\n");
    assert_eq!(dynamic(&here, &["-c", "third.toml"], &[other]), "5000-5999 dynamic.all (third.toml, line 1)");
    let variable = ("PORTSHIM_RANGE", "6000-6999");
    assert_eq!(dynamic(&here, &["-c", "third.toml"], &[variable]), "6000-6999 PORTSHIM_RANGE=6000-6999");
    assert_eq!(dynamic(&here, &["--range", "7000-7999"], &[variable]), "7000-7999 --range 7000-7999");
}

/// `show`, as a user whom a file's mode stops: root is stopped by none, unless it has given that
/// up.
fn show_within_its_rights(here: &Sandbox) -> Command {
    if !is_root() {
        return here.portshim(&["show", "--preset", "linux"]);
    }
    let mut command = here.command("setpriv", &["--bounding-set=-dac_override,-dac_read_search"]);
    command.arg(portshim_path()).args(["show", "--preset", "linux"]);
    command
}

/// After setpriv(1), HOME may still be root's.
#[test]
fn a_usual_policy_file_that_cannot_be_reached_is_passed_over() {
    let here = Sandbox::new();
    here.file("home/.config/portshim/policy.toml", "dynamic.all = \"1000-1999\"\n");
    here.file("config/portshim/policy.toml", "dynamic.all = \"2000-2999\"\n");
    let config = here.path("config");
    for (folder, variable) in [("home", None), ("home/.config/portshim", None), ("config", Some(&config))] {
        let mut command = show_within_its_rights(&here);
        command.envs(variable.map(|value| ("XDG_CONFIG_HOME", value)));
        mode(&here.path(folder), 0o000);
        let output = command.output().expect("it runs");
        mode(&here.path(folder), 0o755);
        let said = portshim_tests::said(&output);
        assert!(
            output.status.success() && output.stderr.is_empty() && said.contains("32768-60999"),
            "{folder}: {said}"
        );
    }
    // One that is there is meant, and so is what a link that is there leads to.
    let file = here.path("home/.config/portshim/policy.toml");
    let refused = "error: the policy file `[DIR]/home/.config/portshim/policy.toml` cannot be read: permission denied\n\
                   help:  make it readable for this user, or name another with -c\n";
    mode(&file, 0o000);
    here.expect(&mut show_within_its_rights(&here), 125, "", refused);
    std::fs::remove_file(&file).expect("it is ours");
    std::os::unix::fs::symlink(config.join("portshim/policy.toml"), &file).expect("it is ours");
    mode(&config, 0o000);
    here.expect(&mut show_within_its_rights(&here), 125, "", refused);
    mode(&config, 0o755);
}

#[test]
fn every_option_has_its_variable() {
    let here = Sandbox::new();
    let [options, variables] = [true, false].map(|by_option| {
        let mut command = here.portshim(&["show", "--json"]);
        for (option, variable, value) in [
            ("--preset", "PORTSHIM_PRESET", "windows-xp"),
            ("--reserve", "PORTSHIM_RESERVE", "2000-2010"),
            ("--block", "PORTSHIM_BLOCK", "9000"),
            ("--select", "PORTSHIM_SELECT", "random"),
            ("--sharing", "PORTSHIM_SHARING", "tuple"),
            ("--seed", "PORTSHIM_SEED", "7"),
            ("--max-user-port", "PORTSHIM_MAX_USER_PORT", "8000"),
        ] {
            if by_option {
                command.args([option, value])
            } else {
                command.env(variable, value)
            };
        }
        let output = command.output().expect("it runs");
        assert!(output.status.success(), "{}", portshim_tests::said(&output));
        let said = here.masked(&output.stdout);
        let values =
            |line: &&str| ["value", "\"allowed\"", "\"runs\"", "\"ports\""].iter().any(|key| line.contains(key));
        let origins = |line: &&str| !line.contains("\"value\": \"windows") || line.contains("xp");
        said.lines().filter(values).filter(origins).map(str::to_owned).collect::<Vec<_>>()
    });
    let own = |lines: &[String]| {
        lines.iter().filter(|l| l.contains("allowed") || l.contains("runs")).cloned().collect::<Vec<_>>()
    };
    assert_eq!(own(&options), own(&variables));
    assert!(own(&options).iter().any(|line| line.contains("1025-1999,2011-8000")), "{options:?}");
}

#[test]
fn a_variable_may_hold_several_specs() {
    let here = Sandbox::new();
    let mut command = here.portshim(&["explain", "--preset", "linux", "30005/udp4"]);
    command.env("PORTSHIM_RANGE", "20000-20009/tcp 30000-30009/udp");
    let said = "30005/udp4: dynamic: in 30000-30009 of PORTSHIM_RANGE=20000-20009/tcp 30000-30009/udp: \
                a wildcard bind may get it; a specific bind succeeds\n";
    here.expect(&mut command, 0, said, "");
}

#[test]
fn what_is_no_spec_launches_nothing() {
    let here = Sandbox::new();
    for (args, problem, help) in [
        (["--range", "70000"], "`70000`: a port is at most 65535", "write a number from 1 to 65535"),
        (
            ["--range", "0"],
            "`0`: port 0 asks for any port, so no policy can speak of it",
            "write a number from 1 to 65535",
        ),
        (["--reserve", "50-40"], "`50-40`: the range 50-40 is reversed", "write 40-50"),
        (["--reserve", "-5"], "a port number is missing", "write PORT or FIRST-LAST, such as 4000-4999"),
        (
            ["--block", "80/tpc"],
            "`tpc`: there is no such scope",
            "write one of all, tcp, udp, 4, 6, tcp4, tcp6, udp4, udp6",
        ),
        (["--preset", "windwos-2003"], "`windwos-2003`: there is no such preset", "did you mean `windows-2003`?"),
        (
            ["--preset", "beos"],
            "`beos`: there is no such preset",
            "write one of host, linux, windows-xp, windows-2003, windows-2003-sp1, windows-vista, bsd, freebsd, iana",
        ),
        (["--select", "randon"], "`randon`: there is no such order", "did you mean `random`?"),
        (["--sharing", "some"], "`some`: there is no such sharing", "write one of exclusive, tuple"),
        (["--seed", "-1"], "`-1`: this is not a seed", "write a number from 0 to 18446744073709551615"),
        (["--max-user-port", "many"], "`many`: this is not a port number", "write a number from 5000 to 65534"),
        (["--range", "5000:5010"], "`5000:5010`: this is not a port number", "write 5000-5010"),
        (
            ["--reserve", "10050 10051"],
            "`10050 10051`: this is not a port number",
            "write 10050-10051, or 10050,10051 for these two ports alone",
        ),
        (["--range", "5000/tcp,5001/udp"], "`tcp,5001/udp`: there is no such scope", "repeat --range for each scope"),
    ] {
        let expected = format!("error: {} {}: {problem}\nhelp:  {help}\n", args[0], args[1]);
        here.says(&[&["run"], &args[..], &["--", "touch", "launched"]].concat(), 125, "", &expected);
    }
    for (option, problem, help) in [
        ("--range", "a port number is missing", "write PORT or FIRST-LAST, such as 4000-4999"),
        ("--seed", "a seed is missing", "write a number from 0 to 18446744073709551615"),
        ("--sharing", "no sharing is named", "write one of exclusive, tuple"),
    ] {
        let expected = format!("error: {option} '': {problem}\nhelp:  {help}\n");
        here.says(&["run", option, "", "--", "touch", "launched"], 125, "", &expected);
    }
    let mut command = here.portshim(&["run", "--", "touch", "launched"]);
    let said = "error: PORTSHIM_BLOCK=80x: `80x`: this is not a port number\nhelp:  write a number from 1 to 65535\n";
    here.expect(command.env("PORTSHIM_BLOCK", "80x"), 125, "", said);
    // All at once.
    here.says(
        &["run", "--seed", "x", "--range", "9-8", "--", "touch", "launched"],
        125,
        "",
        "\
error: --range 9-8: `9-8`: the range 9-8 is reversed
help:  write 8-9
error: --seed x: `x`: this is not a seed
help:  write a number from 0 to 18446744073709551615
",
    );
    assert!(!here.path("desk/launched").exists());
}

#[test]
fn a_value_that_is_no_text() {
    use std::os::unix::ffi::OsStrExt;
    let here = Sandbox::new();
    let mut command = here.portshim(&["show", "--range"]);
    command.arg(std::ffi::OsStr::from_bytes(b"80\xff"));
    let said =
        "error: --range 80\u{fffd}: `80\u{fffd}`: this is not a port number\nhelp:  write a number from 1 to 65535\n";
    here.expect(&mut command, 125, "", said);
}

#[test]
fn what_is_no_policy_file_launches_nothing() {
    let here = Sandbox::new();
    here.says(
        &["run", "-c", "none.toml", "--", "touch", "launched"],
        125,
        "",
        "\
error: the policy file `none.toml` cannot be read: no such file or directory
help:  name a policy file that exists, or begin one with `portshim capture`
",
    );
    here.says(
        &["run", "-c", ".", "--", "touch", "launched"],
        125,
        "",
        "error: the policy file `.` cannot be read: is a directory\nhelp:  name a file\n",
    );
    here.says(
        &["check", "/dev/zero"],
        125,
        "",
        "error: the policy file `/dev/zero` is larger than 1048576 bytes\n\
         help:  is it a policy? Write neighbouring ports as a range, such as 4000-4999. Of a registry, export the key\n       Services\\Tcpip\\Parameters alone\n",
    );
    // What another program writes is as good as a file.
    let mut piped = here.command("sh", &["-c", r#"echo 'preset = "iana"' | "$0" check /dev/stdin"#]);
    here.expect(piped.arg(portshim_path()), 0, "/dev/stdin: a policy\n", "");
    here.file("desk/empty.reg", "");
    let remedy = "did the command fail that should have written it? A policy that asks for nothing is a .toml file with a comment";
    here.says(&["check", "empty.reg"], 125, "", &format!("error: `empty.reg` is empty\nhelp:  {remedy}\n"));
    here.says(
        &["run", "-c", "empty.reg", "--", "true"],
        125,
        "",
        &format!("error: `empty.reg` is empty\nhelp:  {remedy}\n"),
    );
    here.file("desk/largest.toml", vec![b'#'; 1 << 20]);
    here.says(&["check", "largest.toml"], 0, "largest.toml: a policy\n", "");
    here.file("desk/larger.toml", vec![b'#'; (1 << 20) + 1]);
    here.says(
        &["check", "larger.toml"],
        125,
        "",
        "\
error: the policy file `larger.toml` is larger than 1048576 bytes
help:  is it a policy? Write neighbouring ports as a range, such as 4000-4999. Of a registry, export the key
       Services\\Tcpip\\Parameters alone
",
    );
    here.file("desk/latin.toml", b"# caf\xe9\n");
    here.says(
        &["check", "latin.toml"],
        125,
        "",
        "\
error: latin.toml:1:6: this is not text in UTF-8
  |
1 | # café
  |      ^
help:  save the policy as UTF-8
",
    );
    here.file("desk/portshim.toml", "selct = \"random\"\n\n[dynamic]\ntcp = \"4000-70000\"\n");
    let problems = "\
error: ./portshim.toml:1:1: `selct`: there is no such key
  |
1 | selct = \"random\"
  | ^^^^^
help:  did you mean `select`?
error: ./portshim.toml:4:13: `70000`: a port is at most 65535
  |
4 | tcp = \"4000-70000\"
  |             ^^^^^
help:  write a number from 1 to 65535
";
    here.says(&["run", "--", "touch", "launched"], 125, "", problems);
    here.says(&["check", "./portshim.toml"], 125, "", problems);
    assert!(!here.path("desk/launched").exists());
}

#[test]
fn ports_without_quotes() {
    let here = Sandbox::new();
    here.file("desk/bare.toml", "reserve = 8080/tcp\n[dynamic]\ntcp = 10000-10099\n");
    here.says(
        &["check", "bare.toml"],
        125,
        "",
        "\
error: bare.toml:1:11: 8080/tcp: these are ports, and ports are quoted
  |
1 | reserve = 8080/tcp
  |           ^^^^^^^^
help:  write \"8080/tcp\"
error: bare.toml:3:7: 10000-10099: these are ports, and ports are quoted
  |
3 | tcp = 10000-10099
  |       ^^^^^^^^^^^
help:  write \"10000-10099\"
",
    );
}

#[test]
fn the_file_that_is_heard_is_named() {
    let here = Sandbox::new();
    let told = here.told(&["show"]);
    assert!(told.contains("\n\npreset ") && !told.contains("\nfile "), "{told}");
    here.file("desk/portshim.toml", "select = \"random\"\n");
    let told = here.told(&["show"]);
    assert!(told.contains("\n\nfile      ./portshim.toml\npreset "), "{told}");
    let told = here.told(&["show", "--json"]);
    assert!(told.starts_with("{\n  \"file\": \"./portshim.toml\",\n  \"preset\": {"), "{told}");
    let output = here.portshim(&["run", "-v", "--", "true"]).output().expect("it runs");
    let said = here.masked(&output.stderr);
    assert!(said.starts_with("portshim: the policy file is ./portshim.toml\n"), "{said}");
}

#[test]
fn a_good_policy_file() {
    let here = Sandbox::new();
    here.file("desk/good.toml", "select = \"random\"\n[[reserve]]\nports = \"8080\"\n");
    here.says(&["check", "good.toml"], 0, "good.toml: a policy\n", "");
}

/// Thirty thousand copies of it would be eight gigabytes.
#[test]
fn a_line_of_many_specs_takes_no_copy_of_it_for_each() {
    let here = Sandbox::new();
    let specs: Vec<_> = (0..30_000).map(|n| format!("\"{}\"", 1024 + 2 * n)).collect();
    here.file("desk/many.toml", format!("preset = \"linux\"\nreserve = [{}]\n", specs.join(", ")));
    let script = "ulimit -v 1000000; exec \"$0\" check many.toml";
    let portshim = portshim_path();
    let mut command = here.command("sh", &["-c", script, portshim.to_str().expect("text")]);
    here.expect(&mut command, 0, "many.toml: a policy\n", "");
}

#[test]
fn too_many_rules_are_counted_before_they_are_worked_out() {
    let here = Sandbox::new();
    // Each would be refused for another reason as well.
    let one = "[[process]]\nmatch = \"java\"\ndynamic.all = \"20000\"\nreserve = \"20000\"\n";
    here.file("desk/many.toml", one.repeat(16));
    here.says(
        &["check", "many.toml"],
        125,
        "",
        "\
error: many.toml:62:10: there are more than 15 [[process]] rules
   |
62 | match = \"java\"
   |          ^^^^
help:  join some of them: `*` stands for any characters, `?` for one
",
    );
}

#[test]
fn an_empty_policy_launches_nothing() {
    let here = Sandbox::new();
    let help = "help:  reserve and block less of it, or widen the range\n";
    let all = ["--range", "20000-20009", "--reserve", "20000-20004", "--block", "20005-20009"];
    let problem = "--range 20000-20009: no port of this range is left: all are reserved by --reserve 20000-20004 and \
                   blocked by --block 20005-20009";
    let udp = ["--preset", "linux", "--range", "20000-20009/tcp", "--reserve", "1-65535/udp"];
    let source = "preset linux (kernel documentation, ip-sysctl: ip_local_port_range)";
    let udp_problem =
        format!("{source}: no port of this range is left for udp: all are reserved by --reserve 1-65535/udp");
    for (options, problem) in [(&all[..], problem), (&udp, &udp_problem)] {
        let args = [&["run"], options, &["--", "touch", "launched"]].concat();
        here.says(&args, 125, "", &format!("error: {problem}\n{help}"));
    }
    assert!(!here.path("desk/launched").exists());
}

#[test]
fn a_value_that_is_clamped_is_told_of() {
    let here = Sandbox::new();
    let args = ["run", "--preset", "windows-2003", "--max-user-port", "70000"];
    let output = here.portshim(&[&args[..], &["--", "echo", "launched"]].concat()).output().expect("it runs");
    let said = here.masked(&output.stderr);
    assert!(output.status.success() && said.starts_with("warning: --max-user-port 70000: "), "{said}");
    here.says(&[&args[..], &["-q", "--", "echo", "launched"]].concat(), 0, "launched\n", "");
}
