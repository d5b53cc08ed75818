//! Worked examples at the end of each help text, and what stands below them.

pub(super) const PORTSHIM: &str = "\
Examples:
  Ten ports, and no more, for a program:
    portshim run --range 20000-20009 -- python3 client.py
  The ports of a Windows Server 2003, on this machine:
    portshim run --preset windows-2003 -- java -jar app.jar
  Keep a client's connections off the ports that services need:
    portshim run --reserve 8005,8080,8443 -- python3 client.py
  Will it work with this program?
    portshim doctor ./server

SPEC is PORTS[/SCOPE]: 8080 · 4000-4999 · 80,443,8000-8100 · 10000-10999/udp · 5000/tcp4
SCOPE is tcp, udp, 4, 6, tcp4, tcp6, udp4 or udp6; without it, a SPEC means all.
An option beats its environment variable, that beats the policy file, and that the preset.";

pub(super) const RUN: &str = "\
Examples:
  Ten ports for everything the program does not choose itself; an eleventh socket is refused as the
  system would refuse it:
    portshim run --range 20000-20009 -- python3 client.py
  TCP from one range, UDP from another:
    portshim run --range 20000-20999/tcp --range 30000-30999/udp -- ./server
  Never hand out 8080 and 8443; and let nobody bind 9000 at all:
    portshim run --reserve 8080,8443 --block 9000 -- make test
  The same ports in the same order each time:
    portshim run --range 20000-20099 --select random --seed 7 -- ./flaky-test
  What did the policy do?
    portshim run --range 20000-20009 --report -- curl http://127.0.0.1:8000/
  The same as a page for a browser:
    portshim run --range 20000-20009 --report=ports.html -- make test
  Who took which port?
    portshim run --range 20000-20009 --log ports.log -- make test
  A policy that is kept in a file (see `portshim check`):
    portshim run -c staging.toml -- ./server --listen 0";

pub(super) const SHOW: &str = "\
Examples:
  What holds here, without any option:
    portshim show
  What a preset means:
    portshim show --preset windows-vista
  What is left of a range once something is reserved in it:
    portshim show --range 20000-20009 --reserve 20003-20005/tcp
  How many ports TCP over IPv4 may use:
    portshim show --json | jq '.rules[-1].scopes[0].allowed'";

pub(super) const PRESETS: &str = "\
Examples:
  Which systems' ports can be had here?
    portshim presets
  Where is that written down? All about one of them:
    portshim show --preset windows-vista
  In a script, the names:
    portshim presets --json | jq -r '.[].name'";

pub(super) const CHECK: &str = "\
Examples:
  Check a file before it is used:
    portshim check policy.toml
  A file to begin with: what this host does by itself
    portshim capture > policy.toml
    portshim check policy.toml

Exit status 0: the file is a policy; 125: it is not, and every error has been named.";

pub(super) const SCHEMA: &str = "\
Examples:
  Let an editor complete and check policies (Taplo, Even Better TOML): the schema beside the policy,
  and `#:schema ./portshim.schema.json` as the policy's first line
    portshim schema > portshim.schema.json";

pub(super) const EXPLAIN: &str = "\
Examples:
  May a program be handed port 40000 here?
    portshim explain 40000
  What about port 5353 for UDP, under this policy?
    portshim explain --range 5000-5999 --reserve 5353 5353/udp";

pub(super) const ENV: &str = "\
Examples:
  This shell and everything started from it:
    eval \"$(portshim env --range 20000-20099)\"
  A systemd service (a drop-in for its unit, as `systemctl edit NAME` makes one):
    portshim env --range 20000-20099 --format systemd
  A container: instructions for its Dockerfile
    portshim env --range 20000-20099 --format docker
  A pod, whose image holds the library at this path:
    portshim env --range 20000-20099 --format kubernetes --library /opt/libportshim.so";

pub(super) const CAPTURE: &str = "\
Examples:
  Take a production host's port settings to a laptop:
    ssh production portshim capture > production.toml
    portshim run -c production.toml -- ./server";

pub(super) const IMPORT: &str = "\
Examples:
  The registry of a Windows Server 2003 (regedit, File, Export: the key Tcpip\\Parameters):
    portshim import settings.reg > policy.toml
  A Linux host's settings, live:
    ssh production sysctl -a | portshim import - > production.toml
  What netsh prints on a newer Windows:
    portshim import netsh.txt
  Without a policy file in between:
    portshim run -c settings.reg --preset windows-2003-sp1 -- ./server";

pub(super) const DOCTOR: &str = "\
Examples:
  Can this program be covered?
    portshim doctor ./server
  And which of these ports are left to the system, which are bound by number?
    portshim doctor --range 20000-20999 ./server
  In a script:
    portshim doctor --json ./server | jq -r .coverage";

