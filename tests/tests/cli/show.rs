//! What `show`, `explain`, `env` and `capture` say.

use super::sandbox::{Sandbox, mode, succeeded};
use portshim_tests::portshim_path;

#[test]
fn show() {
    let here = Sandbox::new();
    here.says(
        &["show", "--preset", "linux", "--range", "20000-20009/tcp", "--reserve", "20003-20005", "--seed", "7"],
        0,
        "\
classes of linux
  privileged   0-1023       specific binds need CAP_NET_BIND_SERVICE (ip-sysctl: ip_unprivileged_port_start)
  local        32768-60999  wildcard binds get one of these; here the policy hands out 20000-20009/tcp (ip-sysctl: ip_local_port_range)
  reserved     20003-20005  wildcard binds skip these (ip-sysctl: ip_local_reserved_ports)
  specific     0-65535      specific binds may name these (bind(2))
  rresvport    512-1023     from 1023 downwards (glibc 2.36)
  bindresvport 512-1023     from 600 + process % 424 upwards, then from 600, then 512 to 599 (glibc 2.36)

preset    linux                --preset linux
select    native               preset linux (kernel documentation, ip-sysctl: ip_local_port_range)
sharing   tuple                preset linux (kernel documentation, ip-sysctl: ip_local_port_range)
seed      7                    --seed 7

tcp4 tcp6: 7 ports to hand out: 20000-20002,20006-20009
  dynamic   20000-20009          --range 20000-20009/tcp
  reserved  20003-20005          --reserve 20003-20005

udp4 udp6: 28232 ports to hand out: 32768-60999
  dynamic   32768-60999          preset linux (kernel documentation, ip-sysctl: ip_local_port_range)
  reserved  20003-20005          --reserve 20003-20005
",
        "",
    );
}

/// Ports that do not fit their column leave the other columns where they are.
#[test]
fn show_many_ports() {
    let here = Sandbox::new();
    let list = "80,443,1000-1999,3000-3999,5000,6000,7000";
    let said = here.told(&["show", "--preset", "linux", "--reserve", list]);
    let row = format!("\n  reserved     {list}\n                            wildcard binds skip these (ip-sysctl");
    assert!(said.contains(&row), "{said}");
    let part = format!("\n  reserved  {list}\n                                 --reserve {list}\n");
    assert!(said.contains(&part), "{said}");
}

#[test]
fn show_rules_for_single_programs() {
    let here = Sandbox::new();
    let policy = "preset = \"linux\"\n[[process]]\nmatch = \"java*\"\ndynamic.all = \"20000\"\n";
    here.file("desk/portshim.toml", policy);
    let said = here.told(&["show"]);
    assert!(said.contains("\nfor       java*                process.match (./portshim.toml, line 3)\n"), "{said}");
    assert!(said.contains("\ntcp4 tcp6 udp4 udp6: 1 port to hand out: 20000\n"), "{said}");
    assert!(said.contains("\nfor all other programs\n"), "{said}");
    let said = here.told(&["explain", "20000/tcp"]);
    assert!(said.starts_with("for java*: 20000/tcp: dynamic: in 20000 of "), "{said}");
    assert!(said.lines().nth(1).is_some_and(|line| line.starts_with("20000/tcp: not dynamic: ")), "{said}");
}

