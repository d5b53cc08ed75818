//! Every command in the README and in the guide does what it is shown to do, every policy in them
//! is valid, and every link leads somewhere.
//!
//! In a block marked `console`, a line after `$ ` is a command, lines up to `END` go on with it
//! where it says `<<'END'`, and all others are what it says. There `[..]` stands for anything
//! inside a line, and a line of `...` for any lines.

use portshim_tests::programs::{is_root, must, scratch};
use portshim_tests::{portshim, portshim_path, project};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

/// A fenced block of a page.
struct Block {
    /// `README.md:40`: the place of its first line.
    place: String,
    /// What its fence says it is.
    kind: String,
    text: String,
}

/// A command of a `console` block, and what is shown below it.
struct Shown {
    command: String,
    output: String,
}

fn read(page: &Path) -> String {
    std::fs::read_to_string(page).unwrap_or_else(|e| panic!("{}: {e}", page.display()))
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in read(&project().join(page)).lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(kind)) => {
                let place = format!("{page}:{}", number + 2);
                open = Some(Block { place, kind: kind.to_owned(), text: String::new() });
            }
            (None, None) => {}
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => block.text.extend([line, "\n"]),
        }
    }
    assert!(open.is_none(), "{page} ends inside a block");
    assert!(!blocks.is_empty(), "{page} shows nothing");
    blocks
}

fn session(block: &Block) -> Vec<Shown> {
    let mut session: Vec<Shown> = Vec::new();
    let mut lines = block.text.lines();
    while let Some(line) = lines.next() {
        if let Some(command) = line.strip_prefix("$ ") {
            let mut command = format!("{command}\n");
            if command.contains("<<'END'") {
                while !command.ends_with("\nEND\n") {
                    let more = lines.next().unwrap_or_else(|| panic!("{} ends inside a command", block.place));
                    command.extend([more, "\n"]);
                }
            }
            session.push(Shown { command, output: String::new() });
            continue;
        }
        let last = session.last_mut().unwrap_or_else(|| panic!("{} begins without a command", block.place));
        last.output.extend([line, "\n"]);
    }
    session
}

/// A shell in a network of its own, which is told what to do piece by piece.
struct Shell {
    child: Child,
    said: BufReader<ChildStdout>,
}

/// Ends what a command says.
const END: &str = "\u{1}";

impl Shell {
    /// Starts in `folder`; what is kept for a user is kept in `home`.
    fn start(folder: &Path, home: &Path) -> Self {
        let mut folders = vec![portshim_path().parent().expect("a program is in a folder").to_path_buf()];
        folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
        let reader = r#"
            exec 9<&0 </dev/null 2>&1
            ip link set lo up
            status=0
            last() { return "$status"; }
            while IFS= read -r -d '' -u 9 command; do
                last
                eval "$command" 9<&-
                status=$?
                printf '\001\n'
            done"#;
        let mut command = Command::new("timeout");
        command
            .args(["--kill-after=1", "120", "unshare"])
            .args((!is_root()).then_some("--map-root-user"))
            .args(["--net", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-c", reader])
            .current_dir(folder)
            .env("PATH", std::env::join_paths(folders).expect("they came from PATH"))
            .envs(["XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"].map(|name| (name, home)))
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PORTSHIM_") {
                command.env_remove(name);
            }
        }
        let mut child = command.spawn().expect("timeout(1) runs");
        let said = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { child, said }
    }