pub(super) const PS: &str = "\
Examples:
  What runs under a policy?
    portshim ps
  And which processes are that?
    portshim ps --verbose
  In a script, the ID of the session that runs nginx:
    portshim ps --json | jq -r '.[] | select(.command | startswith(\"nginx\")) | .id'";

pub(super) const STATUS: &str = "\
Examples:
  How full is the range? (The only session that lives.)
    portshim status
  The session that began with process 4711:
    portshim status --session 4711
  Look every second:
    watch -n 1 portshim status
  In a script, how many ports of TCP over IPv4 are left:
    portshim status --json | jq '.rules[-1].scopes[0].free'";

pub(super) const TOP: &str = "\
Examples:
  Watch all that runs under a policy:
    portshim top
  Begin with the session that began with process 4711:
    portshim top --session 4711
  One picture of it, for a file or another program:
    portshim top --once";

pub(super) const METRICS: &str = "\
Examples:
  What is there to watch?
    portshim metrics
  For the textfile collector of node_exporter, from cron:
    portshim metrics --format prometheus > portshim.prom.new && mv portshim.prom.new portshim.prom
  For Prometheus on this machine to ask:
    portshim metrics --listen 127.0.0.1:9105
  The same at a socket that other users cannot reach:
    portshim metrics --listen ./portshim.sock";

pub(super) const WHO: &str = "\
Examples:
  Why can nobody bind port 8080?
    portshim who 8080
  Who has the ports of a range, for UDP?
    portshim who 20000-20009/udp
  In a script, the processes that listen on port 8080:
    portshim who --json 8080/tcp | jq '.[] | select(.state == \"listen\") | .processes[].pid'";

pub(super) const RESERVE: &str = "\
Examples:
  Keep a port free for a service that is about to start:
    portshim reserve 8080/tcp
  The same in one of several sessions, by its ID:
    portshim reserve --session 4711 8080/tcp 5300-5399/udp
  In a test, from the shell that runs it and its children alone:
    portshim reserve 8080 --process $$
  What is reserved now, and by whom?
    portshim status";

pub(super) const UNRESERVE: &str = "\
Examples:
  Hand it out again:
    portshim unreserve 8080/tcp
  The reservation that port 5310 is in, whole:
    portshim unreserve 5310/udp";

pub(super) const BLOCK: &str = "\
Examples:
  Let nobody bind these ports any more, not even by their number:
    portshim block 9000-9010
  In one of several sessions, for TCP alone:
    portshim block --session 4711 9000-9010/tcp";

pub(super) const UNBLOCK: &str = "\
Examples:
  Lift the block that begins with port 9000:
    portshim unblock 9000";

pub(super) const EXHAUST: &str = "\
Examples:
  Let the only session that lives run out of ports, and end that:
    portshim exhaust
    portshim release
  For half a minute, TCP alone, in one of several sessions:
    portshim exhaust tcp --for 30s --session 4711
  In a test, for the shell that runs it and its children, all ports but three:
    portshim exhaust --leave 3 --process $$";

pub(super) const ONLY: &str = "\
Examples:
  Let every client have one of four ports:
    portshim only 20000-20003
  For the processes of this shell alone, TCP alone:
    portshim only 20000-20003/tcp --process $$";

pub(super) const RELEASE: &str = "\
Examples:
  After `portshim exhaust`:
    portshim release
  After `portshim exhaust --process 4711`:
    portshim release --process 4711";

pub(super) const NETSH: &str = "\
Examples:
  What a program that starts here would draw from:
    portshim netsh interface ipv4 show dynamicport tcp
  Another range, in ./portshim.toml:
    portshim netsh int ipv4 set dynamicport tcp start=10000 num=1000
  Keep port 50051 from being handed out, in the session that runs:
    portshim netsh int ipv4 add excludedportrange tcp startport=50051 numberofports=1 store=active
  All that is excluded:
    portshim netsh int ipv4 show excludedportrange protocol=tcp";

pub(super) const COMPLETIONS: &str = "\
Examples:
  For bash:
    portshim completions bash > ~/.local/share/bash-completion/completions/portshim
  For zsh, in a directory of its $fpath:
    portshim completions zsh > ~/.zfunc/_portshim
  For fish:
    portshim completions fish > ~/.config/fish/completions/portshim.fish";

pub(super) const MAN: &str = "\
Examples:
  Read the page:
    portshim man | man -l -
  What may a policy file hold?
    portshim man policy | man -l -
  Install the pages:
    portshim man --all /usr/local/share/man";

/// Defines what output calls a wildcard bind.
pub(super) const ANY_PORT: &str = "\
An any-port bind is a bind to port 0, or the bind that the system makes itself at connect, listen or
send. Output calls it a wildcard bind; it has nothing to do with the wildcard address 0.0.0.0.";