/// The model's tables: the classes under its settings, and when a second socket may bind a port.
#[test]
fn show_what_a_model_says() {
    let here = Sandbox::new();
    here.says(
        &["show", "--preset", "windows-2003", "--max-user-port", "49151", "--block", "80"],
        125,
        "",
        "\
error: --block 80: 80: with MaxUserPort 49151, windows-2003 can block no port at all (The Cable Guy, December 2005)
help:  lower MaxUserPort, or choose windows-2003-sp1
",
    );
    here.says(
        &["show", "--preset", "windows-2003", "--max-user-port", "49151", "--reserve", "2000/udp"],
        0,
        "\
classes of windows-2003, MaxUserPort 49151
  well known   0-1023      assigned by IANA (RFC 6335 section 6)
  ephemeral    1025-49151  wildcard binds get one of these, for TCP as for UDP (The Cable Guy, December 2005)
  specific     0-65535     specific binds may name these (The Cable Guy, December 2005)
  reservable   1025-65535  may be kept from wildcard binds (The Cable Guy, December 2005)
  blockable    none        may be kept from the specific binds of others (The Cable Guy, December 2005)
  rresvport    512-1023    from 1023 downwards (glibc 2.36)
  bindresvport 512-1023    from 600 + process % 424 upwards, then from 600, then 512 to 599 (glibc 2.36)

errors of windows-2003: what it says to a program that cannot have a port (Microsoft, bind function; KB 196271)
  no port left to bind     10055  WSAENOBUFS
  no port left to connect  10055  WSAENOBUFS
  no port left to send     10055  WSAENOBUFS
  blocked                  10013  WSAEACCES
  taken                    10048  WSAEADDRINUSE
  bound already            10022  WSAEINVAL
  programs on Linux are told in Linux's own words

second binds under windows-2003: a socket binds a port that another one has (Microsoft, Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE)
  default: without an option, reuse: with SO_REUSEADDR, exclusive: with SO_EXCLUSIVEADDRUSE
  *: to any address, 1: to one address, the same for both
  ok: both have the port, 10048: refused, WSAEADDRINUSE, 10013: refused, WSAEACCES
  first \\ second  default *  default 1  reuse *  reuse 1  exclusive *  exclusive 1
  default *       10048      ok         10013    ok       10048        ok
  default 1       ok         10048      ok       10013    10048        10048
  reuse *         10048      ok         ok       ok       10048        ok
  reuse 1         ok         10048      ok       ok       10048        10048
  exclusive *     10048      10013      10013    10013    10048        10013
  exclusive 1     ok         10048      ok       10013    10048        10048
  where another user runs the second:
  default *       10048      10013      10013    10013    10048        10013
  reuse *         10048      10013      ok       ok       10048        10013
  programs on Linux share ports by Linux's own rule: see docs/fidelity.md

preset    windows-2003         --preset windows-2003
select    sequential           preset windows-2003 (KB 196271, KB 929851)
sharing   exclusive            preset windows-2003 (KB 196271, KB 929851)
seed      none                 default

tcp4 tcp6: 48127 ports to hand out: 1025-49151
  dynamic   1025-49151           --max-user-port 49151

udp4 udp6: 48126 ports to hand out: 1025-1999,2001-49151
  dynamic   1025-49151           --max-user-port 49151
  reserved  2000                 --reserve 2000/udp
",
        "",
    );
}

#[test]
fn show_for_programs() {
    let here = Sandbox::new();
    let said = here.told(&["show", "--preset", "linux", "--range", "20000-20009", "--reserve", "20003/tcp", "--json"]);
    let python = "import json, sys; said = json.load(sys.stdin); s = said['rules'][-1]['scopes']; \
                  print(*[(x['scope'], x['allowed'], x['runs']) for x in s]); \
                  print(*[(x['name'], x['ports'], x['scope']) for x in said['classes'][2:4]], said['second_binds'])";
    let file = here.file("desk/said.json", said);
    let mut command = here.command("python3", &["-c", python]);
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.stdin(std::fs::File::open(file).expect("it was just written"));
    let holed = "9, '20000-20002,20004-20009'";
    let whole = "10, '20000-20009'";
    let expected = format!(
        "('tcp4', {holed}) ('tcp6', {holed}) ('udp4', {whole}) ('udp6', {whole})\n\
         ('reserved', '20003', 'tcp') ('specific', '0-65535', 'all') None\n"
    );
    here.expect(&mut command, 0, &expected, "");
}

