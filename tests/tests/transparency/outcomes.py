"""Runs one module of CPython's own tests and writes what became of each test: `outcomes.py FILE MODULE`.

Each line of FILE is a test's name, a tab and its outcome; the last line about a test counts. A test that was
begun and not ended is left as `running`.
"""

import errno
import faulthandler
import sys
import unittest

from test import support

# Longer than any test takes, by far: what is still running then hangs.
HUNG = 90

# Of these modules, the parts that use a network.
ONLY = {
    "test.test_logging": ["DatagramHandlerTest", "HTTPHandlerTest", "IPv6SysLogHandlerTest", "SMTPHandlerTest"]
    + ["SocketHandlerTest", "SysLogHandlerTest", "ConfigDictTest"],
}

# Tests whose names begin so are left out, and why.
EXCLUDED = {
    "test.test_socket.ThreadedVSOCK": "hangs bare in a guest whose vsock does not loop back",
    "test.test_asyncio.test_events.PollEventLoop": "the calls of EpollEventLoop, with another way to wait",
    "test.test_asyncio.test_events.SelectEventLoop": "the calls of EpollEventLoop, with another way to wait",
}


def cause(error):
    """What failed, without what differs from run to run: ports, addresses, times."""
    number = getattr(error, "errno", None)
    name = type(error).__name__
    return f"{name}({errno.errorcode[number]})" if number in errno.errorcode else name


class Outcomes(unittest.TestResult):
    """Tells each test's outcome as soon as it is known."""

    def __init__(self, path):
        super().__init__()
        self.path = path

    def tell(self, test, outcome):
        # Opened anew each time: some tests close descriptors that are not theirs.
        with open(self.path, "a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"{test.id()}\t{' '.join(outcome.split())}\n")

    def startTest(self, test):
        super().startTest(test)
        faulthandler.dump_traceback_later(HUNG, exit=True)
        self.tell(test, "running")

    def addSuccess(self, test):
        self.tell(test, "ok")

    def addFailure(self, test, err):
        self.tell(test, f"failed: {cause(err[1])}")

    def addError(self, test, err):
        self.tell(test, f"error: {cause(err[1])}")

    def addSkip(self, test, reason):
        self.tell(test, f"skipped: {reason}")

    def addExpectedFailure(self, test, err):
        self.tell(test, f"failed as expected: {cause(err[1])}")

    def addUnexpectedSuccess(self, test):
        self.tell(test, "passed unexpectedly")

    def addSubTest(self, test, subtest, err):
        # Of a test with a failed part nothing else is told.
        if err is not None:
            self.tell(subtest, f"failed: {cause(err[1])}")
            self.tell(test, "failed in a part")


def tests(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from tests(test)
        else:
            yield test


def main():
    path, module = sys.argv[1:]
    faulthandler.enable()
    # What needs a network gets loopback, and nothing that takes long or fills a disk is run.
    support.use_resources = ("network",)
    loader = unittest.defaultTestLoader
    names = [f"{module}.{part}" for part in ONLY[module]] if module in ONLY else [module]
    found = loader.loadTestsFromNames(names)
    assert not loader.errors, loader.errors
    chosen = [test for test in tests(found) if not any(test.id().startswith(name) for name in EXCLUDED)]
    unittest.TestSuite(chosen).run(Outcomes(path))


main()
