//! Programs that are not launched, and why.

use super::sandbox::{Sandbox, mode, succeeded};
use portshim_tests::programs::{as_root, copy_program};
use std::os::unix::fs::{chown, symlink};
use std::process::Command;

const HELLO: &str = "#include <stdio.h>\nint main(void) { puts(\"hello\"); }\n";

#[test]
fn what_is_not_there() {
    let here = Sandbox::new();
    here.says(
        &["run", "--", "no-such-program", "-x"],
        127,
        "",
        "error: `no-such-program` was not found in PATH\nhelp:  give its path, such as ./no-such-program\n",
    );
    for rest in [&["x.txt", "--", "true"][..], &["x.json", "true"]] {
        let said = format!(
            "error: `{0}` was taken for the program, and was not found\nhelp:  for a report in that file, write --report={0}\n",
            rest[0]
        );
        here.says(&[&["run", "--report"], rest].concat(), 127, "", &said);
    }
    here.says(
        &["run", "--", "./no-such-program"],
        127,
        "",
        "error: `./no-such-program` does not exist\nhelp:  give the path of a program that exists\n",
    );
    here.says(
        &["run", "--", "/etc/passwd/x"],
        127,
        "",
        "error: `/etc/passwd/x` does not exist\nhelp:  give the path of a program that exists\n",
    );
    here.says(
        &["run", "--", ""],
        127,
        "",
        "error: the program's name is empty\nhelp:  write `portshim run [POLICY] -- CMD [ARG…]`\n",
    );
}

#[test]
fn what_cannot_be_executed() {
    let here = Sandbox::new();
    here.file("desk/notes.txt", "hello");
    here.says(
        &["run", "--", "./notes.txt"],
        126,
        "",
        "error: `./notes.txt` cannot be executed: it is not executable\nhelp:  chmod +x ./notes.txt\n",
    );
    here.says(&["run", "--", "/etc"], 126, "", "error: `/etc` cannot be executed: it is a directory\nhelp:  name a program, or a script whose interpreter is one\n");
    here.says(
        &["run", "--", "/dev/null"],
        126,
        "",
        "error: `/dev/null` cannot be executed: it is not a regular file\nhelp:  name a program, or a script whose interpreter is one\n",
    );
    here.program("desk/script", "#!/no/such/interpreter -x\n");
    here.says(
        &["run", "--", "./script"],
        126,
        "",
        "error: `./script` cannot be executed: its interpreter `/no/such/interpreter` cannot be executed: it does not exist\nhelp:  name a program, or a script whose interpreter is one\n",
    );
    here.program("desk/nameless", "#!  \nhello\n");
    here.says(
        &["run", "--", "./nameless"],
        126,
        "",
        "error: `./nameless` cannot be executed: its `#!` line names no interpreter\nhelp:  name a program, or a script whose interpreter is one\n",
    );
    here.program("desk/damaged", "\x7fELF, but not really");
    here.says(
        &["run", "--", "./damaged"],
        126,
        "",
        "error: `./damaged` cannot be executed: it is a damaged ELF file\nhelp:  name a program, or a script whose interpreter is one\n",
    );
    here.cc("desk/orphan", HELLO, &["-Wl,--dynamic-linker=/no/such/ld-linux-x86-64.so.2"]);
    here.says(
        &["run", "--", "./orphan"],
        126,
        "",
        "error: `./orphan` cannot be executed: its loader `/no/such/ld-linux-x86-64.so.2` does not exist\nhelp:  name a program, or a script whose interpreter is one\n",
    );
    here.program("desk/serpent", format!("#!{}\n", here.path("desk/serpent").display()));
    here.says(
        &["run", "--", "./serpent"],
        126,
        "",
        "error: `./serpent` cannot be executed: too many interpreters stand one behind the other\nhelp:  name a program, or a script whose interpreter is one\n",
    );
}

#[test]
fn a_search_goes_on_behind_what_cannot_be_executed() {
    let here = Sandbox::new();
    here.file("first/tool", "");
    here.program("second/tool", "#!/bin/sh\necho second \"$@\"\n");
    let path = format!("{}:{}", here.path("first").display(), here.path("second").display());
    let mut command = here.portshim(&["run", "--", "tool", "1"]);
    here.expect(command.env("PATH", path), 0, "second 1\n", "");
    let mut command = here.portshim(&["run", "--", "tool"]);
    here.expect(
        command.env("PATH", here.path("first")),
        126,
        "",
        "error: `[DIR]/first/tool` cannot be executed: it is not executable\nhelp:  chmod +x [DIR]/first/tool\n",
    );
}

