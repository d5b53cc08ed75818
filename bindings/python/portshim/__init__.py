"""Ports under a policy, from inside a program that runs under portshim, for its tests above all.

    with portshim.exhausted("tcp"):
        client.fetch()                      # every TCP port of this host seems to be in use

    @portshim.only("20000-20003")
    def test_client(): ...

What is asked for holds for this process and those that descend from it, until it is released; with
``session=True`` it holds for the whole session. Every function raises :class:`NotLoaded` where the
program does not run under ``portshim run``.
"""

from __future__ import annotations

from ._held import Held, blocked, exhausted, only, reserved
from ._library import Error, NotLoaded
from ._session import Port, command, loaded, ports, status, who

__all__ = [
    "Error",
    "Held",
    "NotLoaded",
    "Port",
    "blocked",
    "command",
    "exhausted",
    "loaded",
    "only",
    "ports",
    "reserved",
    "status",
    "who",
]