    /// Runs one command, and gives what it says: all of it, or the first `lines` lines where it
    /// stays in the background.
    fn run(&mut self, command: &str, lines: usize) -> String {
        let background = command.trim_end().ends_with('&');
        let input = self.child.stdin.as_mut().expect("it is piped");
        input.write_all(format!("{command}\0").as_bytes()).expect("the shell listens");
        let (mut said, mut ended) = (String::new(), false);
        while !ended || (background && said.lines().count() < lines) {
            let mut line = String::new();
            let read = self.said.read_line(&mut line).expect("commands say text");
            assert!(read > 0, "the shell ended, or hung, in:\n{command}after:\n{said}");
            match line.trim_end().strip_suffix(END) {
                Some(unfinished) => {
                    ended = true;
                    said.push_str(unfinished);
                }
                None => said.push_str(&line),
            }
        }
        said
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // It ends with its input, and whatever it left behind with it. How is not the question.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Tells whether `said` is what is shown.
fn agrees(shown: &[&str], said: &[&str]) -> bool {
    match (shown, said) {
        ([], []) => true,
        (["...", rest @ ..], _) => (0..=said.len()).any(|skipped| agrees(rest, &said[skipped..])),
        ([one, shown @ ..], [line, said @ ..]) => fits(one, line) && agrees(shown, said),
        _ => false,
    }
}

fn fits(shown: &str, line: &str) -> bool {
    match shown.split_once("[..]") {
        None => shown == line,
        Some((before, after)) => line.strip_prefix(before).is_some_and(|rest| {
            let places = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
            places.into_iter().any(|at| fits(after, &rest[at..]))
        }),
    }
}

/// A folder in which a reader may leave files, and which looks like the checkout otherwise.
fn checkout() -> PathBuf {
    let folder = scratch("readme");
    for name in ["examples", "docs", "shim", "README.md"] {
        std::os::unix::fs::symlink(project().join(name), folder.join(name)).expect("it is an empty folder");
    }
    folder
}

/// Types what a block shows, and tells what is not as shown.
fn typed(shell: &mut Shell, block: &Block) -> Vec<String> {
    let mut differences = Vec::new();
    for Shown { command, output } in session(block) {
        if let Some(target) = command.strip_prefix("make ") {
            let target = target.split_whitespace().next().expect("make is told what to make");
            // What it runs, it is not to run again: the tests are one of them.
            must(Command::new("make").args(["--dry-run", target]).current_dir(project()));
            if target == "run" {
                shell.run("PORTSHIM=$(command -v portshim) examples/demo\n", 0);
            }
            continue;
        }
        let said = shell.run(&command, output.lines().count());
        if !agrees(&output.lines().collect::<Vec<_>>(), &said.lines().collect::<Vec<_>>()) {
            differences.push(format!("{}\n$ {command}{output}--- but it says\n{said}", block.place));
        }
    }
    differences
}

/// The README is typed from top to bottom, in one shell, and leaves nothing behind.
#[test]
fn every_command_of_the_readme() {
    let (folder, home) = (checkout(), scratch("readme-home"));
    let before = names(&folder);
    let mut shell = Shell::start(&folder, &home);
    let differences: Vec<_> = (blocks("README.md").iter().filter(|block| block.kind == "console"))
        .flat_map(|block| typed(&mut shell, block))
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert_eq!(shell.run("jobs -r\n", 0), "", "what is started is ended");
    assert_eq!(names(&folder), before);
    drop(shell);
    for folder in [folder, home] {
        std::fs::remove_dir_all(folder).expect("nobody is in it any more");
    }
}

fn names(folder: &Path) -> BTreeSet<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("it is a folder");
    entries.map(|entry| entry.expect("it can be listed").path()).collect()
}

/// Each block of the guide stands for itself.
#[test]
fn every_command_of_the_guide() {
    let mut differences = Vec::new();
    let home = scratch("readme-home");
    for block in blocks("docs/guide.md").iter().filter(|block| block.kind == "console") {
        let folder = checkout();
        let mut shell = Shell::start(&folder, &home);
        differences.extend(typed(&mut shell, block));
        drop(shell);
        std::fs::remove_dir_all(&folder).expect("nobody is in it any more");
    }
    std::fs::remove_dir_all(&home).expect("nobody is in it any more");
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn what_does_not_agree_is_seen() {
    for (shown, said, same) in [
        ("7 ports: 1 2", "7 ports: 1 2", true),
        ("7 ports: 1 2", "7 ports: 1 3", false),
        ("a [..] c", "a bb c", true),
        ("a [..] c", "a bb", false),
        ("[..].so", "x.so.so", true),
        ("a", "a\nb", false),
        ("a\nb", "a", false),
        ("a\n...\nd", "a\nb\nc\nd", true),
        ("a\n...\nd", "a\nb\nc", false),
        ("", "a", false),
    ] {
        let lines = |text: &'static str| text.lines().collect::<Vec<_>>();
        assert_eq!(agrees(&lines(shown), &lines(said)), same, "{shown:?} {said:?}");
    }
}

#[test]
fn every_policy_that_is_shown_is_one() {
    let file = scratch("readme-policies").join("policy.toml");
    let mut policies = 0;
    for block in blocks("docs/guide.md").iter().chain(&blocks("README.md")).filter(|block| block.kind == "toml") {
        std::fs::write(&file, &block.text).expect("the folder is ours");
        eprintln!("{}", block.place);
        must(portshim(["check"]).arg(&file));
        policies += 1;
    }
    assert!(policies > 0, "the guide shows policies");
    std::fs::remove_dir_all(file.parent().expect("it is in a folder")).expect("nobody is in it");
}

/// The words of a text that begin like this: options, variables.
fn words(text: &str, prefix: &str) -> BTreeSet<String> {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let words = text.split(|c| !part(c)).filter(|word| word.starts_with(prefix) && word.len() > prefix.len());
    words.map(str::to_owned).collect()
}

#[test]
fn the_guide_names_every_option_and_variable() {
    let guide = read(&project().join("docs/guide.md"));
    let mut helps = vec![must(&mut portshim(["--help"]))];
    let commands: Vec<String> = (helps[0].lines().skip_while(|line| *line != "Commands:").skip(1))
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .collect();
    assert!(commands.contains(&"run".to_owned()), "{commands:?}");
    for command in &commands {
        assert!(guide.contains(&format!("portshim {command}")), "the guide does not speak of `portshim {command}`");
        helps.push(must(&mut portshim([command.as_str(), "--help"])));
    }
    let helps: String = helps.iter().flat_map(|help| help.split("Examples:").next()).collect();
    for (prefix, at_least) in [("--", "--range"), ("PORTSHIM_", "PORTSHIM_RANGE")] {
        let named = words(&helps, prefix);
        assert!(named.contains(at_least), "{named:?}");
        let explained = words(&guide, prefix);
        let missing: Vec<_> = named.difference(&explained).collect();
        assert!(missing.is_empty(), "the guide does not explain {missing:?}");
    }
}

fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<_> = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(|name| project().join(name)).into();
    for folder in ["docs", "docs/adr"] {
        let folder = std::fs::read_dir(project().join(folder)).expect("the documentation is there");
        let files = folder.map(|entry| entry.expect("it can be listed").path());
        pages.extend(files.filter(|path| path.extension().is_some_and(|e| e == "md")));
    }
    pages
}

/// The anchor that a heading gets: lower case, blanks as `-`, nothing else but letters, digits and
/// `-_`.
fn anchor(heading: &str) -> String {
    let heading = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn every_link_leads_somewhere() {
    for page in pages() {
        let text = read(&page);
        let links = text.split("](").zip(text.split("](").skip(1));
        for (before, rest) in links {
            let label = before.rsplit('[').next().unwrap_or_default();
            let target = rest.split(')').next().unwrap_or_default();
            if target.starts_with("https://") || target.contains(char::is_whitespace) {
                continue;
            }
            let (file, part) = target.split_once('#').unwrap_or((target, ""));
            let folder = page.parent().expect("a page is in a folder");
            let path = if file.is_empty() { page.clone() } else { folder.join(file) };
            assert!(path.exists(), "{} leads to {target}, which is not there", page.display());
            let is_name = label.ends_with(".rs") && !label.contains(char::is_whitespace);
            assert!(!is_name || path.ends_with(label), "{}: [{label}] leads to {target}", page.display());
            let there = || read(&path).lines().any(|line| line.starts_with('#') && anchor(line) == part);
            assert!(part.is_empty() || there(), "{} leads to {target}: there is no such heading", page.display());
        }
    }
}
