//! What is told to somebody who asks, or who mistypes.

use super::sandbox::{Sandbox, succeeded};
use portshim_tests::project;
use std::collections::BTreeSet;

const COMMANDS: [&str; 20] = [
    "run",
    "show",
    "check",
    "explain",
    "env",
    "capture",
    "doctor",
    "ps",
    "status",
    "who",
    "top",
    "metrics",
    "presets",
    "schema",
    "reserve",
    "unreserve",
    "block",
    "unblock",
    "completions",
    "man",
];

#[test]
fn what_is_mistyped() {
    let here = Sandbox::new();
    let run = "to run a program, write `portshim run [POLICY] -- CMD [ARG…]`";
    let general = "`portshim --help` and `portshim COMMAND --help` explain by example";
    for (args, problem, help) in [
        (&[][..], "a command is missing", general),
        (&["netsh.exe"], "there is no command `netsh.exe`", "did you mean `netsh`?"),
        (&["shwo"], "there is no command `shwo`", "did you mean `show`?"),
        (&["listen", "80"], "there is no command `listen`", run),
        (&["--range", "80-90", "--", "true"], "there is no option `--range`", run),
        (&["run"], "CMD is missing", general),
        (&["run", "--range", "20000"], "CMD is missing", general),
        (&["run", "--rnage", "20000", "--", "true"], "there is no option `--rnage`", "did you mean `--range`?"),
        (&["run", "-x", "--", "true"], "there is no option `-x`", general),
        (&["run", "-range", "80", "--", "true"], "there is no option `-range`", "did you mean `--range`?"),
        (&["check", "-c", "a"], "there is no option `-c`", "write `portshim check FILE`"),
        (&["help", "shwo"], "there is no command `shwo`", "did you mean `show`?"),
        (&["run", "--range"], "`--range` needs a value", general),
        (&["run", "--seed", "1", "--seed", "2", "--", "true"], "`--seed` is given more than once", general),
        (&["check"], "FILE is missing", general),
        (&["check", "a", "b"], "`b` is one argument too many", general),
        (&["explain"], "PORT[/SCOPE] is missing", general),
        (
            &["explain", "80-90"],
            "`80-90`: this is more than one port",
            "write one, such as 8080 or 53/udp; `portshim show` tells of all",
        ),
        (&["explain", "http"], "`http`: this is not a port number", "write a number from 1 to 65535"),
        (
            &["env", "--format", "ini"],
            "`ini`: there is no such format",
            "write one of shell, systemd, docker, kubernetes, json",
        ),
        (&["completions", "csh"], "`csh`: there is no such shell", "did you mean `zsh`?"),
        (&["env", "--format"], "`--format` needs a value", "write one of shell, systemd, docker, kubernetes, json"),
        (&["run", "--quiet=yes", "--", "true"], "`--quiet` takes no value `yes`", general),
        (&["--", "true"], "there is no command `true`", "did you mean `run`?"),
        (&["man", "rnu"], "there is no command `rnu`", "`portshim --help` lists them"),
    ] {
        here.says(args, 125, "", &format!("error: {problem}\nhelp:  {help}\n"));
    }
}

