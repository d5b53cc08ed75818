"""What is asked for and released again: context managers that are decorators as well."""

from __future__ import annotations

import functools
import inspect
import os
from types import TracebackType
from typing import Any, Callable, Dict, List, Optional, Set, Tuple, Type, TypeVar, cast

from . import _library
from ._library import BLOCK, RESERVE, Library, Ports
from ._session import status, who

Function = TypeVar("Function", bound=Callable[..., Any])

#: Who had which port where what was held ended by an exception, while a test is watched.
last_seen: List[str] = []


def seen() -> str:
    """Who has which port, socket by socket, and what is left; empty without portshim."""
    return "\n".join(told for told in (who(), status()) if told)


class Watch:
    """Says how often the session is looked at for the report of the test that runs.

    Most exceptions that end a block are what the test expects, and each look takes a process.
    """

    left = 0


class Held:
    """Something that is held while its block, or the function that it decorates, runs."""

    def __init__(self, enter: Callable[[Library], List[int]]) -> None:
        self._enter = enter
        self._held: List[Tuple[int, Library, List[int]]] = []

    def __enter__(self) -> Held:
        library = Library()
        self._held.append((os.getpid(), library, self._enter(library)))
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        value: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        if Watch.left > 0 and kind is not None and issubclass(kind, Exception):
            Watch.left -= 1
            last_seen[:] = [seen()]
        pid, library, handles = self._held.pop()
        # A child that was forked meanwhile owns nothing of it.
        if pid == os.getpid():
            _release(library, handles)

    async def __aenter__(self) -> Held:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: Optional[Type[BaseException]],
        value: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.__exit__(kind, value, traceback)

    def __call__(self, function: Function) -> Function:
        """Decorates a function, or a coroutine function; each call holds it anew."""
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def awaited(*args: Any, **kwargs: Any) -> Any:
                with self:
                    return await function(*args, **kwargs)

            return cast(Function, awaited)

        @functools.wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return cast(Function, called)


def _release(library: Library, handles: List[int]) -> None:
    for handle in reversed(handles):
        library.release(handle)


def _all_or_none(library: Library, calls: List[Callable[[], int]]) -> List[int]:
    handles: List[int] = []
    try:
        for call in calls:
            handles.append(call())
    except BaseException:
        _release(library, handles)
        raise
    return handles


def exhausted(*scopes: str, leave: int = 0, session: bool = False) -> Held:
    """No port is left to whoever asks for any, in these scopes (``"tcp"``, ``"udp4"``; all for none).

    ``leave`` ports of each scope are left: the lowest that nobody uses. Binds to a port by its number
    go on.
    """
    bits = _library.scopes(scopes)
    return Held(lambda library: [library.exhaust(bits, leave, _whom(session))])


def only(*ports: Ports, session: bool = False) -> Held:
    """No port is left but these, such as ``"20000-20003"`` or ``"20000-20003/tcp"``.

    Of the ports that the policy hands out, that is, for it widens nothing: it is an :class:`Error`
    where the policy hands out none of them.
    """
    by_scope: Dict[int, Set[Tuple[int, int]]] = {}
    for first, last, bits in _library.ranges(ports):
        for scope in (1, 2, 4, 8):
            if bits & scope:
                by_scope.setdefault(scope, set()).add((first, last))
    alike: Dict[Tuple[Tuple[int, int], ...], int] = {}
    for scope, pairs in by_scope.items():
        key = tuple(sorted(pairs))
        alike[key] = alike.get(key, 0) | scope

    def enter(library: Library) -> List[int]:
        calls = [
            functools.partial(library.only, pairs, bits, _whom(session)) for pairs, bits in alike.items()
        ]
        return _all_or_none(library, list(calls))

    return Held(enter)


def reserved(*ports: Ports, session: bool = False) -> Held:
    """These ports go to nobody who asks for any; a bind to one by its number succeeds."""
    return _restricted(RESERVE, ports, session)


def blocked(*ports: Ports, session: bool = False) -> Held:
    """These ports go to nobody: a bind to one by its number is refused with ``PermissionError``."""
    return _restricted(BLOCK, ports, session)


def _restricted(act: int, ports: Tuple[Ports, ...], session: bool) -> Held:
    ranges = _library.ranges(ports)

    def enter(library: Library) -> List[int]:
        whom = _whom(session)
        calls = [
            functools.partial(library.restrict, act, first, last, bits, whom)
            for first, last, bits in ranges
        ]
        return _all_or_none(library, list(calls))

    return Held(enter)


def _whom(session: bool) -> int:
    return 0 if session else 1