#[test]
fn a_static_program() {
    let here = Sandbox::new();
    here.cc("desk/server", HELLO, &["-static"]);
    here.says(
        &["run", "--engine", "preload", "--range", "20000-20009", "--", "./server"],
        125,
        "",
        "\
error: `./server` is statically linked, so a preloaded library cannot reach it
help:  link it dynamically, or give it a network of its own, with the kernel's own settings
       (nothing but loopback is reachable there):
       unshare -rn sh -c 'ip link set lo up && echo 20000 20009 >/proc/sys/net/ipv4/ip_local_port_range && exec \"$0\" \"$@\"' ./server
       --allow-uncovered launches it all the same, outside the policy
",
    );
    here.says(
        &["run", "--engine=preload", "--allow-uncovered", "--", "./server"],
        0,
        "hello\n",
        "warning: `./server` is statically linked, so a preloaded library cannot reach it\n",
    );
    here.says(&["run", "--engine=preload", "--allow-uncovered", "-q", "--", "./server"], 0, "hello\n", "");
    here.says(&["run", "--range", "20000-20009", "--", "./server"], 0, "hello\n", "");
    here.cc("desk/pie", HELLO, &["-static-pie"]);
    let output = here.portshim(&["run", "--engine", "preload", "--", "./pie"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(125));
}

/// Says what it was called with, and which settings hold.
const SETTINGS: &str = "#include <stdio.h>
int main(int count, char **words) {
    for (int n = 0; n < count; n++) printf(\"%s|\", words[n]);
    for (const char *name = \"rp\"; *name; name++) {
        char line[100] = \"\";
        FILE *file = fopen(*name == 'r' ? \"/proc/sys/net/ipv4/ip_local_reserved_ports\"
                                        : \"/proc/sys/net/ipv4/ip_local_port_range\", \"r\");
        if (file) fgets(line, sizeof line, file);
        printf(\"%s\", line);
    }
}
";

#[test]
fn the_remedy_is_the_users_own_command_under_the_users_own_ports() {
    let here = Sandbox::new();
    here.cc("desk/server", SETTINGS, &["-static"]);
    let words = ["./server", "it's", "", "$HOME", "a b"];
    for (policy, settings) in [
        (
            &["--range", "20000-20009", "--reserve", "20003-20004", "--block", "20007"][..],
            "20003-20004,20007\n20000\t20009\n",
        ),
        (&["--preset", "windows-xp"], "\n1025\t5000\n"),
        (&["--range", "900-1999/tcp", "--range", "7000-7009/udp"], "\n900\t1999\n"),
    ] {
        for command in ["run", "doctor"] {
            let output = here
                .portshim(&[&[command, "--engine", "preload"], policy, &["--"], &words].concat())
                .output()
                .expect("it runs");
            let text = [output.stdout, output.stderr].concat();
            let text = String::from_utf8_lossy(&text);
            let line = text.lines().find(|line| line.trim().starts_with("unshare ")).expect("a remedy");
            assert_eq!(text.contains("the same ports for TCP and UDP"), policy.contains(&"7000-7009/udp"), "{text}");
            here.expect(&mut here.command("sh", &["-c", line]), 0, &format!("{}|{settings}", words.join("|")), "");
        }
    }
}

#[test]
fn a_script_is_as_its_interpreter() {
    let here = Sandbox::new();
    let interpreter = here.cc("desk/interpreter", HELLO, &["-static"]);
    here.program("desk/outer", format!("#!{}\n", here.path("desk/inner").display()));
    here.program("desk/inner", format!("#! {} -x\n", interpreter.display()));
    here.says(
        &["run", "--engine", "preload", "--range", "20000-20009", "--", "./outer"],
        125,
        "",
        "\
error: `./outer` is executed by `[DIR]/desk/interpreter`, which is statically linked, so a preloaded library cannot reach it
help:  link it dynamically, or give it a network of its own, with the kernel's own settings
       (nothing but loopback is reachable there):
       unshare -rn sh -c 'ip link set lo up && echo 20000 20009 >/proc/sys/net/ipv4/ip_local_port_range && exec \"$0\" \"$@\"' ./outer
       --allow-uncovered launches it all the same, outside the policy
",
    );
    // Through env, which looks in PATH.
    for line in ["#!/usr/bin/env interpreter", "#!/usr/bin/env -S A=1 interpreter -x"] {
        here.program("desk/by-env", format!("{line}\n"));
        let mut command = here.portshim(&["run", "--engine", "preload", "--", "./by-env"]);
        let output = command.env("PATH", here.path("desk")).output().expect("it runs");
        assert_eq!(output.status.code(), Some(125), "{line}");
    }
    // A file without a format is the shell's.
    here.program("desk/plain", "echo \"$0\" \"$@\"\n");
    here.says(&["run", "--", "./plain", "a b", "c"], 0, "./plain a b c\n", "");
}

#[test]
fn a_go_program() {
    let here = Sandbox::new();
    // What the Go linker leaves behind is what tells; real programs are in `programs/go.rs`.
    let source = |section: &str| format!("__attribute__((section(\"{section}\"))) char go[32] = \"go\";\n{HELLO}");
    here.cc("desk/fixed", &source(".gopclntab"), &["-static"]);
    here.cc("desk/cgo", &source(".go.buildinfo"), &[]);
    for (name, coverage, reach) in [("fixed", "none", "outside"), ("cgo", "partial", "partly outside")] {
        here.says(
            &["run", "--engine", "preload", "--range", "20000-20009", "--", &format!("./{name}")],
            125,
            "",
            &format!(
                "\
error: `./{name}` is a Go program, which makes its system calls itself, past every preloaded library
help:  give it a network of its own, with the kernel's own settings
       (nothing but loopback is reachable there):
       unshare -rn sh -c 'ip link set lo up && echo 20000 20009 >/proc/sys/net/ipv4/ip_local_port_range && exec \"$0\" \"$@\"' ./{name}
       --allow-uncovered launches it all the same, {reach} the policy
"
            ),
        );
        let output = here
            .portshim(&["doctor", "--engine", "preload", "--json", &format!("./{name}")])
            .output()
            .expect("it runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains(&format!("\"coverage\": \"{coverage}\"")), "{said}");
    }
}

#[test]
fn a_program_that_becomes_somebody_else() {
    as_root(|| {
        let here = Sandbox::new();
        let source = here.cc("hello", HELLO, &[]);
        let refused = |name: &str| {
            format!(
                "\
error: `./{name}` runs as another user or group, so the loader ignores a preloaded library
help:  run a copy without the set-user-ID and set-group-ID bits, as the user it would become
       --allow-uncovered launches it all the same, outside the policy
"
            )
        };
        for (name, owner, bits) in
            [("set-uid", (Some(65534), Some(0)), 0o4755), ("set-gid", (Some(0), Some(65534)), 0o2755)]
        {
            let path = here.path("desk").join(name);
            copy_program(&source, &path);
            chown(&path, owner.0, owner.1).expect("root may");
            mode(&path, bits);
            here.says(&["run", "--engine", "preload", "--", &format!("./{name}")], 125, "", &refused(name));
            here.says(&["run", "--", &format!("./{name}")], 0, "hello\n", "");
        }
        // Nothing is gained by who is that user already: the loader does not mind.
        let own = here.path("desk/own");
        copy_program(&source, &own);
        mode(&own, 0o4755);
        here.says(&["run", "--", "./own"], 0, "hello\n", "");
        // And nothing is where the kernel was told not to give it.
        let mut command = here.command("setpriv", &["--no-new-privs"]);
        command.arg(portshim_tests::portshim_path()).args(["run", "--", "./set-uid"]);
        here.expect(&mut command, 0, "hello\n", "");
    });
}

#[test]
fn a_program_with_capabilities() {
    as_root(|| {
        // Where nobody may go, too.
        let folder = std::path::PathBuf::from(format!("/var/tmp/portshim-cli-{}", std::process::id()));
        std::fs::create_dir(&folder).expect("a folder can be made");
        mode(&folder, 0o755);
        let home = folder.join("home");
        std::fs::create_dir(&home).expect("it is ours");
        chown(&home, Some(65534), Some(65534)).expect("root may");
        let here = Sandbox::new();
        let program = folder.join("server");
        copy_program(here.cc("hello", HELLO, &[]).as_ref(), &program);
        let command = folder.join("portshim");
        copy_program(&portshim_tests::portshim_path(), &command);
        // struct vfs_cap_data, revision 2, effective, CAP_NET_BIND_SERVICE (capabilities(7)).
        let capabilities: [u32; 5] = [0x0200_0001, 1 << 10, 0, 0, 0];
        let path = std::ffi::CString::new(program.to_str().expect("text")).expect("no NUL");
        // SAFETY: both names end in NUL, and the value is as long as is said.
        let set = unsafe {
            let value = capabilities.as_ptr().cast();
            libc::setxattr(path.as_ptr(), c"security.capability".as_ptr(), value, 20, 0)
        };
        assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
        let as_nobody = |allow: &str| {
            Command::new("setpriv")
                .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
                .arg(&command)
                .args(["run", allow, "--"])
                .arg(&program)
                .current_dir("/")
                .env_clear()
                .env("PATH", "/usr/bin:/bin")
                .env("HOME", &home)
                .output()
                .expect("setpriv is installed")
        };
        let (refused, allowed) = (as_nobody("-q"), as_nobody("--allow-uncovered"));
        std::fs::remove_dir_all(&folder).expect("it can go");
        let name = program.display();
        assert_eq!(
            String::from_utf8_lossy(&refused.stderr),
            format!(
                "\
error: `{name}` has file capabilities, so the loader ignores a preloaded library
       no supervisor can serve it, either: under a supervisor that has no CAP_SYS_ADMIN it would not get its privileges
help:  run a copy of it, which has no capabilities, or run it as root
       --allow-uncovered launches it all the same, outside the policy
"
            )
        );
        assert_eq!(refused.status.code(), Some(125));
        assert_eq!(succeeded(&allowed), "hello\n");
    });
}

#[test]
fn a_program_for_another_c_library_or_machine() {
    let here = Sandbox::new();
    here.cc("desk/other", HELLO, &["-Wl,--dynamic-linker=/lib/ld64-uClibc.so.1"]);
    here.says(
        &["run", "--engine", "preload", "--range", "20000-20009", "--", "./other"],
        125,
        "",
        "\
error: `./other` is loaded by `/lib/ld64-uClibc.so.1`: its C library is neither glibc nor musl, which portshim's library is for
help:  use the program's build for glibc or musl, or give it a network of its own, with the kernel's own settings
       (nothing but loopback is reachable there):
       unshare -rn sh -c 'ip link set lo up && echo 20000 20009 >/proc/sys/net/ipv4/ip_local_port_range && exec \"$0\" \"$@\"' ./other
       --allow-uncovered launches it all the same, outside the policy
",
    );
    here.cc("desk/narrow", "void _start(void) { for (;;) { } }", &["-m32", "-nostdlib", "-static"]);
    let output = here
        .portshim(&["run", "--engine", "preload", "--range", "20000-20009", "--", "./narrow"])
        .output()
        .expect("it runs");
    let told = "error: `./narrow` is a 32-bit x86 program; portshim's library is 64-bit x86-64\n";
    assert!(output.status.code() == Some(125) && String::from_utf8_lossy(&output.stderr).starts_with(told));
    // e_machine, at 18 in every ELF header: 183 is AArch64, 243 RISC-V.
    let mut foreign = std::fs::read(here.cc("hello", HELLO, &[])).expect("it was just made");
    foreign[18] = if cfg!(target_arch = "aarch64") { 243 } else { 183 };
    here.program("desk/foreign", foreign);
    let name = if cfg!(target_arch = "aarch64") { "RISC-V" } else { "AArch64" };
    here.says(
        &["run", "--engine", "preload", "--range", "20000-20009", "--", "./foreign"],
        125,
        "",
        &format!(
            "\
error: `./foreign` is a 64-bit {name} program; portshim's library is 64-bit {}
help:  use the program's build for this machine, or give it a network of its own, with the kernel's own settings
       (nothing but loopback is reachable there):
       unshare -rn sh -c 'ip link set lo up && echo 20000 20009 >/proc/sys/net/ipv4/ip_local_port_range && exec \"$0\" \"$@\"' ./foreign
       --allow-uncovered launches it all the same, outside the policy
",
            if cfg!(target_arch = "aarch64") { "AArch64" } else { "x86-64" }
        ),
    );
}

#[test]
fn a_loader_started_by_hand_is_covered() {
    let here = Sandbox::new();
    let loader = std::fs::read_dir("/lib64").expect("glibc's loader is there");
    let loader = loader.map(|e| e.expect("it can be listed").path()).find(|p| p.to_string_lossy().contains("ld-linux"));
    let loader = loader.expect("glibc's loader is there");
    let link = here.path("desk/loader");
    symlink(loader, link).expect("a link");
    here.says(&["run", "--", "./loader", "/bin/echo", "hello"], 0, "hello\n", "");
}
