//! The Java package, built by Maven and tested by its Surefire: its annotations and guards, under
//! portshim and without.

use portshim_tests::programs::{Scratch, must, private};
use portshim_tests::{portshim, project, said};
use std::path::Path;
use std::process::{Command, Output};

/// What Maven takes its plugins and JUnit from: packages of Debian.
const REPOSITORY: &str = "<settings><mirrors><mirror><id>debian</id><mirrorOf>*</mirrorOf>\
                          <url>file:///usr/share/maven-repo</url></mirror></mirrors></settings>";

/// Runs Maven in a folder.
fn maven(mut command: Command, folder: &Path, args: &[&str]) -> Output {
    command.args(["--batch-mode", "--settings=settings.xml", "-Dmaven.repo.local=repository", "-Dstyle.color=never"]);
    command.args(args).current_dir(folder).output().expect("`make setup` installs it")
}

#[test]
fn junit_runs_out_of_ports() {
    private(|| {
        let folder = Scratch::new("java");
        must(Command::new("cp").arg("-r").arg(project().join("bindings/java/.")).arg(&folder));
        std::fs::write(folder.join("settings.xml"), REPOSITORY).expect("the folder is ours");
        let under = portshim(["run", "--quiet", "--range", "20000-20009", "--", "mvn"]);
        let output = maven(under, &folder, &["package"]);
        let all = "Tests run: 8, Failures: 0, Errors: 0, Skipped: 0";
        assert!(output.status.success() && said(&output).contains(all), "{}", said(&output));
        assert!(folder.join("target/portshim-junit-0.1.0.jar").is_file(), "{}", said(&output));
        // Without portshim, what is already compiled is skipped, or fails.
        let one = ["surefire:test", "-Dtest=HeldTest#noPortIsLeft"];
        let output = maven(Command::new("mvn"), &folder, &one);
        let skipped = "Tests run: 1, Failures: 0, Errors: 0, Skipped: 1";
        assert!(output.status.success() && said(&output).contains(skipped), "{}", said(&output));
        let output = maven(Command::new("mvn"), &folder, &[&one[..], &["-DargLine=-Dportshim.required=true"]].concat());
        let why = "this program does not run under portshim";
        assert!(!output.status.success() && said(&output).contains(why), "{}", said(&output));
    });
}
