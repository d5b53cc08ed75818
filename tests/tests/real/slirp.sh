#!/bin/bash
# A program in a network of its own, which slirp4netns connects with this one: it visits both peers, at this machine's
# address as it is seen from there. Arguments: an HTTP and a UDP peer's port, and the command that runs slirp4netns.
set -euo pipefail
http=$1 udp=$2
shift 2

unshare --net sleep infinity &
inner=$!
until [ "$(readlink "/proc/$inner/ns/net")" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done

exec 4<> <(:) # a pipe, open at both ends
"$@" --configure --ready-fd=4 "$inner" tap0 >&2 &
outer=$!
read -r -n 1 -u 4 _

inside() { nsenter --target "$inner" --net "$@"; }
for _ in 1 2 3 4 5; do
    inside curl --silent --fail --max-time 60 "http://10.0.2.2:$http/"
    printf hello | inside nc -n -u -w 1 10.0.2.2 "$udp"
done
kill "$outer" "$inner"
