//! The recipes of `examples/deploy` do what they say, as far as that can be seen without their
//! engines: what they run is run on a Debian of 2021, and those who know their forms find them
//! right.

use super::other_system::{DEBIAN, on, published};
use portshim_tests::programs::{Scratch, must, private, text};
use portshim_tests::{portshim, project};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn recipe(name: &str) -> PathBuf {
    project().join("examples/deploy").join(name)
}

/// What Python makes of a recipe, read as YAML and called `it`.
fn of_yaml(recipe: &Path, expression: &str) -> String {
    let program = format!("import sys, yaml\nit = yaml.safe_load(open(sys.argv[1]))\nprint({expression})");
    must(checker("python3").arg("-c").arg(program).arg(recipe)).trim_end().to_owned()
}

/// A program that finds what `make setup` installed for checking recipes.
fn checker(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("PYTHONPATH", project().join("target/checkers"));
    command
}

/// Tests that need more ports than there are, as a project might have them.
const TESTS: &str =
    "cp /mnt/examples/drain.py tests.py; printf '#!/bin/sh\\npython3 tests.py\\n' >tests; chmod +x tests\n";
const TEN_PORTS: &str =
    "the next bind: EADDRINUSE\n10 ports: 20000 20001 20002 20003 20004 20005 20006 20007 20008 20009\n";

/// Runs what a service of continuous integration would run, with the package from a file instead of
/// a server.
fn integrates(recipe: &Path, commands: &str) {
    let commands = of_yaml(recipe, commands).replace("sudo ", "");
    assert!(commands.contains("portshim run"), "{commands}");
    let package = published("_amd64.deb");
    let name = text(Path::new(package.file_name().expect("it has a name")));
    // The recipe names the file that is published now.
    assert!(fs::read_to_string(recipe).expect("it is there").contains(&format!("/{name}\n")), "{name}");
    let script = format!("mkdir /work; cd /work; {TESTS}export PORTSHIM=file:///mnt/{name}\n{commands}");
    let said = on(DEBIAN, &script, &[&package, &project().join("examples")]);
    assert!(said.contains(TEN_PORTS), "{said}");
}

#[test]
fn github_actions() {
    private(|| {
        integrates(
            &recipe("github-actions.yml"),
            r"'\n'.join(step['run'] for step in it['jobs']['ports']['steps'] if 'run' in step)",
        );
    });
}

#[test]
fn gitlab() {
    private(|| {
        integrates(&recipe("gitlab-ci.yml"), r"'\n'.join(it['ports']['before_script'] + it['ports']['script'])");
    });
}