#[test]
fn explain() {
    let here = Sandbox::new();
    let policy =
        ["explain", "--preset", "linux", "--range", "20000-20009", "--reserve", "20003/tcp", "--block", "20007"];
    let ask = |port| [&policy[..], &[port]].concat();
    here.says(
        &ask("20001"),
        0,
        "20001: dynamic: in 20000-20009 of --range 20000-20009: a wildcard bind may get it; a specific bind succeeds\n",
        "",
    );
    here.says(
        &ask("20003"),
        0,
        "\
20003/tcp: reserved by --reserve 20003/tcp: a wildcard bind skips it; a specific bind succeeds
20003/udp: dynamic: in 20000-20009 of --range 20000-20009: a wildcard bind may get it; a specific bind succeeds
",
        "",
    );
    here.says(
        &ask("20007/udp6"),
        0,
        "20007/udp6: blocked by --block 20007: a wildcard bind skips it; a specific bind is refused (EACCES)\n",
        "",
    );
    here.says(
        &ask("30000/tcp4"),
        0,
        "30000/tcp4: not dynamic: outside 20000-20009 of --range 20000-20009: a wildcard bind skips it; a specific bind succeeds\n",
        "",
    );
}

/// What the library needs, on whatever system it was built.
const NEEDS: &str = "# For programs of x86-64, glibc 2.17 or later, or musl.\n";

#[test]
fn env_in_every_format() {
    let here = Sandbox::new();
    let policy = "1:follow=0:model=linux:order=native:sharing=tuple:dynamic.all=20000-20009";
    let ask = |format| ["env", "--preset", "linux", "--range", "20000-20009", "--no-follow", "--format", format];
    let library = "[DIR]/cache/portshim/libportshim-[HASH].so";
    here.says(
        &ask("shell"),
        0,
        &format!("unset PORTSHIM_SESSION\nexport LD_PRELOAD='{library}'\"${{LD_PRELOAD:+:$LD_PRELOAD}}\"\nexport PORTSHIM_POLICY='{policy}'\n"),
        "",
    );
    here.says(
        &ask("systemd"),
        0,
        &format!("{NEEDS}[Service]\nEnvironment=\"LD_PRELOAD={library}\" \"PORTSHIM_POLICY={policy}\"\n"),
        "",
    );
    let image = "/usr/lib/portshim/libportshim.so";
    here.says(
        &ask("docker"),
        0,
        &format!(
            "\
{NEEDS}# Beside the Dockerfile: cp '{library}' libportshim.so
COPY libportshim.so {image}
ENV LD_PRELOAD=\"{image}\" \\
    PORTSHIM_POLICY=\"{policy}\"
"
        ),
        "",
    );
    here.says(
        &ask("kubernetes"),
        0,
        &format!(
            "\
{NEEDS}# The image must hold the library at this path: a copy of {library}
env:
  - name: LD_PRELOAD
    value: \"{image}\"
  - name: PORTSHIM_POLICY
    value: \"{policy}\"
"
        ),
        "",
    );
    here.says(
        &[&ask("json")[..], &["--library", "/opt/libportshim.so"]].concat(),
        0,
        &format!("{{\n  \"LD_PRELOAD\": \"/opt/libportshim.so\",\n  \"PORTSHIM_POLICY\": \"{policy}\"\n}}\n"),
        "",
    );
    here.says(
        &["env", "--library", "/a b/x.so"],
        125,
        "",
        "\
error: --library names `/a b/x.so`, which cannot be preloaded: LD_PRELOAD cannot hold a path with ` `
help:  name portshim's library, or leave --library out: portshim carries its own
",
    );
}

const ONE_UDP_PORT: &str = "use IO::Socket::INET; print IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1', LocalPort => 0)->sockport, \"\\n\"";

#[test]
fn env_makes_a_shell_and_its_children_subject_to_the_policy() {
    let here = Sandbox::new();
    let script = "eval \"$(\"$0\" env --range 21999)\"; exec perl -e \"$1\"";
    let portshim = portshim_path();
    let mut command = here.command("sh", &["-c", script, portshim.to_str().expect("text"), ONE_UDP_PORT]);
    here.expect(&mut command, 0, "21999\n", "");
    // In a session, too, whose policy is another.
    let shell = ["run", "--range", "21998", "--", "sh", "-c", script];
    let mut command = here.portshim(&[&shell[..], &[portshim.to_str().expect("text"), ONE_UDP_PORT]].concat());
    here.expect(&mut command, 0, "21999\n", "");
}

