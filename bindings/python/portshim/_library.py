"""The interface of the preloaded library (portshim.h), by ctypes."""

from __future__ import annotations

import ctypes
import errno
import os
from typing import Dict, List, Optional, Sequence, Tuple, Union

#: The version of portshim.h that this module speaks.
VERSION = 2

#: What every name of a scope stands for.
SCOPES: Dict[str, int] = {
    "all": 15,
    "tcp": 3,
    "udp": 12,
    "4": 5,
    "6": 10,
    "tcp4": 1,
    "tcp6": 2,
    "udp4": 4,
    "udp6": 8,
}

RESERVE, BLOCK = 0, 1

#: Ranges of ports, each with the scopes that it is for.
Ranges = List[Tuple[int, int, int]]

Ports = Union[str, int]


class Error(OSError):
    """The library refused something; ``errno`` says why, as portshim.h explains."""


class NotLoaded(Error):
    """The program does not run under portshim."""

    def __init__(self) -> None:
        super().__init__(
            errno.ENOSYS,
            "this program does not run under portshim; start it by `portshim run -- …`, "
            "or tests by `pytest --portshim=`",
        )


_REASONS = {
    errno.ENOTCONN: "portshim is switched off (PORTSHIM_DISABLE), or has no policy",
    errno.ENOSPC: "the session holds as many entries as it can",
    errno.EADDRINUSE: "a socket is bound to one of these ports",
    errno.EEXIST: "the ports meet others that are kept back",
    errno.EBUSY: "another process has been changing the session for a second",
    errno.EOPNOTSUPP: "the system does not tell which ports are in use",
}


def scopes(names: Sequence[str]) -> int:
    """The bits of some names; all scopes for none."""
    bits = 0
    for name in names:
        for word in name.replace(",", " ").split():
            if word.lower() not in SCOPES:
                raise ValueError(f"{word!r} is no scope; the scopes are {', '.join(SCOPES)}")
            bits |= SCOPES[word.lower()]
    return bits or SCOPES["all"]


def ranges(specs: Sequence[Ports]) -> Ranges:
    """The ranges of SPECs such as ``8080``, ``"4000-4999"`` and ``"80,443/tcp"``."""
    found: Ranges = []
    for spec in specs:
        ports, slash, scope = str(spec).partition("/")
        bits = scopes([scope]) if scope else SCOPES["all"]
        for part in ports.split(","):
            first, dash, last = part.strip().partition("-")
            try:
                low, high = int(first), int(last if dash else first)
            except ValueError:
                low = high = 0
            if not 1 <= low <= high <= 65535 or slash and not scope:
                raise ValueError(f"{str(spec)!r} names no ports; write 8080, 4000-4999 or 80,443/tcp")
            found.append((low, high, bits))
    if not found:
        raise ValueError("no ports are named; write 8080, 4000-4999 or 80,443/tcp")
    return found


class Library:
    """The functions of the preloaded library."""

    def __init__(self) -> None:
        own = ctypes.CDLL(None, use_errno=True)
        self._version = getattr(own, "portshim_version", None)
        if not self.is_loaded():
            return
        self._exhaust = own.portshim_exhaust
        self._exhaust.argtypes = [ctypes.c_uint, ctypes.c_uint, ctypes.c_int]
        self._only = own.portshim_only
        self._only.argtypes = [ctypes.POINTER(ctypes.c_uint), ctypes.c_size_t, ctypes.c_uint, ctypes.c_int]
        self._restrict = own.portshim_restrict
        self._restrict.argtypes = [ctypes.c_int, ctypes.c_uint, ctypes.c_uint, ctypes.c_uint, ctypes.c_int]
        self._release = own.portshim_release
        self._release.argtypes = [ctypes.c_int]
        self._rule = own.portshim_rule
        self._rule.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t]

    def is_loaded(self) -> bool:
        """Tells whether it is there, and of this version at least."""
        return self._version is not None and self._version() >= VERSION

    def exhaust(self, scopes: int, leave: int, whom: int) -> int:
        """As portshim_exhaust()."""
        self._demand()
        if not 0 <= leave <= 128:
            raise ValueError(f"{leave} ports cannot be left: 0 to 128 can")
        return self._checked(self._exhaust(scopes, leave, whom), "no port can be withheld")

    def only(self, pairs: Sequence[Tuple[int, int]], scopes: int, whom: int) -> int:
        """As portshim_only()."""
        self._demand()
        flat = [port for pair in pairs for port in pair]
        array = (ctypes.c_uint * len(flat))(*flat)
        return self._checked(
            self._only(array, len(pairs), scopes, whom),
            "the policy hands out none of these ports; name some of its range (`portshim status` says which), "
            "or run with another --range",
        )

    def restrict(self, act: int, first: int, last: int, scopes: int, whom: int) -> int:
        """As portshim_restrict()."""
        self._demand()
        told = self._restrict(act, first, last, scopes, whom)
        return self._checked(told, self._sentence(act) if told < 0 else "")

    def release(self, handle: int) -> None:
        """As portshim_release(); what is gone already is no error."""
        if self._release(handle) < 0 and ctypes.get_errno() != errno.ENOENT:
            self._checked(-1, "")

    def _sentence(self, act: int) -> str:
        number = ctypes.get_errno()
        text = ctypes.create_string_buffer(256)
        self._rule(act, text, len(text))
        ctypes.set_errno(number)
        return text.value.decode(errors="replace")

    def _demand(self) -> None:
        if not self.is_loaded():
            raise NotLoaded()

    @staticmethod
    def _checked(told: int, out_of_range: str) -> int:
        if told >= 0:
            return told
        number = ctypes.get_errno()
        reason: Optional[str] = out_of_range if number == errno.ERANGE else _REASONS.get(number)
        raise Error(number, reason or os.strerror(number))
