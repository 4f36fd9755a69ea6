"""What the commands say in one line instead of a traceback: a package is missing.

A command imports below `with importing(__name__):`, since its first import may be the one that
fails. Nothing but Python itself is imported here.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing(name: str) -> Iterator[None]:
    """For the imports of a module that may be a command; one that is imported stays as it is.

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
