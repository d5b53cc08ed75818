//! What `doctor` says of a program.

use super::sandbox::Sandbox;

/// This host's kernel and its own range, as `doctor` writes them.
fn kernel() -> (String, String) {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/sys/{name}")).expect("Linux has it");
    let range: Vec<_> = read("net/ipv4/ip_local_port_range").split_whitespace().map(str::to_owned).collect();
    (read("kernel/osrelease").trim().to_owned(), range.join("-"))
}

#[test]
fn a_covered_program() {
    let here = Sandbox::new();
    let (release, range) = kernel();
    let last: u16 = range.split_once('-').expect("a range").1.parse().expect("a port");
    let (within, all) = (format!("{}-{last}", last - 9), format!("{}-65535", last - 9));
    here.program("desk/script", "#!/usr/bin/env perl\n");
    here.says(
        &["doctor", "--range", &format!("{all}/tcp"), "--range", "1000-1999/udp", "./script"],
        0,
        &format!(
            "\
program     ./script: a script
run by      /usr/bin/env: env, which executes what it is given
run by      /usr/bin/perl: a 64-bit ELF program
coverage    full
engine      library
beyond it   system calls made past the C library, such as io_uring, and those of the resolver inside it;
            sockets of the kernel's own: further subflows of MPTCP, NFS
library     [DIR]/cache/portshim/libportshim-[HASH].so
  for       x86-64, glibc 2.17 or later, or musl
kernel      Linux {release}: chooses inside any part of {range}, its own range
ports       tcp4 tcp6
  steered   {within} (the kernel chooses)
  pinned    {}-65535 (bound by number)
ports       udp4 udp6
  pinned    1000-1999 (bound by number)
",
            last + 1
        ),
        "",
    );
}

#[test]
fn an_order_of_its_own_leaves_nothing_to_the_kernel() {
    let here = Sandbox::new();
    for (args, why) in [
        (["--select", "random"], "the order of choice is random"),
        (["--seed", "7"], "a seed makes every choice repeatable"),
    ] {
        let said = here.told(&[&["doctor", "--range", "40000-40009"], &args[..], &["true"]].concat());
        assert!(said.contains(&format!("\n            not asked to, because {why}\n")), "{said}");
        assert!(said.ends_with("\n  pinned    40000-40009 (bound by number)\n"), "{said}");
    }
}

#[test]
fn a_program_out_of_reach() {
    let here = Sandbox::new();
    here.cc("desk/server", "int main(void) { return 0; }", &["-static"]);
    let (release, range) = kernel();
    here.says(
        &["doctor", "--engine", "preload", "--range", "1000-1999", "./server", "--with", "arguments"],
        1,
        &format!(
            "\
program     ./server: a 64-bit ELF program
coverage    none: `./server` is statically linked, so a preloaded library cannot reach it
engine      library
help        link it dynamically, or give it a network of its own, with the kernel's own settings
            (nothing but loopback is reachable there):
            unshare -rn sh -c 'ip link set lo up && echo 1000 >/proc/sys/net/ipv4/ip_unprivileged_port_start && \
echo 1000 1999 >/proc/sys/net/ipv4/ip_local_port_range && exec \"$0\" \"$@\"' ./server --with arguments
library     [DIR]/cache/portshim/libportshim-[HASH].so
  for       x86-64, glibc 2.17 or later, or musl
kernel      Linux {release}: chooses inside any part of {range}, its own range
ports       tcp4 tcp6 udp4 udp6
  pinned    1000-1999 (bound by number)
"
        ),
        "",
    );
    here.says(
        &["doctor", "--range", "1000-1999", "./server"],
        0,
        &format!(
            "\
program     ./server: a 64-bit ELF program
coverage    full
engine      supervisor: `./server` is statically linked, so a preloaded library cannot reach it
beyond it   sends that name no address, by a datagram socket without a port; io_uring, which is refused unless allowed;
            sockets of the kernel's own: further subflows of MPTCP, NFS
kernel      Linux {release}: chooses inside any part of {range}, its own range
ports       tcp4 tcp6 udp4 udp6
  pinned    1000-1999 (bound by number)
"
        ),
        "",
    );
    here.says(
        &["doctor", "./none"],
        127,
        "",
        "error: `./none` does not exist\nhelp:  give the path of a program that exists\n",
    );
}

#[test]
fn for_programs_to_read() {
    let here = Sandbox::new();
    let (release, range) = kernel();
    here.says(
        &["doctor", "--json", "--range", "1000-1999", "true"],
        0,
        &format!(
            "\
{{
  \"program\": \"/usr/bin/true\",
  \"steps\": [
    {{
      \"path\": \"/usr/bin/true\",
      \"kind\": \"a 64-bit ELF program\"
    }}
  ],
  \"coverage\": \"full\",
  \"engine\": \"library\",
  \"hindrance\": null,
  \"no_guest\": null,
  \"obstacle\": null,
  \"why\": null,
  \"help\": null,
  \"adjustments\": [],
  \"library\": \"[DIR]/cache/portshim/libportshim-[HASH].so\",
  \"library_needs\": \"x86-64, glibc 2.17 or later, or musl\",
  \"unhooked\": null,
  \"kernel\": \"Linux {release}\",
  \"steerable\": true,
  \"host_range\": \"{range}\",
  \"pinned_because\": null,
  \"scopes\": [
{}
  ]
}}
",
            ["tcp4", "tcp6", "udp4", "udp6"]
                .map(|scope| format!(
                    "    {{\n      \"scope\": \"{scope}\",\n      \"steered\": \"none\",\n      \"pinned\": \"1000-1999\"\n    }}"
                ))
                .join(",\n")
        ),
        "",
    );
}

#[test]
fn a_program_under_address_sanitizer() {
    let here = Sandbox::new();
    let source = "#include <stdio.h>\n#include <stdlib.h>\nint main(void) { puts(getenv(\"ASAN_OPTIONS\")); }\n";
    here.cc("desk/sane", source, &["-fsanitize=address"]);
    here.says(&["run", "--", "./sane"], 0, "verify_asan_link_order=0\n", "");
    let mut command = here.portshim(&["run", "--", "./sane"]);
    command.env("ASAN_OPTIONS", "detect_leaks=0");
    here.expect(&mut command, 0, "detect_leaks=0:verify_asan_link_order=0\n", "");
    let said = here.told(&["doctor", "./sane"]);
    let addition = "\naddition    ASAN_OPTIONS gets verify_asan_link_order=0: AddressSanitizer refuses to start behind a \
                    preloaded library\n";
    assert!(said.contains(addition), "{said}");
}

#[test]
fn the_hooks_are_listed_with_their_kinds() {
    let here = Sandbox::new();
    let said = here.told(&["doctor", "--hooks"]);
    for line in ["bind          serve    libc", "socket        observe  libc", "execve        follow   libc"] {
        assert!(said.lines().any(|told| told == line), "{line}: {said}");
    }
    let said = here.told(&["doctor", "--hooks", "--json"]);
    assert!(said.contains("\"name\": \"syscall\",\n    \"kind\": \"raw\""), "{said}");
}