/// Each line of the Dockerfile is done by hand.
#[test]
fn an_image() {
    private(|| {
        let file = fs::read_to_string(recipe("Dockerfile")).expect("it is there");
        let all = |word: &str| {
            let lines = file.lines().filter_map(move |line| line.strip_prefix(word)?.strip_prefix(' '));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        let words = |word: &str| -> Vec<String> {
            let [line] = &all(word)[..] else { panic!("one {word}") };
            line.trim_matches(['[', ']']).split(", ").map(|word| word.trim_matches('"').to_owned()).collect()
        };
        let mut script = String::from("cd /mnt\n");
        all("COPY").iter().for_each(|line| script += &format!("cp {line}\n"));
        all("RUN").iter().for_each(|line| script += &format!("{line}\n"));
        let started = [words("ENTRYPOINT"), words("CMD")].concat().join(" ");
        script += &format!("{started} >/tmp/said 2>&1 &\nuntil grep -q Serving /tmp/said; do sleep 0.1; done\n");
        script += "cat /tmp/said; kill $!";
        let said = on(DEBIAN, &script, &[&published("_amd64.deb")]);
        assert!(said.contains("Serving HTTP on 0.0.0.0 port 200"), "{said}");
    });
}

/// Kustomize adds the component to a deployment, the schema of Kubernetes has nothing against that,
/// and the container that it makes keeps to the ports.
#[test]
fn a_pod() {
    private(|| {
        let folder = Scratch::new("kustomize");
        must(Command::new("cp").arg("-R").arg(recipe("kubernetes")).arg(folder.join("portshim")));
        let deployment = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: hello}
spec:
  selector: {matchLabels: {app: hello}}
  template:
    metadata: {labels: {app: hello}}
    spec:
      containers:
        - name: app
          image: python:3.9-bullseye
          env: [{name: OTHER, value: stays}]
";
        fs::write(folder.join("deployment.yaml"), deployment).expect("the folder is ours");
        let overlay = "resources: [deployment.yaml]\ncomponents: [portshim]\n";
        fs::write(folder.join("kustomization.yaml"), overlay).expect("the folder is ours");
        let kubectl = project().join("target/checkers/bin/kubectl");
        let made = folder.join("made.yaml");
        fs::write(&made, must(Command::new(kubectl).arg("kustomize").arg(&folder))).expect("the folder is ours");
        must(checker("python3").args(["-m", "kubernetes_validate", "--strict"]).arg(&made));

        // The variables are those that the command prints.
        let path = "/portshim/libportshim.so";
        let print = ["env", "--range", "20000-20099", "--format", "kubernetes", "--library", path];
        let printed = folder.join("env.yaml");
        fs::write(&printed, must(&mut portshim(print))).expect("the folder is ours");
        let variables = r"'\n'.join(sorted(e['name'] + '=' + e['value'] for e in VARIABLES if e['name'] != 'OTHER'))";
        let container = "it['spec']['template']['spec']['containers'][0]['env']";
        let given = of_yaml(&made, &variables.replace("VARIABLES", container));
        assert_eq!(given, of_yaml(&printed, &variables.replace("VARIABLES", "it['env']")));
        assert!(of_yaml(&made, container).contains("OTHER"));

        let copy = of_yaml(&made, "' '.join(it['spec']['template']['spec']['initContainers'][0]['command'])");
        let given: String = given.lines().map(|line| format!("'{line}' ")).collect();
        let script = format!(
            "dpkg --install /mnt/*.deb; mkdir /portshim; {copy}; dpkg --purge portshim\n\
             env {given} python3 /mnt/examples/drain.py 3"
        );
        let said = on(DEBIAN, &script, &[&published("_amd64.deb"), &project().join("examples")]);
        let (_, ports) = said.split_once("3 ports: ").expect("it tells them");
        assert!(ports.split_whitespace().all(|port| port.starts_with("200")), "{said}");
    });
}

/// systemd has nothing against the unit, and the session of what it starts is seen by whoever asks.
#[test]
fn a_unit() {
    private(|| {
        let unit = recipe("hello.service");
        let folder = Scratch::new("unit");
        let units = folder.join("usr/lib/systemd");
        must(Command::new("dpkg-deb").arg("--extract").arg(published("_amd64.deb")).arg(&folder));
        must(Command::new("install").arg("-D").arg("/usr/bin/python3").arg(folder.join("usr/bin/python3")));
        must(Command::new("mkdir").arg("-p").arg(&units));
        must(Command::new("cp").args(["-R", "/usr/lib/systemd/system"]).arg(&units));
        must(Command::new("install").args(["-m", "644"]).arg(&unit).arg(units.join("system")));
        let root = format!("--root={}", folder.display());
        let output = Command::new("systemd-analyze").args(["verify", "--man=no", &root, "hello.service"]).output();
        let told = String::from_utf8(output.expect("`make setup` installs it").stderr).expect("it is text");
        // This system's own units may name programs that are not there.
        assert!(!told.lines().any(|line| line.contains("hello.service")), "{told}");

        let unit = fs::read_to_string(&unit).expect("it is there");
        let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).expect("it starts something");
        let script = format!(
            "dpkg --install /mnt/*.deb\nmkdir /var/log/hello\n{start} >/dev/null 2>&1 &\n\
             until grep -s ' bind ' /var/log/hello/ports.log; do sleep 0.1; done\nportshim ps; portshim status; kill $!"
        );
        let said = on(DEBIAN, &script, &[&published("_amd64.deb")]);
        assert!(said.contains(" bind tcp4 200") && said.contains("20000-20099"), "{said}");
        assert!(said.contains("100 ports to hand out") && said.contains("python3"), "{said}");
    });
}