#[test]
fn help_teaches_by_example() {
    let here = Sandbox::new();
    let general = here.told(&["--help"]);
    for command in COMMANDS {
        assert!(general.contains(&format!("\n  {command} ")), "{general}");
        for flag in ["-h", "--help"] {
            let help = here.told(&[command, flag]);
            let usage = format!("\nUsage: portshim {command}");
            assert!(help.contains(&usage), "{help}");
            let examples = help.split_once("\nExamples:\n").expect("there are examples").1;
            let given = examples.lines().filter(|line| line.starts_with("    ")).count();
            assert!(given > 0 && examples.contains(&format!("portshim {command}")), "{help}");
            assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
        }
    }
    assert!(here.told(&["run", "--help"]).contains("[env: PORTSHIM_RANGE]"));
    assert_eq!(here.told(&["help"]), general);
    // Whatever stands behind it, nothing is run.
    for more in [&[][..], &["--", "touch", "ran"], &["--range", "1-2", "--", "touch", "ran"], &["touch", "ran"]] {
        assert_eq!(here.told(&[&["help", "run"], more].concat()), here.told(&["run", "--help"]), "{more:?}");
        assert!(!here.path("desk/ran").exists(), "{more:?}");
    }
    here.told(&["run", "--help", "--", "touch", "ran"]);
    assert!(!here.path("desk/ran").exists());
    assert_eq!(here.told(&["help", "help"]), general);
    assert_eq!(here.told(&["--version"]), format!("portshim {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn colours() {
    let here = Sandbox::new();
    let plain = "error: there is no command `shwo`\nhelp:  did you mean `show`?\n";
    let coloured = "\x1b[1;31merror:\x1b[0m there is no command `shwo`\n\x1b[1;36mhelp:\x1b[0m  did you mean `show`?\n";
    here.says(&["shwo"], 125, "", plain);
    here.says(&["--color", "always", "shwo"], 125, "", coloured);
    for (option, variables, expected) in [
        ("--color=auto", &[("CLICOLOR_FORCE", "1")][..], coloured),
        ("--color=auto", &[("CLICOLOR_FORCE", "0")], plain),
        ("--color=auto", &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], plain),
        ("--color=NEVER", &[("CLICOLOR_FORCE", "1")], plain),
        ("--color=always", &[("NO_COLOR", "1")], coloured),
    ] {
        let mut command = here.portshim(&[option, "shwo"]);
        here.expect(command.envs(variables.iter().copied()), 125, "", expected);
    }
    // In a terminal: script(1) has one for whatever it runs.
    let portshim = portshim_tests::portshim_path();
    let run = format!("{} shwo", portshim.canonicalize().expect("it is built").display());
    for (term, expected) in [("xterm", coloured), ("dumb", plain)] {
        let mut command = here.command("script", &["-qec", &run, "/dev/null"]);
        let output = command.env("TERM", term).stdin(std::process::Stdio::null()).output().expect("script runs");
        assert_eq!(String::from_utf8_lossy(&output.stdout).replace('\r', ""), expected, "{term}");
    }
    assert!(here.told(&["show", "--help", "--color=always"]).contains("Usage: portshim show"));
    assert!(here.told(&["--color=always", "show", "--help"]).contains("\x1b["));
    assert_eq!(here.told(&["--color", "never", "help", "show"]), here.told(&["show", "--help"]));
    here.says(
        &["--color", "red", "ps"],
        125,
        "",
        "error: `red`: there is no such choice\nhelp:  write one of auto, always, never\n",
    );
}

/// Every example that only needs portshim itself is one that works.
#[test]
fn examples_are_right() {
    let here = Sandbox::new();
    here.file("desk/policy.toml", "select = \"random\"\n");
    let mut tried = 0;
    for command in ["show", "check", "explain", "env", "capture", "doctor"] {
        let help = here.told(&[command, "--help"]);
        for example in
            help.lines().filter_map(|line| line.strip_prefix("    portshim ")).filter(|line| !line.starts_with("run "))
        {
            // A program of the reader's own, and what another program does with the output, are not
            // ours.
            let example = example.split(['|', '>']).next().unwrap_or_default().replace("./server", "true");
            let args: Vec<_> = example.split_whitespace().collect();
            let output = here.portshim(&args).output().expect("it runs");
            succeeded(&output);
            tried += 1;
        }
    }
    assert!(tried >= 11, "{tried}");
}

#[test]
fn completions_are_scripts_of_their_shell() {
    let here = Sandbox::new();
    for (shell, sign) in
        [("bash", "complete -F _portshim"), ("zsh", "#compdef portshim"), ("fish", "complete -c portshim")]
    {
        let script = here.told(&["completions", shell]);
        assert!(script.contains(sign), "{script}");
        for command in COMMANDS {
            assert!(script.contains(command), "{shell} {command}");
        }
        assert!(script.contains("max-user-port"), "{shell}");
    }
    let script = here.file("desk/completions", here.told(&["completions", "bash"]));
    let ask = "source \"$1\"; shift; compopt() { :; }; COMP_WORDS=(portshim \"$@\"); COMP_CWORD=$#
        _portshim portshim \"${@: -1}\" \"${@: -2:1}\"; echo ${COMPREPLY[*]}";
    for (typed, offered) in [
        (&["run", "--ra"][..], "--range"),
        (&["run", "--preset", "windows-2"], "windows-2003 windows-2003-sp1"),
        (&["import", "--preset", "b"], "bsd"),
        (&["show", "--select", "random"], "random-start random random-increment"),
        (&["env", "--sharing", ""], "exclusive tuple"),
        (&["env", "--format", "d"], "docker"),
        (&["run", "--range", ""], ""),
        (&["run", "--log", "comp"], "completions"),
        (&["run", "--range", "80-90", "--", "setpri"], "setpriv"),
        (&["doctor", "--", "cat", "comp"], "completions"),
    ] {
        let mut command = here.command("bash", &["-c", ask, "-", script.to_str().expect("text")]);
        here.expect(command.args(typed).env("PATH", "/usr/bin"), 0, &format!("{offered}\n"), "");
    }
    // Live sessions: what `portshim ps -q` prints. The command stands in PATH as portshim.
    let here_too = here.program("bin/portshim", "#!/bin/sh\n[ \"$*\" = 'ps -q' ] && printf '4711\\n4712\\nweb\\n'\n");
    let path = format!("{}:/usr/bin:/bin", here_too.parent().expect("a folder").display());
    for (typed, offered) in [("47", "4711 4712"), ("w", "web")] {
        let mut command = here.command("bash", &["-c", ask, "-", script.to_str().expect("text")]);
        command.args(["status", "--session", typed]).env("PATH", &path);
        here.expect(&mut command, 0, &format!("{offered}\n"), "");
    }
    assert!(here.told(&["completions", "zsh"]).contains(":ID:{compadd -- $(portshim ps -q 2>/dev/null)}'"));
    assert!(here.told(&["completions", "zsh"]).contains("'*::CMD -- The program and its arguments:_normal'"));
    assert!(here.told(&["completions", "fish"]).contains(" -f -a \"(portshim ps -q 2>/dev/null)\"\n"));
    // The other shells' own words for a choice.
    assert!(here.told(&["completions", "zsh"]).contains(":HOW:(exclusive tuple)"));
    assert!(here.told(&["completions", "fish"]).contains(" -r -f -a \"exclusive\\t''\ntuple\\t''\""));
}

#[test]
fn manual_pages() {
    let here = Sandbox::new();
    let page = here.told(&["man"]);
    let version = concat!("\"portshim ", env!("CARGO_PKG_VERSION"), "\"");
    assert!(page.contains(&format!(".TH portshim 1  {version}")), "{page}");
    for command in COMMANDS {
        assert!(page.contains(&format!("portshim\\-{command}(1)")), "{command}: {page}");
        let page = here.told(&["man", command]);
        assert!(page.contains(&format!(".TH portshim-{command} 1  {version}")), "{page}");
        assert!(page.contains(".SH EXAMPLES\n") && page.contains("\n.nf\n"), "{page}");
    }
    assert!(here.told(&["man", "run"]).contains("PORTSHIM_SHARING"));
    for (command, sections) in [
        (&["man"][..], &["ENVIRONMENT", "FILES", "SEE ALSO"][..]),
        (&["man", "run"], &["EXIT STATUS", "ENVIRONMENT", "FILES", "SEE ALSO"]),
        (&["man", "ps"], &["EXIT STATUS", "SEE ALSO"]),
        (&["man", "policy"], &["KEYS", "[linux]", "[[process]]", "EXAMPLES", "SEE ALSO"]),
    ] {
        let page = here.told(command);
        let found: Vec<_> = page.lines().filter_map(|line| line.strip_prefix(".SH ")).collect();
        assert!(sections.iter().all(|section| found.contains(section)), "{command:?} {found:?}");
    }
    assert!(here.told(&["man", "policy"]).contains("\n.TP\n\\fBip_local_port_range\\fR\n"));
    assert_eq!(here.told(&["man", "--all", "pages"]), "");
    let written = std::fs::read(here.path("desk/pages/man1/portshim.1")).expect("a page");
    assert_eq!(here.masked(&written), page);
    assert!(here.path("desk/pages/man1/portshim-run.1").exists());
    assert!(here.path("desk/pages/man5/portshim-policy.5").exists());
    here.file("desk/file", "");
    here.says(
        &["man", "--all", "file"],
        125,
        "",
        "error: the page `file/man1/portshim.1` cannot be written: not a directory\n\
         help:  name a folder that you may write to\n",
    );
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let here = Sandbox::new();
    let portshim = portshim_tests::portshim_path();
    let portshim = portshim.to_str().expect("text");
    // SIGPIPE ignored, so that it is told of; the reader is gone before anything is written.
    let script = "trap '' PIPE; (sleep 0.3; \"$0\" completions bash; echo $? >status) | true; cat status";
    let mut command = here.command("bash", &["-c", script, portshim]);
    here.expect(&mut command, 0, "0\n", "");
    let mut command = here.command("sh", &["-c", "\"$0\" show --preset linux >/dev/full", portshim]);
    here.expect(&mut command, 125, "", "error: standard output cannot be written: no space left on device\nhelp:  send it to a file or a program that can take it\n");
}

/// Terms of a section of a manual page.
fn terms(page: &str, heading: &str) -> BTreeSet<String> {
    let section = page.split(".SH ").find(|section| section.lines().next() == Some(heading));
    let section = section.unwrap_or_else(|| panic!("{heading} is no section of {page}"));
    let terms = section.lines().filter_map(|line| line.strip_prefix("\\fB")?.strip_suffix("\\fR"));
    terms.map(|term| term.replace(r"\-", "-")).collect()
}

/// A section of the guide.
fn guide(heading: &str) -> String {
    let text = std::fs::read_to_string(project().join("docs/guide.md")).expect("the guide is there");
    let section = text.split("\n## ").find(|section| section.lines().next() == Some(heading));
    section.unwrap_or_else(|| panic!("{heading} is no section of the guide")).to_owned()
}

#[test]
fn the_guide_lists_every_variable() {
    let listed = terms(&Sandbox::new().told(&["man"]), "ENVIRONMENT");
    let told = guide("Environment variables");
    let items = told.lines().filter_map(|line| line.strip_prefix("- ")?.split_once(": "));
    let told: BTreeSet<_> = items.flat_map(|(names, _)| names.split('`')).map(str::to_owned).collect();
    let told: BTreeSet<_> = told.into_iter().filter(|name| name.starts_with("PORTSHIM_")).collect();
    assert_eq!(told, listed);
}

#[test]
fn the_guide_lists_every_key_of_the_policy_file() {
    let page = Sandbox::new().told(&["man", "policy"]);
    let told = guide("The policy file");
    for (heading, section) in
        [("KEYS", ""), ("[windows]", "windows."), ("[linux]", "linux."), ("[freebsd]", "freebsd.")]
    {
        for key in terms(&page, heading) {
            let forms = [format!("`{section}{key}`"), format!("`{section}{key}."), format!("[{key}]")];
            assert!(forms.iter().any(|form| told.contains(form)), "the guide has no `{section}{key}`");
        }
    }
}

#[test]
fn the_guide_lists_every_preset() {
    let help = Sandbox::new().told(&["show", "--help"]);
    let presets = help.split("port model: ").nth(1).and_then(|rest| rest.split('[').next()).expect("help lists them");
    let told = guide("Presets");
    for preset in presets.split(',').map(str::trim) {
        assert!(told.contains(&format!("\n| `{preset}`")), "the guide has no row for `{preset}`");
    }
}
