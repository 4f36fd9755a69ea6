"""What the commands say in one line instead of a traceback: a package is missing, or Ctrl-C.

A command imports below `with importing(__name__):`, since its first import may be the one that
fails, and they take seconds. Nothing but Python itself is imported here.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

STOPPED = 130  # the status, as shells tell it after Ctrl-C


@contextmanager
def importing(name: str) -> Iterator[None]:
    """For the imports of a module that may be a command; one that is imported stays as it is.

    Ctrl-C ends the process at once, with the word `stopped` and the status 130.

    Args:
        name: `__name__` of the module.

    Raises:
        SystemExit: a package is missing, most likely since the environment is not active. The
            message says what to do; the status is 1.

    >>> with importing("__main__"):
    ...     import not_installed
    Traceback (most recent call last):
    SystemExit: not_installed is missing in ...: `source .venv/bin/activate`, or at first `make ...
    """
    if name != "__main__":
        yield
        return
    former = signal.getsignal(signal.SIGINT)
    # A shell lets commands in the background ignore it.
    if former is signal.default_int_handler:
        # No exception: compiled packages make an ImportError of it, or swallow it.
        signal.signal(signal.SIGINT, lambda *_: exit_at_once("stopped"))
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        # A module of this repository that is missing is no matter of installing.
        if package in ("", "lib"):
            raise
        sys.exit(
            f"{package} is missing in {sys.executable}: `source .venv/bin/activate`, or at first"
            " `make install` (README, Two commands)"
        )
    finally:
        signal.signal(signal.SIGINT, former)


def say(message: str) -> None:
    """Write a line to standard error, if there is one."""
    # `print` would take standard output instead, where samples may be.
    if sys.stderr is not None:
        print(message, file=sys.stderr, flush=True)


def exit_stopped(message: str) -> NoReturn:
    """End the program after Ctrl-C, with a line that says what to do and the status 130.

    Raises:
        SystemExit: always.
    """
    say(message)
    sys.exit(STOPPED)


def exit_at_once(message: str) -> NoReturn:
    """The same without tidying up: a pipe whose reader has gone could not be flushed."""
    say(message)
    os._exit(STOPPED)
