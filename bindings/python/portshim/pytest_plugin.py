"""Plugin of pytest: tests that run out of ports.

    pytest --portshim="--range 20000-20099"       starts pytest anew under `portshim run`

    @pytest.mark.portshim(exhausted="tcp", leave=3)
    def test_client(): ...
"""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from typing import Any, Generator, Iterable, List, Tuple, Union

import pytest

import portshim
from portshim import _held

#: Says with which options pytest was started anew.
STARTED = "PYTEST_PORTSHIM_OPTIONS"

#: How often a test may be left by an exception from a block before its report goes without.
LOOKS = 8

NOT_LOADED = "portshim is not loaded: run pytest with --portshim="


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("portshim")
    group.addoption(
        "--portshim",
        metavar="OPTIONS",
        default=None,
        help="start pytest anew under `portshim run` with these options, such as "
        '--portshim="--preset windows-xp"; --portshim= for none',
    )
    group.addoption(
        "--portshim-required",
        action="store_true",
        default=False,
        help="tests that need portshim fail where it is not loaded, instead of being skipped",
    )


# The first of all wrappers: once output is captured, whoever starts anew says nothing any more.
@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, None, None]:
    options = early_config.known_args_namespace.portshim
    if options is not None:
        _start_anew(options, list(early_config.invocation_params.args))
    yield


def _start_anew(options: str, arguments: List[str]) -> None:
    if os.environ.get(STARTED) == options:
        if not portshim.loaded():
            raise pytest.UsageError("portshim does not reach this Python; `portshim doctor python3` says why")
        return
    command = portshim.command()
    if command is None:
        raise pytest.UsageError("--portshim: there is no command `portshim`, neither beside this Python nor in PATH")
    original = list(getattr(sys, "orig_argv", [])) or [sys.executable, "-m", "pytest", *arguments]
    original[0] = sys.executable
    os.environ[STARTED] = options
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(command, [command, "run", *shlex.split(options), "--", *original])


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "portshim(exhausted=SCOPES, leave=N, only=PORTS, reserved=PORTS, blocked=PORTS, session=False): "
        "what holds while the test is called, for its process and those that descend from it.",
    )


class Wanted:
    """What the markers of a test ask for."""

    NAMES = ("exhausted", "leave", "only", "reserved", "blocked", "session")

    def __init__(self, markers: Iterable[pytest.Mark]) -> None:
        self.held: List[_held.Held] = []
        # The closest comes first, and is held last: `only` must not find what lies around it exhausted.
        for marker in reversed(list(markers)):
            unknown = sorted(set(marker.kwargs) - set(self.NAMES))
            if marker.args or unknown:
                what = f"{unknown[0]!r}" if unknown else "arguments without names"
                raise pytest.UsageError(f"the marker portshim takes {', '.join(self.NAMES)}, and not {what}")
            self._add(**marker.kwargs)

    def _add(
        self,
        exhausted: Any = None,
        leave: int = 0,
        only: Any = None,
        reserved: Any = None,
        blocked: Any = None,
        session: bool = False,
    ) -> None:
        if only is not None:
            self.held.append(portshim.only(*_several(only), session=session))
        if reserved is not None:
            self.held.append(portshim.reserved(*_several(reserved), session=session))
        if blocked is not None:
            self.held.append(portshim.blocked(*_several(blocked), session=session))
        if exhausted is not None and exhausted is not False:
            scopes = () if exhausted is True else _several(exhausted)
            self.held.append(portshim.exhausted(*scopes, leave=leave, session=session))


def _several(value: Union[str, int, Iterable[Any]]) -> Tuple[Any, ...]:
    return (value,) if isinstance(value, (str, int)) else tuple(value)


def _demand(config: pytest.Config) -> None:
    if portshim.loaded():
        return
    if config.getoption("--portshim-required"):
        pytest.fail(NOT_LOADED, pytrace=False)
    pytest.skip(NOT_LOADED)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("portshim") is not None:
        _demand(item.config)


_seen = pytest.StashKey[str]()


# The last of all wrappers: what it holds is for the test alone, and not for other plugins.
@pytest.hookimpl(hookwrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, None]:
    wanted = Wanted(item.iter_markers("portshim"))
    _held.last_seen.clear()
    with contextlib.ExitStack() as stack:
        for held in wanted.held:
            stack.enter_context(held)
        _held.Watch.left = LOOKS
        outcome = yield
        _held.Watch.left = 0
        if outcome.excinfo is None:
            return
        if issubclass(outcome.excinfo[0], portshim.NotLoaded) and not item.config.getoption("--portshim-required"):
            outcome.force_exception(pytest.skip.Exception(NOT_LOADED))
        elif issubclass(outcome.excinfo[0], Exception):
            # While what is held is held, and what failed is open.
            item.stash[_seen] = _held.last_seen[0] if _held.last_seen else _held.seen()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, None]:
    outcome = yield
    report = outcome.get_result()
    if not report.failed:
        return
    seen = item.stash.get(_seen, "")
    if call.when != "call":
        # Fixtures get ports as well, or do not.
        by_ports = call.excinfo is not None and issubclass(call.excinfo.type, OSError)
        seen = _held.seen() if by_ports else ""
    if seen:
        report.sections.append(("portshim: who has which port", seen))


@pytest.fixture(name="portshim")
def portshim_fixture(request: pytest.FixtureRequest) -> Any:
    """The module ``portshim``; the test is skipped where portshim is not loaded."""
    _demand(request.config)
    return portshim
