"""Connects from one port to every kind of address, with every option that has a say in the route, and tells the error,
or the source address; then once more, while the first connection is there: that must be refused, and leave the socket
without a port. `equip` makes the network for it."""
import errno
import socket
import subprocess
import sys

IP_TOS, IP_BIND_ADDRESS_NO_PORT, IPV6_ADDR_PREFERENCES, SO_MARK = 1, 24, 72, 36
NETWORK = """
link add d0 type veth peer name e0
link add d1 type veth peer name e1
link set d0 addrgenmode none
link set d1 addrgenmode none
link set e0 addrgenmode none
link set e1 addrgenmode none
link set e0 up
link set e1 up
link set d0 up
link set d1 up
addr add 10.1.0.1/24 dev d0
addr add 10.1.0.2/24 dev d0
addr add 10.2.0.1/24 dev d1
addr add 2001:db8:1::1/64 dev d0 nodad
addr add 2001:db8:1::2/64 dev d0 nodad
addr add 2001:db8:2::1/64 dev d1 nodad
addr add fe80::1/64 dev d0 nodad
addr add fe80::2/64 dev d1 nodad
route add 10.3.0.0/24 via 10.2.0.9 dev d1 src 10.1.0.2
route add blackhole 10.4.0.0/24
route add prohibit 10.5.0.0/24
route add unreachable 10.6.0.0/24
route add throw 10.8.0.0/24
route add 10.7.0.0/24 dev d0 table 100
route add 10.9.0.0/24 dev d0 src 10.1.0.2 table 101
rule add fwmark 7 table 100
rule add tos 0x10 table 101
-6 route add 2001:db8:3::/64 via 2001:db8:2::9 dev d1 src 2001:db8:1::2
-6 route add blackhole 2001:db8:4::/64
-6 route add prohibit 2001:db8:5::/64
-6 route add unreachable 2001:db8:6::/64
-6 route add 2001:db8:7::/64 dev d0 table 100
-6 rule add fwmark 7 table 100
"""
if sys.argv[1:] == ["equip"]:
    for line in NETWORK.strip().split("\n"):
        subprocess.run(["ip", *line.split()], check=True)
    # Nobody answers there. Were the neighbours asked for, a connection would end once that has failed, after three seconds.
    there = [f"10.{n}.0.9" for n in range(1, 10)] + ["192.0.2.1"] + [f"2001:db8:{n}::9" for n in range(1, 10)] + ["fe80::9"]
    neighbours = [f"neigh replace {address} lladdr 02:00:00:00:00:09 dev {device} nud permanent"
                  for address in there for device in ("d0", "d1")]
    subprocess.run(["ip", "-batch", "-"], input="\n".join(neighbours), text=True, check=True)
    sys.exit()
D0, D1 = socket.if_nametoindex("d0"), socket.if_nametoindex("d1")
V4 = ["127.0.0.1", "127.0.0.5", "0.0.0.0", "10.1.0.1", "10.1.0.2", "10.1.0.9", "10.1.0.255", "10.2.0.1", "10.2.0.9",
      "10.3.0.9", "10.4.0.9", "10.5.0.9", "10.6.0.9", "10.7.0.9", "10.8.0.9", "10.9.0.9", "192.0.2.1", "224.0.0.9",
      "255.255.255.255"]
V6 = [("::1", 0), ("::", 0), ("2001:db8:1::1", 0), ("2001:db8:1::2", 0), ("2001:db8:1::9", 0), ("2001:db8:2::1", 0),
      ("2001:db8:2::9", 0), ("2001:db8:3::9", 0), ("2001:db8:4::9", 0), ("2001:db8:5::9", 0), ("2001:db8:6::9", 0),
      ("2001:db8:7::9", 0), ("2001:db8:9::9", 0), ("fe80::9", D0), ("fe80::9", D1), ("fe80::1", D0), ("fe80::9", 0),
      ("ff02::9", D0)]
MAPPED = [("::ffff:" + address, 0) for address in V4]


def option(*args):
    return lambda sock: sock.setsockopt(*args)


def bound(*addresses):
    def bind(sock):
        sock.setsockopt(socket.SOL_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        sock.bind((addresses[sock.family == socket.AF_INET6], 0))
    return bind


SETUPS = {
    "plain": lambda sock: None,
    "fresh options": option(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    "mark": option(socket.SOL_SOCKET, SO_MARK, 7),
    "interface": option(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"d1"),
    "loopback interface": option(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo"),
    "loopback address": bound("127.0.0.3", "::1"),
    "address": bound("10.1.0.2", "2001:db8:1::2"),
    "mapped address": bound("10.2.0.1", "::ffff:10.2.0.1"),
}
ONLY_V4 = {"tos": option(socket.SOL_IP, IP_TOS, 0x10)}
ONLY_V6 = {"preferences": option(socket.IPPROTO_IPV6, IPV6_ADDR_PREFERENCES, 2)}

servers = [socket.create_server(("0.0.0.0", port)) for port in (7001, 7002)]
servers += [socket.create_server(("::", port), family=socket.AF_INET6) for port in (7001, 7002)]
held = [socket.create_connection((address, 7001)) for address in ("127.0.0.1", "::1")]


def attempt(family, setup, to):
    sock = socket.socket(family)
    sock.setblocking(False)
    try:
        setup(sock)
    except OSError as error:
        return sock, "cannot be set up: " + errno.errorcode[error.errno]
    refused = sock.connect_ex(to)
    local = sock.getsockname()
    if refused not in (0, errno.EINPROGRESS):
        # A route that there is not leaves a socket bound by number with its port (docs/fidelity.md).
        bound = refused == errno.EADDRNOTAVAIL and local[1] != 0
        return sock, errno.errorcode[refused] + (" and lost" if bound else "")
    return sock, f"from {local[0]} {local[1]}"


def attempts(family, setups, targets):
    for name, setup in setups.items():
        for target in targets:
            to = (target, 7002) if family == socket.AF_INET else (target[0], 7002, 0, target[1])
            first, told = attempt(family, setup, to)
            second, again = attempt(family, setup, to)
            print(family.name, name, target, told, "|", again)
            first.close()
            second.close()


attempts(socket.AF_INET, SETUPS | ONLY_V4, V4)
attempts(socket.AF_INET6, SETUPS | ONLY_V6, V6)
attempts(socket.AF_INET6, SETUPS, MAPPED)
