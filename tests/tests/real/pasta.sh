#!/bin/bash
# A static program in a network of its own, which pasta connects with this one: it visits a server at this machine's
# address as it is seen from there. Arguments: the server's port, and the command that runs pasta.
set -euo pipefail
http=$1
shift

# pasta takes over the address of an interface that leads somewhere.
ip tuntap add outer mode tap
ip address add 192.0.2.2/24 dev outer
ip link set outer up
ip route add default via 192.0.2.1
[ "$(id -u)" != 0 ] || set -- "$@" --runas 0
"$@" --quiet --config-net -- sh -c 'for _ in 1 2 3 4 5; do busybox wget -qO- "http://192.0.2.1:$0/"; done' "$http"
