"""The session that this process belongs to, as the command tells of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sysconfig
from typing import List, NamedTuple, Optional, Tuple

from ._library import Library, Ports


class Port(NamedTuple):
    """A port that a process of the session has."""

    port: int
    #: ``tcp4``, ``tcp6``, ``udp4`` or ``udp6``.
    scope: str
    pid: int
    #: The process's name.
    process: str


def loaded() -> bool:
    """Tells whether this program runs under portshim."""
    return Library().is_loaded()


def command() -> Optional[str]:
    """The path of the command ``portshim``: the one beside this module, or in ``PATH``."""
    beside = os.path.join(sysconfig.get_path("scripts"), "portshim")
    return beside if os.access(beside, os.X_OK) else shutil.which("portshim")


def ports() -> List[Port]:
    """The ports that the processes of this session have, in ascending order; none without portshim."""
    said = _said("status", "--json")
    if not said:
        return []
    found = []
    for process in json.loads(said)["processes"]:
        for scope, ranges in process["ports"].items():
            for part in ranges.split(","):
                first, _, last = part.partition("-")
                for port in range(int(first), int(last or first) + 1):
                    found.append(Port(port, scope, process["pid"], process["name"]))
    return sorted(found)


def status() -> str:
    """What ``portshim status`` says of this session: who has which port; empty without portshim."""
    return _said("status", "--verbose")


def who(*ports: Ports) -> str:
    """What ``portshim who`` says of these ports on the whole host: their sockets, and who has them.

    Without ports, of all that the session has, if it has any; empty without portshim.
    """
    if ports:
        # 1 says that nobody has the port.
        return "".join(_said("who", str(port), statuses=(0, 1)) for port in ports)
    return _said("who", "1-65535", "--session", str(os.getpid()))


def _said(*words: str, statuses: Tuple[int, ...] = (0,)) -> str:
    path = command()
    if path is None or not loaded():
        return ""
    try:
        told = subprocess.run([path, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return ""
    return told.stdout.decode(errors="replace") if told.returncode in statuses else ""
