//! The Node package, tested by node's own test runner and by jest, under portshim and without.

use portshim_tests::programs::{Scratch, must, private, source};
use portshim_tests::{portshim, portshim_path, project, said};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A project of somebody's, into which the package was installed from what npm packs of it.
fn installed() -> Scratch {
    let folder = Scratch::new("node");
    let npm = |args: &[&str], path: &Path| {
        let mut npm = Command::new("npm");
        npm.args(args).args(["--silent", "--offline", "--cache"]).arg(folder.join("cache")).arg(path);
        must(npm.current_dir(&folder))
    };
    let packed = npm(&["pack"], &project().join("bindings/node"));
    npm(&["install", "--no-save", "--no-audit", "--no-fund"], &folder.join(packed.trim()));
    std::fs::copy(source("node/held.test.js"), folder.join("held.test.js")).expect("the folder is ours");
    std::fs::write(folder.join("package.json"), "{}").expect("the folder is ours");
    folder
}

fn jest() -> PathBuf {
    project().join("target/jest/node_modules/jest/bin/jest.js").canonicalize().expect("`make setup` installs it")
}

#[test]
fn node_and_jest_run_out_of_ports() {
    private(|| {
        let folder = installed();
        let jest = jest();
        let jest = jest.to_str().expect("its path is text");
        for runner in [&["--test"][..], &[jest, "--watchman=false", "--rootDir=."]] {
            let mut under = portshim(["run", "--quiet", "--range", "20000-20009", "--", "node"]);
            under
                .env("UNDER_PORTSHIM", "1")
                .env("PORTSHIM_COMMAND", portshim_path().canonicalize().expect("it is built"));
            for (mut command, passed) in [(under, 5), (Command::new("node"), 1)] {
                let output = command.args(runner).current_dir(&folder).output().expect("node runs");
                let text = said(&output);
                let lines = [format!("# pass {passed}"), format!("Tests:       {passed} passed, {passed} total")];
                assert!(output.status.success() && lines.iter().any(|line| text.contains(line)), "{runner:?}: {text}");
            }
        }
    });
}
