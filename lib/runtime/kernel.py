"""The notebook's kernel that this code may run in, and the terminal that started it."""

import os
import sys
from functools import cache
from typing import TextIO


def kernel():
    """The IPython shell of the notebook's kernel; None in a script."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return shell if hasattr(shell, "kernel") else None


def cell_number() -> int:
    """The number of the cell that runs now; 0 in a script."""
    return getattr(kernel(), "execution_count", 0)


def terminal() -> TextIO | None:
    """Where the command was typed, a terminal or a log; None in JupyterLab.

    A kernel's own standard error goes to the notebook. ipykernel keeps a copy of the original one,
    which under papermill is that of papermill.
    """
    if kernel() is None:
        return sys.stderr
    if "JPY_SESSION_NAME" in os.environ:  # JupyterLab: its log, which nobody watches
        return None
    # Without that copy descriptor 2 is still the original one.
    return _text_file(getattr(sys.stderr, "_original_stdstream_copy", 2))


@cache
def _text_file(descriptor: int) -> TextIO:
    return open(descriptor, "w", encoding="utf-8", errors="replace", closefd=False)