/// Whoever may use the copy that the printed recipe makes.
#[test]
fn a_copy_of_the_library_can_be_read_by_all() {
    let here = Sandbox::new();
    // Root's own place is none as long as others may write to it; it is the user's cache that is
    // asked for.
    mode(&here.path("cache"), 0o777);
    let recipe = "umask 022; eval \"$(\"$0\" env --format docker | sed -n 's/^# Beside the Dockerfile: //p')\"; stat -c %a libportshim.so";
    let portshim = portshim_path();
    let mut command = here.command("sh", &["-c", recipe, portshim.to_str().expect("text")]);
    here.expect(&mut command, 0, "644\n", "");
}

#[test]
fn a_policy_too_long_for_a_variable_is_held_by_the_session() {
    let here = Sandbox::new();
    // Every other port of more than half of them: 20,000 ranges.
    let ports: Vec<_> = (20000..60000).step_by(2).map(|port| port.to_string()).collect();
    here.file("desk/portshim.toml", format!("dynamic.all = \"{}\"\n", ports.join(",")));
    let asks = "print defined $ENV{PORTSHIM_POLICY} ? 'there' : 'not there'";
    let output = here.portshim(&["run", "-v", "--", "perl", "-e", asks]).output().expect("it runs");
    assert_eq!(succeeded(&output), "not there");
    let last = "portshim: the policy is too long for an environment variable; the session alone holds it\n";
    assert!(here.masked(&output.stderr).ends_with(last), "{}", portshim_tests::said(&output));
    let output = here.portshim(&["run", "--", "perl", "-e", ONE_UDP_PORT]).output().expect("it runs");
    let port: u16 = succeeded(&output).trim().parse().expect("a port");
    assert!(port >= 20000 && port.is_multiple_of(2), "{port}");
    here.says(
        &["env"],
        125,
        "",
        "\
error: the policy takes 120060 bytes, too many for an environment variable
help:  use `portshim run`, or ranges with fewer holes
",
    );
}

#[test]
fn capture_is_a_policy_that_says_what_the_host_does() {
    let here = Sandbox::new();
    let captured = here.told(&["capture"]);
    let setting = |name: &str| std::fs::read_to_string(format!("/proc/sys/net/ipv4/{name}")).expect("Linux has it");
    let range: Vec<_> = setting("ip_local_port_range").split_whitespace().map(str::to_owned).collect();
    assert!(captured.contains(&format!("\nip_local_port_range = \"{}\"\n", range.join(" "))), "{captured}");
    let reserved = setting("ip_local_reserved_ports");
    assert!(captured.contains(&format!("\nip_local_reserved_ports = \"{}\"\n", reserved.trim())), "{captured}");
    here.file("desk/host.toml", captured);
    here.says(&["check", "host.toml"], 0, "host.toml: a policy\n", "");
    let runs = |args: &[&str]| {
        let said = here.told(args);
        said.lines().filter(|line| line.contains("to hand out")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(runs(&["show", "-c", "host.toml"]), runs(&["show", "--preset", "host"]));
}

#[test]
fn a_long_list_of_reserved_ports_is_heard_to_its_end() {
    let here = Sandbox::new();
    let portshim = portshim_path();
    // More than the kernel says in one go to whoever asks for a little.
    let ports: Vec<_> = (0..2000).map(|n| (20000 + 2 * n).to_string()).collect();
    let list = here.file("reserved", ports.join(","));
    let script = format!(
        "cat {} >/proc/sys/net/ipv4/ip_local_reserved_ports && exec {} capture",
        list.display(),
        portshim.display()
    );
    let output = here.command("unshare", &["-rn", "sh", "-c", &script]).output().expect("unshare is installed");
    let captured = succeeded(&output);
    assert!(captured.contains(&format!("\nip_local_reserved_ports = \"{}\"\n", ports.join(","))), "{captured}");
}
